// Reads the agent's <state>/status.json for the metrics. Whatever lies there: nothing hangs, no more is read than a snapshot may
// have, and what is no fresh snapshot is told in words. Called at each scrape.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentStatus, parseAgentStatus } from '../agent-status.ts';
import { plainReason } from '../errors.ts';

export interface AgentReading {
  /** Fresh or not. */
  status?: AgentStatus;
  /** Why the agent cannot be said to run; absent: it does. */
  problem?: string;
}

/** A snapshot is written each second; a machine under load is given some more. */
const STALE_AFTER_MS = 10_000;
const MAX_BYTES = 16 * 2 ** 20;

/** in: the agent's state directory, now (milliseconds since 1970). Never throws. */
export function readAgent(directory: string, nowMs: number): AgentReading {
  let text: string | undefined;
  try {
    text = readBounded(join(directory, 'status.json'));
  } catch (error) {
    return { problem: `the agent's status.json cannot be read: ${plainReason(error)}` };
  }
  const status = text === undefined ? undefined : parseAgentStatus(text);
  if (status === undefined) return { problem: "the agent's status.json is none of this version" };
  const problem = problemOf(status, nowMs);
  return { status, ...(problem !== undefined && { problem }) };
}

/** One from the future (the clock was set back) is fresh, as for `forebear status`. */
function problemOf({ stoppedMs, nowMs: madeMs }: AgentStatus, nowMs: number): string | undefined {
  if (stoppedMs !== undefined) return 'the agent has been stopped';
  const seconds = Math.round((nowMs - madeMs) / 1000);
  return nowMs - madeMs > STALE_AFTER_MS ? `the agent's status.json is ${seconds} s old` : undefined;
}

/** Opens without waiting (a FIFO would, for ever). out: undefined for what is no file of that size. */
function readBounded(file: string): string | undefined {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const found = fstatSync(fd);
    if (!found.isFile() || found.size > MAX_BYTES) return undefined;
    const buffer = Buffer.alloc(found.size);
    let size = 0;
    for (let more = -1; more !== 0 && size < buffer.length; size += more) {
      more = readSync(fd, buffer, size, buffer.length - size, null);
    }
    return buffer.toString('utf8', 0, size);
  } finally {
    closeSync(fd);
  }
}
