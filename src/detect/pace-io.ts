// Long work beside a stream of events: between its steps the event loop gets its turn. In: nothing; out: when to rest, and how long
// the longest stretch without a rest was. Used by the loaders of rules and exceptions, so that a reload holds up no event.

import { setImmediate } from 'node:timers/promises';

/** A step may itself take as long again: both together stay below 5 ms. */
const STRETCH_MS = 1;

export class Pace {
  #begun = performance.now();
  /** Milliseconds, those of waiting for files not counted as far as `waited` was called. */
  longestMs = 0;

  /** Between two steps. Resolves at once while the stretch is short. */
  async step(): Promise<void> {
    if (this.#stretch() < STRETCH_MS) return;
    await setImmediate();
    this.#begun = performance.now();
  }

  /** Something was awaited that is no work of this thread. */
  waited(): void {
    this.#begun = performance.now();
  }

  /** The steps to their end. */
  async run<T>(steps: Generator<unknown, T>): Promise<T> {
    for (;;) {
      const step = steps.next();
      if (this.#stretch() >= STRETCH_MS) await this.step();
      if (step.done) return step.value;
    }
  }

  #stretch(): number {
    const ms = performance.now() - this.#begun;
    if (ms > this.longestMs) this.longestMs = ms;
    return ms;
  }
}
