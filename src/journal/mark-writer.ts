// The writer's end of the commit mark (commit-mark.ts): rewritten in place after each commit. In: the durable end; out: nothing
// that a caller could fail by: a mark that cannot be written delays readers, the next one covers it. Used by writer.ts, and by
// segment-log.ts before it removes the segment from which the end could be told without a mark.

import type { Counters } from '../stats.ts';
import { COMMIT_FILE, encodeMark } from './commit-mark.ts';
import { type JournalFile, type JournalIo, writeAll } from './journal-io.ts';
import type { WriterIdentity } from './recover.ts';

export class MarkWriter {
  readonly #io: JournalIo;
  readonly #directory: string;
  readonly #self: WriterIdentity;
  readonly #counters: Counters;
  #file: JournalFile | undefined;
  /** The last write reached the file. */
  #isCurrent = false;

  constructor(io: JournalIo, directory: string, self: WriterIdentity, counters: Counters) {
    this.#io = io;
    this.#directory = directory;
    this.#self = self;
    this.#counters = counters;
  }

  /** in: newest durable seq, its link. Never rejects. */
  async write(seq: number, link: Buffer): Promise<void> {
    this.#isCurrent = false;
    try {
      // Opened again each time until it succeeds: an old mark that stays would hide all that is new.
      this.#file ??= await this.#io.open(`${this.#directory}/${COMMIT_FILE}`, 'write');
      await writeAll(this.#file, encodeMark({ ...this.#self, seq, link }), 0);
      this.#isCurrent = true;
    } catch {
      this.#counters.add('journal_marks_failed_total');
    }
  }

  /** out: whether what was written last is on the disk, name included. */
  async sync(): Promise<boolean> {
    if (this.#file === undefined || !this.#isCurrent) return false;
    try {
      await this.#file.datasync();
      await this.#io.fsyncDir(this.#directory);
      return true;
    } catch {
      this.#isCurrent = false;
      return false;
    }
  }

  async close(): Promise<void> {
    await this.#file?.close().catch(() => {});
    this.#file = undefined;
  }
}
