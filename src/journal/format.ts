// THE JOURNAL ON DISK, format 1. Bytes in, facts out, and back; pure. Every other file of this folder refers to this text.
//
// directory (0750)   journal.json          journal id and the host it belongs to                          meta.ts
//                    SEQ-GEN.fbj (0640)    segments, named by first seq (16 digits) and generation (4)     segment.ts
//                    commit                the durable end, for readers                                    commit-mark.ts
//                    lock, reserve         one writer; space to free when the disk is full
//                    quarantine/           copies of damaged bytes: SEGMENT-OFFSET-LENGTH.bin
//
// A segment is a header block (two equal copies, 256 bytes each: segment-header.ts), then records, and when sealed one
// footer record at its very end. All integers are little-endian; all records start at multiples of 8.
//
// record   0 u32 magic "FBr1"       4 u32 head crc = crc32(bytes 8..40, salt)
//          8 u32 body crc = crc32(payload and padding, salt)          12 u32 length of the payload
//         16 u64 seq               24 u64 time, ms since 1970
//         32 u16 kind              34 u8 rank     35 u8 flags         36 u32 reserved, 0
//         40 payload, then zeros up to a multiple of 8
//
// The salt is random, one per segment, in its header. Hence a payload (hostile text) cannot contain what looks like a
// record, and old blocks of a reused disk area are no records. The head has a crc of its own: damage in a payload leaves
// its length known, and the search for the next record after damage costs 40 bytes a try, not a payload.
// flags: bits 0-3 may be ignored by a reader that does not know them, bits 4-7 may not (the record is skipped and counted,
// as records of unknown kinds are). Kinds from 0xff00 on belong to the journal itself: 0xffff is the footer.
//
// Order: seqs are dense and in append order. Chain: link(seq) = SHA-256(link(seq-1) || bytes 12..40+length of the record);
// link(0) is 32 zeros. Neither crc, salt nor padding enter it, so a record keeps its link when it is written again.
// A header carries the link before its first record, a footer and the commit mark that of their last one: whoever changes or
// removes a record has to change all that follows, heartbeats that left the host included.
//
// Generations: a segment appears under its name by rename, complete and synced. It supersedes all that earlier segments hold
// from its first seq on; of two with the same first seq the higher generation counts. So what follows a failed sync is
// written again elsewhere (writer.ts), and expired records are thinned out (thin.ts), without touching bytes once durable.
//
// Torn is not corrupt: bytes behind the last good record of the last segment were never acknowledged, they are cut and
// counted. Damage before a good record, or before the commit mark, costs the records it touches: they are copied to
// quarantine/, reported for a gap record, and reading goes on at the next good record. A block that the disk cannot give back
// is damage like any other (bad-blocks.ts); a segment of which nothing can be read is moved to quarantine/ by the next writer.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { getU64, putU64 } from './block.ts';

export const RECORD_MAGIC = Buffer.from('FBr1', 'latin1');
export const RECORD_HEAD = 40;
export const MAX_PAYLOAD = 1 << 20;
export const KIND_FOOTER = 0xffff;
export const CHAIN_START: Buffer = Buffer.alloc(32);
/** Flag bits that a reader must know; this version knows none. */
const FLAGS_MUST_KNOW = 0xf0;

/** The facts of one record; of RecordHead and payload everything else is derived. */
export interface RecordFacts {
  seq: number;
  /** Milliseconds since 1970. */
  wallMs: number;
  kind: number;
  rank: number;
  flags: number;
}

export interface RecordHead extends RecordFacts {
  /** Of the payload in bytes. */
  length: number;
}

/** Bytes on disk of a record with a payload of this length. */
export function recordSize(length: number): number {
  return (RECORD_HEAD + length + 7) & ~7;
}

/** One record as it stands on disk. in: facts, payload (at most MAX_PAYLOAD, the writer checks), salt of the segment. */
export function encodeRecord(facts: RecordFacts, payload: Uint8Array, salt: number): Buffer {
  const bytes = Buffer.alloc(recordSize(payload.length));
  RECORD_MAGIC.copy(bytes, 0);
  putHeadFields(bytes, facts, payload.length, 12);
  bytes.set(payload, RECORD_HEAD);
  bytes.writeUInt32LE(crc32(bytes.subarray(RECORD_HEAD), salt), 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(8, RECORD_HEAD), salt), 4);
  return bytes;
}

/** Bytes 12..40 of a record. */
function putHeadFields(bytes: Buffer, facts: RecordFacts, length: number, at: number): void {
  bytes.writeUInt32LE(length, at);
  putU64(bytes, facts.seq, at + 4);
  putU64(bytes, facts.wallMs, at + 12);
  bytes.writeUInt16LE(facts.kind, at + 20);
  bytes.writeUInt8(facts.rank, at + 22);
  bytes.writeUInt8(facts.flags, at + 23);
}

/** The head of a record at `at`. out: undefined when no intact head is there. */
export function decodeHead(bytes: Buffer, at: number, salt: number): RecordHead | undefined {
  if (at + RECORD_HEAD > bytes.length || bytes.compare(RECORD_MAGIC, 0, 4, at, at + 4) !== 0) return undefined;
  if (bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + 8, at + RECORD_HEAD), salt)) return undefined;
  const length = bytes.readUInt32LE(at + 12);
  if (length > MAX_PAYLOAD) return undefined;
  return {
    length,
    seq: getU64(bytes, at + 16),
    wallMs: getU64(bytes, at + 24),
    kind: bytes.readUInt16LE(at + 32),
    rank: bytes.readUInt8(at + 34),
    flags: bytes.readUInt8(at + 35),
  };
}

/** Whether payload and padding are what the head says. in: the whole record, whose head is intact. */
export function bodyIsIntact(record: Buffer, salt: number): boolean {
  return record.readUInt32LE(8) === crc32(record.subarray(RECORD_HEAD), salt);
}

/** Whether this version may interpret the record at all. */
export function flagsAreKnown(flags: number): boolean {
  return (flags & FLAGS_MUST_KNOW) === 0;
}

/** The chain after this record, see above. in: link of the seq before; out: 32 bytes. */
export function nextLink(previous: Buffer, facts: RecordFacts, payload: Uint8Array): Buffer {
  const fields = Buffer.alloc(RECORD_HEAD - 12);
  putHeadFields(fields, facts, payload.length, 0);
  return createHash('sha256').update(previous).update(fields).update(payload).digest();
}
