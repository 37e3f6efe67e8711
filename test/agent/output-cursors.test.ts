// What pins the journal: cursors of configured outputs, and what becomes of records that no output has got.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { OutputCursors } from '../../src/agent/output-cursors-io.ts';
import type { JournalExpiry } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { cursorFile, openCursor } from '../../src/ship/ship-files-io.ts';
import { Counters } from '../../src/stats.ts';

const NOW = Date.now();
let base: string;
let journalId: string;

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'forebear-cursors-'));
  mkdirSync(join(base, 'ship/cursors'), { recursive: true });
  const journal = await open();
  journalId = journal.status().journalId;
  await journal.close();
});
afterEach(() => rmSync(base, { recursive: true }));

function open(delivered?: OutputCursors, onExpired: (expiry: JournalExpiry) => void = () => {}) {
  return openJournal({
    directory: join(base, 'journal'),
    ...{ hostIdentity: 'h', hostId: 'h', counters: new Counters(), nowMs: () => NOW, reserveBytes: 0 },
    ...{ maxSegmentBytes: 64 * 1024, limits: { maxBytes: 256 * 1024, reservedBytes: 0 }, onExpired },
    ...(delivered && { cursors: () => delivered.seqs }),
  });
}

async function cursor(name: string, seq: number, of = journalId): Promise<void> {
  const file = await openCursor(join(base, 'ship'), name);
  await file.save({ seq, journalId: of, link: Buffer.alloc(32) });
  await file.close();
}

async function seqsOf(...outputs: { name: string; max_hold: number }[]): Promise<OutputCursors> {
  const places = { shipDirectory: join(base, 'ship'), journalDirectory: join(base, 'journal') };
  const cursors = new OutputCursors({ ...places, outputs, nowMs: () => NOW });
  await cursors.refresh();
  return cursors;
}

it('an output that has never run pins everything, one that is not configured nothing', async () => {
  await cursor('a', 17);
  await cursor('gone', 3);
  expect((await seqsOf({ name: 'a', max_hold: 0 })).seqs).toEqual([17]);
  expect((await seqsOf({ name: 'a', max_hold: 0 }, { name: 'new', max_hold: 0 })).seqs).toEqual([17, 0]);
  expect((await seqsOf()).seqs).toEqual([]);
});

it('a cursor of another journal, or one that cannot be read, pins everything', async () => {
  await cursor('a', 17, 'cd'.repeat(16));
  writeFileSync(cursorFile(join(base, 'ship'), 'b'), Buffer.alloc(8192, 7));
  mkdirSync(cursorFile(join(base, 'ship'), 'c'));
  // The shipper's directory is not the agent's: one thread for each look at them would soon be all that there are.
  execFileSync('mkfifo', [cursorFile(join(base, 'ship'), 'd')]);
  symlinkSync('/dev/zero', cursorFile(join(base, 'ship'), 'e'));
  const outputs = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, max_hold: 0 }));
  expect((await seqsOf(...outputs)).seqs).toEqual([0, 0, 0, 0, 0]);
});

it('an output that makes no progress for its max_hold pins nothing', async () => {
  await cursor('a', 17);
  utimesSync(cursorFile(join(base, 'ship'), 'a'), new Date(NOW - 61_000), new Date(NOW - 61_000));
  expect((await seqsOf({ name: 'a', max_hold: 60_000 })).seqs).toEqual([]);
  expect((await seqsOf({ name: 'a', max_hold: 62_000 })).seqs).toEqual([17]);
});

it.each([
  ['none is configured', [], undefined],
  ['it has everything', [{ name: 'a', max_hold: 0 }], 1000],
  ['it has a part', [{ name: 'a', max_hold: 0 }], 20],
])('a full journal drops its oldest, and says how much of it no output had got: %s', async (_name, outputs, at) => {
  if (at !== undefined) await cursor('a', at);
  const expired: JournalExpiry[] = [];
  const journal = await open(await seqsOf(...outputs), (expiry) => expired.push(expiry));
  const payload = Buffer.alloc(8000);
  for (let i = 0; i < 100; i++) await journal.append(payload, { kind: 'alert', rank: 0, wallMs: NOW });
  await journal.close();
  const dropped = expired.reduce((sum, { records }) => sum + records, 0);
  const undelivered = expired.reduce((sum, each) => sum + each.undelivered, 0);
  expect(dropped).toBeGreaterThan(40);
  expect(undelivered).toBe(Math.max(0, dropped - (at ?? 0)));
});
