// Which rules can match an event at all, found without evaluating them: per class of events (os, category, type, action) the
// rules are partially evaluated once, and what is left is indexed by the terms of its cover (class-plan.ts).
// In: probes; out: for an event, the candidates in rule order. It answers from the start on, and gets ready in steps of bounded
// work: by prepare(), and with each event. Used by detector.ts. (engine.md, points 2 and 3.)

import type { EcsEvent, SlotValue } from '../ecs/event.ts';
import type { Field, FieldTable } from '../ecs/fields.ts';
import type { CompiledQuery } from '../query/language.ts';
import { type Candidate, ClassPlan, type ClassProbe } from './class-plan.ts';
import { IndexTerms } from './index-terms.ts';

export type { Candidate } from './class-plan.ts';

export interface RuleIndexOptions {
  /** Only these slots of the events are filled: the queries are asked for what they say of them (couldMatch). */
  readonly within?: ReadonlySet<number>;
}

/** Fields whose values make the class of an event. */
const CLASS_FIELDS = ['host.os.type', 'event.category', 'event.type', 'event.action'];
/** Classes beyond this many, or beyond so many probes in all their plans (hostile documents), share one plan for all. */
const MAX_CLASSES = 64;
const MAX_LEFT = 32_768;
/** Classes found by the very values of the last events, without a key made of them. */
const RECENT = 8;
/** Probes by which an event moves an incomplete plan on. */
const STEPS_AN_EVENT = 8;

const ANY: CompiledQuery = { matches: () => true, fields: [], tree: undefined };

export class RuleIndex {
  readonly #given: readonly Candidate[];
  /** What every event is a candidate of until it is ready. */
  readonly #whole: readonly Candidate[];
  readonly #probes: ClassProbe[] = [];
  readonly #within: ReadonlySet<number> | undefined;
  readonly #classFields: readonly Field[];
  readonly #classSlots: ReadonlySet<number>;
  readonly #terms = new IndexTerms();
  #isReady = false;
  readonly #plans = new Map<string, ClassPlan>();
  readonly #recent: { readonly values: readonly SlotValue[]; readonly plan: ClassPlan }[] = [];
  #general: ClassPlan | undefined;

  /** probes: in ascending order of rule, then probe. Does nothing yet. */
  constructor(probes: readonly Candidate[], fields: FieldTable, { within }: RuleIndexOptions = {}) {
    this.#given = probes;
    this.#whole = within === undefined ? probes : probes.map((probe) => ({ ...probe, query: ANY }));
    this.#within = within;
    this.#classFields = CLASS_FIELDS.map((name) => fields.add(name, 'keyword'));
    this.#classSlots = new Set(this.#classFields.map(({ slot }) => slot));
  }

