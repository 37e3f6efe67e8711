// Wall and boot clock. Stages take time from records; only agent.ts and commands ask the machine.

import { readFileSync } from 'node:fs';

export interface Clock {
  /** Milliseconds since 1970, may jump. */
  wallMs(): number;
  /** Nanoseconds since boot, suspend included; CLOCK_BOOTTIME as far as the machine tells it. */
  bootNs(): bigint;
}

/** The machine's clocks. Boot time is read from /proc/uptime (10 ms steps): good for offsets, not for order. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  bootNs: () => {
    const seconds = readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0] ?? '0';
    return BigInt(Math.round(Number(seconds) * 1e9));
  },
};
