import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/sensor/binding.ts';
import type { EbpfSensor, EbpfSensorOptions } from '../../src/sensor/ebpf-sensor.ts';
import { bpfMissing, Collector, expectConservation, newSensor, readerThreads } from './live-sensor.ts';

const addon = loadAddon();
const missing = await bpfMissing();
const folder = mkdtempSync(join(tmpdir(), 'forebear-addon-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('life of the live sensor', () => {
  const started: EbpfSensor[] = [];
  let seen: Collector;
  beforeEach((ctx) => {
    if (missing !== undefined) ctx.skip(missing);
    seen = new Collector();
  });
  afterEach(async () => {
    for (const sensor of started.splice(0)) await sensor.stop();
    expect(readerThreads()).toBe(0);
  });

  async function start(options: Partial<EbpfSensorOptions> = {}): Promise<EbpfSensor> {
    const sensor = newSensor(options);
    started.push(sensor);
    await sensor.start(seen);
    return sensor;
  }

  it('tells of the processes that were there, before anything else', async () => {
    await start();
    expect(new Set(seen.records.map((record) => record.kind))).toEqual(new Set(['task']));
    expect(seen.records.map((record) => record.task.tgid)).toEqual(expect.arrayContaining([process.ppid, process.pid]));
  });

  it('stopped with a full queue and a busy event loop: all comes out, nothing hangs, the rest is counted as lost', async () => {
    const sensor = await start({ queueBytes: 64 << 10, ringBytes: 128 << 10 });
    const long = 'x'.repeat(8000);
    let made = 0;
    while (sensor.counters().queueFull === 0 || sensor.counters().lost.exec === 0) {
      expect(made).toBeLessThan(200);
      spawnSync('/bin/true', [`full-${made++}`, long]);
    }
    await sensor.stop();
    const { lost, queueFull } = sensor.counters();
    expectConservation(sensor.counters());
    expect(queueFull).toBeGreaterThan(0);
    expect(seen.execs('full-').length).toBeGreaterThanOrEqual(made - lost.exec);
    expect(seen.losses.at(-1)?.lost).toEqual(lost);
  });

  it('started twice: refused, and the first goes on', async () => {
    const sensor = await start();
    await expect(sensor.start(new Collector())).rejects.toMatchObject({ code: 'FB_SENSOR_STATE' });
    spawnSync('/bin/true', ['twice-1']);
    await seen.until(() => seen.execs('twice-').length === 1);
  });

  it('started again after stop: as new, its counters from zero', async () => {
    const sensor = await start();
    spawnSync('/bin/true', ['again-1']);
    await sensor.stop();
    expect(seen.execs('again-')).toHaveLength(1);
    const first = sensor.counters();
    await sensor.start(seen);
    expect(sensor.counters().decoded.exec).toBe(0);
    spawnSync('/bin/true', ['again-2']);
    await seen.until(() => seen.execs('again-').length === 2);
    await sensor.stop();
    expectConservation(first);
    expectConservation(sensor.counters());
  });

  it('stopped before start, twice, and twice at once', async () => {
    await newSensor().stop();
    const sensor = await start();
    await Promise.all([sensor.stop(), sensor.stop()]);
    await sensor.stop();
    expect(sensor.status().programs.map((program) => program.attached)).not.toContain(true);
    expectConservation(sensor.counters());
  });

  it('stopped by a handler: the handler returns first, then the rest is delivered', async () => {
    const sensor = await start();
    let depth = 0;
    let stopped: Promise<void> | undefined;
    seen.react = () => {
      expect(++depth).toBe(1);
      if (stopped === undefined) {
        spawnSync('/bin/true', ['inside-1']);
        stopped = sensor.stop();
      }
      depth--;
    };
    spawnSync('/bin/true', ['before']);
    await seen.until(() => stopped !== undefined);
    await stopped;
    expect(seen.execs('inside-')).toHaveLength(1);
    expect(seen.ended).toBeUndefined();
    expectConservation(sensor.counters());
  });

  it.each([new RangeError('mine'), null, undefined])(
    'a handler that throws %s ends the sensor with an error',
    async (thrown) => {
      const sensor = await start();
      const before = seen.batches;
      seen.react = () => {
        throw thrown;
      };
      spawnSync('/bin/true', ['throws-1']);
      await seen.until(() => seen.ended !== undefined);
      expect(seen.ended).toBeInstanceOf(Error);
      expect(seen.batches).toBe(before + 1);
      expectConservation(sensor.counters());
    },
  );

  it('a handler below the sensor that throws null does not end the process', async () => {
    const native = new addon.Sensor();
    const cpus = addon.possibleCpus();
    const { OBJECT_PATH } = await import('../../src/sensor/binding.ts');
    await native.load({
      object: OBJECT_PATH,
      constants: {},
      mapEntries: { fb_ring: 65536, fb_scratch: 2 * cpus },
    });
    native.attach();
    await new Promise<void>((resolve) => {
      native.read({ queueBytes: 1 << 20, batchBytes: 1 << 16, intervalMs: 2 }, () => {
        resolve();
        throw null;
      });
      spawnSync('/bin/true');
    });
    native.stop();
    expect(native.counters().handlerErrors).toBeGreaterThan(0);
    native.close();
  });

  it('a worker that ends without stop, or is terminated, leaves no thread behind', async () => {
    for (const ending of ['exit', 'stay', 'stay']) {
      const worker = new Worker(new URL('./never-stops.ts', import.meta.url), { workerData: ending });
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      if (ending === 'stay') {
        expect(readerThreads()).toBe(1);
        await worker.terminate();
      } else {
        await new Promise((resolve) => worker.once('exit', resolve));
      }
      expect(readerThreads()).toBe(0);
    }
  });

  it('starts while signals keep coming, at which the verifier would give up', async () => {
    let signals = 0;
    const count = () => void signals++;
    process.on('SIGUSR2', count);
    const hail = spawn('/bin/sh', ['-c', `while kill -USR2 ${process.pid}; do sleep 0.001; done`], { stdio: 'ignore' });
    await once(process, 'SIGUSR2');
    try {
      for (let i = 0; i < 3; i++) {
        const sensor = await start();
        await sensor.stop();
      }
    } finally {
      hail.kill('SIGKILL');
      await once(hail, 'exit');
      process.off('SIGUSR2', count);
    }
    expect(signals).toBeGreaterThan(3);
  });

  it('where no thread can be had it says so, and starts once there is one', (ctx) => {
    const root = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'].find((path) => existsSync(path)) ?? '';
    const group = join(root, `forebear-test-${process.pid}`);
    try {
      mkdirSync(group);
    } catch {
      ctx.skip('a cgroup is needed');
    }
    try {
      if (!existsSync(join(group, 'pids.max'))) ctx.skip('the pids controller is needed');
      const script = new URL('./no-thread.ts', import.meta.url).pathname;
      const { stdout, stderr } = spawnSync(process.execPath, [script, group], { encoding: 'utf8' });
      expect({ stdout, stderr }).toEqual({ stdout: 'FB_SENSOR_ATTACH true\n', stderr: '' });
    } finally {
      rmdirSync(group);
    }
  });

  it('its children inherit nothing of it', async () => {
    await start();
    const { stdout } = spawnSync('/bin/ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    expect(stdout).toContain('/proc/');
    expect(stdout).not.toMatch(/bpf|btf|anon_inode/);
  });

  it.each(['exit', 'loading'])('a process that exits without stop ends with its own status: %s', (when) => {
    const script = new URL('./never-stops.ts', import.meta.url).pathname;
    const { status, signal, stderr } = spawnSync(process.execPath, [script, when], { encoding: 'utf8' });
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  });

  it('a worker that ends while it loads ends', async () => {
    const worker = new Worker(new URL('./never-stops.ts', import.meta.url), { workerData: 'loading' });
    expect(await once(worker, 'exit')).toEqual([0]);
  });

  it('while it loads everything else is out of order, and then it works', async () => {
    const { OBJECT_PATH } = await import('../../src/sensor/binding.ts');
    const native = new addon.Sensor();
    const what = { object: OBJECT_PATH, constants: {}, mapEntries: { fb_scratch: 2 * addon.possibleCpus() } };
    const loading = native.load(what);
    const calls = [() => native.load(what), () => native.attach(), () => native.iterate(), () => native.close()];
    for (const call of calls) expect(call).toThrow(expect.objectContaining({ step: 'state' }));
    await loading;
    native.attach();
    expect(native.programs().every(({ section, attached }) => attached || section.startsWith('iter/'))).toBe(true);
    native.close();
  });

  it('freezes what only the programs write', async () => {
    const native = new addon.Sensor();
    const cpus = addon.possibleCpus();
    await native.load({
      object: new URL('../../build/forebear.bpf.o', import.meta.url).pathname,
      constants: {},
      mapEntries: { fb_scratch: 2 * cpus },
    });
    expect(native.frozenMaps()).toEqual(expect.arrayContaining(['fb_counters', 'fb_scratch']));
    native.close();
  });

  it('takes wake hints before and while it runs, and says how many found room', async () => {
    const sensor = newSensor();
    sensor.setWakeHints(['true', 'true', 'x'.repeat(300)]);
    started.push(sensor);
    await sensor.start(seen);
    expect(sensor.status().wakeHints).toEqual({ asked: 3, set: 2 });
    sensor.setWakeHints(Array.from({ length: 2000 }, (_, i) => `hint-${i}`));
    expect(sensor.status().wakeHints).toEqual({ asked: 2000, set: 1024 });
    sensor.setWakeHints([]);
    expect(sensor.status().wakeHints).toEqual({ asked: 0, set: 0 });
  });
});

it('calls out of order throw and harm nothing', () => {
  const native = new addon.Sensor();
  const state = expect.objectContaining({ step: 'state' });
  expect(() => native.attach()).toThrow(state);
  expect(() => native.iterate()).toThrow(state);
  expect(() => native.setHints(new Uint8Array(64))).toThrow(state);
  expect([native.stop(), native.programs(), native.counters().records]).toEqual([[], [], 0]);
  native.close();
});

it('sizes by the highest number of a CPU, not by how many there are', () => {
  const ranges = readFileSync('/sys/devices/system/cpu/possible', 'latin1').trim();
  expect(addon.possibleCpus()).toBe(Number(/\d+$/.exec(ranges)?.[0]) + 1);
});

it('the boot clock goes with /proc/uptime', () => {
  const uptimeNs = () => BigInt(Math.round(Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1e9));
  const [before, now, after] = [uptimeNs(), addon.bootTimeNs(), uptimeNs()];
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(after + 10_000_000n);
});

it('a lock file has one holder', () => {
  const path = join(folder, 'lock');
  const fd = addon.lockFile(path);
  expect(fd).toBeGreaterThanOrEqual(0);
  expect(addon.lockFile(path)).toBe(-11);
  closeSync(fd);
  const again = addon.lockFile(path);
  expect(again).toBeGreaterThanOrEqual(0);
  closeSync(again);
  expect(addon.lockFile(join(folder, 'no', 'lock'))).toBe(-2);
});
