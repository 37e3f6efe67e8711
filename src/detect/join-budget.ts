// How much all rules together may keep in progress (each has a bound of its own, correlate/): many rules that begin with what a
// flood has would hold a host's memory else. Beyond, the rule that has most gives up its oldest, counted as those beyond its own
// bound. Used by detector.ts.

import type { RuleKind } from './kinds/kind.ts';

/** About 7 KiB each at worst, as events are kept (kinds/light-event.ts): 70 MiB in a flood that is made for it. */
const MOST = 10_000;
/** Events that may be kept between two looks. */
const EVERY = 64;

export class JoinBudget {
  readonly #most: number;
  #kinds: readonly RuleKind[] = [];
  #untilLook = EVERY;

  constructor(most = MOST) {
    this.#most = most;
  }

  use(kinds: readonly RuleKind[]): void {
    this.#kinds = kinds.filter(({ shed }) => shed !== undefined);
  }

  get pending(): number {
    return this.#kinds.reduce((sum, { pending = 0 }) => sum + pending, 0);
  }

  /** An event went to one of them. */
  note(_kind: RuleKind): void {
    if (--this.#untilLook > 0) return;
    this.#untilLook = EVERY;
    for (let over = this.pending - this.#most; over > 0; over = this.pending - this.#most) {
      const largest = this.#kinds.reduce((most, kind) => ((kind.pending ?? 0) > (most.pending ?? 0) ? kind : most));
      const before = largest.pending ?? 0;
      largest.shed?.(Math.min(over, Math.ceil(before / 4)));
      if ((largest.pending ?? 0) === before) return;
    }
  }
}
