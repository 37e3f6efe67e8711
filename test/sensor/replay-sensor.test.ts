import { describe, expect, it } from 'vitest';
import { type ReplayItem, ReplaySensor } from '../../src/sensor/replay-sensor.ts';
import { perKind, type SensorHandlers } from '../../src/sensor/sensor.ts';
import { encodeBatch, encodeRecord } from './encode.ts';

const NAMES: ReadonlySet<string> = new Set();
const tasks: ReplayItem = { kind: 'tasks', bytes: encodeRecord({ kind: 'task' }) };
const exec = (name: string): ReplayItem => ({ kind: 'ring', bytes: encodeRecord({ kind: 'exec', executable: name }) });
const NOTHING = perKind(() => 0);
const loss: ReplayItem = { kind: 'loss', lost: { ...NOTHING, exec: 2, fork: 1 }, recursionMisses: 3 };

interface Seen {
  log: string[];
  error?: Error | undefined;
}

/** Runs items to their end; `react` may throw or stop the sensor. */
function replay(items: Iterable<ReplayItem>, react: (sensor: ReplaySensor, seen: Seen) => void = () => {}) {
  const sensor = new ReplaySensor(items, { envNames: NAMES });
  const seen: Seen = { log: [] };
  return new Promise<{ sensor: ReplaySensor; seen: Seen }>((resolve, reject) => {
    const handlers: SensorHandlers = {
      onRaw: (bytes, kind) => void seen.log.push(`raw ${kind} ${bytes.length}`),
      onLost: (totals) => void seen.log.push(`lost ${totals.lost.exec} ${totals.recursionMisses}`),
      onBatch: (records) => {
        seen.log.push(...records.map((record) => ('executable' in record ? `${record.executable}` : record.kind)));
        react(sensor, seen);
      },
      onEnd: (error) => {
        seen.error = error;
        resolve({ sensor, seen });
      },
    };
    sensor.start(handlers).catch(reject);
  });
}

it('delivers raw bytes, then records, loss before the batch that follows it, in the order of the recording', async () => {
  const { sensor, seen } = await replay([tasks, exec('/a'), loss, exec('/b')]);
  expect(seen.log).toEqual(['raw tasks 168', 'task', 'raw ring 200', '/a', 'lost 2 3', 'raw ring 200', '/b']);
  expect(seen.error).toBeUndefined();
  expect(sensor.counters()).toMatchObject({
    reserved: { exec: 4, fork: 1, exit: 0, task: 1 },
    decoded: { exec: 2, fork: 0, exit: 0, task: 1 },
    lost: { exec: 2, fork: 1 },
    recursionMisses: 3,
    undecodable: 0,
    batches: 3,
    bytes: 168 + 200 + 200,
  });
});

it('counts what it cannot decode and goes on', async () => {
  const { sensor, seen } = await replay([{ kind: 'ring', bytes: Buffer.alloc(32) }, exec('/a')]);
  expect(seen.log).toContain('/a');
  expect(sensor.counters().undecodable).toBe(1);
});

describe('ends', () => {
  it('with the error of an iterable that throws', async () => {
    const broken = (function* () {
      yield exec('/a');
      throw new RangeError('damaged');
    })();
    const { seen } = await replay(broken);
    expect(seen.log).toContain('/a');
    expect(seen.error).toBeInstanceOf(RangeError);
  });

  it.each([new RangeError('x'), null, undefined])(
    'with an error when a handler throws %s, and delivers no more',
    async (thrown) => {
      const { seen } = await replay([exec('/a'), exec('/b')], () => {
        throw thrown;
      });
      expect(seen.error).toBeInstanceOf(Error);
      expect(seen.log).not.toContain('/b');
    },
  );

  it('silently after stop, also when a handler stops it', async () => {
    let taken = 0;
    const items = (function* () {
      for (; taken < 100; taken++) yield exec(`/${taken}`);
    })();
    const sensor = new ReplaySensor(items, { envNames: NAMES });
    let batches = 0;
    await sensor.start({
      onBatch: () => {
        if (++batches === 3) void sensor.stop();
      },
      onEnd: () => expect.unreachable(),
    });
    while (batches < 3) await new Promise(setImmediate);
    await sensor.stop();
    await sensor.stop();
    expect([batches, taken]).toEqual([3, 3]);
  });
});

it('runs once', async () => {
  const { sensor } = await replay([]);
  await expect(sensor.start({ onBatch: () => {}, onEnd: () => {} })).rejects.toMatchObject({ code: 'FB_SENSOR_STATE' });
});

it('takes batches of many records', async () => {
  const bytes = encodeBatch(Array.from({ length: 1000 }, (_, i) => ({ kind: 'exec' as const, executable: `/${i}` })));
  const { sensor } = await replay([{ kind: 'ring', bytes }]);
  expect([sensor.counters().decoded.exec, sensor.counters().batches]).toEqual([1000, 1]);
});
