// Records out of a segment, one after the other, and past damage. In: an open file, its salt, where to begin and end; out:
// what stands there, in order. Memory: one window. Used by recovery, readers, thinning and the check.

import { readAround } from './bad-blocks.ts';
import { journalError } from './failure.ts';
import { bodyIsIntact, decodeHead, RECORD_HEAD, RECORD_MAGIC, type RecordHead, recordSize } from './format.ts';
import type { JournalFile } from './journal-io.ts';

export type Scanned =
  /** bytes: the whole record, head and padding included. */
  | { type: 'record'; offset: number; end: number; head: RecordHead; bytes: Buffer }
  /** No good record here, but one follows at `end`. */
  | { type: 'damage'; offset: number; end: number }
  /** Nothing good from here to the end. */
  | { type: 'torn'; offset: number; end: number };

const WINDOW = 256 * 1024;

/** in: offsets in bytes, `start` where a record begins. Throws FB_JOURNAL_IO when reading fails. */
export async function* scanRecords(
  file: JournalFile,
  salt: number,
  start: number,
  end: number,
): AsyncGenerator<Scanned> {
  const window = new Window(file, end);
  let at = start;
  let badFrom: number | undefined;
  while (at < end) {
    await window.cover(at, RECORD_HEAD);
    const head = decodeHead(window.bytes, at - window.start, salt);
    if (head === undefined) {
      badFrom ??= at;
      at = await window.nextHead(at + 8, salt);
      continue;
    }
    const next = at + recordSize(head.length);
    await window.cover(at, next - at);
    const bytes = window.slice(at, next);
    if (next > end || bytes.length < next - at || !bodyIsIntact(bytes, salt)) {
      badFrom ??= at;
    } else {
      if (badFrom !== undefined) yield { type: 'damage', offset: badFrom, end: at };
      badFrom = undefined;
      yield { type: 'record', offset: at, end: next, head, bytes };
    }
    at = next;
  }
  if (badFrom !== undefined) yield { type: 'torn', offset: badFrom, end };
}

/** The payload of a scanned record. */
export function payloadOf(record: { head: RecordHead; bytes: Buffer }): Buffer {
  return record.bytes.subarray(RECORD_HEAD, RECORD_HEAD + record.head.length);
}

/** A part of the file in memory. Each filling is a new buffer, so slices handed out stay as they are. */
class Window {
  readonly #file: JournalFile;
  readonly #end: number;
  start = 0;
  bytes: Buffer = Buffer.alloc(0);

  constructor(file: JournalFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  slice(from: number, to: number): Buffer {
    return this.bytes.subarray(from - this.start, to - this.start);
  }

  /** Makes [at, at + size) available as far as the file has it. */
  async cover(at: number, size: number): Promise<void> {
    if (at >= this.start && Math.min(at + size, this.#end) <= this.start + this.bytes.length) return;
    const length = Math.min(Math.max(size, WINDOW), this.#end - at);
    try {
      this.bytes = await readAround(this.#file, at, length);
    } catch (error) {
      throw journalError(error, 'cannot read a segment');
    }
    this.start = at;
  }

  /** The next multiple of 8 from `at` on where an intact head stands; the end when there is none. */
  async nextHead(at: number, salt: number): Promise<number> {
    for (let from = at; from < this.#end; ) {
      await this.cover(from, RECORD_HEAD);
      if (this.start + this.bytes.length <= from) break; // the file has become shorter
      const found = this.bytes.indexOf(RECORD_MAGIC, from - this.start);
      const offset = found < 0 ? this.start + this.bytes.length : found + this.start;
      if (found >= 0 && offset % 8 === 0) {
        await this.cover(offset, RECORD_HEAD);
        if (decodeHead(this.bytes, offset - this.start, salt) !== undefined) return offset;
      }
      // The magic may lie across two windows: begin the next one before it.
      from = Math.max(found < 0 ? offset - 3 : offset + 1, from + 1);
      if (found < 0 && offset >= this.#end) break;
    }
    return this.#end;
  }
}
