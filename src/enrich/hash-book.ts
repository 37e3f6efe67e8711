// The hashes that are known, by file, and the files that were asked for. Changed only by questions of the event path and by
// news, both in the order of the ring, so a replay knows at each event what the live run knew. Bounded: the file that was
// not looked at for longest goes first. Pure; used by hash-desk.ts.

import { type HashAnswer, isLasting } from './hash-answer.ts';

/** asked: the answer is to come. late: nobody waits for it any more. */
export type HashState = 'asked' | 'late';

export class HashBook {
  readonly #maxFiles: number;
  readonly #known = new Map<string, HashAnswer>();
  readonly #asked = new Map<string, HashState>();

  /** About 250 bytes a file. */
  constructor(maxFiles = 8192) {
    this.#maxFiles = maxFiles;
  }

  get size(): number {
    return this.#known.size;
  }

  find(file: string): HashAnswer | undefined {
    const answer = this.#known.get(file);
    if (answer === undefined) return undefined;
    this.#known.delete(file);
    this.#known.set(file, answer);
    return answer;
  }

  /** undefined: nobody has asked, or it is answered. */
  stateOf(file: string): HashState | undefined {
    return this.#asked.get(file);
  }

  ask(file: string): void {
    this.#asked.set(file, 'asked');
  }

  late(file: string): void {
    if (this.#asked.has(file)) this.#asked.set(file, 'late');
  }

  answer(file: string, answer: HashAnswer): void {
    this.#asked.delete(file);
    if (!isLasting(answer)) return;
    this.#known.delete(file);
    this.#known.set(file, answer);
    const [oldest] = this.#known.keys();
    if (this.#known.size > this.#maxFiles) this.#known.delete(oldest!);
  }
}
