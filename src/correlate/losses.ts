// What a correlator gives up, counted: by why, and by which rule. Called by sequence.ts and sample.ts.

import type { Counters } from '../stats.ts';

/** full: more in progress than the limit; age: without maxspan, and too old. */
export type EvictionReason = 'full' | 'age';

export interface Losses {
  evicted(reason: EvictionReason): void;
  /** Combinations of values that were not looked at: of `by`; of a predicate about earlier events, one for each time. */
  skipped(count: number): void;
}

export function countedLosses(counters: Counters, rule: string): Losses {
  return {
    evicted: (reason) => {
      counters.add('correlate_joins_evicted_total', 1, reason);
      counters.add('correlate_rules_evicted_total', 1, rule);
    },
    skipped: (count) => counters.add('correlate_combinations_skipped_total', count),
  };
}
