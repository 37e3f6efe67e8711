// System calls that fail under a real writer: libfiu, preloaded, answers in libc's place. Node's threads call fsync, fdatasync,
// pwrite64, ftruncate64, rename and unlink of libc (its io_uring serves epoll only), so each is hit, and each test asserts that
// it was; `write` is left alone, for libuv wakes its own loop with it and aborts when that fails.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listen, startWriter } from './killed-writers.ts';
import { Ledger } from './ledger.ts';

const RUNS = 4;
const RECORDS_OF_A_LANE = 40;
const EIO = 5;
const ENOSPC = 28;

interface Row {
  name: string;
  /** libfiu's points of failure, with errno and probability of each. */
  points: readonly [point: string, errno: number, probability: number][];
  /** The writer's counter that shows that it met them. */
  counter: string;
}

const FSYNC = 'posix/io/sync/fsync';
const FDATASYNC = 'posix/io/sync/fdatasync';
const PWRITE = 'posix/io/rw/pwrite';
const SHORT = 'posix/io/rw/pwrite/reduce';
const FTRUNCATE = 'posix/io/rw/ftruncate';
const RENAME = 'posix/io/dir/rename';
const UNLINK = 'posix/io/dir/unlink';
const POISONED = 'journal_segments_poisoned_total';
const FAULT = 'journal_writes_failed_total{reason="fault"}';
const FULL = 'journal_writes_failed_total{reason="full"}';
const REMOVAL = 'journal_removals_failed_total';

const ROWS: readonly Row[] = [
  { name: 'fsync EIO', points: [[FSYNC, EIO, 0.5]], counter: FAULT },
  { name: 'fdatasync EIO', points: [[FDATASYNC, EIO, 0.2]], counter: POISONED },
  { name: 'fdatasync ENOSPC', points: [[FDATASYNC, ENOSPC, 0.2]], counter: FULL },
  { name: 'pwrite EIO', points: [[PWRITE, EIO, 0.2]], counter: POISONED },
  { name: 'pwrite ENOSPC', points: [[PWRITE, ENOSPC, 0.2]], counter: FULL },
  { name: 'pwrite short', points: [[SHORT, 0, 0.5]], counter: 'journal_records_committed_total' },
  {
    name: 'pwrite short, then ENOSPC, and the cut fails',
    points: [
      [SHORT, 0, 0.5],
      [PWRITE, ENOSPC, 0.2],
      [FTRUNCATE, EIO, 0.5],
    ],
    counter: POISONED,
  },
  { name: 'rename EIO', points: [[RENAME, EIO, 0.5]], counter: FAULT },
  {
    name: 'unlink EIO, after failures that leave files',
    points: [
      [UNLINK, EIO, 0.7],
      [FDATASYNC, EIO, 0.2],
    ],
    counter: REMOVAL,
  },
];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'forebear-injected-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function fiu(points: Row['points']): string[] {
  const commands = points.flatMap(([name, errno, probability]) => [
    '-c',
    `enable_random name=${name},probability=${probability},failinfo=${errno}`,
  ]);
  return ['fiu-run', '-x', '-f', '', ...commands];
}

it.each(ROWS)(
  '$name: what was acknowledged is there',
  async ({ name, points, counter }) => {
    const ledger = new Ledger();
    const options = { records: RECORDS_OF_A_LANE, maxSegmentBytes: 48 * 1024 };
    const unhurt = (run: string) => listen(startWriter(directory, run, { records: 1 }), ledger);
    await unhurt('first');
    for (let n = 1; n <= RUNS; n++) {
      const child = startWriter(directory, `run${n}`, options, fiu(points));
      expect(await listen(child, ledger)).toBe(0);
    }
    expect(ledger.counters.get(counter) ?? 0, counter).toBeGreaterThan(0);
    await unhurt('last');
    const verdict = await ledger.verify(directory);
    console.log(ledger.figure(`libfiu ${name} (${counter} ${ledger.counters.get(counter)})`, RUNS, verdict));
    expect(verdict).toMatchObject({ lost: [], duplicated: 0, faults: [] });
    expect(ledger.acknowledged.size).toBeGreaterThan(RUNS * 10);
  },
  120_000,
);

beforeEach((context) => {
  if (spawnSync('fiu-run', ['-h']).error) context.skip('no fiu-run (scripts/setup --test installs fiu-utils)');
});

it('a directory whose name cannot be made durable is refused, before anything is put into it', async () => {
  const ledger = new Ledger();
  const folder = join(directory, 'state/journal');
  await listen(startWriter(folder, 'new', { records: 1 }, fiu([[FSYNC, EIO, 1]])), ledger);
  expect([...ledger.refused]).toEqual([['FB_JOURNAL_IO', 1]]);
  expect(readdirSync(folder)).toEqual([]);
});
