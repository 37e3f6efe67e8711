// The chain shows what checksums cannot: someone who can write the files and knows the format.

import { expect, it } from 'vitest';
import { type CheckedRecord, type CheckOptions, checkJournal } from '../../src/journal/check.ts';
import { decodeHead, encodeRecord, RECORD_HEAD, recordSize } from '../../src/journal/format.ts';
import { decodeHeader } from '../../src/journal/segment-header.ts';
import { Counters } from '../../src/stats.ts';
import { append, DIRECTORY, openOn } from './fixture.ts';
import { MemoryDisk } from './memory-disk.ts';

async function journal(): Promise<{ disk: MemoryDisk; names: string[] }> {
  const disk = new MemoryDisk();
  const writer = await openOn(disk, { maxSegmentBytes: 1100 });
  for (let i = 1; i <= 20; i++) await append(writer, `record ${i}`);
  await writer.close();
  return { disk, names: [...disk.files().keys()].filter((name) => name.endsWith('.fbj')).sort() };
}

function check(disk: MemoryDisk, options: CheckOptions = {}) {
  return checkJournal({ directory: DIRECTORY, counters: new Counters(), io: disk }, options);
}

/** Replaces the payload of a segment's first record by another of the same length, checksums made right. */
function forge(content: Buffer): Buffer {
  const { salt } = decodeHeader(content, '')!;
  const head = decodeHead(content, 512, salt)!;
  const record = encodeRecord(head, Buffer.from('x'.repeat(head.length)), salt);
  record.copy(content, 512);
  return content;
}

it('finds nothing in a journal that is as it was written', async () => {
  const { disk, names } = await journal();
  expect(await check(disk)).toEqual({ segments: names.length, records: 20, faults: [] });
});

it.each([0, 1])('finds a record of segment %i that was replaced, checksums and all', async (i) => {
  const { disk, names } = await journal();
  disk.put(names[i]!, forge(disk.files().get(names[i]!)!));
  const { faults, records } = await check(disk);
  expect(records).toBe(20);
  expect(faults.map(({ what }) => what)).toEqual(['chain']);
});

it('finds a segment that was taken out, and records that were cut off the end', async () => {
  const { disk, names } = await journal();
  expect(names.length).toBeGreaterThan(2);
  await disk.unlink(names[1]!);
  expect((await check(disk)).faults).toMatchObject([{ what: 'missing' }]);
  const cut = await journal();
  await cut.disk.unlink(cut.names.at(-1)!);
  expect((await check(cut.disk)).faults).toMatchObject([{ segment: 'commit', what: 'missing' }]);
});

it('finds damage, and says where', async () => {
  const { disk, names } = await journal();
  const content = disk.files().get(names[0]!)!;
  content[512 + RECORD_HEAD]! ^= 1;
  disk.put(names[0]!, content);
  const place = { offset: 512, bytes: recordSize('record 1'.length) };
  expect((await check(disk)).faults).toEqual([
    { segment: names[0]!.slice(9), what: 'damaged', seq: 1, toSeq: 1, ...place },
  ]);
});

it('finds nothing after poison and after a kill: rewritten records keep their links', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  await append(writer, 'good');
  let failed = false;
  disk.fault = ({ operation, path }) => {
    if (failed || operation !== 'datasync' || !path.includes('.fbj')) return undefined;
    failed = true;
    return 'EIO';
  };
  await append(writer, 'hit');
  const killed = disk.afterKill();
  const next = await openOn(killed);
  await append(next, 'next');
  expect(await check(killed)).toMatchObject({ records: 3, faults: [] });
});

it('hands each record on with its link in the chain, as the writer tells it', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk, { maxSegmentBytes: 1100 });
  const told: [number, string][] = [];
  for (let i = 1; i <= 20; i++) {
    await append(writer, `record ${i}`);
    told.push([i, writer.status().link]);
  }
  const found: CheckedRecord[] = [];
  const segments: [number, number][] = [];
  const { segments: count } = await check(disk, {
    onRecord: (record) => void found.push(record),
    onProgress: (done, of) => void segments.push([done, of]),
  });
  expect(found.map(({ seq, link }) => [seq, link?.toString('hex')])).toEqual(told);
  expect(segments.at(-1)).toEqual([count, count]);
});

it('knows no link behind damage until the next segment says one', async () => {
  const { disk, names } = await journal();
  const content = disk.files().get(names[0]!)!;
  content[512 + recordSize('record 1'.length) + RECORD_HEAD]! ^= 1;
  disk.put(names[0]!, content);
  const found: CheckedRecord[] = [];
  const { faults } = await check(disk, { onRecord: (record) => void found.push(record) });
  expect(faults).toMatchObject([{ what: 'damaged', seq: 2, toSeq: 2 }]);
  const second = Number(names[1]!.slice(9, 25));
  expect(found.filter(({ link }) => link === undefined).map(({ seq }) => seq)).toEqual(
    Array.from({ length: second - 3 }, (_, i) => i + 3),
  );
});

it.each([
  ['in the midst: up to the first of the next', 1],
  ['the last: up to what was acknowledged', -1],
])('a segment whose header is lost is one fault, %s', async (_name, at) => {
  const { disk, names } = await journal();
  const name = names.at(at)!;
  const content = disk.files().get(name)!;
  content.fill(0, 0, 512);
  disk.put(name, content);
  const next = names[names.indexOf(name) + 1];
  const toSeq = next === undefined ? 20 : Number(next.slice(9, 25)) - 1;
  const { faults } = await check(disk);
  expect(faults).toEqual([{ segment: name.slice(9), what: 'header', seq: Number(name.slice(9, 25)), toSeq }]);
});

it('tells no link of records that were kept when those between them expired', async () => {
  const disk = new MemoryDisk();
  const limits = { maxBytes: 12_000, reservedBytes: 6000 };
  const writer = await openOn(disk, { maxSegmentBytes: 2000, limits });
  const told = new Map<number, string>();
  for (let i = 1; i <= 100; i++) {
    const seq = await append(writer, `record ${i} ${'x'.repeat(200)}`, i % 10 === 0 ? 2 : 0);
    told.set(seq, writer.status().link);
  }
  const found: CheckedRecord[] = [];
  const { faults } = await check(disk, { onRecord: (record) => void found.push(record) });
  expect(faults).toEqual([]);
  expect(found.length).toBeLessThan(100);
  const kept = found.filter(({ link }) => link === undefined);
  expect(kept.length).toBeGreaterThan(2);
  expect(kept.every(({ rank }) => rank === 2)).toBe(true);
  for (const { seq, link } of found) if (link !== undefined) expect(link.toString('hex'), `${seq}`).toBe(told.get(seq));
});

it('the last record of a sealed segment, damaged, is one fault', async () => {
  const { disk, names } = await journal();
  const content = disk.files().get(names[0]!)!;
  const last = Number(names[1]!.slice(9, 25)) - 1;
  const offset = content.lastIndexOf(`record ${last}`);
  content[offset]! ^= 1;
  disk.put(names[0]!, content);
  const { faults } = await check(disk);
  expect(faults).toMatchObject([{ what: 'damaged', seq: last, toSeq: last, offset: offset - RECORD_HEAD }]);
});