  /**
   * Goes on until it is ready, or by so many steps, each some tens of microseconds; out: whether it is ready. Until it is, every
   * probe is a candidate of every event. Plans of classes are made afterwards, as events of them come.
   */
  prepare(steps = Number.POSITIVE_INFINITY): boolean {
    for (let i = 0; i < steps && !this.#isReady; i++) this.#step();
    return this.#isReady;
  }

  /**
   * The same to the end, step by step, and the plans of the classes that another index has met: what follows it at a reload.
   * before: that index.
   */
  *prepareLike(before: RuleIndex | undefined): Generator<void> {
    while (!this.prepare(1)) yield;
    for (const plan of before === undefined ? [] : before.#plans.values()) {
      const own = this.#planFor(plan.known);
      while (!own.isComplete) {
        own.advance(1);
        yield;
      }
    }
  }

  /** A superset of the probes that match, by rule, then probe, each once. */
  candidates({ slots }: EcsEvent): readonly Candidate[] {
    if (!this.#isReady && !this.prepare(STEPS_AN_EVENT)) return this.#whole;
    const plan = this.#planFor(slots);
    if (!plan.isComplete) plan.advance(STEPS_AN_EVENT);
    return plan.candidates(slots);
  }

  /** Probes left for the class of that event, and how many of them the index cannot narrow down. Completes the class's plan. */
  reach(event: EcsEvent): { rules: number; always: number } {
    this.prepare();
    return this.#planFor(event.slots).reach;
  }

  /**
   * Whether rules are left for the class that these values of its fields make; byAction: whether one is that would not take it with
   * an action that nobody knows.
   */
  takes(fixed: Readonly<Record<string, SlotValue>>, byAction = false): boolean {
    const slots = this.#classOf(fixed);
    const unknown = this.#classOf({ ...fixed, 'event.action': UNKNOWN_ACTION });
    const isTaken = ({ query }: Candidate, i: number) => {
      const could = this.#probes[i]?.couldMatch ?? couldMatch(query, this.#classSlots);
      return could.matches(slots) && !(byAction && could.matches(unknown));
    };
    return this.#given.some(isTaken);
  }

  #classOf(fixed: Readonly<Record<string, SlotValue>>): SlotValue[] {
    const slots: SlotValue[] = [];
    for (const { name, slot } of this.#classFields) slots[slot] = fixed[name];
    return slots;
  }

  #step(): void {
    const given = this.#given[this.#probes.length];
    if (given === undefined) {
      this.#isReady = this.#terms.build();
      return;
    }
    const query = this.#within === undefined ? given.query : couldMatch(given.query, this.#within);
    this.#probes.push({ ...given, query, couldMatch: couldMatch(query, this.#classSlots) });
    query.coverBy?.((term) => {
      this.#terms.add(term);
      return 0;
    });
    for (const term of query.cover ?? []) this.#terms.add(term);
  }

  #planFor(slots: readonly SlotValue[]): ClassPlan {
    for (const { values, plan } of this.#recent) if (this.#isOf(values, slots)) return plan;
    let key = '';
    for (const { slot } of this.#classFields) key += keyOf(slots[slot]);
    const plan = this.#plans.get(key) ?? this.#newPlan(key, slots);
    this.#recent.unshift({ values: this.#classFields.map(({ slot }) => slots[slot]), plan });
    if (this.#recent.length > RECENT) this.#recent.pop();
    return plan;
  }

  #isOf(values: readonly SlotValue[], slots: readonly SlotValue[]): boolean {
    for (let i = 0; i < values.length; i++) if (values[i] !== slots[this.#classFields[i]!.slot]) return false;
    return true;
  }

  #newPlan(key: string, slots: readonly SlotValue[]): ClassPlan {
    let left = 0;
    for (const plan of this.#plans.values()) left += plan.size;
    if (this.#plans.size >= MAX_CLASSES || left >= MAX_LEFT) return this.#generalPlan();
    const plan = new ClassPlan(this.#terms, this.#probes, [...this.#classSlots], slots);
    this.#plans.set(key, plan);
    return plan;
  }

  /** As if no field of a class were known. */
  #generalPlan(): ClassPlan {
    const unclassed = () => this.#probes.map((probe) => ({ ...probe, couldMatch: ANY }));
    this.#general ??= new ClassPlan(this.#terms, unclassed(), [], []);
    return this.#general;
  }
}

const UNKNOWN_ACTION = '\x00';

/** in: one query per rule; out: what the index takes. */
export function probesOf(queries: readonly CompiledQuery[]): Candidate[] {
  return queries.map((query, rule) => ({ rule, probe: 0, query }));
}

/** in: a query, slots; out: what matches wherever that query could, by these slots alone; all events where it cannot say. */
export function couldMatch(query: CompiledQuery, slots: ReadonlySet<number>): CompiledQuery {
  return query.within?.(slots) ?? ANY;
}

/** Text that differs where the values do, also with another's behind it: a document may hold anything. */
function keyOf(value: SlotValue): string {
  if (typeof value === 'string') return `${value.length}:${value}`;
  return Array.isArray(value) ? `[${value.map(keyOf).join('')}]` : `${typeof value} ${value};`;
}
