// Blocks that the disk cannot give back, files that are not what their names say, and directories that someone else put things
// into: a journal opens and is read all the same, and what that costs is said.

import { expect, it } from 'vitest';
import { checkJournal } from '../../src/journal/check.ts';
import { Cursor, readCursor } from '../../src/journal/cursor.ts';
import { readLast, readStatus } from '../../src/journal/reader.ts';
import { Counters } from '../../src/stats.ts';
import { append, codeOf, DIRECTORY, openOn, readAll } from './fixture.ts';
import { MemoryDisk, type Step } from './memory-disk.ts';

const BLOCK = 4096;

/** Records of 1000 bytes, four a block or nearly; three segments, the last of them unsealed. */
async function journal(): Promise<{ disk: MemoryDisk; names: string[] }> {
  const disk = new MemoryDisk();
  const writer = await openOn(disk, { maxSegmentBytes: 20_000 });
  for (let i = 1; i <= 50; i++) await append(writer, `record ${i} ${'y'.repeat(1000)}`);
  await writer.close();
  return { disk, names: [...disk.files().keys()].filter((name) => name.endsWith('.fbj')).sort() };
}

/** Every read that touches one of these blocks of the file fails. */
function breakBlocks(disk: MemoryDisk, name: string, blocks: readonly number[]): void {
  disk.unreadable = (path, offset, length) =>
    path === name && blocks.some((block) => offset < (block + 1) * BLOCK && offset + length > block * BLOCK);
}

const seqsOf = (texts: readonly string[]) => texts.map((each) => Number(each.split(' ')[1]));
const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

it.each([0, 1, 2])('a bad block in the middle of segment %i costs the records that touch it', async (i) => {
  const { disk, names } = await journal();
  breakBlocks(disk, names[i]!, [2]);
  const before = await readAll(disk);
  const lost = upTo(50).filter((seq) => !before.seqs.includes(seq));
  expect(lost.length).toBeGreaterThan(3);
  expect(lost.length).toBeLessThan(7);
  expect(before.damage.map(({ fromSeq, toSeq }) => [fromSeq, toSeq])).toEqual([[lost[0], lost.at(-1)]]);
  const writer = await openOn(disk);
  expect(writer.damage.length).toBe(i === 2 ? 1 : 0);
  expect(await append(writer, 'record 51')).toBe(51);
  await writer.close();
  expect(seqsOf((await readAll(disk)).texts)).toEqual(upTo(51).filter((seq) => !lost.includes(seq)));
});

it('a bad first block costs its segment, which goes to quarantine, and the journal opens', async () => {
  const { disk, names } = await journal();
  const first = Number(names[1]!.slice(-25, -9));
  const next = Number(names[2]!.slice(-25, -9));
  breakBlocks(disk, names[1]!, [0]);
  const writer = await openOn(disk);
  expect(writer.damage.map(({ fromSeq, toSeq }) => [fromSeq, toSeq])).toEqual([[first, next - 1]]);
  expect(disk.files().has(`${DIRECTORY}/quarantine/${names[1]!.slice(DIRECTORY.length + 1)}`)).toBe(true);
  expect(await append(writer, 'record 51')).toBe(51);
  expect((await readAll(disk)).seqs).toEqual([...upTo(first - 1), ...upTo(51).slice(next - 1)]);
});

it('a last segment of which nothing can be read is given up, and no seq is given twice', async () => {
  for (const sameBoot of [true, false]) {
    const { disk, names } = await journal();
    const last = names.at(-1)!;
    if (!sameBoot) {
      disk.boot = 'cc'.repeat(16);
      await disk.unlink(`${DIRECTORY}/commit`);
    }
    breakBlocks(
      disk,
      last,
      upTo(9).map((n) => n - 1),
    );
    const writer = await openOn(disk);
    const seq = await append(writer, 'next');
    if (sameBoot) expect(seq).toBe(51);
    else expect(seq).toBeGreaterThan(50);
    expect(writer.damage.map(({ fromSeq, toSeq }) => [fromSeq, toSeq])).toEqual([
      [Number(last.slice(-25, -9)), seq - 1],
    ]);
  }
});

it('the check says which segment has a header that cannot be read, and goes on', async () => {
  const { disk, names } = await journal();
  breakBlocks(disk, names[1]!, [0, 1, 2, 3, 4]);
  const { faults, segments } = await checkJournal({ directory: DIRECTORY, counters: new Counters(), io: disk });
  expect(faults[0]).toMatchObject({ segment: names[1]!.slice(DIRECTORY.length + 1), what: 'header' });
  expect(segments).toBe(2);
});

it('a disk that gives nothing back is an error for readers, not damage', async () => {
  const { disk } = await journal();
  disk.unreadable = (path) => path.endsWith('.fbj');
  expect(await codeOf(readAll(disk))).toBe('FB_JOURNAL_IO');
});

