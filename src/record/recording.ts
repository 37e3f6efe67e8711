// Recordings: what a live run received, so that a replay gives the same events and alerts. The format, all integers
// little-endian:
//
//   file  = "FBRECORD" | u32 format version | u32 wire version | u32 length | u32 crc | header (JSON, `length` bytes) | frame*
//   frame = u8 kind | u8 0 | u16 0 | u32 length | u32 crc | payload (`length` bytes)
//
// crc is crc32 (IEEE, as zlib has it): the file's over the two versions, length and header; a frame's over its first eight
// bytes and its payload. The header says what the host was (boot id, offset of boot to wall time, host name ...): JSON that
// only enrich/ reads. Kinds:
//
//   1 ring      a batch as it came out of the ring (native/wire.h)
//   2 tasks     the same from iter/task
//   3 fact      JSON: an answer from outside the ring that events depend on (/proc, users ...), in the order it was asked for
//   4 loss      JSON: LossReport of sensor.ts, before the batch that follows the loss
//   5 packed    zstd of whole frames back to back (none of them packed): format version 2; the others are in version 1 too
//
// A kind that a reader does not know is skipped and counted. A file may end anywhere (power cut, full disk): a last frame
// that is cut is torn and ignored. A frame with a wrong crc that is not the last is damage: reading ends there with an error.
// A change of layout raises the format version; readers read all versions up to theirs. Pure: bytes in, bytes out.

import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { ForebearError, reasonOf } from '../errors.ts';
import type { ReplayItem } from '../sensor/replay-sensor.ts';
import { type LossReport, perKind } from '../sensor/sensor.ts';

/** The newest that is read; written is 1 where nothing is packed. */
export const FORMAT_VERSION = 2;
export type WrittenVersion = 1 | 2;
/** What a recording begins with. */
export const MAGIC = Buffer.from('FBRECORD', 'latin1');
const PREAMBLE_BYTES = MAGIC.length + 16;
export const FRAME_HEAD_BYTES = 12;
/** Nothing that is written comes near it; a longer length is damage, not a reason to allocate. */
export const FRAME_MAX_BYTES = 64 << 20;
const HEADER_MAX_BYTES = 1 << 20;

const FRAME_KIND = { ring: 1, tasks: 2, fact: 3, loss: 4 } as const;
const PACKED = 5;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export type Frame =
  | { kind: 'ring' | 'tasks'; bytes: Uint8Array }
  | { kind: 'fact'; fact: Json }
  | ({ kind: 'loss' } & LossReport);

export interface RecordingHeader {
  formatVersion: number;
  wireVersion: number;
  facts: { readonly [name: string]: Json };
}

/** in: wire version of the batches to come, facts about the host, format version; out: the first bytes of a recording. */
export function encodeHeader(
  wireVersion: number,
  facts: RecordingHeader['facts'],
  formatVersion: WrittenVersion = 1,
): Uint8Array {
  const json = Buffer.from(JSON.stringify(facts), 'utf8');
  const fixed = Buffer.alloc(12);
  fixed.writeUInt32LE(formatVersion, 0);
  fixed.writeUInt32LE(wireVersion, 4);
  fixed.writeUInt32LE(json.length, 8);
  return Buffer.concat([MAGIC, fixed, u32(crc32(json, crc32(fixed))), json]);
}

/** in: a frame; out: its two parts, to be written one after the other (the payload is not copied). */
export function encodeFrame(frame: Frame): [head: Uint8Array, payload: Uint8Array] {
  const payload = payloadOf(frame);
  return [frameHead(FRAME_KIND[frame.kind], payload), payload];
}

/** in: whole frames back to back; out: the two parts of one frame that holds them. */
export function packFrames(frames: Uint8Array): [head: Uint8Array, payload: Uint8Array] {
  const payload = zstdCompressSync(frames);
  return [frameHead(PACKED, payload), payload];
}

/** in: a whole frame; out: the frames in it, where it is a packed one. Throws FB_RECORD_DAMAGED. */
export function unpackFrames(head: Buffer, payload: Buffer): Buffer | undefined {
  if (head[0] !== PACKED) return undefined;
  try {
    return zstdDecompressSync(payload, { maxOutputLength: FRAME_MAX_BYTES });
  } catch (cause) {
    throw damaged(`a packed frame: ${reasonOf(cause)}`);
  }
}

function frameHead(kind: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head[0] = kind;
  head.writeUInt32LE(payload.length, 4);
  head.writeUInt32LE(crc32(payload, crc32(head.subarray(0, 8))), 8);
  return head;
}

