// A cursor: up to which seq someone has got, in a file of two slots, each in a page of its own, written in turn. A torn or
// damaged slot leaves the other; with both lost the cursor is lost, and its owner begins again: send again, never skip.
// slot 128 bytes at 0 and 4096:
//   0 frame (block.ts), magic "FBCURSOR"   16 u64 generation   24 u64 seq   32 journal id, 16   48 link of the seq, 32   80 reserved
// Used by ship (one per output) and by whoever wants to go on where it stopped.

import { unlessUnreadable } from './bad-blocks.ts';
import { checkBlock, getU64, putU64, sealBlock } from './block.ts';
import { journalError } from './failure.ts';
import { type JournalFile, type JournalIo, readFully, writeAll } from './journal-io.ts';

const MAGIC = 'FBCURSOR';
const SLOT_SIZE = 128;
const SLOT_AT = [0, 4096] as const;

export interface CursorPosition {
  /** Everything up to this seq is done with. */
  seq: number;
  journalId: string;
  /** Link of that seq (32 bytes, zeros when not known): tells a fork of the journal. */
  link: Buffer;
}

interface Slot extends CursorPosition {
  generation: number;
}

export class Cursor {
  readonly #file: JournalFile;
  #slot: Slot | undefined;

  private constructor(file: JournalFile, slot: Slot | undefined) {
    this.#file = file;
    this.#slot = slot;
  }

  /**
   * Opens or makes the file. in: its path, whose directory exists.
   * Throws FB_JOURNAL_VERSION for a newer cursor, FB_JOURNAL_IO, _ACCESS.
   */
  static async open(io: JournalIo, path: string): Promise<Cursor> {
    let file: JournalFile | undefined;
    try {
      file = await io.open(path, 'write');
      const slots = await Promise.all(SLOT_AT.map((at) => readSlot(file!, at, path)));
      if (slots.every((slot) => slot === undefined)) await io.fsyncDir(path.slice(0, path.lastIndexOf('/')) || '/');
      return new Cursor(file, newest(slots));
    } catch (error) {
      await file?.close();
      throw journalError(error, `cannot open the cursor ${path}`);
    }
  }

  /** Undefined: never saved, or lost: begin at the first record. */
  get position(): CursorPosition | undefined {
    return this.#slot;
  }

  /** Resolves when the position is durable. One call at a time. */
  async save(position: CursorPosition): Promise<void> {
    const slot = { ...position, generation: (this.#slot?.generation ?? 0) + 1 };
    try {
      await writeAll(this.#file, encodeSlot(slot), SLOT_AT[slot.generation % 2]!);
      await this.#file.datasync();
    } catch (error) {
      throw journalError(error, 'cannot save a cursor');
    }
    this.#slot = slot;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Reads a cursor file without opening it for writing (retention asks how far an output has got). */
export async function readCursor(io: JournalIo, path: string): Promise<CursorPosition | undefined> {
  const file = await io.open(path, 'read');
  try {
    return newest(await Promise.all(SLOT_AT.map((at) => readSlot(file, at, path))));
  } finally {
    await file.close();
  }
}

function newest(slots: (Slot | undefined)[]): Slot | undefined {
  const intact = slots.filter((slot) => slot !== undefined);
  return intact.sort((a, b) => b.generation - a.generation)[0];
}

async function readSlot(file: JournalFile, at: number, path: string): Promise<Slot | undefined> {
  const block = await unlessUnreadable(() => readFully(file, at, SLOT_SIZE));
  if (block === undefined || block.length < SLOT_SIZE || !checkBlock(block, MAGIC, path)) return undefined;
  return {
    generation: getU64(block, 16),
    seq: getU64(block, 24),
    journalId: block.toString('hex', 32, 48),
    link: Buffer.from(block.subarray(48, 80)),
  };
}

function encodeSlot(slot: Slot): Buffer {
  const block = Buffer.alloc(SLOT_SIZE);
  putU64(block, slot.generation, 16);
  putU64(block, slot.seq, 24);
  block.write(slot.journalId, 32, 16, 'hex');
  slot.link.copy(block, 48, 0, 32);
  return sealBlock(block, MAGIC);
}
