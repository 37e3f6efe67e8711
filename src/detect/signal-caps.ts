// max_signals: how many alerts a rule may make per interval. The interval begins with the rule's first alert in it and
// runs on event time; what is above the cap is counted and handed to the rule's next alert. Pure; used by detector.ts.

import { type EventTime, elapsedMs, timeOf, wentBack } from './event-time.ts';

export interface CapLimits {
  readonly rule_id: string;
  readonly intervalMs: number;
  readonly max_signals: number;
}

/** Kept over a restart (term-store-io.ts). */
export interface CapState {
  readonly rule_id: string;
  start: EventTime;
  /** Alerts made in this interval. */
  count: number;
  /** Alerts not made since the last one that was. */
  capped: number;
}

/** What the cap says of one alert: whether it may be made, and how many before it were not. */
export type CapVerdict = { readonly allowed: false } | { readonly allowed: true; readonly cappedBefore: number };

export class SignalCaps {
  readonly #states = new Map<string, CapState>();

  restore(states: Iterable<CapState>): void {
    for (const state of states) this.#states.set(state.rule_id, { ...state });
  }

  states(): IterableIterator<CapState> {
    return this.#states.values();
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
    state.capped = 0;
    return { allowed: true, cappedBefore };
  }

  #current(rule: CapLimits, at: EventTime): CapState {
    const known = this.#states.get(rule.rule_id);
    if (known === undefined) {
      const fresh = { rule_id: rule.rule_id, start: timeOf(at), count: 0, capped: 0 };
      this.#states.set(rule.rule_id, fresh);
      return fresh;
    }
    if (elapsedMs(known.start, at) >= rule.intervalMs || wentBack(known.start, at)) {
      known.start = timeOf(at);
      known.count = 0;
    }
    return known;
  }
}
