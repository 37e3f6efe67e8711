// Where new_terms remembers tuples: which rule saw which tuple last, and since when each rule has been watching.
// The interface, and the bounded implementation in memory that term-store-io.ts makes durable. Pure: all time comes in.

import { createHash } from 'node:crypto';
import type { Counters } from '../stats.ts';
import { type EventTime, laterOf, timeOf } from './event-time.ts';
import type { CapState } from './signal-caps.ts';

export interface TermRule {
  readonly rule_id: string;
  readonly fields: readonly string[];
  /** Changes when the rule's query or its exceptions do: history is kept then, and marked. */
  readonly queryHash: string;
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
  /** This tuple made an alert: it is not written before release, so that a crash between repeats, never hides. */
  hold(rule_id: string, term: string): void;
  /** The alert is durable in the journal at that seq. */
  release(rule_id: string, terms: readonly string[], seq: number): void;
  /** Called for every event: where a durable store flushes by event time. */
  tick(at: EventTime): void;
  /** max_signals is kept beside the terms: what was kept, and where to take it from at each flush. */
  restoreCaps(): readonly CapState[];
  keepCaps(source: () => Iterable<CapState>): void;
}

/** Terms longer than this are stored as their SHA-256: a command line can have 32 KiB. */
const MAX_TERM = 256;

/** A tuple as one string, equal for equal tuples only: each value with its length before it. */
export function termKey(values: readonly string[]): string {
  const key = values.map((value) => `${value.length}:${value}`).join('');
  if (key.length <= MAX_TERM) return key;
  return `sha256:${createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('base64url')}`;
}

export interface RuleTerms {
  readonly rule_id: string;
  fields: string;
  queryHash: string;
  start: EventTime;
  changed?: EventTime;
  /** Least recently seen first. */
  readonly seen: Map<string, EventTime>;
}

export class MemoryTermStore implements TermStore {
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
    else if (known.queryHash !== rule.queryHash) {
      known.queryHash = rule.queryHash;
      known.changed = timeOf(at);
      this.ruleChanged(known);
    }
  }

  history(rule_id: string): History | undefined {
    return this.rules.get(rule_id);
  }

  see(rule_id: string, term: string, at: EventTime): EventTime | undefined {
    const rule = this.rules.get(rule_id);
    if (rule === undefined) throw new Error(`new terms of ${rule_id} before it was declared`);
    const last = rule.seen.get(term);
    rule.seen.delete(term);
    rule.seen.set(term, last === undefined ? timeOf(at) : timeOf(laterOf(last, at)));
    this.termChanged(rule_id, term);
    if (rule.seen.size > this.#maxTerms) this.#evict(rule);
    return last;
  }

  hold(_rule_id: string, _term: string): void {}
  release(_rule_id: string, _terms: readonly string[], _seq: number): void {}
  tick(_at: EventTime): void {}
  restoreCaps(): readonly CapState[] {
    return [];
  }
  keepCaps(_source: () => Iterable<CapState>): void {}

  /** For the durable store: what has to be written. */
  protected ruleChanged(_rule: RuleTerms): void {}
  protected termChanged(_rule_id: string, _term: string): void {}
  protected termsDropped(_rule_id: string): void {}

  /** Terms held over all rules. */
  get size(): number {
    let size = 0;
    for (const { seen } of this.rules.values()) size += seen.size;
    return size;
  }

  #begin({ rule_id, queryHash }: TermRule, fields: string, at: EventTime): void {
    if (this.rules.has(rule_id)) this.termsDropped(rule_id);
    const rule = { rule_id, fields, queryHash, start: timeOf(at), seen: new Map() };
    this.rules.set(rule_id, rule);
    this.ruleChanged(rule);
  }

  #evict(rule: RuleTerms): void {
    const [oldest] = rule.seen.keys();
    rule.seen.delete(oldest!);
    this.termChanged(rule.rule_id, oldest!);
    this.#counters.add('detect_terms_evicted_total');
  }
}
