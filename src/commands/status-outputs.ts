// The shipper's part of `forebear status`: one row per configured output, from <ship>/status.json. Never throws: a shipper that does
// not run is what one wants to read there.

import { join } from 'node:path';
import { formatDuration } from '../config/units.ts';
import type { Config } from '../config.ts';
import { readPlainFile } from '../ship/plain-file-io.ts';
import { type OutputStatus, parseShipStatus, type ShipStatus } from '../ship/ship-status.ts';
import type { Row } from './status-text.ts';
import { escapeText, type Paint } from './terminal.ts';

/** A snapshot is written each second. */
const STALE_AFTER_MS = 10_000;
const MOST_BYTES = 8 * 2 ** 20;

/** Undefined: there is none, one of another version, or something else lies there. */
export function readShipStatus(directory: string): ShipStatus | undefined {
  try {
    return parseShipStatus(readPlainFile(join(directory, 'status.json'), MOST_BYTES).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** in: the configuration, the shipper's snapshot, now, whether a process lives; out: no row without outputs. Escaped. */
export function outputRows(
  { outputs, ship }: Pick<Config, 'outputs' | 'ship'>,
  status: ShipStatus | undefined,
  nowMs: number,
  alive: (pid: number) => boolean,
  paint: Paint,
): Row[] {
  if (outputs.length === 0) return [];
  const rows: Row[] = [['outputs', shipperText(status, ship.directory, nowMs, alive, paint)]];
  for (const { name, type } of outputs) {
    const found = status?.outputs.find((output) => output.name === name);
    const text = found === undefined ? paint('yellow', 'never run') : outputText(found, nowMs, paint);
    rows.push(['', `${escapeText(name)} (${type}): ${text}`]);
  }
  return rows;
}

function shipperText(
  status: ShipStatus | undefined,
  directory: string,
  nowMs: number,
  alive: (pid: number) => boolean,
  paint: Paint,
): string {
  if (status === undefined) return paint('yellow', `forebear ship has not run (${escapeText(directory)})`);
  if (status.stoppedMs !== undefined) return paint('yellow', 'forebear ship is stopped; below: its last status');
  if (!alive(status.pid)) return paint('red', `forebear ship, pid ${status.pid}, is gone; below: its last status`);
  const age = nowMs - status.nowMs;
  if (age > STALE_AFTER_MS)
    return paint('red', `forebear ship does not answer, its status is ${formatDuration(age)} old`);
  return `${paint('green', 'shipping')} for ${formatDuration(nowMs - status.startedMs)}, pid ${status.pid}`;
}

const STATES: Readonly<Record<OutputStatus['state'], readonly ['green' | 'yellow' | 'red', string]>> = {
  idle: ['green', 'up to date'],
  sending: ['green', 'sending'],
  retry: ['yellow', 'tries again'],
  hold: ['red', 'holds, somebody has to act'],
  stopped: ['red', 'stopped by a fault'],
};

function outputText(output: OutputStatus, nowMs: number, paint: Paint): string {
  const { state, lagRecords, lagSeconds, cursorSeq, deadLetters, lastAnswer, nextAttemptMs, lastDeliveredMs } = output;
  const [color, text] = STATES[state];
  const parts = [paint(color, text), `at ${cursorSeq}`];
  if (lagRecords > 0) parts.push(paint('yellow', `${lagRecords} behind (${formatDuration(lagSeconds * 1000)})`));
  if (lastDeliveredMs !== undefined) parts.push(`last delivery ${formatDuration(nowMs - lastDeliveredMs)} ago`);
  if (state !== 'idle' && state !== 'sending' && lastAnswer !== undefined) parts.push(escapeText(lastAnswer));
  if (nextAttemptMs !== undefined) parts.push(`next attempt in ${formatDuration(nextAttemptMs - nowMs)}`);
  if (deadLetters > 0) parts.push(paint('red', `${deadLetters} dead letters (forebear ship dead list)`));
  return parts.join(', ');
}
