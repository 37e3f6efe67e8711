// Waiting for a journal to grow: the commit mark is written after each sync, so that is what is watched. inotify may miss or
// be missing, hence a look every second besides. Used by reader.ts.

import { COMMIT_FILE } from './commit-mark.ts';
import type { JournalIo } from './journal-io.ts';

const POLL_MS = 1000;

export class Changes {
  readonly #stopWatching: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #wake = () => {
    this.#changed = true;
    this.#resume?.();
  };
  /** Since the last call of next. */
  #changed = false;
  #resume: (() => void) | undefined;

  constructor(io: JournalIo, directory: string, signal: AbortSignal | undefined) {
    this.#signal = signal;
    this.#stopWatching = io.watch(directory, COMMIT_FILE, this.#wake);
    signal?.addEventListener('abort', this.#wake);
  }

  /** Resolves when there may be more (true), or with false once the signal is aborted. */
  async next(): Promise<boolean> {
    if (!this.#changed && !this.#signal?.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        this.#resume = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#resume = undefined;
    }
    this.#changed = false;
    return !this.#signal?.aborted;
  }

  stop(): void {
    this.#stopWatching();
    this.#signal?.removeEventListener('abort', this.#wake);
  }
}
