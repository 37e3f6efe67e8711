// A flood must not hide what rules name: the last quarter of the ring is for records with a wake hint.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { bpfMissing, Collector, expectConservation, newSensor } from '../native/live-sensor.ts';

const BUILT = resolve(import.meta.dirname, '../../build/test');
/** Twenty records must fit into the last quarter, whatever environment the tests have. */
const SMALL = { env: {} };
const missing =
  (await bpfMissing()) ?? (existsSync(join(BUILT, 'workload')) ? undefined : 'build/test is not built (scripts/build)');

it('refuses other records when three quarters are unread, and still takes those that rules name', async (ctx) => {
  if (missing !== undefined) ctx.skip(missing);
  const folder = mkdtempSync(join(tmpdir(), 'forebear-crowded-'));
  const named = join(folder, 'fb-named-tool');
  copyFileSync(join(BUILT, 'leaf'), named);
  const seen = new Collector();
  const sensor = newSensor({ ringBytes: 256 << 10, queueBytes: 64 << 10 });
  sensor.setWakeHints(['fb-named-tool']);
  await sensor.start(seen);
  // Nobody takes batches while this thread waits for children: the queue fills, then the ring.
  while (sensor.counters().lost.exec === 0) spawnSync(join(BUILT, 'workload'), [join(folder, 'truth'), 'storm', '500']);
  const before = sensor.counters().lost.exec;
  spawnSync('/bin/true', ['other'], SMALL);
  for (let i = 0; i < 20; i++) spawnSync(named, [`named-${i}`], SMALL);
  const refused = sensor.counters().lost.exec - before;
  await sensor.stop();
  rmSync(folder, { recursive: true });
  expect(seen.execs('named-').map((exec) => exec.args[1])).toEqual(Array.from({ length: 20 }, (_, i) => `named-${i}`));
  expect(seen.execs('other')).toEqual([]);
  expect(refused).toBeGreaterThan(0);
  expectConservation(sensor.counters());
});
