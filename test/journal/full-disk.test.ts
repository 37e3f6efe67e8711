// A file system of 8 MiB that fills up for real (ext4 in a file, mounted by loop): records are refused with a code, what was
// acknowledged stays, the reserve serves, a writer can be started while there is no room at all, and life goes on with room.

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { JournalWriter } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { Counters } from '../../src/stats.ts';
import { codeOf } from './fixture.ts';
import { Ledger, payloadOf } from './ledger.ts';

const SIZE = 8 << 20;
const RESERVE = 512 << 10;
const BALLAST = 3 << 20;
let base: string;
let mounted: string | undefined;

beforeEach((context) => {
  base = mkdtempSync(join(tmpdir(), 'forebear-full-'));
  mounted = undefined;
  if (process.getuid?.() !== 0) context.skip('mounting a file system needs root');
  const image = join(base, 'image');
  closeSync(openSync(image, 'w'));
  truncateSync(image, SIZE);
  const mountPoint = join(base, 'mounted');
  mkdirSync(mountPoint);
  const made = spawnSync('mke2fs', ['-q', '-t', 'ext4', '-m', '0', image], { encoding: 'utf8' });
  if (made.status !== 0) context.skip(`mke2fs cannot make a file system: ${made.error?.message ?? made.stderr.trim()}`);
  const mount = spawnSync('mount', ['-o', 'loop', image, mountPoint], { encoding: 'utf8' });
  if (mount.status !== 0)
    context.skip(`this host cannot mount by loop: ${mount.error?.message ?? mount.stderr.trim()}`);
  mounted = mountPoint;
});
afterEach(() => {
  if (mounted !== undefined) expect(spawnSync('umount', [mounted]).status).toBe(0);
  rmSync(base, { recursive: true });
});

function open(counters = new Counters(), nowMs = Date.now): Promise<JournalWriter> {
  const directory = join(mounted!, 'journal');
  const sizes = { maxSegmentBytes: 256 << 10, reserveBytes: RESERVE };
  return openJournal({ directory, hostIdentity: 'host', hostId: 'host', counters, nowMs, ...sizes });
}

/** Takes the last free byte. out: gives them all back. */
function takeTheRest(name = 'rest'): () => void {
  const path = join(mounted!, name);
  const fd = openSync(path, 'w');
  try {
    for (const size of [1 << 16, 1 << 10]) for (;;) writeSync(fd, Buffer.alloc(size, 1));
  } catch (error) {
    expect((error as { code?: string }).code).toBe('ENOSPC');
  } finally {
    closeSync(fd);
  }
  return () => rmSync(path);
}

class Filler {
  readonly ledger = new Ledger();
  #made = 0;

  /** Appends one after the other until one is refused. out: the code, and how many were not. */
  async untilRefused(writer: JournalWriter): Promise<{ code: string; taken: number }> {
    const before = this.#made;
    for (;;) {
      const code = await codeOf(this.append(writer));
      if (code !== '') return { code, taken: this.#made - 1 - before };
    }
  }

  async append(writer: JournalWriter): Promise<void> {
    const id = `filler/0/${this.#made++}`;
    const seq = await writer.append(Buffer.from(payloadOf(id)), { kind: 'alert', rank: 1, wallMs: Date.now() });
    this.ledger.take(`+ ${seq} ${id}`);
  }
}

const reserveIsThere = () => existsSync(join(mounted!, 'journal/reserve'));

it('fills up, refuses, uses the reserve, starts while full, and goes on when there is room', async () => {
  const ballast = join(mounted!, 'ballast');
  const fd = openSync(ballast, 'w');
  writeSync(fd, Buffer.alloc(BALLAST, 1));
  closeSync(fd);
  const filler = new Filler();
  const counters = new Counters();
  let writer = await open(counters);
  expect(reserveIsThere()).toBe(true);
  const giveBack = takeTheRest();
  const first = await filler.untilRefused(writer);
  expect(first.code).toBe('FB_JOURNAL_FULL');
  // There was nothing but the reserve to write to.
  expect(reserveIsThere()).toBe(false);
  expect(first.taken).toBeGreaterThan(RESERVE / 3000 / 2);
  await writer.close();

  const giveBackMore = takeTheRest('more');
  writer = await open(counters);
  expect((await filler.untilRefused(writer)).code).toBe('FB_JOURNAL_FULL');
  giveBack();
  giveBackMore();
  rmSync(ballast);
  const second = await filler.untilRefused(writer);
  expect(second).toMatchObject({ code: 'FB_JOURNAL_FULL' });
  expect(second.taken * 1540).toBeGreaterThan(BALLAST);
  await writer.close();

  const { bavail, bsize } = statfsSync(mounted!);
  const verdict = await filler.ledger.verify(join(mounted!, 'journal'));
  console.log(filler.ledger.figure(`full disk of ${SIZE >> 20} MiB, ${bavail * bsize} bytes left`, 1, verdict));
  expect(verdict).toMatchObject({ lost: [], duplicated: 0, faults: [], unasked: 0 });
  expect(counters.get('journal_segments_poisoned_total')).toBe(0);
}, 120_000);

it('the reserve is there again a minute after there is room, though no segment begins', async () => {
  const filler = new Filler();
  let now = Date.now();
  const writer = await open(new Counters(), () => now);
  const giveBack = takeTheRest();
  await filler.untilRefused(writer);
  expect(reserveIsThere()).toBe(false);
  giveBack();
  now += 61_000;
  await filler.append(writer);
  await writer.close();
  expect(reserveIsThere()).toBe(true);
  expect(await filler.ledger.verify(join(mounted!, 'journal'))).toMatchObject({ lost: [], faults: [] });
}, 120_000);
