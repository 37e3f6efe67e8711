// A query between its syntax tree and the closures that run: predicates with what they read, what they cost and what
// they cover. In: a plan, made by a language's compiler; out: CompiledQuery. Folding with known slots is the partial
// evaluation of engine.md; the cover is what the index over rules and the wake hints are built from.

import type { Scalar, SlotValue } from '../ecs/event.ts';
import type { Field } from '../ecs/fields.ts';
import { coverOf, guessedWeight } from './cover.ts';
import type { CompiledQuery } from './language.ts';
import type { Pattern } from './pattern-set.ts';
import { unite } from './plan-leaves.ts';

export type Test = (slots: readonly SlotValue[]) => boolean;

export type Plan =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Plan[] }
  | { readonly kind: 'not'; readonly part: Plan }
  | Leaf;

export interface Leaf {
  readonly kind: 'leaf';
  readonly test: Test;
  /** Every slot that the test reads; undefined when it reads more than can be said now (fields of a pattern, a clock). */
  readonly slots: readonly number[] | undefined;
  /** Rough nanoseconds, to run the cheapest first. */
  readonly cost: number;
  /** For what CompiledQuery.fields says; asked each time, as patterns reach fields that are added later. */
  fields(): readonly Field[];
  /** It reads fields that may yet be added to the table. */
  readonly open?: true;
  /** Equality: true just when the field has one of these values. */
  readonly equals?: { readonly field: Field; readonly values: readonly Scalar[] };
  /** True just when the field has one of these texts but for the case of ASCII letters; they are in lower case. */
  readonly folded?: { readonly field: Field; readonly values: readonly string[] };
  /** True just when a text of the field matches one of these patterns. */
  readonly like?: { readonly field: Field; readonly insensitive: boolean; readonly patterns: readonly Pattern[] };
  /** What it costs on a long text, in searches for a word from its begin to its end; none: less than one. */
  readonly searches?: number;
  /**
   * True only if a value of the field has one of these texts in it, but for the case of ASCII letters; they are in lower case: of
   * each pattern a part that it cannot do without. For the index.
   */
  readonly contains?: { readonly field: Field; readonly parts: readonly string[] };
}

export const ALWAYS: Plan = { kind: 'constant', value: true };
export const NEVER: Plan = { kind: 'constant', value: false };

/** in: plan, what gives the tree it was made of; out: the query as the engine runs it. */
export function toQuery(plan: Plan, tree: () => unknown): CompiledQuery {
  return assembled(fold(plan, new Map()), fieldsOf(plan), isOpen(plan), tree);
}

/** folded: all that is kept; what it was made of, a leaf for each value of a list, is not. */
function assembled(folded: Plan, fields: () => readonly Field[], open: boolean, tree: () => unknown): CompiledQuery {
  const cover = coverOf(folded, guessedWeight);
  return {
    matches: assemble(folded),
    get fields() {
      return fields();
    },
    get tree() {
      return tree();
    },
    ...(open && { open: true }),
    ...(cover === undefined ? {} : { cover }),
    coverBy: (weigh) => coverOf(folded, weigh),
    given: (fixed) => {
      const rest = fold(folded, fixed);
      return rest === NEVER ? undefined : toQuery(rest, tree);
    },
    within: (slots) => toQuery(weakened(folded, slots, true), tree),
  };
}

/**
 * The plan without what it says of other slots: true wherever the plan could be (`could`), or only where it must be.
 * A leaf that cannot be decided is so taken for true, and for false under a `not`.
 */
function weakened(plan: Plan, slots: ReadonlySet<number>, could: boolean): Plan {
  switch (plan.kind) {
    case 'constant':
      return plan;
    case 'leaf':
      if (plan.slots?.every((slot) => slots.has(slot)) === true) return plan;
      return could ? ALWAYS : NEVER;
    case 'not':
      return negated(weakened(plan.part, slots, !could));
    default:
      return joined(
        plan.kind,
        plan.parts.map((part) => weakened(part, slots, could)),
      );
  }
}

