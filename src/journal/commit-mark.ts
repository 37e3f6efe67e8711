// The commit mark: how readers know the durable end without a lock. Written in place after each sync has returned and
// before the append is acknowledged; never synced itself. So it may lag behind what is durable, never run ahead of it.
//   0 frame (block.ts), magic "FBCOMMIT"   16 journal id   32 boot id   48 u64 durable seq   56 its link, 32   88 reserved
//
// A reader shows seqs up to the mark's. When the mark is absent, damaged or from another boot, whatever can be read came
// from the disk and not from a page cache that still waits: then every intact record counts. A writer that opens in the
// same boot appends what lies behind the mark once more (recover.ts): its predecessor may have seen a sync fail.

import { unlessUnreadable } from './bad-blocks.ts';
import { checkBlock, getU64, putU64, sealBlock } from './block.ts';
import { type JournalIo, readUpTo } from './journal-io.ts';

export const COMMIT_FILE = 'commit';
export const MARK_SIZE = 96;
const MAGIC = 'FBCOMMIT';

export interface CommitMark {
  journalId: string;
  bootId: string;
  seq: number;
  link: Buffer;
}

export function encodeMark(mark: CommitMark): Buffer {
  const block = Buffer.alloc(MARK_SIZE);
  block.write(mark.journalId, 16, 16, 'hex');
  block.write(mark.bootId, 32, 16, 'hex');
  putU64(block, mark.seq, 48);
  mark.link.copy(block, 56, 0, 32);
  return sealBlock(block, MAGIC);
}

/** out: undefined when damaged. Throws FB_JOURNAL_VERSION when it needs a newer reader. */
export function decodeMark(block: Buffer): CommitMark | undefined {
  if (block.length < MARK_SIZE || !checkBlock(block.subarray(0, MARK_SIZE), MAGIC, COMMIT_FILE)) return undefined;
  return {
    journalId: block.toString('hex', 16, 32),
    bootId: block.toString('hex', 32, 48),
    seq: getU64(block, 48),
    link: Buffer.from(block.subarray(56, 88)),
  };
}

/** A reader may come in the middle of a write; more of these in a row than this, and the mark is damaged. */
const TRIES = 5;

/** The mark of a journal directory; undefined when absent or damaged. */
export async function readMark(io: JournalIo, directory: string): Promise<CommitMark | undefined> {
  for (let i = 0; i < TRIES; i++) {
    const bytes = await unlessUnreadable(() => readUpTo(io, `${directory}/${COMMIT_FILE}`, 0, MARK_SIZE));
    const mark = bytes === undefined ? undefined : decodeMark(bytes);
    // One that is not of its size was never whole: nobody writes to it in parts.
    if (mark !== undefined || bytes === undefined || bytes.length < MARK_SIZE) return mark;
  }
  return undefined;
}
