// Between a match and what becomes of it: whether it has to wait for a hash, its rule's or that of an exception, and which
// exception hides it. In: events and matches in the order of the ring; out: what has to go on now. Without a source of hashes events
// have what their slots have, and nothing waits. Used by detector.ts; what waits is kept by hash-waits.ts.

import type { EcsEvent } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { Counters } from '../stats.ts';
import { type ActiveItem, findException, hashesAwaited } from './exceptions/exception-set.ts';
import type { HashOf, HashSource } from './hash-source.ts';
import { HashWaits, type Waiting } from './hash-waits.ts';
import type { LoadedRule } from './loaded-rule.ts';

const NONE: readonly Waiting[] = [];

export class HashGate {
  readonly #fields: FieldTable;
  readonly #counters: Counters;
  #rules: readonly LoadedRule[] = [];
  #waits: HashWaits | undefined;
  source: HashSource | undefined;

  constructor(fields: FieldTable, counters: Counters) {
    this.#fields = fields;
    this.#counters = counters;
  }

  /** From here on; what waited before is to be cut first. */
  use(source: HashSource | undefined, rules: readonly LoadedRule[]): void {
    this.source = source;
    this.#rules = rules;
    const parts = { rules, fields: this.#fields, counters: this.#counters };
    this.#waits = source && new HashWaits({ ...parts, hashes: source });
  }

  /** in: a new event; out: for which rules it has to wait, whatever they say of it; in rule order. */
  asked(event: EcsEvent, selftest: boolean): readonly Waiting[] {
    const waiting = this.#waits?.asked(event, selftest) ?? NONE;
    return waiting.length === 0 ? NONE : waiting.map((each) => ({ ...each, needs: this.#allNeeds(each.place) }));
  }

  /** A match; out: how it has to wait, where an exception hangs on a hash, or behind earlier ones of its rule that wait. */
  matched(place: number, event: EcsEvent, selftest: boolean): Waiting | undefined {
    const waits = this.#waits;
    if (waits === undefined) return undefined;
    const { items } = this.#rules[place]!;
    const needs = hashesAwaited(items, event);
    const hidden = needs.length > 0 && findException(items, event, () => false) !== undefined;
    const comes = !hidden && waits.isComing(event, needs);
    if (!comes && !waits.holds(place)) return undefined;
    return { place, event, selftest, needs: comes ? needs : [] };
  }

  /** out: what has to go on now, as there is no room. */
  put(waiting: Waiting): Waiting | undefined {
    return this.#waits?.put(waiting);
  }

  ready(): readonly Waiting[] {
    return this.#waits?.ready() ?? NONE;
  }

  cut(): readonly Waiting[] {
    return this.#waits?.cut() ?? NONE;
  }

  /** Earlier events of that rule wait: time must not pass it either. */
  holds(place: number): boolean {
    return this.#waits?.holds(place) === true;
  }

  /** Whether the event has the hashes, or nobody could have waited for them. */
  isThere(event: EcsEvent, needs: readonly HashOf[]): boolean {
    return this.#waits?.isThere(event, needs) !== false;
  }

  /** The first item of the rule that hides the event. */
  exception({ items }: LoadedRule, event: EcsEvent): ActiveItem | undefined {
    if (items.length === 0) return undefined;
    return findException(items, event, (of) => (this.source?.look(event, of) ?? 'known') === 'known');
  }

  /** Of a rule, and of the exceptions that may hide what it matches. */
  #allNeeds(place: number): readonly HashOf[] {
    const { needs, items } = this.#rules[place]!;
    return [...new Set([...needs, ...items.flatMap(({ hashes }) => hashes)])];
  }
}
