// What single records say in places where it is easily wrong: the parent of a thread that leaves, a path at the limit of the
// walk. All else about their contents: test/kernel/ground-truth.test.ts.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import type { EbpfSensor } from '../../src/sensor/ebpf-sensor.ts';
import { bpfMissing, Collector, newSensor } from './live-sensor.ts';

const PROGRAMS = resolve(import.meta.dirname, '../../build/test');
const LEAF = join(PROGRAMS, 'leaf');
const PARTING = join(PROGRAMS, 'parting');
/** PATH_STEPS of native/bpf/paths.bpf.h: components and mount points. */
const PATH_STEPS = 128;

const built = existsSync(LEAF) && existsSync(PARTING) ? undefined : 'build/test is not built (scripts/build)';
const missing = (await bpfMissing()) ?? built;
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'forebear-records-')));
afterAll(() => rmSync(folder, { recursive: true }));

let sensor: EbpfSensor;
let seen: Collector;
beforeEach(async (ctx) => {
  if (missing !== undefined) ctx.skip(missing);
  seen = new Collector();
  sensor = newSensor({ ringBytes: 16 << 20 });
  await sensor.start(seen);
});
afterEach(() => sensor?.stop());

it('the parent is known though the thread that started the program is leaving', async () => {
  const number = 3000; // one in a hundred was not, when only the thread was asked
  const { status } = spawnSync(PARTING, [LEAF, `${number}`]);
  await sensor.stop();
  expect(status).toBe(0);
  const parents = seen.execs('parting').map((record) => record.parentExecutable);
  expect(parents.filter((parent) => parent === PARTING)).toHaveLength(number);
});

/** Mount points on the way to a path, the root not counted. */
function mountsAbove(path: string): number {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  return new Set(points.filter((point) => point.length > 1 && path.startsWith(`${point}/`))).size;
}

it.each([
  ['as deep as a walk goes', 0, []],
  ['one deeper', 1, ['executable']],
])('the path of an executable %s', async (_name, beyond, truncated) => {
  const depth = PATH_STEPS - mountsAbove(folder) - folder.split('/').length + beyond;
  const place = join(folder, `${beyond}`, 'd/'.repeat(depth - 1));
  mkdirSync(place, { recursive: true });
  const path = join(place, 'leaf');
  copyFileSync(LEAF, path);
  expect(spawnSync(path, ['deep-1'], { cwd: '/' }).status).toBe(0);
  await sensor.stop();
  const [record] = seen.execs('deep-1');
  expect(record?.truncated).toEqual(truncated);
  expect(record?.executable).toBe(beyond > 0 ? path.slice(1) : path);
});
