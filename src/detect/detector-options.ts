// What a detector is built with. Used by detector.ts and by whoever builds one.

import type { CreateCorrelator } from '../correlate/correlator.ts';
import type { EcsEvent } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { Counters } from '../stats.ts';
import type { AlertAmend } from './alert.ts';
import type { ByteLimits } from './byte-rate.ts';
import type { RuleSource } from './rule-book.ts';
import type { CostClock } from './rule-costs.ts';
import type { TermStore } from './term-store.ts';

export interface DetectorOptions extends RuleSource {
  /** The table of the events. */
  readonly fields: FieldTable;
  readonly counters: Counters;
  /** Default: in memory only. */
  readonly terms?: TermStore;
  /** Milliseconds that a new_terms rule learns from the begin of its history on; default: none learns. */
  readonly learnMs?: ((rule_id: string) => number) | undefined;
  /** How many bytes of alerts may be made; default: as many as there are. */
  readonly byteLimits?: ByteLimits | undefined;
  /** Milliseconds since 1970 at which an event is detected; default: the event's own time (replay). */
  readonly detectedMs?: (event: EcsEvent) => number;
  /** Asked once per event: whether a self-test made it. Its alerts are marked, and leave no terms and no count behind. */
  readonly isSelftest?: (event: EcsEvent) => boolean;
  /** What further matches add to an alert that was made before, in order; default: nobody is told. */
  readonly onAmend?: ((amend: AlertAmend) => void) | undefined;
  /** By which the rules' cost is sampled; default: it is counted, not timed. */
  readonly costClock?: CostClock | undefined;
  /** For tests: what joins events. */
  readonly correlate?: CreateCorrelator;
  /** For tests and bench: evaluate every rule on every event. */
  readonly unindexed?: boolean;
}
