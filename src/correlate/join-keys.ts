// The values of `by` that an event has, as keys of a Map: one for each combination of values where fields have several, as in
// Elasticsearch; keywords that are too long to be indexed are none. Called by sequence.ts and sample.ts for each stage that an event
// matches.

import type { Scalar, SlotValue } from '../ecs/event.ts';
import type { Field } from '../ecs/fields.ts';
import { ipKey } from '../ecs/ip.ts';
import type { StageKey } from '../query/eql-program.ts';
import { isIndexed } from '../query/eql-values.ts';
import { compareText } from '../query/text-order.ts';
import type { Joined } from './correlator.ts';

type KeyValue = Joined['keys'][number];

export interface JoinKey {
  /** Equal just where the values are equal, each with its type; addresses by what they mean. */
  readonly id: string;
  readonly values: readonly KeyValue[];
}

/** Combinations of one event that are looked at: hostile arrays multiply. */
export const MAX_COMBINATIONS = 1_000;

const NOTHING: readonly JoinKey[] = [];
const ALL_TOGETHER: readonly JoinKey[] = [{ id: '', values: [] }];

/**
 * in: an event's slots, the keys of a stage, who is told how many combinations were left out; out: its keys, in the order of the
 * values, the first field's changing fastest; none where a field that is not optional has no value.
 */
export function joinKeys(
  slots: readonly SlotValue[],
  keys: readonly StageKey[],
  skipped: (count: number) => void,
): readonly JoinKey[] {
  if (keys.length === 0) return ALL_TOGETHER;
  let id = '';
  const values: KeyValue[] = [];
  for (const key of keys) {
    const value = slots[key.field.slot];
    if (typeof value === 'object') return combinations(slots, keys, skipped);
    const own = value !== undefined && isIndexed(key.field, value) ? value : null;
    if (own === null && !key.optional) return NOTHING;
    values.push(own);
    id += tokenOf(own, key);
  }
  return [{ id, values }];
}

function combinations(
  slots: readonly SlotValue[],
  keys: readonly StageKey[],
  skipped: (count: number) => void,
): readonly JoinKey[] {
  const choices: (readonly KeyValue[])[] = [];
  for (const { field, optional } of keys) {
    const values = valuesOf(field, slots[field.slot]);
    if (values.length === 0 && !optional) return NOTHING;
    choices.push(values.length === 0 ? [null] : values);
  }
  const total = choices.reduce((product, values) => product * values.length, 1);
  if (total > MAX_COMBINATIONS) skipped(total - MAX_COMBINATIONS);
  return Array.from({ length: Math.min(total, MAX_COMBINATIONS) }, (_, n) => combination(choices, keys, n));
}

function valuesOf(field: Field, value: SlotValue): readonly Scalar[] {
  if (value === undefined) return [];
  const all = typeof value === 'object' ? (value as readonly unknown[]) : [value];
  // Sub-events of a nested field are no values.
  const scalars = all.filter((one): one is Scalar => typeof one !== 'object');
  return [...new Set(scalars.filter((one) => isIndexed(field, one)))];
}

function combination(choices: readonly (readonly KeyValue[])[], keys: readonly StageKey[], n: number): JoinKey {
  let rest = n;
  let id = '';
  const values = choices.map((choice, i) => {
    const value = choice[rest % choice.length]!;
    rest = Math.floor(rest / choice.length);
    id += tokenOf(value, keys[i]!);
    return value;
  });
  return { id, values };
}

/** Tokens tell where they end, so that a row of them is read in one way only. */
function tokenOf(value: KeyValue, { field }: StageKey): string {
  if (value === null) return '-';
  if (typeof value !== 'string') return `${(typeof value)[0]}${value};`;
  const text = field.type === 'ip' ? (ipKey(value) ?? value) : value;
  return `s${text.length}:${text}`;
}

/** The order in which Elasticsearch returns samples: value by value, null first. */
export function compareKeys(a: readonly KeyValue[], b: readonly KeyValue[]): number {
  for (const [i, left] of a.entries()) {
    const order = compareValues(left, b[i] ?? null);
    if (order !== 0) return order;
  }
  return 0;
}

function compareValues(a: KeyValue, b: KeyValue): number {
  if (a === null || b === null) return Number(b === null) - Number(a === null);
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (typeof a === 'string' || typeof b === 'string') return typeof a === 'string' ? 1 : -1;
  return a < b ? -1 : Number(a > b);
}
