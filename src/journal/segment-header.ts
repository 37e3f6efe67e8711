// The header and the footer of a segment: bytes <-> facts, pure. The format as a whole: format.ts.
//
// header 256 bytes, twice: a damaged copy costs nothing
//    0 frame (block.ts), magic "FBJOURNL"       16 journal id, 16     32 boot id, 16
//   48 u64 first seq     56 u64 created, ms     64 link before the first record, 32
//   96 host id, UTF-8, zero-padded, 64         160 u32 salt          164 u32 generation
//  168 u32 flags: bit 0 = thinned (seqs missing here have expired)   172 u32 offset of the first record
//  176 reserved, 0
//
// footer: a record of kind 0xffff, seq = last seq of the segment, time = when sealed, payload of 192 bytes
//    0 u64 records    8 u64 first seq   16 u64 smallest time   24 u64 largest time   32 link of the last record, 32
//   64 per rank 0..3: u64 records, u64 bytes   128 reserved, 0

import { checkBlock, getU64, putU64, sealBlock } from './block.ts';
import { bodyIsIntact, decodeHead, encodeRecord, KIND_FOOTER, RECORD_HEAD, recordSize } from './format.ts';

export const HEADER_MAGIC = 'FBJOURNL';
export const HEADER_SIZE = 256;
/** Both copies: where records begin in format 1. */
export const RECORDS_START = 2 * HEADER_SIZE;
const FOOTER_PAYLOAD = 192;
export const FOOTER_SIZE: number = recordSize(FOOTER_PAYLOAD);
const FLAG_THINNED = 1;

export interface SegmentHeader {
  /** 32 hexadecimal digits. */
  journalId: string;
  bootId: string;
  hostId: string;
  firstSeq: number;
  createdMs: number;
  /** Link before the first record: the hash of all that came before. */
  previousLink: Buffer;
  salt: number;
  generation: number;
  thinned: boolean;
  recordsStart: number;
}

/** Records and bytes of one rank. */
export interface RankTotal {
  records: number;
  bytes: number;
}

/** What a segment holds, kept while writing or scanning, stored in the footer. */
export interface SegmentTotals {
  records: number;
  firstSeq: number;
  lastSeq: number;
  /** Milliseconds since 1970; Infinity and 0 while empty. */
  minMs: number;
  maxMs: number;
  ranks: RankTotal[];
  /** Link of the last record. */
  link: Buffer;
}

/** in: facts; out: both copies. */
export function encodeHeader(header: SegmentHeader): Buffer {
  const block = Buffer.alloc(HEADER_SIZE);
  block.write(header.journalId, 16, 16, 'hex');
  block.write(header.bootId, 32, 16, 'hex');
  putU64(block, header.firstSeq, 48);
  putU64(block, header.createdMs, 56);
  header.previousLink.copy(block, 64, 0, 32);
  block.write(header.hostId, 96, 64, 'utf8');
  block.writeUInt32LE(header.salt, 160);
  block.writeUInt32LE(header.generation, 164);
  block.writeUInt32LE(header.thinned ? FLAG_THINNED : 0, 168);
  block.writeUInt32LE(header.recordsStart, 172);
  sealBlock(block, HEADER_MAGIC);
  return Buffer.concat([block, block]);
}

/**
 * in: the first RECORDS_START bytes of a file, its name for messages; out: the header of the first intact copy, undefined
 * when both are damaged. Throws FB_JOURNAL_VERSION for a segment that needs a newer reader.
 */
export function decodeHeader(bytes: Buffer, where: string): SegmentHeader | undefined {
  for (const at of [0, HEADER_SIZE]) {
    const block = bytes.subarray(at, at + HEADER_SIZE);
    if (block.length === HEADER_SIZE && checkBlock(block, HEADER_MAGIC, where)) return headerFields(block);
  }
  return undefined;
}

function headerFields(block: Buffer): SegmentHeader {
  const hostId = block.subarray(96, 160);
  return {
    journalId: block.toString('hex', 16, 32),
    bootId: block.toString('hex', 32, 48),
    firstSeq: getU64(block, 48),
    createdMs: getU64(block, 56),
    previousLink: Buffer.from(block.subarray(64, 96)),
    hostId: hostId.toString('utf8').replace(/\0+$/, ''),
    salt: block.readUInt32LE(160),
    generation: block.readUInt32LE(164),
    thinned: (block.readUInt32LE(168) & FLAG_THINNED) !== 0,
    recordsStart: block.readUInt32LE(172),
  };
}

/** Totals of a segment without records. in: its first seq and the link before it. */
export function emptyTotals(firstSeq: number, link: Buffer): SegmentTotals {
  const ranks = [0, 1, 2, 3].map(() => ({ records: 0, bytes: 0 }));
  return { records: 0, firstSeq, lastSeq: firstSeq - 1, minMs: Infinity, maxMs: 0, ranks, link };
}

/** Adds one record in place. in: its facts, bytes on disk, its link. */
export function addToTotals(
  totals: SegmentTotals,
  facts: { seq: number; wallMs: number; rank: number },
  bytes: number,
  link: Buffer,
): void {
  totals.records++;
  totals.lastSeq = facts.seq;
  totals.minMs = Math.min(totals.minMs, facts.wallMs);
  totals.maxMs = Math.max(totals.maxMs, facts.wallMs);
  const rank = totals.ranks[Math.min(facts.rank, 3)]!;
  rank.records++;
  rank.bytes += bytes;
  totals.link = link;
}

export function encodeFooter(totals: SegmentTotals, sealedMs: number, salt: number): Buffer {
  const payload = Buffer.alloc(FOOTER_PAYLOAD);
  putU64(payload, totals.records, 0);
  putU64(payload, totals.firstSeq, 8);
  putU64(payload, totals.records === 0 ? 0 : totals.minMs, 16);
  putU64(payload, totals.maxMs, 24);
  totals.link.copy(payload, 32, 0, 32);
  totals.ranks.forEach((rank, i) => {
    putU64(payload, rank.records, 64 + 16 * i);
    putU64(payload, rank.bytes, 72 + 16 * i);
  });
  return encodeRecord({ seq: totals.lastSeq, wallMs: sealedMs, kind: KIND_FOOTER, rank: 0, flags: 0 }, payload, salt);
}

/** in: the last FOOTER_SIZE bytes of a segment, its salt; out: its totals, undefined when it is not sealed (or damaged). */
export function decodeFooter(bytes: Buffer, salt: number): SegmentTotals | undefined {
  const head = decodeHead(bytes, 0, salt);
  if (head?.kind !== KIND_FOOTER || head.length !== FOOTER_PAYLOAD || bytes.length !== FOOTER_SIZE) return undefined;
  if (!bodyIsIntact(bytes, salt)) return undefined;
  const payload = bytes.subarray(RECORD_HEAD);
  const records = getU64(payload, 0);
  return {
    records,
    firstSeq: getU64(payload, 8),
    lastSeq: head.seq,
    minMs: records === 0 ? Infinity : getU64(payload, 16),
    maxMs: getU64(payload, 24),
    ranks: [0, 1, 2, 3].map((i) => ({
      records: getU64(payload, 64 + 16 * i),
      bytes: getU64(payload, 72 + 16 * i),
    })),
    link: Buffer.from(payload.subarray(32, 64)),
  };
}
