// Real programs (mv, install, cp, ln, tar, vi, python, dpkg ...) on this machine's own kernel: what the sensor tells of their files,
// against what strace saw of the same run.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { FILE_OP } from '../../src/sensor/layout.ts';
import type { FileRecord } from '../../src/sensor/record.ts';
import { bpfMissing, Collector, expectConservation, newSensor } from '../native/live-sensor.ts';
import { FILE_CALLS, readStrace, type StraceAccount } from './strace.ts';

const SCRIPT = resolve(import.meta.dirname, 'file-programs.sh');
const hasStrace = spawnSync('strace', ['true']).status === 0;
const missing = (await bpfMissing()) ?? (hasStrace ? undefined : 'no strace (scripts/setup --test installs it)');
const top = mkdtempSync(join(tmpdir(), 'forebear-programs-'));
const folder = join(top, 'work');
let truth: StraceAccount;
let records: FileRecord[] = [];

beforeAll(async () => {
  if (missing !== undefined) return;
  mkdirSync(folder);
  const operations = new Set(Object.keys(FILE_OP) as FileRecord['operation'][]);
  const files = { operations, paths: [`${folder}/`], except: [], exceptNames: [], ownPid: process.pid };
  const sensor = newSensor({ wanted: new Set(['file']), files });
  const seen = new Collector();
  await sensor.start(seen);
  const trace = join(top, 'trace');
  const strace = ['-f', '-y', '-qq', '-s', '256', '-e', 'signal=none', '-e', `trace=${FILE_CALLS}`, '-o', trace];
  const { status } = spawnSync('strace', [...strace, 'bash', SCRIPT, folder], { stdio: 'ignore' });
  await sensor.stop();
  expectConservation(sensor.counters());
  expect([status, sensor.counters().lost.file]).toEqual([0, 0]);
  records = seen.records.filter((record) => record.kind === 'file');
  truth = readStrace(readFileSync(trace, 'utf8'), folder);
});
beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
});
afterAll(() => rmSync(top, { recursive: true }));

/** Of one operation, those whose path (or old path) lies in the folder; in the terms of strace's account. */
function told(operation: FileRecord['operation']): string[] {
  const own = records.filter((record) => record.operation === operation);
  return inFolder(own.map(({ path, oldPath }) => (oldPath === undefined ? path! : `${path} from ${oldPath}`)));
}
const inFolder = (texts: Iterable<string>) => [...texts].filter((text) => text.startsWith(`${folder}/`)).sort();

it('tells of each file that they make', () => {
  expect(told('creation')).toEqual(inFolder(truth.created));
  expect(truth.created.length).toBeGreaterThan(20);
});

it('tells of each that they rename', () => {
  expect(told('rename')).toEqual(inFolder(truth.renamed));
  expect(truth.renamed.length).toBeGreaterThan(4);
});

it('tells of each that they delete', () => {
  expect(told('deletion')).toEqual(inFolder(truth.deleted));
  expect(truth.deleted.length).toBeGreaterThan(8);
});

it('tells of all that they write', () => {
  const changed = new Set(told('modification'));
  const untold = inFolder(truth.written).filter((path) => !changed.has(path));
  expect(untold).toEqual([]);
});

it('tells of nothing that they only read or touch', () => {
  const unwritten = told('modification').filter((path) => !truth.written.has(path));
  // Its times were set: the kernel does not say by whom.
  expect(unwritten).toEqual([join(folder, 'touched')]);
});

it('has the program that did it', () => {
  const actor = (path: string) => records.find((record) => record.path === join(folder, path))?.task.comm;
  expect(['moved', 'installed', 'folder/copied', 'hard', 'all.tar', 'zeros'].map(actor)).toEqual([
    'mv',
    'install',
    'cp',
    'ln',
    'tar',
    'dd',
  ]);
});
