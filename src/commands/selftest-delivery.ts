// The last stage of a self-test: whether the outputs have the alert, by what the running shipper says of itself. Called by selftest.ts.

import { setTimeout } from 'node:timers/promises';
import type { Config } from '../config.ts';
import type { Delivery } from './selftest-stages.ts';
import { isAlive } from './status.ts';
import { readShipStatus } from './status-outputs.ts';

/** The shipper's snapshot is new each second. */
const LOOK_MS = 200;

/** in: the alert's seq, until when (performance.now). out: per output; undefined when none is configured. */
export async function deliveriesOf(
  { outputs, ship }: Pick<Config, 'outputs' | 'ship'>,
  seq: number,
  deadline: number,
  signal: AbortSignal,
): Promise<Delivery[] | undefined> {
  const wanted = outputs.filter(({ selftest }) => selftest);
  if (wanted.length === 0) return undefined;
  for (;;) {
    const status = readShipStatus(ship.directory);
    const runs = status !== undefined && status.stoppedMs === undefined && isAlive(status.pid);
    const deliveries = wanted.map(({ name }): Delivery => {
      const found = status?.outputs.find((output) => output.name === name);
      if (!runs || found === undefined) return { name, has: false, why: 'forebear ship does not run' };
      const why = found.lastAnswer ?? found.state;
      return { name, has: found.cursorSeq >= seq, ...(found.cursorSeq < seq && { why }) };
    });
    const over = !runs || performance.now() > deadline || signal.aborted;
    if (over || deliveries.every(({ has }) => has)) return deliveries;
    await setTimeout(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}