/**
 * in: the first bytes of a file; out: its header and where the frames begin, or how many bytes that takes to tell.
 * Throws FB_RECORD_NOT_A_RECORDING, FB_RECORD_VERSION, FB_RECORD_DAMAGED.
 */
export function decodeHeader(bytes: Buffer): { header: RecordingHeader; end: number } | { needed: number } {
  const known = Math.min(bytes.length, MAGIC.length);
  if (!bytes.subarray(0, known).equals(MAGIC.subarray(0, known))) {
    throw new ForebearError('FB_RECORD_NOT_A_RECORDING', 'this is no recording of forebear');
  }
  if (bytes.length < PREAMBLE_BYTES) return { needed: PREAMBLE_BYTES };
  const [formatVersion, wireVersion, length, crc] = [8, 12, 16, 20].map((at) => bytes.readUInt32LE(at));
  if (formatVersion! > FORMAT_VERSION || formatVersion === 0) {
    const hint = 'read it with the version of forebear that wrote it, or a newer one';
    throw new ForebearError('FB_RECORD_VERSION', `recording of format ${formatVersion}, known is ${FORMAT_VERSION}`, {
      hint,
    });
  }
  if (length! > HEADER_MAX_BYTES) throw damaged('its header');
  const end = PREAMBLE_BYTES + length!;
  if (bytes.length < end) return { needed: end };
  const json = bytes.subarray(PREAMBLE_BYTES, end);
  if (crc32(json, crc32(bytes.subarray(8, 20))) !== crc) throw damaged('its header');
  const facts = objectOf(parseJson(json, 'its header'));
  return { header: { formatVersion: formatVersion!, wireVersion: wireVersion!, facts }, end };
}

/** in: the first bytes of a frame, FRAME_HEAD_BYTES of them; out: the payload's length. Throws FB_RECORD_DAMAGED. */
export function payloadLength(head: Buffer): number {
  const length = head.readUInt32LE(4);
  if (length > FRAME_MAX_BYTES) throw damaged('a frame head');
  return length;
}

/** Whether head and payload belong together. */
export function frameIsWhole(head: Buffer, payload: Buffer): boolean {
  return crc32(payload, crc32(head.subarray(0, 8))) === head.readUInt32LE(8);
}

/** in: a whole frame; out: what it says, undefined for a kind unknown to this version. Throws FB_RECORD_DAMAGED. */
export function decodeFrame(head: Buffer, payload: Buffer): Frame | undefined {
  switch (head[0]) {
    case FRAME_KIND.ring:
      return { kind: 'ring', bytes: payload };
    case FRAME_KIND.tasks:
      return { kind: 'tasks', bytes: payload };
    case FRAME_KIND.fact:
      return { kind: 'fact', fact: parseJson(payload, 'a fact') };
    case FRAME_KIND.loss:
      return { kind: 'loss', ...lossOf(parseJson(payload, 'a loss report')) };
    default:
      return undefined;
  }
}

/** The frames as a ReplaySensor takes them; facts go to `onFact` in their place. */
export function* replayItems(frames: Iterable<Frame>, onFact: (fact: Json) => void = () => {}): Generator<ReplayItem> {
  for (const frame of frames) {
    if (frame.kind === 'fact') onFact(frame.fact);
    else yield frame;
  }
}

export function damaged(what: string): ForebearError {
  const hint = 'what precedes the damage can be replayed';
  return new ForebearError('FB_RECORD_DAMAGED', `the recording is damaged: ${what}`, { hint });
}

function payloadOf(frame: Frame): Uint8Array {
  switch (frame.kind) {
    case 'ring':
    case 'tasks':
      return frame.bytes;
    case 'fact':
      return Buffer.from(JSON.stringify(frame.fact), 'utf8');
    case 'loss':
      return Buffer.from(JSON.stringify({ lost: frame.lost, recursionMisses: frame.recursionMisses }), 'utf8');
  }
}

function parseJson(bytes: Buffer, what: string): Json {
  try {
    return JSON.parse(bytes.toString('utf8')) as Json;
  } catch (cause) {
    throw damaged(`${what}: ${reasonOf(cause)}`);
  }
}

/** What is missing or no number counts as 0. */
function lossOf(json: Json): LossReport {
  const report = objectOf(json);
  const lost = objectOf(report.lost);
  const number = (value: Json | undefined) => (typeof value === 'number' ? value : 0);
  return {
    lost: perKind((kind) => number(lost[kind])),
    recursionMisses: number(report.recursionMisses),
  };
}

function objectOf(json: Json | undefined): { readonly [name: string]: Json } {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
    ? (json as { readonly [name: string]: Json })
    : {};
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value, 0);
  return bytes;
}
