// Reading past blocks that the disk cannot give back (EIO): they are damage like any other, what lies around them is not lost.
// In: an open file and a range; out: its bytes, zeros for what cannot be read. Used by scan.ts, recover.ts and the cursor.

import { type JournalFile, readFully, systemCode } from './journal-io.ts';

const BLOCK = 4096;
/** Bytes before and behind that have to tell whether anything can be read. */
const SURROUNDINGS = 64 * 1024;

/** Whether an error says that what is there cannot be read, as opposed to: not allowed, not there, no memory. */
export function isUnreadable(thrown: unknown): boolean {
  const { cause } = (thrown ?? {}) as { cause?: unknown };
  return ['EIO', 'EUCLEAN', 'EBADMSG', 'EISDIR'].includes(systemCode(cause ?? thrown));
}

/** What cannot be read now may be readable in a moment: tried so often before a segment is given up. */
const TRIES = 3;

/** out: what the action gives, undefined when it cannot be read at any try; other errors at once. */
export async function unlessUnreadable<T>(action: () => Promise<T>): Promise<T | undefined> {
  for (let i = 0; i < TRIES; i++) {
    try {
      return await action();
    } catch (error) {
      if (!isUnreadable(error)) throw error;
    }
  }
  return undefined;
}

/** As readFully; rejects only when no block of the range can be read: then it is the disk, or the way to it. */
export async function readAround(file: JournalFile, offset: number, length: number): Promise<Buffer> {
  try {
    return await readFully(file, offset, length);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return await readBlocks(file, offset, Math.min(length, (await file.size()) - offset), error);
  }
}

/** What a small part of a file is worth: as readFully, zeros where it cannot be read though other parts of the file can. */
export async function readPart(file: JournalFile, offset: number, length: number): Promise<Buffer> {
  try {
    return await readFully(file, offset, length);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    const from = Math.max(0, offset - SURROUNDINGS);
    const around = await readAround(file, from, offset - from + length + SURROUNDINGS);
    return around.subarray(offset - from, offset - from + length);
  }
}

async function readBlocks(file: JournalFile, offset: number, length: number, error: unknown): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, length));
  let good = 0;
  for (let at = 0; at < length; ) {
    const size = Math.min(BLOCK - ((offset + at) % BLOCK), length - at);
    const block = await readFully(file, offset + at, size).catch(() => undefined);
    block?.copy(bytes, at);
    if (block !== undefined) good++;
    at += size;
  }
  if (good === 0) throw error;
  return bytes;
}
