// What a backlog of 1 GiB costs those who do not read it: bytes asked of the file interface, not seconds (npm run bench has
// those). The segments that nobody has to read are holes between a header and a footer: whoever read them would find damage.

import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ActiveSegment, type PlacedRecord } from '../../src/journal/active-segment.ts';
import { nextLink } from '../../src/journal/format.ts';
import { type JournalIo, nodeJournalIo } from '../../src/journal/journal-io.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { readJournal, readLast, readStatus } from '../../src/journal/reader.ts';
import { segmentName } from '../../src/journal/segment.ts';
import {
  encodeFooter,
  encodeHeader,
  FOOTER_SIZE,
  RECORDS_START,
  type SegmentHeader,
} from '../../src/journal/segment-header.ts';
import { Counters } from '../../src/stats.ts';

const PAYLOAD = 16 << 10;
/** Of a segment, which is 16 MiB. */
const RECORDS = 1023;
const SEGMENT_BYTES = RECORDS_START + RECORDS * (40 + PAYLOAD) + FOOTER_SIZE;
const SALT = 7;
const FACTS = { wallMs: 1_800_000_000_000, kind: 1, rank: 1, flags: 0 };

let base: string;
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'forebear-backlog-'));
  await make('small', 1);
  await make('large', 64);
}, 60_000);
afterAll(() => rmSync(base, { recursive: true }));

function headerOf(firstSeq: number, previousLink: Buffer): SegmentHeader {
  const ids = { journalId: '0a'.repeat(16), bootId: 'b9'.repeat(16), hostId: 'host' };
  const rest = { generation: 0, salt: SALT, thinned: false, recordsStart: RECORDS_START, createdMs: FACTS.wallMs };
  return { ...ids, ...rest, firstSeq, previousLink };
}

/** A journal of so many segments; the last and the one in the middle are whole, the last is not sealed. */
async function make(name: string, segments: number): Promise<void> {
  const directory = join(base, name);
  mkdirSync(directory);
  const link = Buffer.alloc(32, 1);
  for (let i = 0; i < segments; i++) {
    const header = headerOf(i * RECORDS + 1, link);
    const isLast = i === segments - 1;
    if (isLast || i === segments >> 1) await makeWhole(directory, header, !isLast);
    else makeHollow(directory, header);
  }
}

async function makeWhole(directory: string, header: SegmentHeader, sealed: boolean): Promise<void> {
  let link = header.previousLink;
  const records = Array.from({ length: RECORDS }, (_, i): PlacedRecord => {
    const facts = { ...FACTS, seq: header.firstSeq + i };
    const payload = Buffer.alloc(PAYLOAD, i);
    const before = link;
    link = nextLink(before, facts, payload);
    return { facts, payload, before, link };
  });
  const segment = await ActiveSegment.create(nodeJournalIo, directory, header, records);
  if (sealed) await segment.seal(FACTS.wallMs);
  await segment.close();
}

function makeHollow(directory: string, header: SegmentHeader): void {
  const ranks = [0, 1, 2, 3].map((rank) => ({ records: rank === 1 ? RECORDS : 0, bytes: 0 }));
  const seqs = { firstSeq: header.firstSeq, lastSeq: header.firstSeq + RECORDS - 1 };
  const totals = {
    records: RECORDS,
    ...seqs,
    minMs: FACTS.wallMs,
    maxMs: FACTS.wallMs,
    ranks,
    link: Buffer.alloc(32, 1),
  };
  const fd = openSync(join(directory, segmentName(header.firstSeq, 0)), 'w');
  writeSync(fd, encodeHeader(header));
  ftruncateSync(fd, SEGMENT_BYTES - FOOTER_SIZE);
  writeSync(fd, encodeFooter(totals, FACTS.wallMs, SALT), 0, FOOTER_SIZE, SEGMENT_BYTES - FOOTER_SIZE);
  closeSync(fd);
}

interface Reads {
  bytes: number;
  largest: number;
}

/** The real file system, counting what is read. */
function counting(): { io: JournalIo; reads: Reads } {
  const reads = { bytes: 0, largest: 0 };
  const open: JournalIo['open'] = async (path, how) => {
    const file = await nodeJournalIo.open(path, how);
    return {
      write: (bytes, offset) => file.write(bytes, offset),
      read: async (into, offset) => {
        const count = await file.read(into, offset);
        reads.bytes += count;
        reads.largest = Math.max(reads.largest, into.length);
        return count;
      },
      datasync: () => file.datasync(),
      truncate: (size) => file.truncate(size),
      size: () => file.size(),
      close: () => file.close(),
    };
  };
  return { io: { ...nodeJournalIo, open }, reads };
}

const LAST = { small: RECORDS, large: 64 * RECORDS };
type Name = keyof typeof LAST;

/** What each of them reads of a journal. Asserts that it does its work. */
const TASKS: Readonly<Record<string, (io: JournalIo, name: Name) => Promise<void>>> = {
  'tail -n 10': async (io, name) => {
    const source = { directory: join(base, name), counters: new Counters(), io };
    const seqs = (await readLast(source, 10, () => true)).map(({ seq }) => seq);
    expect([seqs.length, seqs.at(-1)]).toEqual([10, LAST[name]]);
  },
  'a reader from the middle, up to its first record': async (io, name) => {
    const source = { directory: join(base, name), counters: new Counters(), io };
    const fromSeq = name === 'large' ? 32 * RECORDS + 500 : 500;
    const records = readJournal(source, { fromSeq });
    expect((await records.next()).value?.seq).toBe(fromSeq);
    await records.return(undefined);
  },
  status: async (io, name) => {
    const source = { directory: join(base, name), counters: new Counters(), io };
    expect((await readStatus(source)).segments).toBe(LAST[name] / RECORDS);
  },
  'opening for writing': async (io, name) => {
    const options = { directory: join(base, name), hostIdentity: 'host', hostId: 'host', counters: new Counters() };
    const limits = { maxBytes: 4 << 30 };
    const writer = await openJournal({ ...options, limits, reserveBytes: 0, nowMs: () => FACTS.wallMs, io });
    expect([writer.damage, writer.status().nextSeq]).toEqual([[], LAST[name] + 1]);
    await writer.close();
  },
};

it.each(Object.keys(TASKS))('%s: 1 GiB costs a header and a footer a segment more than 16 MiB', async (task) => {
  const [small, large] = [counting(), counting()];
  await TASKS[task]!(small.io, 'small');
  await TASKS[task]!(large.io, 'large');
  console.log(
    `journal: ${task}: ${small.reads.bytes} bytes read of 16 MiB, ${large.reads.bytes} of 1 GiB, ` +
      `${large.reads.largest} at most at once`,
  );
  expect(large.reads.bytes - small.reads.bytes).toBeLessThanOrEqual(63 * (RECORDS_START + FOOTER_SIZE));
  expect(large.reads.largest).toBeLessThanOrEqual(256 << 10);
});
