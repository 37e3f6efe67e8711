import { describe, expect, it } from 'vitest';
import type { Addon, NativeFailure, NativeLoad, NativeProgram, NativeSource } from '../../src/sensor/binding.ts';
import { EbpfSensor } from '../../src/sensor/ebpf-sensor.ts';
import { KIND, PLACE } from '../../src/sensor/layout.ts';
import { LoadAhead } from '../../src/sensor/load.ts';
import { perKind } from '../../src/sensor/sensor.ts';
import { sensorError } from '../../src/sensor/sensor-errors.ts';
import { encodeRecord } from './encode.ts';

const NOTHING = perKind(() => 0);

const program = (name: string, attached: boolean, log = ''): NativeProgram => {
  return { name, section: `tp_btf/${name}`, attached, errno: attached ? 0 : 1, log, verifiedInstructions: 0 };
};

/** An addon without a kernel; `calls` tells what was asked of it. */
function fakeAddon(programs: NativeProgram[], loadError?: Error, sources: NativeSource[] = []) {
  const calls: string[] = [];
  const note = (name: string) => void calls.push(name);
  class FakeSensor {
    handler: (bytes: Buffer, lost: number) => void = () => {};
    load = (what: NativeLoad) => {
      note(`load ${what.wanted}`);
      return loadError ? Promise.reject(loadError) : Promise.resolve();
    };
    attach = () => note('attach');
    iterate = () => Buffer.from(encodeRecord({ kind: 'task' }));
    read = () => note('read');
    stop = () => [Buffer.from(encodeRecord({ kind: 'exit' }))];
    close = () => note('close');
    programs = () => programs;
    sources = () => sources;
    frozenMaps = () => [];
    inventory = () => ({ errno: 0, maps: [], programs: [], ringMoved: 0, hintsMissing: 0 });
    setHints = (keys: Uint8Array) => {
      note(`hints ${Buffer.from(keys).toString('latin1').replaceAll(/\0+/g, ',')}`);
      return keys.length / 64;
    };
    counters = () => {
      const kernel = new Array<number>(128).fill(0);
      [kernel[3], kernel[4], kernel[35]] = [6, 1, 5];
      return {
        kernel,
        recursionMisses: 2,
        syscallMisses: 0,
        records: 1,
        bytes: 1,
        queueFull: 3,
        wakeups: 0,
        sleeps: 0,
        roused: 0,
        handlerErrors: 0,
      };
    };
  }
  const addon: Addon = { Sensor: FakeSensor, bootTimeNs: () => 0n, lockFile: () => -1, possibleCpus: () => 2 };
  return { calls, addon, sensor: new EbpfSensor({ envNames: new Set(), addon }) };
}

const handlers = (log: string[]) => ({
  onBatch: (records: readonly { kind: string }[]) => void log.push(...records.map((record) => record.kind)),
  onLost: (totals: { lost: { exit: number } }) => void log.push(`lost ${totals.lost.exit}`),
  onEnd: () => void log.push('end'),
});

it('attaches, reads, tells what runs; at stop the loss comes before what was still queued', async () => {
  const log: string[] = [];
  const { calls, sensor } = fakeAddon([program('fb_exec', true)]);
  sensor.setWakeHints(['a', 'b'.repeat(70)]);
  await sensor.start(handlers(log));
  expect(calls).toEqual(['load 0', `hints a,${'b'.repeat(63)},`, 'attach', 'read']);
  expect(log).toEqual(['task']);
  await sensor.stop();
  expect(log).toEqual(['task', 'lost 5', 'exit']);
  expect(sensor.counters()).toEqual({
    reserved: { ...NOTHING, exit: 6, task: 1 },
    lost: { ...NOTHING, exit: 5 },
    filtered: { file: 0, network: 0 },
    decoded: { ...NOTHING, exit: 1, task: 1 },
    recursionMisses: 2,
    undecodable: 0,
    batches: 2,
    bytes: encodeRecord({ kind: 'task' }).length + encodeRecord({ kind: 'exit' }).length,
    queueFull: 3,
  });
});

it('a second start while it loads is refused; a stop meanwhile waits and then stops', async () => {
  const { calls, sensor } = fakeAddon([program('fb_exec', true)]);
  const starting = sensor.start(handlers([]));
  await expect(sensor.start(handlers([]))).rejects.toMatchObject({ code: 'FB_SENSOR_STATE' });
  await sensor.stop();
  await starting;
  expect(calls).toEqual(['load 0', 'hints ', 'attach', 'read', 'close']);
});

