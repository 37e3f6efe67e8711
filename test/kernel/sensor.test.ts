import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { beforeEach, expect, it } from 'vitest';
import { loadAddon, OBJECT_PATH } from '../../src/sensor/binding.ts';
import { Decoder } from '../../src/sensor/decode.ts';
import type { EbpfSensorOptions } from '../../src/sensor/ebpf-sensor.ts';
import { ReplaySensor } from '../../src/sensor/replay-sensor.ts';
import { bpfMissing, Collector, expectConservation, newSensor } from '../native/live-sensor.ts';

const addon = loadAddon();
const missing = await bpfMissing();
let seen: Collector;
beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
  seen = new Collector();
});

async function start(options: Partial<EbpfSensorOptions> = {}) {
  const sensor = newSensor(options);
  await sensor.start(seen);
  return sensor;
}

/** A shell that runs /bin/true `count` times, the arguments its marker and number, a blank and a newline within. */
const shellLoop = (count: number, marker: string) => [
  '-c',
  `i=0; while [ $i -lt ${count} ]; do /bin/true "${marker}$i" "a b" "$(printf 'x\\ny')"; i=$((i + 1)); done`,
];

it('sees each of 200 short execs with its arguments, many in one crossing', async () => {
  const sensor = await start();
  const batches = seen.batches;
  const shell = spawn('/bin/sh', shellLoop(200, 'short-'));
  await once(shell, 'exit');
  await sensor.stop();
  const execs = seen.execs('short-');
  expect(execs.map((exec) => exec.args)).toEqual(
    Array.from({ length: 200 }, (_, i) => ['/bin/true', `short-${i}`, 'a b', 'x\ny']),
  );
  expect(new Set(execs.map((exec) => exec.task.ppid))).toEqual(new Set([shell.pid]));
  expect(new Set(execs.map((exec) => exec.parentExecutable)).size).toBe(1);
  const counters = sensor.counters();
  expectConservation(counters);
  expect(counters.lost.exec).toBe(0);
  const crossings = seen.batches - batches;
  console.log(`live sensor: ${seen.records.length} records in ${crossings} crossings`);
  expect(crossings * 2).toBeLessThan(seen.records.length);
});

it('has fork before exec before exit of each process, in the order of the ring', async () => {
  const sensor = await start();
  spawnSync('/bin/sh', shellLoop(50, 'order-'));
  await sensor.stop();
  for (const exec of seen.execs('order-')) {
    const own = seen.records.filter(
      (record) => record.task.tgid === exec.task.tgid && record.task.startNs === exec.task.startNs,
    );
    expect(own.map((record) => record.kind)).toEqual(['fork', 'exec', 'exit']);
  }
});

it('a replay of the raw batches gives the same records', async () => {
  const items: { kind: 'ring' | 'tasks'; bytes: Uint8Array }[] = [];
  const sensor = newSensor({ envNames: new Set(['MARK']) });
  const live = Object.assign(seen, {
    onRaw: (bytes: Uint8Array, kind: 'ring' | 'tasks') => void items.push({ kind, bytes: Uint8Array.from(bytes) }),
  });
  await sensor.start(live);
  spawnSync('/bin/true', ['replayed'], { env: { MARK: 'yes', OTHER: 'no' } });
  await sensor.stop();
  expect(seen.execs('replayed')).toMatchObject([{ env: ['MARK=yes'] }]);
  const again = new Collector();
  await new ReplaySensor(items, { envNames: new Set(['MARK']) }).start(again);
  await again.until(() => again.ended !== undefined);
  expect(again.records).toEqual(seen.records);
});

it('an idle reader does not wake up, and the first record after silence wakes it at once', async (ctx) => {
  const native = new addon.Sensor();
  const cpus = addon.possibleCpus();
  const decoder = new Decoder(new Set());
  await native.load({
    object: OBJECT_PATH,
    constants: {},
    mapEntries: { fb_ring: 1 << 20, fb_scratch: 2 * cpus },
  });
  ctx.onTestFinished(() => native.close());
  native.attach();
  const delaysNs: bigint[] = [];
  native.read({ queueBytes: 1 << 20, batchBytes: 1 << 16, intervalMs: 2 }, (bytes) => {
    seen.onBatch(decoder.decode(bytes));
    if (seen.execs('silence-').length > delaysNs.length) {
      delaysNs.push(addon.bootTimeNs() - seen.execs('silence-').at(-1)!.bootNs);
    }
  });
  let wakeups = Number.POSITIVE_INFINITY;
  // Other programs on this host may not be silent: the quietest of a few spells counts.
  for (let spell = 0; spell < 5 || (spell < 20 && wakeups === Number.POSITIVE_INFINITY); spell++) {
    const before = native.counters();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const after = native.counters();
    if (after.records === before.records) wakeups = Math.min(wakeups, after.wakeups - before.wakeups);
    spawn('/bin/true', [`silence-${spell}`]);
    await seen.until(() => seen.execs('silence-').length === spell + 1);
  }
  console.log(
    `idle reader: ${wakeups} wake-ups in 0.3 s; first record after silence: ${delaysNs.map((ns) => ns / 1000n)} us`,
  );
  expect(delaysNs.toSorted((a, b) => Number(a - b))[delaysNs.length >> 1]).toBeLessThan(50_000_000n);
  if (wakeups === Number.POSITIVE_INFINITY) ctx.skip('this host is never silent for 0.3 s');
  expect(wakeups).toBeLessThanOrEqual(2);
});
