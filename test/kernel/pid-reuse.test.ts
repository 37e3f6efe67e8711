import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { bpfMissing, Collector, expectConservation, newSensor } from '../native/live-sensor.ts';

const LAST_PID = '/proc/sys/kernel/ns_last_pid';
const ROUNDS = 5;
const missing = (await bpfMissing()) ?? (existsSync(LAST_PID) ? undefined : `this kernel has no ${LAST_PID}`);

it('sees the exec of each process that gets one and the same pid', async (context) => {
  if (missing !== undefined) return context.skip(missing);
  const seen = new Collector();
  const sensor = newSensor();
  await sensor.start(seen);
  // The same shell starts all of them, so that they have the same number of execs behind them too.
  const wanted = 2000 + ((process.pid + 8000) % 28_000);
  const script = `for i in 1 2 3 4 5; do echo ${wanted} > ${LAST_PID}; /bin/true reuse-$i; done`;
  expect(spawnSync('/bin/sh', ['-c', script]).status).toBe(0);
  await sensor.stop();
  const execs = seen.execs('reuse-');
  expect(execs.map(({ args }) => args[1])).toEqual(Array.from({ length: ROUNDS }, (_, i) => `reuse-${i + 1}`));
  // Not all, as another process of the host may have the pid now and then.
  expect(new Set(execs.map(({ task }) => task.tgid)).size).toBeLessThan(ROUNDS);
  expect(new Set(execs.map(({ task }) => task.startNs)).size).toBe(ROUNDS);
  expectConservation(sensor.counters());
});
