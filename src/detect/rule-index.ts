// Which rules can match an event at all, found without evaluating them: per class of events (os, category, type, action)
// the rules are partially evaluated once, and what is left is indexed by the equality terms of its cover.
// In: rules; out: for an event, the candidates in rule order. Used by detector.ts. (engine.md, points 2 and 3.)

import type { EcsEvent, Scalar, SlotValue } from '../ecs/event.ts';
import type { Field, FieldTable } from '../ecs/fields.ts';
import type { CompiledQuery, CoverTerm } from '../query/language.ts';

/** Fields whose values make the class of an event. */
const CLASS_FIELDS = ['host.os.type', 'event.category', 'event.type', 'event.action'];
/** Classes beyond this many (hostile documents) share one plan without partial evaluation. */
const MAX_CLASSES = 256;

/**
 * A query to be asked of events, and what is left of it for one class of events. `rule` is its place in the rule set, `probe`
 * which of the rule's queries it is (the stages of a sequence).
 */
export interface Candidate {
  readonly rule: number;
  readonly probe: number;
  readonly query: CompiledQuery;
}

interface Plan {
  /** Without a usable cover: candidates for every event of the class. */
  readonly always: readonly Candidate[];
  /** Per field: value -> candidates. */
  readonly byField: readonly { readonly slot: number; readonly byValue: ReadonlyMap<Scalar, readonly Candidate[]> }[];
  readonly rules: number;
}

export class RuleIndex {
  readonly #probes: readonly Candidate[];
  readonly #classFields: readonly Field[];
  readonly #plans = new Map<string, Plan>();
  #general: Plan | undefined;

  /** probes: in ascending order of rule, then probe. */
  constructor(probes: readonly Candidate[], fields: FieldTable) {
    this.#probes = probes;
    this.#classFields = CLASS_FIELDS.map((name) => fields.add(name, 'keyword'));
  }

  /** A superset of the probes that match, by rule, then probe, each once. */
  candidates(event: EcsEvent): readonly Candidate[] {
    const plan = this.#planFor(event.slots);
    let found: Candidate[] | undefined;
    for (const { slot, byValue } of plan.byField) {
      const value = event.slots[slot];
      if (value === undefined) continue;
      if (!Array.isArray(value)) found = append(found, byValue.get(value as Scalar));
      else for (const item of value) found = append(found, byValue.get(item as Scalar));
    }
    if (found === undefined) return plan.always;
    return inRuleOrder([...plan.always, ...found]);
  }

  /** Rules that are left for the class of that event, and how many of them the index cannot narrow down. */
  reach(event: EcsEvent): { rules: number; always: number } {
    const { rules, always } = this.#planFor(event.slots);
    return { rules, always: always.length };
  }

  /** Whether rules are left for the class that these values of its fields make. */
  takes(fixed: Readonly<Record<string, SlotValue>>): boolean {
    const slots: SlotValue[] = [];
    for (const { name, slot } of this.#classFields) slots[slot] = fixed[name];
    return this.#planFor(slots).rules > 0;
  }

  #planFor(slots: readonly SlotValue[]): Plan {
    let key = '';
    for (const { slot } of this.#classFields) key += `${keyOf(slots[slot])}\n`;
    return this.#plans.get(key) ?? this.#newPlan(key, slots);
  }

  #newPlan(key: string, slots: readonly SlotValue[]): Plan {
    if (this.#plans.size >= MAX_CLASSES) {
      this.#general ??= planOf(this.#probes);
      return this.#general;
    }
    const fixed = new Map(this.#classFields.map(({ slot }) => [slot, slots[slot]]));
    const left = this.#probes.flatMap(({ rule, probe, query: whole }) => {
      const query = whole.given === undefined ? whole : whole.given(fixed);
      return query === undefined ? [] : [{ rule, probe, query }];
    });
    const plan = planOf(left);
    this.#plans.set(key, plan);
    return plan;
  }
}

/** in: one query per rule; out: what the index takes. */
export function probesOf(queries: readonly CompiledQuery[]): Candidate[] {
  return queries.map((query, rule) => ({ rule, probe: 0, query }));
}

const ANY: CompiledQuery = { matches: () => true, fields: [], tree: undefined };

/** in: a query, slots; out: what matches wherever that query could, by these slots alone; all events where it cannot say. */
export function couldMatch(query: CompiledQuery, slots: ReadonlySet<number>): CompiledQuery {
  return query.within?.(slots) ?? ANY;
}

/** Text that differs where the values do. */
function keyOf(value: SlotValue): string {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? `\x01${value.join('\x01')}` : `\x02${value}`;
}

function planOf(candidates: readonly Candidate[]): Plan {
  const always: Candidate[] = [];
  const bySlot = new Map<number, Map<Scalar, Candidate[]>>();
  for (const candidate of candidates) {
    const { cover } = candidate.query;
    if (cover === undefined) always.push(candidate);
    else for (const term of cover) addTerm(bySlot, term, candidate);
  }
  const byField = [...bySlot].map(([slot, byValue]) => ({ slot, byValue }));
  return { always, byField, rules: candidates.length };
}

function addTerm(
  bySlot: Map<number, Map<Scalar, Candidate[]>>,
  { field, value }: CoverTerm,
  candidate: Candidate,
): void {
  const byValue = bySlot.get(field.slot) ?? new Map<Scalar, Candidate[]>();
  bySlot.set(field.slot, byValue);
  const list = byValue.get(value);
  if (list === undefined) byValue.set(value, [candidate]);
  else if (list.at(-1) !== candidate) list.push(candidate);
}

function append(found: Candidate[] | undefined, more: readonly Candidate[] | undefined): Candidate[] | undefined {
  if (more === undefined) return found;
  return found === undefined ? [...more] : [...found, ...more];
}

function inRuleOrder(found: Candidate[]): Candidate[] {
  found.sort((a, b) => a.rule - b.rule || a.probe - b.probe);
  return found.filter((candidate, i) => candidate !== found[i - 1]);
}
