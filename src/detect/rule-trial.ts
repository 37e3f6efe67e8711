// One rule over events, with what became of each: for `why-not`, which asks after what kept it silent. The verdict is the detector's;
// beside it are counted what it does not tell: since when terms are known, how many of a threshold are there. In: a rule, its
// exceptions, events in order; out: per event a trial. Pure.

import type { EcsEvent } from '../ecs/event.ts';
import { type EventTime, elapsedMs, timeOf } from '../ecs/event-time.ts';
import type { Field, FieldTable } from '../ecs/fields.ts';
import { ecsType } from '../ecs/known-types.ts';
import { Counters } from '../stats.ts';
import type { Alert } from './alert.ts';
import { combination, groupKey, MAX_COMBINATIONS, textsOf, valuesOf } from './combinations.ts';
import { parseLookback } from './date-math.ts';
import { Detector } from './detector.ts';
import { type ActiveItem, type ExceptionSet, findException } from './exceptions/exception-set.ts';
import type { Rule } from './rule.ts';
import { termKey } from './term-key.ts';
import { MemoryTermStore, type RuleTerms } from './term-store.ts';

export interface TermTrial {
  readonly values: readonly string[];
  /** Undefined: never before, as far as is known. */
  readonly last?: EventTime;
  readonly first?: EventTime;
  /** Seen within the window: no alert. */
  readonly known: boolean;
}

export interface Trial {
  readonly alerts: readonly Alert[];
  /** Which of the rule's probes match: of a rule without stages 0 alone. */
  readonly probes: readonly number[];
  readonly hiddenBy?: ActiveItem;
  /** new_terms, of an event that matched: no tuple where a field has no value. */
  readonly terms?: readonly TermTrial[];
  /** threshold: matching events of its group within the window, this one included; 0: it has no group. */
  readonly count?: number;
  readonly cardinality?: readonly { readonly field: string; readonly value: number }[];
  /** Counted in an alert that was made before. */
  readonly suppressed: boolean;
  /** By max_signals, or by the byte rate. */
  readonly heldBack: boolean;
}

interface Counted {
  readonly at: EventTime;
  readonly values: readonly (readonly string[])[];
}

/** Of a threshold's group; more is no answer to a question. */
const MOST_COUNTED = 100_000;
const HELD_BACK = /^detect_alerts_(capped|held_back)_total/;

export class RuleTrial {
  readonly #rule: Rule;
  readonly #items: readonly ActiveItem[];
  readonly #detector: Detector;
  readonly #counters = new Counters();
  readonly #terms: WatchedTerms;
  readonly #fields: FieldTable;
  readonly #groups = new Map<string, Counted[]>();

  /** history: of a new_terms rule, what is known before the first event. */
  constructor(rule: Rule, exceptions: Pick<ExceptionSet, 'boundTo'>, fields: FieldTable, history?: RuleTerms) {
    this.#rule = rule;
    this.#items = exceptions.boundTo(rule);
    this.#fields = fields;
    this.#terms = new WatchedTerms(this.#counters);
    if (history !== undefined) this.#terms.take(history);
    this.#detector = new Detector({
      ...{ rules: [rule], exceptions, fields, counters: this.#counters, terms: this.#terms },
    });
  }

  /** in: the next event. */
  take(event: EcsEvent): Trial {
    const probes = probesMatching(this.#rule, event);
    const hiddenBy = probes.length === 0 ? undefined : findException(this.#items, event);
    const counts = probes.length > 0 && hiddenBy === undefined;
    const terms = counts ? this.#termsOf(event) : undefined;
    const threshold = counts ? this.#count(event) : undefined;
    const before = { suppressed: this.#suppressed(), held: this.#held() };
    const alerts = this.#detector.evaluate(event);
    const [suppressed, heldBack] = [this.#suppressed() > before.suppressed, this.#held() > before.held];
    // Enough were there, whatever became of the alert: the group counts anew.
    if (threshold !== undefined && (alerts.length > 0 || suppressed || heldBack)) this.#groups.delete(threshold.key);
    return {
      ...{ alerts, probes, suppressed, heldBack },
      ...(hiddenBy && { hiddenBy }),
      ...(terms && { terms }),
      ...(threshold && { count: threshold.count, cardinality: threshold.cardinality }),
    };
  }

  /** No more events will come. */
  end(): readonly Alert[] {
    return this.#detector.end();
  }

  #suppressed(): number {
    return this.#counters.get('detect_alerts_suppressed_total');
  }

  #held(): number {
    const entries = this.#counters.entries().filter(([name]) => HELD_BACK.test(name));
    return entries.reduce((sum, [, count]) => sum + count, 0);
  }

  #termsOf(event: EcsEvent): readonly TermTrial[] | undefined {
    const { newTerms, rule_id } = this.#rule;
    if (newTerms === undefined) return undefined;
    const lists = newTerms.fields.map((name) => textsOf(event.get(name), this.#field(name).type));
    return combinations(lists).map((values): TermTrial => {
      const { last, first } = this.#terms.knows(rule_id, termKey(values));
      const known = last !== undefined && elapsedMs(last, event) <= newTerms.historyMs;
      return { values, known, ...(last && { last }), ...(first && { first }) };
    });
  }

  /** Of an event in several groups, the first. */
  #count(event: EcsEvent) {
    const { threshold } = this.#rule;
    if (threshold === undefined) return undefined;
    const lists = threshold.fields.map((name) => valuesOf(event.get(name), this.#field(name).type));
    if (lists.some(({ length }) => length === 0)) return { key: '', count: 0, cardinality: [] };
    const key = groupKey(combination(lists, 0));
    const values = threshold.cardinality.map(({ field }) => textsOf(event.get(field), this.#field(field).type));
    const window = parseLookback(this.#rule.from, 'rule.from');
    const kept = (this.#groups.get(key) ?? []).filter(({ at }) => elapsedMs(at, event) <= window).slice(-MOST_COUNTED);
    kept.push({ at: timeOf(event), values });
    this.#groups.set(key, kept);
    const cardinality = threshold.cardinality.map(({ field }, i) => ({
      field,
      value: new Set(kept.flatMap((one) => one.values[i]!)).size,
    }));
    return { key, count: kept.length, cardinality };
  }

  #field(name: string): Field {
    return this.#fields.add(name, ecsType(name) ?? 'keyword');
  }
}

/** Which probes of a rule's program match: of a rule without one, 0. */
export function probesMatching({ compiled, program }: Rule, event: EcsEvent): number[] {
  if (program === undefined) return compiled.matches(event.slots) ? [0] : [];
  const tracked = new Set(program.tracked.map(({ probe }) => probe));
  return program.probes.flatMap((query, i) => (!tracked.has(i) && query.matches(event.slots) ? [i] : []));
}

function combinations(lists: readonly (readonly string[])[]): string[][] {
  const total = lists.reduce((product, list) => product * list.length, 1);
  return Array.from({ length: Math.min(total, MAX_COMBINATIONS) }, (_, i) => combination(lists, i));
}

class WatchedTerms extends MemoryTermStore {
  readonly #first = new Map<string, EventTime>();

  take(history: RuleTerms): void {
    this.rules.set(history.rule_id, history);
  }

  knows(rule_id: string, term: string): { last?: EventTime; first?: EventTime } {
    const last = this.rules.get(rule_id)?.seen.get(term);
    const first = this.#first.get(term);
    return { ...(last && { last }), ...(first && { first }) };
  }

  override see(rule_id: string, term: string, at: EventTime): EventTime | undefined {
    const last = super.see(rule_id, term, at);
    if (last === undefined) this.#first.set(term, timeOf(at));
    return last;
  }
}
