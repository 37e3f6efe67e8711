// What the codecs share around the generated code (src/proto/generated/alert.js, made from proto/ by scripts/build): 64-bit
// numbers <-> number and bigint, text that protobuf can carry, counters, and one error for bytes that are no such message.

import protobuf from 'protobufjs/minimal.js';
import { ForebearError, reasonOf } from '../errors.ts';

/** How the generated code gives 64-bit numbers (long.js), and takes them: 32-bit halves. */
export interface Halves {
  low: number;
  high: number;
  unsigned: boolean;
}

/** A whole number of at most 2^53. NaN, infinities and fractions become the nearest that fits; negative ones keep their sign. */
export function toHalves(value: number): Halves {
  const bound = Number.MAX_SAFE_INTEGER;
  return bigintToHalves(BigInt(Math.min(Math.max(Math.trunc(value) || 0, -bound), bound)));
}

/** in: any bigint, taken modulo 2^64. */
export function bigintToHalves(value: bigint): Halves {
  const bits = BigInt.asUintN(64, value);
  return { low: Number(bits & 0xffffffffn) | 0, high: Number(bits >> 32n) | 0, unsigned: true };
}

/** in: what the generated code decoded; out: exact up to 2^53. */
export function fromHalves(value: number | Halves): number {
  if (typeof value === 'number') return value;
  return (value.unsigned ? value.high >>> 0 : value.high) * 2 ** 32 + (value.low >>> 0);
}

/** in: a decoded fixed64; out: 0 .. 2^64-1. */
export function bigintFromHalves(value: number | Halves): bigint {
  if (typeof value === 'number') return BigInt(value);
  return (BigInt(value.high >>> 0) << 32n) | BigInt(value.low >>> 0);
}

/** Text as protobuf wants it: a lone surrogate (a byte that was not UTF-8, text.ts) becomes U+FFFD. */
export function wellFormed(text: string): string {
  return text.toWellFormed();
}

/** Runs a decoder. Throws FB_PROTO_MALFORMED when the bytes are no such message. */
export function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new ForebearError('FB_PROTO_MALFORMED', `not ${what}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Throws a plain Error where a message has more fields than that. in: what is told of each: its number, its bytes. */
export function boundFields(
  bytes: Uint8Array,
  most: number,
  onField: (number: number, value: Uint8Array) => void = () => {},
): void {
  const reader = protobuf.Reader.create(bytes);
  for (let fields = 1; reader.pos < reader.len; fields++) {
    if (fields > most) throw new Error(`more than ${most} fields`);
    const tag = reader.uint32();
    const [number, type] = [tag >>> 3, tag & 7];
    if (type === 3) throw new Error('group');
    if (type === 2) onField(number, reader.bytes());
    else reader.skipType(type);
  }
}

/**
 * For records of a journal, before objects are made of them: a megabyte could hold half a million empty elements, which would
 * take longer than all else. An element of ours has more than 16 bytes. Throws a plain Error.
 */
export function boundElements(bytes: Uint8Array): void {
  boundFields(bytes, 64 + bytes.length / 16);
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** JSON in UTF-8 -> an object. Throws FB_PROTO_MALFORMED. */
export function decodeDocument(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  return decoding('a document', () => {
    const document = JSON.parse(textOf(bytes)) as unknown;
    if (typeof document === 'object' && document !== null && !Array.isArray(document)) {
      return document as Readonly<Record<string, unknown>>;
    }
    throw new Error('it is no object');
  });
}
