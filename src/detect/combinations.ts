// The combinations of values that an event's fields have: several of one field give as many. Used by new terms, thresholds and
// suppression. Pure.

import { createHash } from 'node:crypto';
import type { Scalar, SlotValue } from '../ecs/event.ts';
import type { FieldType } from '../ecs/fields.ts';

/** Combinations looked at for one event; what an event has beyond is counted. */
export const MAX_COMBINATIONS = 1_000;

/** The distinct values of a slot; sub-events have none. */
export function valuesOf(value: SlotValue, type: FieldType): readonly Scalar[] {
  if (value === undefined || type === 'nested') return [];
  return Array.isArray(value) ? [...new Set(value as readonly Scalar[])] : [value as Scalar];
}

/** The same as texts: a date as ISO 8601. */
export function textsOf(value: SlotValue, type: FieldType): string[] {
  return [...new Set(valuesOf(value, type).map((item) => asText(item, type)))];
}

/** in: a value of that type; out: its text. */
export function asText(value: Scalar, type: FieldType): string {
  if (type !== 'date' || typeof value !== 'number' || Math.abs(value) > 8.64e15) return String(value);
  return new Date(value).toISOString();
}

/** The i-th combination; the last list turns fastest. */
export function combination<T>(lists: readonly (readonly T[])[], i: number): T[] {
  const values: T[] = [];
  let rest = i;
  for (const list of lists.toReversed()) {
    values.push(list[rest % list.length]!);
    rest = Math.floor(rest / list.length);
  }
  return values.reverse();
}

/** What a group is known by: values in the order of its fields, several of one as a list, null where an event has none. */
export type GroupValue = Scalar | null | readonly Scalar[];

/** in: a group's value; out: as a document has it: a date as ISO 8601, a long beyond 2^53 as its digits. */
export function shownValue(value: GroupValue, type: FieldType): unknown {
  if (typeof value === 'object') return value === null ? null : value.map((item) => shownValue(item, type));
  if (typeof value === 'string') return value.toWellFormed();
  return type === 'date' || typeof value === 'bigint' ? asText(value, type) : value;
}

/** Keys longer than this are their SHA-256: a command line can have 32 KiB. */
const MAX_KEY = 256;

/** in: a group's values; out: a text that is equal for equal values only. */
export function groupKey(values: readonly GroupValue[]): string {
  const key = JSON.stringify(values, exact);
  if (key.length <= MAX_KEY) return key;
  return `sha256:${createHash('sha256').update(key).digest('base64url')}`;
}

/** For JSON.stringify: a long beyond 2^53 stays apart from the text of its digits. */
export function exact(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? { long: String(value) } : value;
}

/** The inverse, for JSON.parse. */
export function inexact(_key: string, value: unknown): unknown {
  const isLong = typeof value === 'object' && value !== null && 'long' in value && typeof value.long === 'string';
  return isLong ? BigInt(value.long as string) : value;
}
