// How long a lane waits before it tries again: exponential with full jitter (so that a thousand hosts do not come back at
// once), never shorter than what the endpoint asked for; slowly while an operator must act. Pure.

import type { Verdict } from './output.ts';

const FIRST_MS = 500;

/** in: how many attempts failed in a row (1, 2, ...), the verdict, the bound, a random number of 0 .. 1; out: milliseconds. */
export function pauseMs(
  failures: number,
  verdict: Extract<Verdict, { is: 'retry' | 'hold' }>,
  maxBackoffMs: number,
  random: number,
): number {
  if (verdict.is === 'hold') return maxBackoffMs * (0.5 + random / 2);
  const most = Math.min(maxBackoffMs, FIRST_MS * 2 ** Math.min(failures - 1, 20));
  return Math.max(random * most, verdict.afterMs ?? 0);
}
