// How much all threshold rules together may hold (each has bounds of its own): beyond, the rule that holds most gives up the group
// that had no event for longest, so that a flood of one rule's events takes no other rule's count away. Used by threshold.ts.

/** Moments and values, some 130 bytes each: 25 MiB. */
const MOST = 196_608;

export interface Holder {
  readonly held: number;
  /** Groups. */
  readonly size: number;
  evict(): void;
}

export class TallyBudget {
  readonly #most: number;
  readonly #holders = new Set<Holder>();
  #held = 0;

  constructor(most = MOST) {
    this.#most = most;
  }

  /** The holder holds so much more, or less. */
  note(holder: Holder, change: number): void {
    this.#held += change;
    if (holder.held > 0) this.#holders.add(holder);
    else this.#holders.delete(holder);
  }

  makeRoom(): void {
    while (this.#held > this.#most) {
      // The last group of a rule is the one that is being counted.
      const able = [...this.#holders].filter(({ size }) => size > 1);
      if (able.length === 0) return;
      able.reduce((most, holder) => (holder.held > most.held ? holder : most)).evict();
    }
  }
}
