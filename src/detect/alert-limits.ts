// What keeps a rule from making more alerts: its byte rate (byte-rate.ts) and max_signals (signal-caps.ts), in this order.
// In: a match that would be an alert; out: whether it may be one, and what it then has to tell of earlier ones. Each that
// may not is counted (detect_alerts_held_back_total, detect_alerts_capped_total). Pure; used by detector.ts.

import type { EcsEvent, Gap } from '../ecs/event.ts';
import type { Counters } from '../stats.ts';
import type { Alert } from './alert.ts';
import { verdictOf } from './alert-reason.ts';
import { type ByteLimits, ByteRates, NO_BYTE_LIMITS } from './byte-rate.ts';
import { sizeOf } from './document-limit.ts';
import type { Rule } from './rule.ts';
import { SignalCaps } from './signal-caps.ts';

/** Alerts of a rule that were not made, and that no alert of it has told of yet. */
export interface Untold {
  rule_id: string;
  count: number;
}

export class AlertLimits {
  /** Their states are kept over a restart, by the term store. */
  readonly caps = new SignalCaps();
  readonly #rates: ByteRates;
  readonly #counters: Counters;

  constructor(byteLimits: ByteLimits | undefined, counters: Counters) {
    this.#rates = new ByteRates(byteLimits ?? NO_BYTE_LIMITS);
    this.#counters = counters;
  }

  /** undefined: no alert may be made of this match, counted. Else the gaps that the alert has to tell of. */
  admit(rule: Rule, event: EcsEvent): Gap[] | undefined {
    const over = this.#rates.refuse(rule.rule_id, event, () => verdictOf(rule, event).severity);
    if (over !== undefined) {
      this.#counters.add('detect_alerts_held_back_total', 1, over);
      return undefined;
    }
    const verdict = this.caps.take(rule, event);
    if (!verdict.allowed) {
      this.#counters.add('detect_alerts_capped_total');
      return undefined;
    }
    return [
      ...cappedGaps('earlier alerts of this rule, kept back by max_signals', verdict.cappedBefore),
      ...cappedGaps('earlier alerts of this rule, held back by the byte rate', this.#rates.takeHeldBack(rule.rule_id)),
    ];
  }

  /** The alert that was admitted, as it was made. */
  made({ rule_id, document }: Alert): void {
    this.#rates.charge(rule_id, sizeOf(document));
  }

  /** By max_signals. */
  capped(): Untold[] {
    return [...this.caps.states()].flatMap(({ rule_id, capped }) => (capped > 0 ? [{ rule_id, count: capped }] : []));
  }

  /** By the byte rate. */
  heldBack(): Untold[] {
    return this.#rates.heldBack();
  }
}

/** in: what was not made, in words; how many; out: no gap for none. */
export function cappedGaps(detail: string, count: number): Gap[] {
  return count > 0 ? [{ kind: 'capped_alerts', detail, count }] : [];
}
