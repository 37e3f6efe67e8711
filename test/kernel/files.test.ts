// Events of files on this machine's own kernel, whichever source it allows.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FILE_OP } from '../../src/sensor/layout.ts';
import type { FileRecord } from '../../src/sensor/record.ts';
import { bpfMissing, Collector, expectConservation, newSensor } from '../native/live-sensor.ts';
import { type FileAccount, itSeesEachFileCase, readTruth } from './file-cases.ts';

const PROGRAM = resolve(import.meta.dirname, '../../build/test/file_cases');
const missing = (await bpfMissing()) ?? (existsSync(PROGRAM) ? undefined : `${PROGRAM} is not built (scripts/build)`);
const top = mkdtempSync(join(tmpdir(), 'forebear-files-'));
const folder = join(top, 'cases');
const ALL = new Set(Object.keys(FILE_OP) as FileRecord['operation'][]);

beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
});
afterAll(() => rmSync(top, { recursive: true }));

/** Runs a program under a sensor that watches these paths. */
async function watch(paths: readonly string[], except: readonly string[], command: readonly string[]) {
  const seen = new Collector();
  const files = { operations: ALL, paths, except, exceptNames: ['left out'], ownPid: 0 };
  const sensor = newSensor({ wanted: new Set(['file']), files });
  await sensor.start(seen);
  const source = sensor.status().sources?.find(({ kind }) => kind === 'file');
  const { status, stderr } = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8' });
  await sensor.stop();
  expectConservation(sensor.counters());
  expect([status, stderr]).toEqual([0, '']);
  const records = seen.records.filter((record) => record.kind === 'file');
  return { records, source, counters: sensor.counters() };
}

describe('file_cases', () => {
  const account: FileAccount = { truth: [], records: [], by: 'calls' };

  beforeAll(async () => {
    if (missing !== undefined) return;
    const truth = join(top, 'truth');
    const { records, source, counters } = await watch(['/'], [], [PROGRAM, folder, truth]);
    expect(counters.lost.file).toBe(0);
    Object.assign(account, {
      truth: readTruth(truth),
      records,
      by: source?.source === 'trampoline' ? 'hooks' : 'calls',
    });
  });

  itSeesEachFileCase(account, folder);
});

/** As of users of a directory service. */
const LONG_NAMED = 'people/firstname.lastname@company.example.com';

/** Truncates the file whose own page holds its path: the page goes, too. */
const CUT_BY_ITS_OWN_TEXT = `
import ctypes, mmap, os, sys
os.chdir('/')
with open(sys.argv[1], 'w+b') as file:
    file.truncate(4096)
    text = mmap.mmap(file.fileno(), 4096)
text[:len(sys.argv[1])] = sys.argv[1].encode()
sys.exit(ctypes.CDLL(None).truncate(ctypes.byref(ctypes.c_char.from_buffer(text)), ctypes.c_long(0)))
`;

describe('what is watched', () => {
  const paths = (records: readonly FileRecord[]) =>
    records.flatMap(({ path }) => (path?.startsWith(`${top}/`) ? [path.slice(top.length)] : []));

  it('is decided by the longest beginning of a path, and by names of folders', async () => {
    const at = (name: string) => join(top, 'places', name);
    const folders = [
      'in',
      'in/out',
      'in/out/in',
      'in/left out',
      'in/left out/deep',
      'else',
      'people/a/.config',
      'people/a/b',
      LONG_NAMED,
    ];
    spawnSync('mkdir', ['-p', ...folders.map(at)]);
    const files = folders.map((name) => at(`${name}/file`));
    const { records, counters } = await watch(
      [at('in/'), at('in/out/in/'), `${at('people')}/*/.`],
      [at('in/out/')],
      [
        'touch',
        ...files,
        ...['people/a/.profile', 'people/.a', `${LONG_NAMED}/.profile`, 'in/out/in/left out'].map(at),
      ],
    );
    expect(paths(records)).toEqual(
      [
        'in/file',
        'in/out/in/file',
        'people/a/.config/file',
        'people/a/.profile',
        `${LONG_NAMED}/.profile`,
        'in/out/in/left out',
      ].map((name) => `/places/${name}`),
    );
    expect(counters.filtered?.file).toBeGreaterThanOrEqual(7);
  });

  it('is told of when a link elsewhere makes it another name', async () => {
    const secret = join(top, 'linked/');
    spawnSync('mkdir', ['-p', secret, join(top, 'open')]);
    const script = `cd ${top}; touch linked/a; ln linked/a open/linked`;
    const { records } = await watch([secret], [], ['sh', '-c', script]);
    expect(records.map(({ path, linkTarget }) => [path, linkTarget])).toEqual([
      [`${top}/linked/a`, undefined],
      [`${top}/open/linked`, `${top}/linked/a`],
    ]);
  });

  it('is not got around by a text that is gone when its call returns', async (ctx) => {
    if (spawnSync('python3', ['--version']).status !== 0) ctx.skip('no python3');
    const secret = join(top, 'cut/');
    const path = join(secret, 'a');
    spawnSync('mkdir', ['-p', secret]);
    const { records } = await watch([secret], [], ['python3', '-c', CUT_BY_ITS_OWN_TEXT, path]);
    const cut = records.filter((record) => record.operation === 'modification');
    expect(cut.some((record) => record.path === path || record.unreadable.includes('path'))).toBe(true);
  });

  it('is not got around by dots and slashes', async () => {
    const secret = join(top, 'secret/');
    spawnSync('mkdir', ['-p', secret, join(top, 'open')]);
    const script = `cd ${top}/open; touch a b c; mv a ../secret/a; mv ${top}/open/../open/b ${top}/open/..//secret/b
mv c ${top}/open/./././../secret/c; rm ../secret/a`;
    const { records } = await watch([secret], [], ['sh', '-c', script]);
    expect(paths(records)).toEqual(['/secret/a', '/secret/b', '/secret/c', '/secret/a']);
  });
});
