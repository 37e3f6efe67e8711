import { expect, it } from 'vitest';
import { ActiveSegment } from '../../src/journal/active-segment.ts';
import { CHAIN_START, nextLink } from '../../src/journal/format.ts';
import { readJournal, readLast, readStatus } from '../../src/journal/reader.ts';
import { RECORDS_START } from '../../src/journal/segment-header.ts';
import { Counters } from '../../src/stats.ts';
import { append, codeOf, DIRECTORY, openOn, readAll, START_MS, text } from './fixture.ts';
import { MemoryDisk } from './memory-disk.ts';

const SMALL = { maxSegmentBytes: 1024 };

function source(disk: MemoryDisk) {
  return { directory: DIRECTORY, counters: new Counters(), io: disk };
}

async function filled(count: number, disk = new MemoryDisk()) {
  const writer = await openOn(disk, SMALL);
  for (let i = 1; i <= count; i++) await append(writer, `record ${i}`, i % 4, START_MS + i * 1000);
  return { disk, writer };
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

it.each([1, 2, 7, 19, 20])('begins at seq %i', async (fromSeq) => {
  const { disk } = await filled(20);
  expect((await readAll(disk, { fromSeq })).seqs).toEqual(upTo(20, fromSeq));
});

it('is empty beyond the end, and before anything was written', async () => {
  const { disk } = await filled(3);
  expect((await readAll(disk, { fromSeq: 4 })).seqs).toEqual([]);
  const empty = new MemoryDisk();
  await openOn(empty);
  expect((await readAll(empty)).seqs).toEqual([]);
});

it.each([0, 1, 8, 20, 21])('begins at time +%i s, and leaves sealed older segments unread', async (second) => {
  const { disk } = await filled(20);
  const whole = await reads(disk, {});
  const part = await reads(disk, { sinceMs: START_MS + second * 1000 });
  expect(part.seqs).toEqual(upTo(20, Math.max(second, 1)));
  if (second >= 8) expect(part.reads).toBeLessThan(whole.reads);
});

async function reads(disk: MemoryDisk, options: { sinceMs?: number }) {
  const before = disk.counts.get('read') ?? 0;
  const { seqs } = await readAll(disk, options);
  return { seqs, reads: (disk.counts.get('read') ?? 0) - before };
}

it('a follower sees what is appended, over rotations, and ends at the signal', async () => {
  const { disk, writer } = await filled(2);
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const record of readJournal(source(disk), { follow: true, signal: stop.signal })) {
    seen.push(text(record));
    if (seen.length < 30) await append(writer, `record ${seen.length + 2}`);
    if (seen.length === 31) stop.abort();
  }
  expect(seen).toEqual(upTo(31).map((each) => `record ${each}`));
});

it('a follower that waits is woken by the commit mark', async () => {
  const { disk, writer } = await filled(1);
  const stop = new AbortController();
  const records = readJournal(source(disk), { fromSeq: 2, follow: true, signal: stop.signal });
  const next = records.next();
  await append(writer, 'woken');
  expect(text((await next).value!)).toBe('woken');
  const end = records.next();
  stop.abort();
  expect((await end).done).toBe(true);
});

it('a signal that is aborted already still reads what is there', async () => {
  const { disk } = await filled(3);
  expect((await readAll(disk, { follow: true, signal: AbortSignal.abort() })).seqs).toEqual([1, 2, 3]);
});

it('goes on where retention removed what it was about to read', async () => {
  const { disk } = await filled(20);
  const names = [...disk.files().keys()].filter((name) => name.endsWith('.fbj')).sort();
  const records = readJournal(source(disk));
  expect((await records.next()).value?.seq).toBe(1);
  await disk.unlink(names[1]!);
  const seqs: number[] = [];
  for await (const record of records) seqs.push(record.seq);
  expect(seqs.at(-1)).toBe(20);
  expect(seqs.length).toBeLessThan(19);
});