describe('what is loaded ahead', () => {
  const sessions = { wanted: new Set(['session' as const]) };
  const cases = [
    { what: 'is taken where it is what is needed', ahead: sessions, needed: sessions, loads: ['load 32'] },
    { what: 'is freed where more is needed', ahead: {}, needed: sessions, loads: ['load 0', 'load 32', 'close'] },
  ];
  it.each(cases)('$what', async ({ ahead, needed, loads }) => {
    const { calls, addon } = fakeAddon([program('fb_exec', true)]);
    const sensor = new EbpfSensor({ envNames: new Set(), addon, ...needed, ahead: new LoadAhead(ahead, addon) });
    await sensor.start(handlers([]));
    expect(calls.filter((call) => /load|close/.test(call))).toEqual(loads);
    await sensor.stop();
  });

  it('is taken once: a sensor that starts again loads again', async () => {
    const { calls, addon } = fakeAddon([program('fb_exec', true)]);
    const sensor = new EbpfSensor({ envNames: new Set(), addon, ahead: new LoadAhead({}, addon) });
    for (let i = 0; i < 2; i++) {
      await sensor.start(handlers([]));
      await sensor.stop();
    }
    expect(calls.filter((call) => call.startsWith('load'))).toEqual(['load 0', 'load 0']);
  });

  it('fails when it is needed, not before', async () => {
    const { addon } = fakeAddon([], Object.assign(new Error('load'), { step: 'load', errno: 1, log: '' }));
    const ahead = new LoadAhead({}, addon);
    await new Promise((resolve) => setImmediate(resolve));
    const sensor = new EbpfSensor({ envNames: new Set(), addon, ahead });
    await expect(sensor.start(handlers([]))).rejects.toMatchObject({ code: 'FB_SENSOR_NO_PERMISSION' });
  });
});

it('without its exec program there is no sensor: the error says why, everything is freed', async () => {
  const { calls, sensor } = fakeAddon([program('fb_exec', false, 'refused')]);
  await expect(sensor.start(handlers([]))).rejects.toMatchObject({ code: 'FB_SENSOR_ATTACH' });
  expect(calls.at(-1)).toBe('close');
});

it('without another program it runs, and its status says which is missing and why', async () => {
  const { sensor } = fakeAddon([program('fb_exec', true), program('fb_exit', false, 'refused\n')]);
  await sensor.start(handlers([]));
  expect(sensor.status().programs).toEqual([
    { name: 'fb_exec', attachPoint: 'tp_btf/fb_exec', attached: true },
    { name: 'fb_exit', attachPoint: 'tp_btf/fb_exit', attached: false, reason: 'refused' },
  ]);
  await sensor.stop();
});

describe('failures of the addon become codes', () => {
  const failure = (step: NativeFailure['step'], errno: number, log = ''): NativeFailure =>
    Object.assign(new Error(step), { step, errno, log });
  const cases: [string, NativeFailure, string][] = [
    ['EPERM at load', failure('load', 1), 'FB_SENSOR_NO_PERMISSION'],
    ['no BTF', failure('load', 3, 'libbpf: failed to find valid kernel BTF\n'), 'FB_SENSOR_NO_BTF'],
    ['refused by the verifier', failure('load', 13, 'R1 type=scalar expected=fp'), 'FB_SENSOR_LOAD'],
    ['no object', failure('open', 2), 'FB_SENSOR_LOAD'],
    ['another object', failure('constant', 2, 'fb_args_max'), 'FB_SENSOR_LOAD'],
    ['no iterator', failure('iterate', 22), 'FB_SENSOR_ATTACH'],
    ['no thread', failure('read', 11), 'FB_SENSOR_ATTACH'],
    ['out of order', failure('state', 16), 'FB_SENSOR_STATE'],
  ];
  it.each(cases)('%s', async (_name, thrown, code) => {
    expect(sensorError(thrown)).toMatchObject({ code, cause: thrown });
    const { calls, sensor } = fakeAddon([], thrown);
    await expect(sensor.start(handlers([]))).rejects.toMatchObject({ code });
    expect(calls.at(-1)).toBe('close');
  });

  it('the end of a long log is in the message', () => {
    const log = Array.from({ length: 500 }, (_, i) => `line ${i}`).join('\n');
    const { message } = sensorError(failure('load', 13, log)) as Error;
    expect(message).toContain('line 499');
    expect(message.length).toBeLessThan(400);
  });

  it('what is not from the addon passes through', () => {
    const other = new TypeError('x');
    expect(sensorError(other)).toBe(other);
  });
});

it('its status says which places of files find no room in the kernel', async () => {
  const programs = [program('fb_exec', true), program('fb_sys_exit', true)];
  const source = { kind: KIND.file, programs: ['fb_sys_exit'], bySyscall: true, refusal: 1, log: '' };
  const { addon } = fakeAddon(programs, undefined, [source]);
  const paths = Array.from({ length: PLACE.max + 1 }, (_, i) => `/${i}/`);
  const files = { operations: new Set(['creation' as const]), paths, except: [], exceptNames: [], ownPid: 0 };
  const sensor = new EbpfSensor({ envNames: new Set(), addon, wanted: new Set(['file']), files });
  await sensor.start(handlers([]));
  expect(sensor.status().sources?.[2]?.unseen[0]).toMatch(/^files in a place that rules name: .* \(\/1024\/\)$/);
  await sensor.stop();
});
