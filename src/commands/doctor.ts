// `forebear doctor`: whether the agent can do its work here, check by check: fine, warning or fault, what was found and what
// to do. Changes nothing; the BPF programs are attached for a moment, if that is allowed.

import type { Command } from 'commander';
import { defaultConfig } from '../config.ts';
import type { Io, Register } from './command.ts';
import { type Check, type CheckResult, type CheckStatus, runChecks } from './doctor-check.ts';
import { KERNEL_CHECKS } from './doctor-kernel.ts';
import { machineProbes } from './doctor-probes.ts';
import { AGENT_CHECK, CONFIGURATION_CHECK, PROGRAM_CHECKS } from './doctor-program.ts';
import { STATE_CHECKS } from './doctor-state.ts';
import { type ConfigOptions, loadConfig, PLACES, withConfigOptions } from './load-config.ts';
import { escapeJson, escapeText, type Paint, painter, type Style, wantsColor } from './terminal.ts';

const HELP = `
Run it as root, or as the agent's user: as anybody else it says what it could not check. Works whether the agent runs or not.

Exit status: 0 nothing is at fault (there may be warnings), 1 something is, 2 usage or run-time error.

Examples:
  forebear doctor
  forebear doctor --json | jq -r 'select(.status != "fine") | .advice'`;

export const CHECKS: readonly Check[] = [
  CONFIGURATION_CHECK,
  ...KERNEL_CHECKS,
  ...PROGRAM_CHECKS,
  ...STATE_CHECKS,
  AGENT_CHECK,
];

interface DoctorOptions extends ConfigOptions {
  json?: boolean;
}

export const registerDoctor: Register = (program, io, done) => {
  const command = program
    .command('doctor')
    .description('Checks whether the agent can do its work on this host, and says what to do where it cannot.')
    .option('--json', 'print one JSON object a check');
  withConfigOptions(command as Command).addHelpText('after', HELP);
  command.action(async (options: DoctorOptions) => {
    const results = await runChecks(CHECKS, probesFor(options));
    print(results, options.json === true, io);
    done(results.some(({ status }) => status === 'fault') ? 1 : 0);
  });
};

/** A configuration that cannot be used is a finding; the rest is checked with the defaults. */
function probesFor(options: DoctorOptions) {
  try {
    return machineProbes(loadConfig(options));
  } catch (error) {
    const defaults = defaultConfig(PLACES);
    const directory = options.state ?? defaults.state.directory;
    return machineProbes({ ...defaults, state: { directory } }, error);
  }
}

function print(results: readonly CheckResult[], json: boolean, io: Io): void {
  if (json)
    for (const { check, status, found, advice } of results) {
      io.out(`${escapeJson(JSON.stringify({ check, status, found, ...(advice !== undefined && { advice }) }))}\n`);
    }
  else io.out(`${formatChecks(results, painter(wantsColor(io.env, io.outIsTerminal)))}\n`);
}

const STYLE: Readonly<Record<CheckStatus, Style>> = { fine: 'green', warning: 'yellow', fault: 'red' };
const INDENT = ' '.repeat(26);

/** out: one line a check, its advice below it, and a count; no line end after the last. Escaped. */
export function formatChecks(results: readonly CheckResult[], paint: Paint): string {
  const lines = results.flatMap(({ check, status, found, advice }) => {
    const line = `${paint(STYLE[status], status.padEnd(8))}  ${check.padEnd(16)}${escapeText(found)}`;
    return advice === undefined ? [line] : [line, `${INDENT}${paint(STYLE[status], '->')} ${escapeText(advice)}`];
  });
  const count = (wanted: CheckStatus, plural: string) => {
    const number = results.filter(({ status }) => status === wanted).length;
    return `${number} ${number === 1 ? wanted : plural}`;
  };
  return [...lines, [count('fine', 'fine'), count('warning', 'warnings'), count('fault', 'faults')].join(', ')].join(
    '\n',
  );
}
