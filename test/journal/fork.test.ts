// A journal that a hub refused: the agent begins a new id, seqs go on, and the sender learns where.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fork, readForkMarker, writeForkMarker } from '../../src/journal/fork-marker-io.ts';
import { nextLink } from '../../src/journal/format.ts';
import { nodeJournalIo } from '../../src/journal/journal-io.ts';
import { readMeta, successorIn } from '../../src/journal/meta.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { Counters } from '../../src/stats.ts';

const FORK: Fork = { journalId: 'ab'.repeat(16), seq: 7 };
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'forebear-fork-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the marker', () => {
  it('comes back as it was written, the last one counts', () => {
    expect(readForkMarker(directory)).toBeUndefined();
    writeForkMarker(directory, { ...FORK, seq: 1 });
    writeForkMarker(directory, FORK);
    writeForkMarker(directory, FORK);
    expect(readForkMarker(directory)).toEqual(FORK);
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"journal_id":"abab'],
    ['another id', '{"journal_id":"../../etc","seq":1}'],
    ['no seq', `{"journal_id":"${FORK.journalId}"}`],
    ['a huge file', ' '.repeat(1 << 20)],
    ['null', 'null'],
  ])('that is not ours is none: %s', (_what, text) => {
    writeFileSync(join(directory, 'fork'), text);
    expect(readForkMarker(directory)).toBeUndefined();
  });

  it('that is a FIFO or a device does not keep the agent waiting', () => {
    execFileSync('mkfifo', [join(directory, 'fork')]);
    expect(readForkMarker(directory)).toBeUndefined();
    rmSync(join(directory, 'fork'));
    symlinkSync('/dev/zero', join(directory, 'fork'));
    expect(readForkMarker(directory)).toBeUndefined();
  });
});

async function write(text: string, options: { fork?: Fork; hostIdentity?: string } = {}): Promise<string> {
  const counters = new Counters();
  const base = {
    directory,
    hostIdentity: 'host',
    hostId: 'h',
    counters,
    nowMs: () => 1_800_000_000_000,
    reserveBytes: 0,
  };
  const journal = await openJournal({ ...base, ...options });
  await journal.append(Buffer.from(text), { kind: 'alert', rank: 0, wallMs: 1_800_000_000_000 });
  await journal.close();
  return journal.status().journalId;
}

async function written(): Promise<[number, string][]> {
  const found: [number, string][] = [];
  for await (const { seq, journalId } of readJournal({ directory, counters: new Counters() }))
    found.push([seq, journalId]);
  return found;
}

describe('the journal', () => {
  it('gets a new id when its own was refused; seqs go on, and the old id has a successor', async () => {
    const first = await write('a');
    const fork = { journalId: first, seq: 1 };
    const second = await write('b', { fork });
    expect(second).not.toBe(first);
    expect(await written()).toEqual([
      [1, first],
      [2, second],
    ]);
    const meta = await readMeta(nodeJournalIo, directory);
    expect(successorIn(meta, first)).toEqual({ journalId: second, fromSeq: 1 });
    expect(successorIn(meta, second)).toBeUndefined();
  });

  it('keeps its id while the marker is still there, and when it is about another', async () => {
    const first = await write('a');
    const fork = { journalId: first, seq: 1 };
    const second = await write('b', { fork });
    expect(await write('c', { fork })).toBe(second);
    expect(await write('d', { fork: FORK })).toBe(second);
  });

  it('knows the successor of every id that was refused', async () => {
    const first = await write('a');
    const second = await write('b', { fork: { journalId: first, seq: 1 } });
    const third = await write('c', { fork: { journalId: second, seq: 2 } });
    const meta = await readMeta(nodeJournalIo, directory);
    expect(successorIn(meta, first)).toEqual({ journalId: third, fromSeq: 1 });
    expect(successorIn(meta, second)).toEqual({ journalId: third, fromSeq: 2 });
    const fourth = await write('d', { hostIdentity: 'moved' });
    expect(successorIn(await readMeta(nodeJournalIo, directory), first)).toEqual({ journalId: fourth, fromSeq: 1 });
  });
});

describe('a journal that is being written', () => {
  const options = {
    hostIdentity: 'host',
    hostId: 'h',
    counters: new Counters(),
    nowMs: () => 1_800_000_000_000,
    reserveBytes: 0,
  };
  const kind = { kind: 'alert', rank: 0, wallMs: 1_800_000_000_000 } as const;

  it('goes on under a new id from the next record on: all are there, in one chain', async () => {
    const journal = await openJournal({ directory, ...options });
    const before = journal.status().journalId;
    const append = (count: number) => Array.from({ length: count }, () => journal.append(Buffer.from('x'), kind));
    const first = append(5);
    const forked = journal.fork({ journalId: before, seq: 3 });
    const second = append(5);
    expect(await forked).toBe(true);
    const after = journal.status().journalId;
    expect(after).not.toBe(before);
    expect(await journal.fork({ journalId: before, seq: 3 })).toBe(false);
    await Promise.all([...first, ...second, ...append(1)]);
    await journal.close();
    expect(await journal.fork({ journalId: after, seq: 1 })).toBe(false);
    const records = await written();
    expect(records.map(([seq]) => seq)).toEqual(Array.from({ length: 11 }, (_, i) => i + 1));
    expect(new Set(records.map(([, id]) => id))).toEqual(new Set([before, after]));
    expect(records.map(([, id]) => id)).toEqual(records.map(([, id]) => id).sort((a) => (a === before ? -1 : 1)));
    expect(records.at(-1)?.[1]).toBe(after);
    const links = readJournal({ directory, counters: new Counters() }, { links: true });
    let link: Buffer = Buffer.alloc(32);
    for await (const { seq, kind, rank, wallMs, flags = 0, payload, link: found } of links) {
      link = nextLink(link, { seq, kind, rank, wallMs, flags }, payload);
      expect(found?.equals(link), `link of ${seq}`).toBe(true);
    }
  });

  it('keeps its new id when it ends before another record, and needs no marker again', async () => {
    const journal = await openJournal({ directory, ...options });
    await journal.append(Buffer.from('x'), kind);
    const before = journal.status().journalId;
    await journal.fork({ journalId: before, seq: 1 });
    const after = journal.status().journalId;
    await journal.close();
    expect(await write('y')).toBe(after);
    expect(await written()).toEqual([
      [1, before],
      [2, after],
    ]);
    expect(successorIn(await readMeta(nodeJournalIo, directory), before)).toEqual({ journalId: after, fromSeq: 1 });
  });

  it('goes on as before when the new id cannot be saved', async () => {
    let broken = false;
    const io = {
      ...nodeJournalIo,
      rename: (from: string, to: string) =>
        broken ? Promise.reject(Object.assign(new Error('no'), { code: 'EIO' })) : nodeJournalIo.rename(from, to),
    };
    const journal = await openJournal({ directory, ...options, io });
    const before = journal.status().journalId;
    await journal.append(Buffer.from('x'), kind);
    broken = true;
    await expect(journal.fork({ journalId: before, seq: 1 })).rejects.toMatchObject({ code: 'FB_JOURNAL_IO' });
    expect(await journal.append(Buffer.from('y'), kind)).toBe(2);
    await journal.close();
    expect(await written()).toEqual([
      [1, before],
      [2, before],
    ]);
  });
});
