// The contract of what joins events: sequences and samples of EQL. In: events in the order of the ring, each with the probes of
// the program that match it; out: completed joins. Pure: no clock but the events'. Used by detect/ and by the query command.

import type { EcsEvent } from '../ecs/event.ts';
import type { EventTime } from '../ecs/event-time.ts';
import type { EqlProgram } from '../query/eql-program.ts';
import type { Counters } from '../stats.ts';

/** Its events in stage order; missing stages (`![ ]`) have none. The last event is the one that completed it, if one did. */
export interface Joined {
  readonly events: readonly EcsEvent[];
  /** Values of `by`, shared by all of them; null where an optional key has none. */
  readonly keys: readonly (string | number | bigint | boolean | null)[];
}

export interface CorrelatorLimits {
  /** Joins in progress of this rule: beyond, the oldest go, counted. */
  readonly maxPending: number;
  /** Milliseconds after which a join without maxspan goes, counted. */
  readonly maxAgeMs: number;
}

export interface Correlator {
  /** in: the next event, and which of program.probes match it, ascending. Never throws for what an event holds. */
  push(event: EcsEvent, probes: readonly number[]): readonly Joined[];
  /** Time has come so far without an event for this rule: what waits for a missing event completes, what is too old goes. */
  tick(at: EventTime): readonly Joined[];
  /** No more events will come (query, replay): what a missing event at the end waits for completes. */
  end(): readonly Joined[];
  /** Joins in progress. */
  readonly pending: number;
  /**
   * When time alone completes a join at the earliest (a missing event at the end): tick has something to do once that time is
   * over. Undefined: nothing waits for time, what is too old may go whenever.
   */
  readonly due?: EventTime | undefined;
  /** Gives up so many joins in progress, the oldest first, counted as beyond maxPending: all rules together have too many. */
  shed?(count: number): void;
}

/** in: a program of a rule or query, bounds, where evicted joins are counted; out: its state. create-correlator.ts is one. */
export type CreateCorrelator = (
  program: EqlProgram,
  limits: CorrelatorLimits,
  counters: Counters,
  label: string,
) => Correlator;

export const DEFAULT_LIMITS: CorrelatorLimits = { maxPending: 1_000, maxAgeMs: 86_400_000 };
