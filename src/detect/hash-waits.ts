// Events that wait for a hash, each for one rule whose verdict hangs on it. In: events and matches in the order of the ring;
// out: the same, in that order for each rule, once the hash is there or is not waited for any longer. Bounded: beyond, the
// oldest goes on without its hash (detect_hash_waits_cut_total). Pure; used by detector.ts, which resumes it at each news
// of a hash.

import type { EcsEvent } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { CompiledQuery } from '../query/language.ts';
import type { Counters } from '../stats.ts';
import { overridingFields } from './alert-reason.ts';
import { fieldsRead } from './compile-query.ts';
import { type HashOf, type HashSource, hashesNamed } from './hash-source.ts';
import type { Rule, RuleFacts } from './rule.ts';
import { couldMatch, probesOf, RuleIndex } from './rule-index.ts';

/** An event for one rule, which may match it or not. */
export interface Waiting {
  /** Place of the rule in the rule set. */
  readonly place: number;
  readonly event: EcsEvent;
  readonly selftest: boolean;
  readonly needs: readonly HashOf[];
}

/** A rule, and the hashes that its query or its new terms need; by its place in the rule set. */
export interface HashRule {
  readonly compiled: CompiledQuery;
  readonly needs: readonly HashOf[];
}

export interface HashWaitsOptions {
  readonly rules: readonly HashRule[];
  readonly fields: FieldTable;
  readonly hashes: HashSource;
  readonly counters: Counters;
  readonly maxWaiting?: number;
}

export class HashWaits {
  readonly #hashes: HashSource;
  readonly #counters: Counters;
  readonly #maxWaiting: number;
  readonly #rules: readonly (HashRule & { readonly place: number })[];
  /** Of these rules, by what they say of everything but the hash. */
  readonly #index: RuleIndex;
  #queue: Waiting[] = [];
  /** By rule: how many of the queue are its. */
  readonly #held = new Map<number, number>();

  constructor({ rules, fields, hashes, counters, maxWaiting = 1024 }: HashWaitsOptions) {
    this.#hashes = hashes;
    this.#counters = counters;
    this.#maxWaiting = maxWaiting;
    this.#rules = rules.flatMap((rule, place) => (rule.needs.length > 0 ? [{ ...rule, place }] : []));
    this.#index = new RuleIndex(probesOf(this.#rules.map(({ compiled }) => withoutHash(compiled))), fields);
  }

  /** in: a new event; asks for its hashes where a rule needs them. out: what has to wait with it, in rule order. */
  asked(event: EcsEvent, selftest: boolean): readonly Waiting[] {
    if (this.#rules.length === 0) return [];
    return this.#index.candidates(event).flatMap(({ rule, query }) => {
      if (!query.matches(event.slots)) return [];
      const { place, needs } = this.#rules[rule]!;
      if (this.isComing(event, needs)) return [{ place, event, selftest, needs }];
      if (!this.isThere(event, needs)) this.#undecided();
      return [];
    });
  }

  /** Earlier events of that rule wait: later ones have to keep their places behind them. */
  holds(place: number): boolean {
    return this.#held.has(place);
  }

  isComing(event: EcsEvent, needs: readonly HashOf[]): boolean {
    // Each is asked for, whatever is said of the first.
    return needs.map((of) => this.#hashes.look(event, of)).includes('coming');
  }

  isThere(event: EcsEvent, needs: readonly HashOf[]): boolean {
    return needs.every((of) => ['known', 'doubted'].includes(this.#hashes.look(event, of)));
  }

  /** out: the oldest of all, where there is no room: it has to go on now. */
  put(waiting: Waiting): Waiting | undefined {
    const { event, place } = waiting;
    const lineage = event.lineage?.();
    if (lineage !== undefined) event.lineage = () => lineage;
    this.#counters.add('detect_hash_waits_total');
    this.#queue.push(waiting);
    this.#held.set(place, (this.#held.get(place) ?? 0) + 1);
    if (this.#queue.length <= this.#maxWaiting) return undefined;
    this.#counters.add('detect_hash_waits_cut_total');
    const oldest = this.#queue.shift()!;
    this.#release(oldest);
    return oldest;
  }

  /** All that waits, in order: it goes on without its hash. */
  cut(): readonly Waiting[] {
    const cut = this.#queue.splice(0);
    if (cut.length > 0) this.#counters.add('detect_hash_waits_cut_total', cut.length);
    for (const each of cut) this.#release(each);
    return cut;
  }

  /** What waits no longer, in order. */
  ready(): readonly Waiting[] {
    const blocked = new Set<number>();
    const [ready, waiting]: [Waiting[], Waiting[]] = [[], []];
    for (const each of this.#queue) {
      const { place, event, needs } = each;
      if (blocked.has(place) || this.isComing(event, needs)) {
        blocked.add(place);
        waiting.push(each);
      } else {
        this.#release(each);
        ready.push(each);
      }
    }
    this.#queue = waiting;
    return ready;
  }

  #release({ place, event, needs }: Waiting): void {
    const left = this.#held.get(place)! - 1;
    if (left === 0) this.#held.delete(place);
    else this.#held.set(place, left);
    if (!this.isThere(event, needs)) this.#undecided();
  }

  /** A verdict that could have been another with the hash. */
  #undecided(): void {
    this.#counters.add('detect_rules_undecided_total');
  }
}

/**
 * Fields of hashes that a rule cannot do without: of its queries and what they join by, of its groups, and of what decides how severe
 * its alerts are. A pattern or free text that happens to reach such fields needs none.
 */
export function hashFieldsOf(rule: Rule): string[] {
  const texts = [rule.query, ...(rule.filters ?? []).map(({ text }) => text)];
  const read = texts.some((text) => /\bhash\b/.test(text)) ? fieldsRead(rule).map(({ name }) => name) : [];
  return [...read, ...groupFields(rule), ...overridingFields(rule)].filter((name) => hashesNamed([name]).length > 0);
}

/** Fields whose values make its terms, or the groups that it counts and suppresses by. */
function groupFields({ newTerms, threshold, suppression }: RuleFacts): readonly string[] {
  const counted = threshold?.cardinality.map(({ field }) => field) ?? [];
  return [...(newTerms?.fields ?? []), ...(threshold?.fields ?? []), ...counted, ...(suppression?.groupBy ?? [])];
}

/** What could match, whatever the hash. */
function withoutHash(compiled: CompiledQuery): CompiledQuery {
  const others = compiled.fields.filter(({ name }) => hashesNamed([name]).length === 0);
  return couldMatch(compiled, new Set(others.map(({ slot }) => slot)));
}
