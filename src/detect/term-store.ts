// Where new_terms remembers tuples: which rule saw which tuple last, and since when each rule has been watching.
// The interface, and the bounded implementation in memory that term-store-io.ts makes durable. Pure: all time comes in.

import { type EventTime, laterOf, timeOf, wentBack } from '../ecs/event-time.ts';
import type { Counters } from '../stats.ts';
import { type KeptState, NOTHING_KEPT } from './kept-state.ts';
import { IMPORTED, type KnownHistory, type Learning, learningOf, remainingMs } from './learning.ts';
import type { CapState } from './signal-caps.ts';

export interface TermRule {
  readonly rule_id: string;
  readonly fields: readonly string[];
  /** Changes when the rule's query or its exceptions do: history is kept then, and marked. */
  readonly queryHash: string;
  /** For how long the rule is to learn before it alerts; absent: not at all. */
  readonly learnMs?: number;
}

/** What an alert says about the history of its rule. */
export interface History {
  /** First event evaluated with this rule and these fields. */
  readonly start: EventTime;
  /** First event after query or exceptions were changed: what is older was history of the former ones. */
  readonly changed?: EventTime;
}

export interface TermStore {
  /** To be called for each rule before its first event, at that event's time. */
  declare(rule: TermRule, at: EventTime): void;
  history(rule_id: string): History | undefined;
  /** When the tuple was last seen (undefined: never, as far as known). Records that it is seen now. */
  see(rule_id: string, term: string, at: EventTime): EventTime | undefined;
  /** Whether what is new at that time is only to be learned. To be asked after declare. */
  learns(rule_id: string, at: EventTime): boolean;
  /** This tuple made an alert: it is not written before release, so that a crash between repeats, never hides. */
  hold(rule_id: string, term: string): void;
  /** The alert is durable in the journal at that seq. */
  release(rule_id: string, terms: readonly string[], seq: number): void;
  /** The alert will never be durable: the tuple is new when it is seen next. */
  forget(rule_id: string, term: string): void;
  /** Called for every event: where a durable store flushes by event time. */
  tick(at: EventTime): void;
  /** max_signals is kept beside the terms: what was kept, and where to take it from at each flush. */
  restoreCaps(): readonly CapState[];
  keepCaps(source: () => Iterable<CapState>): void;
  /** So are the groups that rules count and suppress by. */
  readonly kept: KeptState;
}

export interface RuleTerms {
  readonly rule_id: string;
  fields: string;
  queryHash: string;
  start: EventTime;
  changed?: EventTime;
  learning?: Learning;
  /** Least recently seen first. */
  readonly seen: Map<string, EventTime>;
}

export class MemoryTermStore implements TermStore {
  readonly kept: KeptState = NOTHING_KEPT;
  protected readonly rules = new Map<string, RuleTerms>();
  readonly #maxTerms: number;
  readonly #counters: Counters;

  /** maxTerms: per rule; the least recently seen is evicted and counted (detect_terms_evicted_total). */
  constructor(counters: Counters, maxTerms = 10_000) {
    this.#counters = counters;
    this.#maxTerms = maxTerms;
  }

  declare(rule: TermRule, at: EventTime): void {
    const fields = rule.fields.join(' ');
    const known = this.rules.get(rule.rule_id);
    if (known === undefined || known.fields !== fields) this.#begin(rule, fields, at);
    else this.#renew(known, rule, at);
  }

  history(rule_id: string): History | undefined {
    return this.rules.get(rule_id);
  }

  see(rule_id: string, term: string, at: EventTime): EventTime | undefined {
    const rule = this.rules.get(rule_id);
    if (rule === undefined) throw new Error(`new terms of ${rule_id} before it was declared`);
    const last = rule.seen.get(term);
    rule.seen.delete(term);
    rule.seen.set(term, timeOf(last === undefined || wentBack(last, at) ? at : laterOf(last, at)));
    this.termChanged(rule_id, term);
    if (rule.seen.size > this.#maxTerms) this.#evict(rule);
    return last;
  }

  learns(rule_id: string, at: EventTime): boolean {
    const rule = this.rules.get(rule_id);
    if (rule?.learning === undefined || rule.learning.ms === 0 || rule.learning.over) return false;
    if (remainingMs(rule.learning, at) > 0) return true;
    rule.learning = { ...rule.learning, over: true };
    this.ruleChanged(rule);
    return false;
  }

  /** Milliseconds that a rule, declared or not yet, has left to learn at that time. */
  learningLeft({ rule_id, fields, learnMs = 0 }: TermRule, at: EventTime): number {
    const found = this.peek(rule_id);
    const learning = learningOf(found?.fields === fields.join(' ') ? found : undefined, learnMs, at);
    return learning === undefined ? 0 : remainingMs(learning, at);
  }

  hold(_rule_id: string, _term: string): void {}
  release(_rule_id: string, _terms: readonly string[], _seq: number): void {}
  forget(rule_id: string, term: string): void {
    if (this.rules.get(rule_id)?.seen.delete(term)) this.termChanged(rule_id, term);
  }
  tick(_at: EventTime): void {}
  restoreCaps(): readonly CapState[] {
    return [];
  }
  keepCaps(_source: () => Iterable<CapState>): void {}

  /** For the durable store: what has to be written. */
  protected ruleChanged(_rule: RuleTerms): void {}
  protected termChanged(_rule_id: string, _term: string): void {}
  protected termsDropped(_rule_id: string): void {}

  /** The history of a rule that may not be declared yet. */
  protected peek(rule_id: string): (KnownHistory & { readonly fields: string }) | undefined {
    return this.rules.get(rule_id);
  }

  /** Terms held over all rules. */
  get size(): number {
    let size = 0;
    for (const { seen } of this.rules.values()) size += seen.size;
    return size;
  }

  #begin({ rule_id, queryHash, learnMs = 0 }: TermRule, fields: string, at: EventTime): void {
    if (this.rules.has(rule_id)) this.termsDropped(rule_id);
    const learning = learningOf(undefined, learnMs, at);
    const rule = { rule_id, fields, queryHash, start: timeOf(at), ...(learning && { learning }), seen: new Map() };
    this.rules.set(rule_id, rule);
    this.ruleChanged(rule);
  }

  /** Kept, marked where it is of a former query; an imported history is that of the first one that uses it. */
  #renew(known: RuleTerms, { queryHash, learnMs = 0 }: TermRule, at: EventTime): void {
    const learning = learningOf(known, learnMs, at);
    if (known.queryHash === queryHash && known.learning === learning) return;
    if (known.queryHash !== queryHash && known.queryHash !== IMPORTED) known.changed = timeOf(at);
    known.queryHash = queryHash;
    if (learning !== undefined) known.learning = learning;
    this.ruleChanged(known);
  }

  #evict(rule: RuleTerms): void {
    const [oldest] = rule.seen.keys();
    rule.seen.delete(oldest!);
    this.termChanged(rule.rule_id, oldest!);
    this.#counters.add('detect_terms_evicted_total');
  }
}
