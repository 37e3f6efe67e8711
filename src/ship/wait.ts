// Waiting for time, and for whichever of two things comes first. Called by the lane and the sources; tests give their own Waiting.

export interface Waiting {
  nowMs(): number;
  /** Resolves after so many milliseconds, or at once when the signal is aborted. Never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export const realWaiting: Waiting = {
  nowMs: () => Date.now(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end);
    }),
};

/**
 * The next item of an iterator, unless it takes longer than that. The same promise is asked again later: nothing is lost.
 * out: undefined when the time is over first.
 */
export class Pulling<T> {
  readonly #iterator: AsyncIterator<T>;
  readonly #waiting: Waiting;
  #next: Promise<IteratorResult<T>> | undefined;

  constructor(iterator: AsyncIterator<T>, waiting: Waiting) {
    this.#iterator = iterator;
    this.#waiting = waiting;
  }

  /** in: milliseconds, undefined: for ever. Rejects with what the iterator throws. */
  async pull(ms: number | undefined, signal: AbortSignal): Promise<IteratorResult<T> | undefined> {
    this.#next ??= this.#iterator.next();
    let found: IteratorResult<T> | undefined;
    // Out of a backlog the next is there at once: no timer for each.
    if (ms !== undefined) found = await Promise.race([this.#next, oneTurn()]);
    if (ms === undefined) found = await this.#next;
    else found ??= await this.#within(this.#next, ms, signal);
    if (found !== undefined) this.#next = undefined;
    return found;
  }

  async #within(next: Promise<IteratorResult<T>>, ms: number, signal: AbortSignal) {
    const over = new AbortController();
    try {
      const late = this.#waiting.wait(ms, AbortSignal.any([signal, over.signal])).then(() => undefined);
      return await Promise.race([next, late]);
    } finally {
      over.abort();
    }
  }
}

function oneTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(resolve, undefined));
}