it('says which seqs are missing when a segment was taken out of the middle', async () => {
  const { disk } = await filled(20);
  const names = [...disk.files().keys()].filter((name) => name.endsWith('.fbj')).sort();
  await disk.unlink(names[1]!);
  const { seqs, damage } = await readAll(disk);
  const missing = upTo(20).filter((seq) => !seqs.includes(seq));
  expect(missing.length).toBeGreaterThan(0);
  expect(damage.map(({ fromSeq, toSeq }) => [fromSeq, toSeq])).toEqual([[missing[0], missing.at(-1)]]);
});

it('skips kinds, and records with flags, of a later version and counts them, or gives them when asked', async () => {
  const disk = new MemoryDisk();
  const kinds = [
    { kind: 1, flags: 0 },
    { kind: 77, flags: 0 },
    { kind: 1, flags: 0x10 },
    { kind: 1, flags: 0x01 },
  ];
  await putSegment(disk, kinds);
  const back = await readAll(disk);
  expect([back.seqs, back.damage]).toEqual([[1, 4], []]);
  expect(back.counters.get('journal_records_skipped_total', 'unknown_kind')).toBe(2);
  const all = (await readAll(disk, { unknownKinds: true })).records;
  expect(all.map(({ kind, kindName }) => [kind, kindName])).toEqual([
    [1, 'alert'],
    [77, undefined],
    [1, undefined],
    [1, 'alert'],
  ]);
  const writer = await openOn(disk);
  expect(await append(writer, 'goes on')).toBe(5);
});

/** A segment as a later version might have left it. */
async function putSegment(disk: MemoryDisk, heads: { kind: number; flags: number }[]): Promise<void> {
  const header = {
    journalId: '0a'.repeat(16),
    bootId: 'b9'.repeat(16),
    hostId: 'host',
    firstSeq: 1,
    createdMs: 0,
    previousLink: CHAIN_START,
    salt: 1,
    generation: 0,
    thinned: false,
    recordsStart: RECORDS_START,
  };
  let link = CHAIN_START;
  const records = heads.map((head, i) => {
    const facts = { seq: i + 1, wallMs: 0, rank: 0, ...head };
    const payload = Buffer.from('x');
    const before = link;
    link = nextLink(before, facts, payload);
    return { facts, payload, before, link };
  });
  const segment = await ActiveSegment.create(disk, DIRECTORY, header, records);
  await segment.close();
}

it.each([
  [3, [16, 18, 20]],
  [100, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]],
  [0, []],
])('gives the last %i accepted records', async (count, seqs) => {
  const { disk } = await filled(20);
  const before = disk.counts.get('open') ?? 0;
  const last = await readLast(source(disk), count, ({ seq }) => seq % 2 === 0);
  expect(last.map(({ seq }) => seq)).toEqual(seqs);
  if (count === 3) expect((disk.counts.get('open') ?? 0) - before).toBeLessThan(4);
});

it('tells its state without being the writer', async () => {
  const { disk, writer } = await filled(20);
  const { expired, tornBytes, ...same } = writer.status();
  expect([expired, tornBytes]).toEqual([0, 0]);
  expect(await readStatus(source(disk))).toMatchObject(same);
});

it.each([readAll, (disk: MemoryDisk) => readLast(source(disk), 1, () => true)])('no journal: says so', async (read) => {
  const disk = new MemoryDisk();
  disk.fault = ({ operation }) => (operation === 'readdir' ? 'ENOENT' : undefined);
  expect(await codeOf(read(disk))).toBe('FB_JOURNAL_ABSENT');
});

it('a read error is FB_JOURNAL_IO', async () => {
  const { disk } = await filled(3);
  disk.fault = ({ operation, path }) => (operation === 'read' && path.endsWith('.fbj') ? 'EIO' : undefined);
  expect(await codeOf(readAll(disk))).toBe('FB_JOURNAL_IO');
});
