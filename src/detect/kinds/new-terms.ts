// new_terms: a match is an alert for each of its tuples that was not seen before (../new-terms.ts), unless the rule still
// learns. Self-tests see no history and leave none. Called by detector.ts through the contract of kind.ts.

import type { Counters } from '../../stats.ts';
import { alertId, eventIdOf } from '../alert-id.ts';
import { cappedGaps } from '../alert-limits.ts';
import { findNewTerms, type NewTermsRule, type NewTuple, type Seen } from '../new-terms.ts';
import { termKey } from '../term-key.ts';
import type { TermStore } from '../term-store.ts';
import type { Draft, Occurrence, RuleKind } from './kind.ts';

/** For self-tests: every term is new, and none is kept. */
const NO_HISTORY: Seen = { see: () => undefined, history: () => undefined };

export class NewTermsKind implements RuleKind {
  readonly joins = false;
  readonly #rule: NewTermsRule;
  readonly #terms: TermStore;
  readonly #counters: Counters;

  constructor(rule: NewTermsRule, terms: TermStore, counters: Counters) {
    this.#rule = rule;
    this.#terms = terms;
    this.#counters = counters;
  }

  matched({ event, selftest }: Occurrence): readonly Draft[] {
    const { rule_id } = this.#rule;
    const store = selftest ? NO_HISTORY : this.#terms;
    const { tuples, skipped } = findNewTerms(this.#rule, event, store, this.#counters);
    if (!selftest && this.#terms.learns(rule_id, event)) {
      if (tuples.length > 0) this.#counters.add('detect_alerts_learned_total', tuples.length);
      return [];
    }
    const gaps = cappedGaps('combinations of new_terms_fields not looked at', skipped);
    const common = { event, hashed: event, selftest, gaps, documents: 1 };
    return tuples.map((tuple) => ({ ...common, tuple, ...this.#parts(tuple, event, selftest) }));
  }

  #parts(tuple: NewTuple, event: Occurrence['event'], selftest: boolean): Pick<Draft, 'uuid' | 'made'> {
    const uuid: Draft['uuid'] = ({ rule_id, version }) =>
      alertId({ eventId: eventIdOf(event), rule_id, version, terms: tuple.values });
    if (selftest) return { uuid };
    return { uuid, made: () => this.#terms.hold(this.#rule.rule_id, termKey(tuple.values)) };
  }
}
