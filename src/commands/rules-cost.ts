// `forebear rules cost`: what each rule costs in the running agent, out of its snapshot <state>/status.json, the costliest first.

import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { AgentStatus } from '../agent-status.ts';
import { systemClock } from '../clock.ts';
import { ForebearError } from '../errors.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { formatError } from './error-output.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { formatCosts } from './rules-cost-text.ts';
import { isAlive, judge, readSnapshot } from './status.ts';
import type { AgentState } from './status-text.ts';
import { escapeJson, painter, terminalWidth, wantsColor } from './terminal.ts';

const HELP = `
Since the agent's start, the rules that took most time first. sketches: evaluations on a sketch of an event, which mostly shows
that no rule can match; events: evaluations on whole events; each: the time of one of either. The time is estimated: one
evaluation in 64 is timed, with all that a match leads to. The agent tells its 50 costliest rules one by one.
With --json: one object a line, share being the part of the time of all rules.

Exit status: 0 shown, 1 there is no snapshot of an agent, or it has no rule, 2 usage, configuration or run-time error.

Examples:
  forebear rules cost
  forebear rules cost --json | jq -r '[.share, .name] | @tsv'`;

interface CostOptions extends ConfigOptions {
  json?: boolean;
  count: number;
}

export const registerCost: Register = (rules, io, done) => {
  const command = rules
    .command('cost')
    .description('Shows what each rule costs in the running agent.')
    .option('-n, --count <n>', 'so many rules', wholeCount, 20)
    .option('--json', 'print one JSON object for each rule');
  withConfigOptions(command as Command).addHelpText('after', HELP);
  command.action((options: CostOptions) => done(cost(options, io)));
};

function wholeCount(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a whole number above 0');
}

/** Throws FB_CONFIG_*, FB_STATUS_MALFORMED. */
function cost(options: CostOptions, io: Io): ExitStatus {
  const { directory } = loadConfig(options).state;
  const snapshot = readSnapshot(directory);
  const costs = snapshot?.ruleCosts;
  if (snapshot === undefined || costs === undefined || costs.rules.length === 0) {
    const message = snapshot === undefined ? `there is no status.json in ${directory}` : 'the agent has no rules';
    io.err(formatError(new ForebearError('FB_COMMAND_NOT_FOUND', message, { hint: HINT }), options.json === true));
    return 1;
  }
  if (options.json === true) {
    for (const { seconds, ...rule } of costs.rules.slice(0, options.count)) {
      const share = costs.all.seconds > 0 ? seconds / costs.all.seconds : 0;
      io.out(`${escapeJson(JSON.stringify({ ...rule, seconds, share }))}\n`);
    }
    return 0;
  }
  const { nowMs, startedMs, process } = snapshot;
  const look = { paint: painter(wantsColor(io.env, io.outIsTerminal)), width: terminalWidth(io) };
  const view = { costs, process, most: options.count, forMs: nowMs - startedMs, remark: remarkOn(snapshot), ...look };
  io.out(`${formatCosts(view)}\n`);
  return 0;
}

const HINT = 'start the agent, or name its state directory with --state';

const REMARKS: Readonly<Partial<Record<AgentState, string>>> = {
  stopped: 'the agent has been stopped; these are its last figures',
  gone: 'the agent is gone; these are its last figures',
  stale: 'the agent does not write its status any more; these are its last figures',
};

function remarkOn(snapshot: AgentStatus): string | undefined {
  return REMARKS[judge(snapshot, systemClock.wallMs(), isAlive)];
}
