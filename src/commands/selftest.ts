// `forebear selftest`: fires the first rule harmlessly against the running agent of a state directory, and says what of the
// data path is proved: seen, typed, matched, durable, with times. Its alert is marked, and leaves no term behind.

import { existsSync, realpathSync, statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { SYSTEMCTL } from '../agent/selftest.ts';
import type { AgentStatus, SelftestReport } from '../agent-status.ts';
import { systemClock } from '../clock.ts';
import { parseDuration } from '../config/units.ts';
import type { Config } from '../config.ts';
import { ForebearError } from '../errors.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { openJournalView } from './journal-view.ts';
import { type ConfigOptions, loadConfig, START_AGENT, withConfigOptions } from './load-config.ts';
import { deliveriesOf } from './selftest-delivery.ts';
import { HELPER_PATH, launch, makeFolder } from './selftest-launch.ts';
import { formatStages, RULE_ID, stagesOf } from './selftest-stages.ts';
import { isAlive, judge, readSnapshot } from './status.ts';
import type { AgentState } from './status-text.ts';
import { escapeJson, painter, wantsColor } from './terminal.ts';

const HELP = `
A copy of a small program named sshd opens a session, in which another one, new for each run, runs systemctl to start a unit
that does not exist: what the first rule is about. The running agent must see it, know that the session is one of sshd,
match the rule and bring the alert to disk. The alert is marked (forebear.selftest in its document, "self-test" in tail);
terms and limits of the rule are not touched. Only root or the owner of the state directory can run it: a token there tells
the agent that the event is a self-test, and nothing else does. Where outputs are configured, forebear ship must have delivered
the alert too. Needs no terminal: cron and systemd may run it.

Exit status: 0 all proved, 1 a stage failed, 2 no agent, no right, or a usage, configuration or run-time error.

Examples:
  forebear selftest
  forebear selftest --json --timeout 30s
  forebear tail --json | jq 'select(.forebear.selftest != true)'      alerts without self-tests`;

const DEFAULT_TIMEOUT = '10s';
const LONGEST_MS = 300_000;
/** How often the agent's snapshot is looked at; it is new each second. */
const LOOK_MS = 50;

export interface SelftestOptions extends ConfigOptions {
  json?: boolean;
  timeout: number;
  /** Names; undefined: all that are configured. */
  output?: readonly string[];
}

export const registerSelftest: Register = (program, io, done) => {
  const command = program
    .command('selftest')
    .description('Fires the first rule harmlessly, and proves that the running agent sees, matches and keeps it.')
    .option('--json', 'print one JSON object a stage')
    .addOption(
      new Option('--timeout <time>', 'wait at most so long')
        .argParser(timeout)
        .default(timeout(DEFAULT_TIMEOUT), DEFAULT_TIMEOUT),
    )
    .option('--output <name...>', 'wait for delivery to these outputs only (default: all)');
  withConfigOptions(command as Command).addHelpText('after', HELP);
  command.action(async (options: SelftestOptions) => done(await selftest(options, io)));
};

/** Throws FB_SELFTEST_NO_AGENT, _STALE, _PERMISSION, _SYSTEMCTL, _HELPER, _FOLDER before anything is set off. */
export async function selftest(options: SelftestOptions, io: Io): Promise<ExitStatus> {
  const config = only(options.output, loadConfig(options));
  const { directory } = config.state;
  const state = resolved(directory);
  const owner = checkOwner(state);
  const before = runningAgent(directory);
  checkPrograms();
  using folder = makeFolder(state, owner, options.timeout, systemClock);
  const deadline = performance.now() + options.timeout;
  const launched = await launch(folder, options.timeout);
  const { after, report } = await reportOf(folder.id, directory, deadline, before, io.signal);
  const alert = report?.alerts.find(({ rule_id }) => rule_id === RULE_ID);
  const readBack = alert?.seq === undefined ? undefined : await findInJournal(directory, alert.seq, alert.uuid, io);
  const seq = readBack?.seq;
  const deliveries = seq === undefined ? undefined : await deliveriesOf(config, seq, deadline, io.signal);
  const { timeout: timeoutMs } = options;
  const stages = stagesOf({ launch: launched, report, before, after, timeoutMs, readBack, deliveries });
  if (options.json === true) for (const stage of stages) io.out(`${escapeJson(JSON.stringify(stage))}\n`);
  else io.out(`${formatStages(stages, painter(wantsColor(io.env, io.outIsTerminal)))}\n`);
  return stages.every(({ status }) => status === 'fine') ? 0 : 1;
}

/** Throws FB_SELFTEST_OUTPUT. */
function only(names: readonly string[] | undefined, config: Config): Config {
  if (names === undefined) return config;
  const unknown = names.find((name) => !config.outputs.some((output) => output.name === name));
  if (unknown !== undefined)
    throw new ForebearError('FB_SELFTEST_OUTPUT', `there is no output ${unknown} in the configuration`);
  return { ...config, outputs: config.outputs.filter(({ name }) => names.includes(name)) };
}

const NOT_RUNNING: Readonly<Record<Exclude<AgentState, 'running'>, string>> = {
  none: 'no agent has ever run with',
  stopped: 'the agent was stopped that ran with',
  gone: 'the agent has gone (killed?) that ran with',
  stale: 'the agent does not answer (it hangs, or is starved) that runs with',
};

function runningAgent(directory: string): AgentStatus {
  const snapshot = readSnapshot(directory);
  const state = judge(snapshot, systemClock.wallMs(), isAlive);
  if (state === 'running') return snapshot!;
  throw notRunning(state, directory);
}

function notRunning(state: Exclude<AgentState, 'running'>, directory: string): ForebearError {
  const code = state === 'stale' ? 'FB_SELFTEST_STALE' : 'FB_SELFTEST_NO_AGENT';
  const hint = `start it (${START_AGENT}), or name its state directory with --state; forebear status shows more`;
  return new ForebearError(code, `${NOT_RUNNING[state]} ${directory}`, { hint });
}

/** As the kernel will name the programs there. */
function resolved(directory: string): string {
  try {
    return realpathSync(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw notRunning('none', directory);
    throw error;
  }
}

/** Who else could write the token could also forge it. */
function checkOwner(state: string): { uid: number; gid: number } {
  const { uid, gid, mode } = statSync(state);
  const me = process.geteuid?.() ?? -1;
  if (me !== 0 && me !== uid) {
    const hint = `run it as root, or as the user of the agent (sudo -u '#${uid}' forebear selftest)`;
    throw new ForebearError('FB_SELFTEST_PERMISSION', `${state} belongs to uid ${uid}, and you are uid ${me}`, {
      hint,
    });
  }
  if ((mode & 0o022) !== 0) {
    const hint = `chmod go-w ${state}`;
    throw new ForebearError('FB_SELFTEST_PERMISSION', `others than its owner can write in ${state}`, { hint });
  }
  return { uid, gid };
}

function checkPrograms(): void {
  if (!existsSync(SYSTEMCTL)) {
    const hint =
      'the rule that is to be fired is about systemctl: on a host without systemd there is no such self-test';
    throw new ForebearError('FB_SELFTEST_SYSTEMCTL', `there is no ${SYSTEMCTL}`, { hint });
  }
  if (!existsSync(HELPER_PATH)) {
    throw new ForebearError('FB_SELFTEST_HELPER', `${HELPER_PATH} is missing`, {
      hint: 'build it with: npm run build',
    });
  }
}

interface Reported {
  after: AgentStatus;
  report: SelftestReport | undefined;
}

/** Looks at the agent's snapshots until they tell the whole of the run, or the time is over. */
async function reportOf(
  id: string,
  directory: string,
  deadline: number,
  before: AgentStatus,
  signal: AbortSignal,
): Promise<Reported> {
  let last: Reported = { after: before, report: undefined };
  for (;;) {
    const after = readSnapshot(directory) ?? last.after;
    last = { after, report: after.selftests?.find((report) => report.id === id) };
    if (isComplete(last.report) || performance.now() > deadline || signal.aborted) return last;
    await setTimeout(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}

/** What no rule matched at once will not be matched later. */
function isComplete(report: SelftestReport | undefined): boolean {
  if (report === undefined) return false;
  return report.refused !== undefined || report.alerts.every(({ durableMs }) => durableMs !== undefined);
}

/** The alert as a reader of the journal finds it on disk. */
async function findInJournal(
  directory: string,
  seq: number,
  uuid: string,
  io: Io,
): Promise<{ seq: number } | undefined> {
  const view = openJournalView(directory, io);
  for await (const record of view.records({ fromSeq: seq })) {
    if (record.seq !== seq || record.kindName !== 'alert') return undefined;
    return view.envelope(record.payload).uuid === uuid ? { seq } : undefined;
  }
  return undefined;
}

function timeout(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < 1000 || ms > LONGEST_MS) throw new InvalidArgumentError('Expected 1s to 300s.');
  return ms;
}