/**
 * The plan for events that agree with `fixed` (slot -> value): what can be decided is, and nested and/or are flattened.
 * out: ALWAYS or NEVER themselves when nothing is left to decide.
 */
export function fold(plan: Plan, fixed: ReadonlyMap<number, SlotValue>): Plan {
  const known: SlotValue[] = [];
  for (const [slot, value] of fixed) known[slot] = value;
  const folded = (node: Plan): Plan => {
    switch (node.kind) {
      case 'constant':
        return node.value ? ALWAYS : NEVER;
      case 'leaf':
        if (node.slots === undefined || !node.slots.every((slot) => fixed.has(slot))) return node;
        return node.test(known) ? ALWAYS : NEVER;
      case 'not':
        return negated(folded(node.part));
      default:
        return joined(node.kind, node.parts.map(folded));
    }
  };
  return folded(plan);
}

function negated(part: Plan): Plan {
  if (part === ALWAYS) return NEVER;
  return part === NEVER ? ALWAYS : { kind: 'not', part };
}

function joined(kind: 'and' | 'or', parts: readonly Plan[]): Plan {
  const [decisive, neutral] = kind === 'and' ? [NEVER, ALWAYS] : [ALWAYS, NEVER];
  if (parts.includes(decisive)) return decisive;
  const flat = parts.filter((part) => part !== neutral).flatMap((part) => (part.kind === kind ? part.parts : [part]));
  if (flat.length === 0) return neutral;
  if (kind === 'and') return flat.length === 1 ? flat[0]! : { kind, parts: flat };
  const united = unite(flat);
  return united.length === 1 ? united[0]! : { kind, parts: united };
}

function assemble(plan: Plan): Test {
  switch (plan.kind) {
    case 'constant':
      return plan.value ? () => true : () => false;
    case 'leaf':
      return plan.test;
    case 'not': {
      const test = assemble(plan.part);
      return (slots) => !test(slots);
    }
    default: {
      const tests = [...plan.parts].sort((a, b) => costOf(a) - costOf(b)).map(assemble);
      return plan.kind === 'and' ? allOf(tests) : anyOf(tests);
    }
  }
}

function allOf(tests: readonly Test[]): Test {
  const [first, second] = tests as [Test, Test];
  if (tests.length === 2) return (slots) => first(slots) && second(slots);
  return (slots) => {
    for (const test of tests) if (!test(slots)) return false;
    return true;
  };
}

function anyOf(tests: readonly Test[]): Test {
  const [first, second] = tests as [Test, Test];
  if (tests.length === 2) return (slots) => first(slots) || second(slots);
  return (slots) => {
    for (const test of tests) if (test(slots)) return true;
    return false;
  };
}

function costOf(plan: Plan): number {
  if (plan.kind === 'constant') return 0;
  if (plan.kind === 'leaf') return plan.cost;
  if (plan.kind === 'not') return costOf(plan.part);
  return plan.parts.reduce((sum, part) => sum + costOf(part), 0);
}

/** out: the fields that a plan reads, those included that its open leaves will reach. */
function fieldsOf(plan: Plan): () => readonly Field[] {
  const leaves = leavesOf(plan);
  const closed = new Set(leaves.flatMap((leaf) => (leaf.open ? [] : leaf.fields())));
  const open = leaves.filter((leaf) => leaf.open);
  if (open.length === 0) {
    const fields = [...closed];
    return () => fields;
  }
  return () => [...new Set([...closed, ...open.flatMap((leaf) => leaf.fields())])];
}

/** Those of all depths, in order. */
export function leavesOf(plan: Plan): readonly Leaf[] {
  if (plan.kind === 'leaf') return [plan];
  if (plan.kind === 'not') return leavesOf(plan.part);
  return plan.kind === 'constant' ? [] : plan.parts.flatMap(leavesOf);
}

function isOpen(plan: Plan): boolean {
  if (plan.kind === 'leaf') return plan.open === true;
  if (plan.kind === 'not') return isOpen(plan.part);
  return plan.kind !== 'constant' && plan.parts.some(isOpen);
}