it('a commit mark and a journal.json that cannot be read cost no record', async () => {
  for (const file of ['commit', 'journal.json']) {
    const { disk } = await journal();
    disk.unreadable = (path) => path === `${DIRECTORY}/${file}`;
    const writer = await openOn(disk);
    expect(await append(writer, 'record 51'), file).toBe(51);
    disk.unreadable = () => false;
    expect((await readAll(disk)).seqs, file).toEqual(upTo(51));
  }
});

it('one cursor slot that cannot be read leaves the other; with both lost everything is sent again', async () => {
  const disk = new MemoryDisk();
  const path = '/ship/x.cursor';
  const cursor = await Cursor.open(disk, path);
  for (const seq of [1, 2]) await cursor.save({ seq, journalId: '0a'.repeat(16), link: Buffer.alloc(32) });
  const seen: (number | undefined)[] = [];
  for (const bad of [[0], [1], [0, 1]]) {
    breakBlocks(disk, path, bad);
    seen.push((await readCursor(disk, path))?.seq);
  }
  expect(seen).toEqual([1, 2, undefined]);
});

const FOREIGN: readonly [name: string, content: string, damages: number][] = [
  ['notes.txt', 'hello', 0],
  ['half.tmp', 'left by a copy', 0],
  ['0000000000000003.fbj', 'no generation', 0],
  ['0000000000000000-0000.fbj', 'seqs begin at 1', 0],
  ['9999999999999999-0000.fbj', 'no writer gets that far', 0],
  ['0000000000000051-0000.fbj', '', 1],
  ['0000000000000051-0000.fbj', 'x'.repeat(511), 1],
];

it.each(FOREIGN)('a foreign file %s does not keep the journal from opening, nor use up its seqs', async (...row) => {
  const [name, content, damages] = row;
  const { disk } = await journal();
  disk.put(`${DIRECTORY}/${name}`, Buffer.from(content));
  const writer = await openOn(disk);
  expect(writer.damage.length).toBe(damages);
  expect(await append(writer, 'record 51')).toBe(51 + damages);
  expect(await append(writer, 'record 52')).toBe(52 + damages);
  const { seqs } = await readAll(disk);
  expect(seqs.slice(-3)).toEqual([50, 51 + damages, 52 + damages]);
});

it('of two generations the older is kept while the newer cannot be read', async () => {
  const { disk, names } = await journal();
  const older = disk.files().get(names[1]!)!;
  disk.put(names[1]!.replace('-0000', '-0001'), Buffer.alloc(4096, 7));
  const writer = await openOn(disk);
  expect([writer.damage, writer.status().nextSeq]).toEqual([[], 51]);
  expect((await readAll(disk)).seqs).toEqual(upTo(50));
  expect(disk.files().get(names[1]!)).toEqual(older);
});

it('what is removed while it is looked at has expired; it is neither absent nor damaged', async () => {
  const { disk, names } = await journal();
  const fault = disk.fault;
  disk.fault = (step: Step) => (step.operation === 'open' && step.path === names[0] ? 'ENOENT' : fault(step));
  const source = { directory: DIRECTORY, counters: new Counters(), io: disk };
  expect((await readStatus(source)).durableSeq).toBe(50);
  expect((await checkJournal(source)).faults).toEqual([]);
  expect((await readLast(source, 2, () => true)).map(({ seq }) => seq)).toEqual([49, 50]);
});

it('a reader that comes in the middle of a write of the commit mark looks again', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  await append(writer, 'durable');
  let syncs = 0;
  disk.fault = ({ operation }) => (operation === 'datasync' && syncs++ < 9 ? 'EIO' : undefined);
  expect(await codeOf(append(writer, 'in the page cache alone'))).toBe('FB_JOURNAL_IO');
  disk.fault = () => undefined;
  let torn = 2;
  disk.scramble = (path) => path.endsWith('/commit') && torn-- > 0;
  expect((await readAll(disk)).texts).toEqual(['durable']);
  expect(torn).toBe(-1);
});

it('a commit mark that could not be opened is tried again: an old one would hide all that is new', async () => {
  const disk = new MemoryDisk();
  await (await openOn(disk)).close();
  let opens = 0;
  // The first is that of a look at the mark.
  disk.fault = ({ operation, path }) =>
    operation === 'open' && path.endsWith('/commit') && ++opens === 2 ? 'EMFILE' : undefined;
  const counters = new Counters();
  const writer = await openOn(disk, { counters });
  expect(counters.get('journal_marks_failed_total')).toBe(1);
  await append(writer, 'new');
  expect((await readAll(disk)).texts).toEqual(['new']);
});
