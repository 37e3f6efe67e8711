import { expect, it } from 'vitest';
import { MAX_PAYLOAD } from '../../src/journal/format.ts';
import { Counters } from '../../src/stats.ts';
import { append, codeOf, DIRECTORY, openOn, readAll } from './fixture.ts';
import { MemoryDisk } from './memory-disk.ts';

it('gives dense seqs in the order of the appends and reads them back', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  const seqs = await Promise.all(['a', 'b', 'c'].map((each) => append(writer, each)));
  seqs.push(await append(writer, 'd'));
  await writer.close();
  expect(seqs).toEqual([1, 2, 3, 4]);
  const back = await readAll(disk);
  expect(back.texts).toEqual(['a', 'b', 'c', 'd']);
  expect(back.seqs).toEqual([1, 2, 3, 4]);
  expect(back.damage).toEqual([]);
});

it('keeps kind, rank and time in the record head', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  await writer.append(Buffer.from('x'), { kind: 'gap', rank: 3, wallMs: 12_345.9 });
  await writer.append(Buffer.alloc(0), { kind: 'clock', rank: -7, wallMs: Number.NaN });
  const { records } = await readAll(disk);
  expect(records.map(({ kindName, rank, wallMs }) => [kindName, rank, wallMs])).toEqual([
    ['gap', 3, 12_345],
    ['clock', 0, 0],
  ]);
});

it('syncs at once when idle, and once for all that arrives during a sync', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  await append(writer, 'first');
  const syncs = () => disk.counts.get('datasync') ?? 0;
  const before = syncs();
  await append(writer, 'alone');
  expect(syncs() - before).toBe(1);
  await Promise.all(Array.from({ length: 1000 }, (_, i) => append(writer, `record ${i}`)));
  expect(syncs() - before).toBeLessThanOrEqual(3);
  console.log(`journal: 1000 concurrent appends took ${syncs() - before - 1} fdatasync calls`);
});

it('acknowledges only after the sync has returned, and shows nothing before', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  await append(writer, 'one');
  const seen: string[][] = [];
  disk.fault = ({ operation }) => {
    if (operation === 'datasync') disk.fault = () => undefined;
    if (operation !== 'datasync') return undefined;
    seen.push([...disk.files().keys()]);
    return 'EIO';
  };
  const appended = append(writer, 'two');
  expect((await readAll(disk)).texts).toEqual(['one']);
  expect(await appended).toBe(2);
  expect(seen.length).toBe(1);
  expect((await readAll(disk)).texts).toEqual(['one', 'two']);
});

it('rotates by size, and every segment but the last ends with a footer', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk, { maxSegmentBytes: 4096 });
  for (let i = 1; i <= 40; i++) await append(writer, `record ${i} ${'x'.repeat(200)}`);
  expect(writer.status().segments).toBeGreaterThan(2);
  const sizes = [...disk.files()].filter(([name]) => name.endsWith('.fbj')).map(([, content]) => content.length);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(4096);
  expect((await readAll(disk)).seqs).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
});

it.each([
  ['a payload beyond the bound', MAX_PAYLOAD + 1, 'FB_JOURNAL_RECORD_SIZE'],
  ['the largest payload', MAX_PAYLOAD, ''],
])('%s', async (_name, size, code) => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  expect(await codeOf(writer.append(Buffer.alloc(size, 1), { kind: 'alert', rank: 0, wallMs: 0 }))).toBe(code);
  await append(writer, 'next');
  expect((await readAll(disk)).records.at(-1)?.seq).toBe(code === '' ? 2 : 1);
});

it('refuses records when too many wait, and counts them', async () => {
  const counters = new Counters();
  const writer = await openOn(new MemoryDisk(), { maxQueueBytes: 1000, counters });
  const codes = await Promise.all(Array.from({ length: 4 }, () => codeOf(append(writer, 'x'.repeat(400)))));
  expect(codes).toEqual(['', '', 'FB_JOURNAL_QUEUE', 'FB_JOURNAL_QUEUE']);
  expect(counters.get('journal_records_refused_total', 'queue')).toBe(2);
  expect(await append(writer, 'later')).toBe(3);
});

it('commits what waits at close, refuses what comes after, and closes twice', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  const appended = Promise.all([append(writer, 'a'), append(writer, 'b')]);
  await Promise.all([writer.close(), writer.close()]);
  expect(await appended).toEqual([1, 2]);
  expect(await codeOf(append(writer, 'c'))).toBe('FB_JOURNAL_CLOSED');
});

it('a second writer is refused and writes nothing; after close the next one goes on', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  await append(writer, 'a');
  const before = disk.files();
  expect(await codeOf(openOn(disk))).toBe('FB_JOURNAL_LOCKED');
  expect(disk.files()).toEqual(before);
  await writer.close();
  const second = await openOn(disk);
  expect(await append(second, 'b')).toBe(2);
});

it('releases the lock when opening fails', async () => {
  const disk = new MemoryDisk();
  disk.fault = ({ operation }) => (operation === 'readdir' ? 'EACCES' : undefined);
  expect(await codeOf(openOn(disk))).toBe('FB_JOURNAL_ACCESS');
  disk.fault = () => undefined;
  await expect(openOn(disk)).resolves.toBeDefined();
});

it('goes on in the same segment after a clean stop in one boot, in a new one after a boot', async () => {
  const disk = new MemoryDisk();
  for (const boot of ['b0', 'b0', 'b1']) {
    disk.boot = boot.repeat(16);
    const writer = await openOn(disk);
    await append(writer, boot);
    await writer.close();
  }
  const names = [...disk.files().keys()].filter((name) => name.endsWith('.fbj'));
  expect(names).toEqual([`${DIRECTORY}/0000000000000001-0000.fbj`, `${DIRECTORY}/0000000000000003-0000.fbj`]);
  expect((await readAll(disk)).seqs).toEqual([1, 2, 3]);
});

it('a host of another identity gets a new journal id, and the seqs go on', async () => {
  const disk = new MemoryDisk();
  const ids = [];
  for (const [i, hostIdentity] of ['one', 'one', 'two'].entries()) {
    const writer = await openOn(disk, { hostIdentity, random: (n) => Buffer.alloc(n, i + 1) });
    await append(writer, hostIdentity);
    ids.push(writer.status().journalId);
    await writer.close();
  }
  expect(ids).toEqual(['01'.repeat(16), '01'.repeat(16), '03'.repeat(16)]);
  const { records } = await readAll(disk);
  expect(records.map(({ seq, journalId }) => [seq, journalId.slice(0, 2)])).toEqual([
    [1, '01'],
    [2, '01'],
    [3, '03'],
  ]);
});

it('says where it stands', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  expect(writer.status()).toMatchObject({ firstSeq: 1, nextSeq: 1, durableSeq: 0, segments: 0, bytes: 0 });
  const appended = append(writer, 'a');
  expect(writer.status()).toMatchObject({ nextSeq: 2, durableSeq: 0 });
  await appended;
  expect(writer.status()).toMatchObject({ firstSeq: 1, nextSeq: 2, durableSeq: 1, segments: 1, tornBytes: 0 });
  expect(writer.status().link).toMatch(/^[0-9a-f]{64}$/);
});
