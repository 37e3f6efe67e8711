// What of the rules' state outlives a run, and when it may: told of alerts that are durable or given up, and at start of those that the
// journal has and the state may not (a crash between the two). Terms and groups are found by the alert's own terms and group. Used
// by detector.ts.

import { type EventTime, timeOf } from '../ecs/event-time.ts';
import type { Alert } from './alert.ts';
import type { LoadedRule } from './loaded-rule.ts';
import type { SignalCaps } from './signal-caps.ts';
import type { Suppression } from './suppression.ts';
import { termKey } from './term-key.ts';
import type { TermStore } from './term-store.ts';

/** Of an alert of the journal, besides its terms. */
export type JournalledAlert = Pick<Alert, 'uuid' | 'severity' | 'group'>;

export class KeptOver {
  readonly #terms: TermStore;
  readonly #caps: SignalCaps;
  readonly #suppression: Suppression;
  readonly #ruleOf: (rule_id: string) => LoadedRule | undefined;

  constructor(
    terms: TermStore,
    caps: SignalCaps,
    suppression: Suppression,
    ruleOf: (rule_id: string) => LoadedRule | undefined,
  ) {
    this.#terms = terms;
    this.#caps = caps;
    this.#suppression = suppression;
    this.#ruleOf = ruleOf;
    caps.restore(terms.restoreCaps());
    terms.keepCaps(() => caps.states());
    terms.kept.keep('threshold', (rule_id, key) => ruleOf(rule_id)?.kind.stateOf?.(key));
  }

  durable(alert: Pick<Alert, 'rule_id' | 'terms' | 'group' | 'selftest'>, seq: number): void {
    const { rule_id, terms, group, selftest } = alert;
    if (selftest !== true) this.#caps.durable(rule_id);
    if (group !== undefined) this.#terms.kept.release('threshold', rule_id, group);
    this.#suppression.durable(alert);
    this.#terms.release(rule_id, terms === undefined ? [] : [termKey(terms)], seq);
  }

  /** What was held back for its alert is let go: a term as if it had not been seen, a group as if its alert had not been made. */
  givenUp(alert: Pick<Alert, 'uuid' | 'rule_id' | 'terms' | 'group'>): void {
    const { rule_id, terms, group } = alert;
    if (group !== undefined) this.#terms.kept.release('threshold', rule_id, group);
    this.#suppression.givenUp(alert);
    if (terms !== undefined) this.#terms.forget(rule_id, termKey(terms));
  }

  applyAlert(
    rule_id: string,
    terms: readonly string[] | undefined,
    at: EventTime,
    seq: number,
    grouped?: JournalledAlert,
  ): void {
    const loaded = this.#ruleOf(rule_id);
    if (loaded !== undefined) {
      this.#caps.applied(loaded.rule, at);
      this.#see(loaded, terms, at);
      if (grouped?.group !== undefined) this.#group(loaded, { ...grouped, group: grouped.group }, at);
    }
    this.#terms.release(rule_id, [], seq);
  }

  #see(loaded: LoadedRule, terms: readonly string[] | undefined, at: EventTime): void {
    if (loaded.terms === undefined || terms?.length !== loaded.terms.fields.length) return;
    this.#terms.declare(loaded.terms, at);
    this.#terms.see(loaded.rule.rule_id, termKey(terms), at);
  }

  #group({ rule, kind }: LoadedRule, alert: JournalledAlert & { group: string }, at: EventTime): void {
    const { uuid, severity, group } = alert;
    kind.applied?.(group, at);
    // Of a threshold's alert, which may have counted more: where a cardinality was waited for.
    const documents = (rule.threshold?.value ?? 1) - 1;
    this.#suppression.applied({ rule_id: rule.rule_id, uuid, severity, documents, key: group, start: timeOf(at) });
  }
}
