// max_signals: how many alerts a rule may make per interval. The interval begins with the rule's first alert in it and
// runs on event time; what is above the cap is counted and handed to the rule's next alert. Pure; used by detector.ts.
//
// What is kept over a restart counts durable alerts only: those that are on their way are taken from the journal after a
// crash (applied), and would count twice else, so that later ones would not be made.

import { type EventTime, elapsedMs, isBefore, timeOf, wentBack } from '../ecs/event-time.ts';

export interface CapLimits {
  readonly rule_id: string;
  readonly intervalMs: number;
  readonly max_signals: number;
}

/** Kept over a restart (term-store-io.ts). */
export interface CapState {
  readonly rule_id: string;
  start: EventTime;
  /** Alerts made in this interval, and durable. */
  count: number;
  /** Alerts not made since the last one that was. */
  capped: number;
}

/** What the cap says of one alert: whether it may be made, and how many before it were not. */
export type CapVerdict = { readonly allowed: false } | { readonly allowed: true; readonly cappedBefore: number };

/** count: of all that were made; pending: those of them that are not durable yet. */
interface Interval extends CapState {
  pending: number;
}

export class SignalCaps {
  readonly #intervals = new Map<string, Interval>();

  restore(states: Iterable<CapState>): void {
    for (const state of states) this.#intervals.set(state.rule_id, { ...state, pending: 0 });
  }

  *states(): Generator<CapState> {
    for (const { pending, ...state } of this.#intervals.values()) yield { ...state, count: state.count - pending };
  }

  /** One alert of the rule is about to be made at that time. */
  take(rule: CapLimits, at: EventTime): CapVerdict {
    const state = this.#current(rule, at);
    if (state.count >= rule.max_signals) {
      state.capped++;
      return { allowed: false };
    }
    const cappedBefore = state.capped;
    state.count++;
    state.pending++;
    state.capped = 0;
    return { allowed: true, cappedBefore };
  }

  /** One that was made is in the journal. */
  durable(rule_id: string): void {
    const state = this.#intervals.get(rule_id);
    if (state !== undefined && state.pending > 0) state.pending--;
  }

  /** At start: one of the journal, made at that time by a run that could not keep its state. */
  applied(rule: CapLimits, at: EventTime): void {
    const kept = this.#intervals.get(rule.rule_id);
    // Of an interval that was over when the state was kept.
    if (kept !== undefined && isBefore(at, kept.start)) return;
    const state = this.#current(rule, at);
    state.count++;
    state.capped = 0;
  }

  #current(rule: CapLimits, at: EventTime): Interval {
    const known = this.#intervals.get(rule.rule_id);
    if (known === undefined) {
      const fresh = { rule_id: rule.rule_id, start: timeOf(at), count: 0, capped: 0, pending: 0 };
      this.#intervals.set(rule.rule_id, fresh);
      return fresh;
    }
    if (elapsedMs(known.start, at) >= rule.intervalMs || wentBack(known.start, at)) {
      known.start = timeOf(at);
      known.count = 0;
      known.pending = 0;
    }
    return known;
  }
}
