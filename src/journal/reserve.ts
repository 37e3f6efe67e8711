// The reserve file: bytes that are given back to the file system when it is full, so that the journal can go on for a while.
// Written with random bytes: a file system that compresses or skips zeros would reserve nothing.

import { randomBytes } from 'node:crypto';
import { type JournalIo, writeAll } from './journal-io.ts';

const NAME = 'reserve';
const CHUNK = 1 << 20;

export class Reserve {
  readonly #io: JournalIo;
  readonly #directory: string;
  readonly #bytes: number;
  #held = false;

  constructor(io: JournalIo, directory: string, bytes: number) {
    this.#io = io;
    this.#directory = directory;
    this.#bytes = bytes;
  }

  /** Makes it when it is missing and there is room for it four times over. Never throws: without it all else works. */
  async refill(): Promise<void> {
    if (this.#held || this.#bytes === 0) return;
    try {
      if (!(await this.#exists())) await this.#write();
      this.#held = true;
    } catch {
      await this.#io.unlink(this.#path()).catch(() => {});
    }
  }

  /** It was freed, or could not be made yet. */
  get isMissing(): boolean {
    return !this.#held && this.#bytes > 0;
  }

  /** out: whether there was something to free. */
  async free(): Promise<boolean> {
    if (!this.#held) return false;
    this.#held = false;
    return this.#io.unlink(this.#path()).then(
      () => true,
      () => false,
    );
  }

  async #exists(): Promise<boolean> {
    if (!(await this.#io.readdir(this.#directory)).includes(NAME)) return false;
    const file = await this.#io.open(this.#path(), 'read');
    const size = await file.size();
    await file.close();
    return size >= this.#bytes;
  }

  async #write(): Promise<void> {
    if ((await this.#io.freeBytes(this.#directory)) < 4 * this.#bytes) throw new Error('no room for a reserve');
    const file = await this.#io.open(this.#path(), 'write');
    try {
      const chunk = randomBytes(Math.min(CHUNK, this.#bytes));
      for (let at = 0; at < this.#bytes; at += chunk.length) await writeAll(file, chunk, at);
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  #path(): string {
    return `${this.#directory}/${NAME}`;
  }
}
