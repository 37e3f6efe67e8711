// The frame that the fixed blocks of the journal share: segment header, commit mark, cursor slot.
//   0  8 magic (ASCII)   8 u16 version   10 u16 min_reader   12 u32 crc   16.. fields of that block
// crc = crc32 over bytes 0..12 and 16..end. These 16 bytes and the formula stay as they are in every later version, so
// that an older reader can always tell "newer" from "damaged". All integers are little-endian.

import { crc32 } from 'node:zlib';
import { ForebearError } from '../errors.ts';

/** What this code writes, and the newest min_reader that it can read. */
export const FORMAT_VERSION = 1;

/** Fills the frame of a block whose fields are set. in: the block and its 8-letter magic; out: the same block. */
export function sealBlock(block: Buffer, magic: string): Buffer {
  block.write(magic, 0, 8, 'latin1');
  block.writeUInt16LE(FORMAT_VERSION, 8);
  block.writeUInt16LE(FORMAT_VERSION, 10);
  block.writeUInt32LE(blockCrc(block), 12);
  return block;
}

/**
 * Whether the bytes are an intact block of this kind.
 * out: false for damage; throws FB_JOURNAL_VERSION when the block is intact and its min_reader is newer than this code.
 */
export function checkBlock(block: Buffer, magic: string, where: string): boolean {
  if (block.length < 16 || block.toString('latin1', 0, 8) !== magic) return false;
  if (block.readUInt32LE(12) !== blockCrc(block)) return false;
  refuseNewer(block.readUInt16LE(10), where);
  return true;
}

/** Throws FB_JOURNAL_VERSION when a file asks for a newer reader. in: its min_reader, its name for the message. */
export function refuseNewer(minReader: number, where: string): void {
  if (minReader <= FORMAT_VERSION) return;
  throw new ForebearError(
    'FB_JOURNAL_VERSION',
    `${where} needs journal format ${minReader}, this is ${FORMAT_VERSION}`,
    {
      hint: 'It was written by a newer forebear; use that version or a newer one. Nothing was changed.',
    },
  );
}

function blockCrc(block: Buffer): number {
  return crc32(block.subarray(16), crc32(block.subarray(0, 12)));
}

/** Writes a whole number of 0..2^53-1 as u64; anything else (a negative time, NaN) becomes the nearest of them. */
export function putU64(bytes: Buffer, value: number, at: number): void {
  const whole = Math.min(Math.max(Math.trunc(value) || 0, 0), Number.MAX_SAFE_INTEGER);
  bytes.writeUInt32LE(whole % 2 ** 32, at);
  bytes.writeUInt32LE(Math.floor(whole / 2 ** 32), at + 4);
}

/** Reads a u64; exact up to 2^53, which nothing we write exceeds. */
export function getU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
}
