// The leaves of plans: what a predicate says of one field; and those that lists are made of: equal to one of, equal but for case, like
// one of. And their union: `f:a or f:b` is one look into a set, `f:a* or f:*b` one list of patterns. Made by the compilers, joined
// by plan.ts.

import type { Scalar, SlotValue } from '../ecs/event.ts';
import type { Field } from '../ecs/fields.ts';
import { foldedElements, foldedOf } from './ascii-case.ts';
import { KEYWORD_LIMIT, type Predicate } from './kql-predicates.ts';
import { anyPattern, type Pattern } from './pattern-set.ts';
import type { Leaf, Plan, Test } from './plan.ts';

/** Reference time of date math for an event, milliseconds since 1970. */
export type Now = (slots: readonly SlotValue[]) => number;

/** in: a field, what is asked of its values, the clock for what is relative; out: the leaf that is true when one of them passes. */
export function predicateLeaf(field: Field, predicate: Predicate, now: Now): Leaf {
  const { values, pattern, relative, cost, searches } = predicate;
  if (values?.length === 0) return { kind: 'leaf', test: () => false, slots: [], cost: 0, fields: () => [field] };
  if (values !== undefined) return equalsLeaf(field, values);
  if (pattern !== undefined) return patternsLeaf(field, [pattern], false);
  const test = valuesTest(field.slot, predicate, now);
  const slots = relative ? undefined : [field.slot];
  return { kind: 'leaf', test, slots, cost, fields: () => [field], ...(searches !== undefined && { searches }) };
}

/** Any value of the slot passes. */
export function valuesTest(slot: number, predicate: Predicate, now: Now): Test {
  return (slots) => {
    const value = slots[slot];
    if (value === undefined) return false;
    const at = predicate.relative ? now(slots) : 0;
    if (typeof value !== 'object') return predicate.test(value, at);
    for (const element of value as readonly Scalar[]) if (predicate.test(element, at)) return true;
    return false;
  };
}

/** in: a field, values in the form of slots; out: the leaf that is true when the field has one of them. */
export function equalsLeaf(field: Field, values: readonly Scalar[]): Leaf {
  const test = values.length === 1 ? equalsTest(field.slot, values[0]!) : setTest(field.slot, new Set(values));
  const cost = values.length === 1 ? 2 : 10;
  return { kind: 'leaf', test, slots: [field.slot], cost, fields: () => [field], equals: { field, values } };
}

/** in: a field, texts in lower case; out: the leaf that is true when the field has one of them but for the case of ASCII letters. */
export function foldedLeaf(field: Field, values: readonly string[]): Leaf {
  const wanted = new Set(values);
  const { slot } = field;
  const test: Test = (slots) => {
    const value = slots[slot];
    if (typeof value === 'string') return wanted.has(foldedOf(slot, value));
    if (typeof value !== 'object') return false;
    for (const element of foldedElements(slot, value)) if (wanted.has(element)) return true;
    return false;
  };
  return { kind: 'leaf', test, slots: [slot], cost: 15, fields: () => [field], folded: { field, values } };
}

/**
 * in: a field, patterns, whether the case of ASCII letters is ignored (then the patterns are in lower case); out: the leaf that is
 * true when a text of the field matches one of them. Keywords that are too long to be indexed match none.
 */
export function patternsLeaf(field: Field, patterns: readonly Pattern[], insensitive: boolean): Leaf {
  const { slot } = field;
  const limit = field.type === 'keyword' ? KEYWORD_LIMIT : Number.POSITIVE_INFINITY;
  const matches = anyPattern(patterns);
  const test: Test = (slots) => {
    const value = slots[slot];
    if (typeof value === 'string') return value.length <= limit && matches(insensitive ? foldedOf(slot, value) : value);
    if (typeof value !== 'object') return false;
    for (const text of insensitive ? foldedElements(slot, value) : (value as readonly Scalar[])) {
      if (typeof text === 'string' && text.length <= limit && matches(text)) return true;
    }
    return false;
  };
  const parts = patterns.map(({ part }) => part);
  return {
    kind: 'leaf',
    test,
    slots: [slot],
    cost: patterns.reduce((sum, { cost }) => sum + cost, 20),
    searches: patterns.reduce((sum, { searches }) => sum + searches, 0),
    fields: () => [field],
    like: { field, insensitive, patterns },
    ...(!parts.includes('') && { contains: { field, parts: [...new Set(parts)] } }),
  };
}

/** The parts of an `or`, those that can be one leaf as one. */
export function unite(parts: readonly Plan[]): readonly Plan[] {
  const groups = new Map<string, Leaf[]>();
  for (const part of parts) {
    const key = part.kind === 'leaf' ? groupOf(part) : undefined;
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [part as Leaf]);
    else group.push(part as Leaf);
  }
  const united: Plan[] = [];
  const gone = new Set<Plan>();
  for (const leaves of groups.values()) {
    if (leaves.length === 1) continue;
    united.push(union(leaves));
    for (const leaf of leaves) gone.add(leaf);
  }
  return united.length === 0 ? parts : [...united, ...parts.filter((part) => !gone.has(part))];
}

function groupOf({ equals, folded, like }: Leaf): string | undefined {
  if (equals !== undefined) return `equals ${equals.field.slot}`;
  if (folded !== undefined) return `folded ${folded.field.slot}`;
  return like && `${like.insensitive ? 'insensitive' : 'like'} ${like.field.slot}`;
}

/** Of leaves of one group. */
function union(leaves: readonly Leaf[]): Leaf {
  const { equals, folded, like } = leaves[0]!;
  if (equals !== undefined) {
    return equalsLeaf(equals.field, [...new Set(leaves.flatMap((leaf) => leaf.equals!.values))]);
  }
  if (folded !== undefined) {
    return foldedLeaf(folded.field, [...new Set(leaves.flatMap((leaf) => leaf.folded!.values))]);
  }
  const patterns = leaves.flatMap((leaf) => leaf.like!.patterns);
  return patternsLeaf(like!.field, patterns, like!.insensitive);
}

function equalsTest(slot: number, wanted: Scalar): Test {
  return (slots) => {
    const value = slots[slot];
    return value === wanted || (typeof value === 'object' && (value as readonly Scalar[]).includes(wanted));
  };
}

function setTest(slot: number, wanted: ReadonlySet<unknown>): Test {
  return (slots) => {
    const value = slots[slot];
    if (typeof value !== 'object') return value !== undefined && wanted.has(value);
    for (const element of value) if (wanted.has(element)) return true;
    return false;
  };
}
