// `forebear status`: the agent's own snapshot <state>/status.json, and whether the agent that wrote it still runs.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type AgentStatus, parseAgentStatus } from '../agent-status.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { ForebearError } from '../errors.ts';
import type { Io, Register } from './command.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { outputRows, readShipStatus } from './status-outputs.ts';
import { type AgentState, formatStatus } from './status-text.ts';
import { escapeJson, escapeText, painter, wantsColor } from './terminal.ts';

const HELP = `
The agent writes a snapshot of itself each second; status reads it, so it needs neither the agent's answer nor root,
only read access to the state directory. A snapshot that is older than a few seconds, or whose process is gone, is
shown with that remark.

Exit status: 0 the agent runs, 1 it does not (or hangs), 2 usage, configuration or run-time error.

Examples:
  forebear status
  forebear status --json | jq .sensor.counters.lost
  forebear status >/dev/null || systemctl restart forebear`;

/** The agent writes each second; a machine under load is given some more. */
const STALE_AFTER_MS = 10_000;

interface StatusOptions extends ConfigOptions {
  json?: boolean;
}

export const registerStatus: Register = (program, io, done) => {
  const command = program
    .command('status')
    .description('Shows whether the agent runs: its sensors, what it lost, its rules, its journal.')
    .option('--json', 'print one JSON object: the snapshot and "state"');
  withConfigOptions(command as Command).addHelpText('after', HELP);
  command.action((options: StatusOptions) => {
    const config = loadConfig(options);
    const snapshot = readSnapshot(config.state.directory);
    const state = judge(snapshot, systemClock.wallMs(), isAlive);
    print(config, snapshot, state, options.json === true, io);
    done(state === 'running' ? 0 : 1);
  });
};

/**
 * in: the snapshot if there is one, now, whether a process lives; out: what can be said of the agent.
 * A snapshot from the future (the clock was set back) counts as fresh.
 */
export function judge(snapshot: AgentStatus | undefined, nowMs: number, alive: (pid: number) => boolean): AgentState {
  if (snapshot === undefined) return 'none';
  if (snapshot.stoppedMs !== undefined) return 'stopped';
  if (!alive(snapshot.pid)) return 'gone';
  return nowMs - snapshot.nowMs > STALE_AFTER_MS ? 'stale' : 'running';
}

function print(config: Config, snapshot: AgentStatus | undefined, state: AgentState, json: boolean, io: Io): void {
  const ship = config.outputs.length === 0 ? undefined : readShipStatus(config.ship.directory);
  const nowMs = systemClock.wallMs();
  const paint = painter(wantsColor(io.env, io.outIsTerminal));
  const rows = outputRows(config, ship, nowMs, isAlive, paint);
  if (json) io.out(`${escapeJson(JSON.stringify({ state, ...snapshot, ...(ship && { ship }) }))}\n`);
  else if (snapshot === undefined) {
    io.out(`not running: there is no status.json in ${escapeText(config.state.directory)}\n`);
    for (const [label, text] of rows) io.out(`${paint('dim', label.padEnd(11))}${text}\n`);
  } else io.out(`${formatStatus(snapshot, state, nowMs, paint, rows)}\n`);
}

/** Throws FB_STATUS_MALFORMED. Other faults than absence are the system's errors. */
export function readSnapshot(directory: string): AgentStatus | undefined {
  const file = join(directory, 'status.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const snapshot = parseAgentStatus(text);
  if (snapshot !== undefined) return snapshot;
  const hint = 'another version of Forebear may have written it: restart the agent';
  throw new ForebearError('FB_STATUS_MALFORMED', `${file} is not a status of this version`, { hint });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and not ours.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
