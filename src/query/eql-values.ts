// Values as EQL computes with them, and what comparing them means. Whole numbers are bigint, others number, as Elasticsearch
// tells long from double; null: no value. Called by the compiler, the functions and the reference interpreter.

import type { Scalar } from '../ecs/event.ts';
import type { Field } from '../ecs/fields.ts';
import { foldAscii } from './ascii-case.ts';
import type { CompareOperator, EqlValue } from './eql-tree.ts';
import { KEYWORD_LIMIT } from './kql-predicates.ts';
import { compareText } from './text-order.ts';

const LONG_MAX = 2n ** 63n - 1n;
const LONG_MIN = -(2n ** 63n);

/** in: field, one value of its slot; out: the value, a date as text, null where a keyword is too long to be indexed. */
export function fromSlot(field: Field, value: Scalar): EqlValue {
  if (typeof value === 'string') return isIndexed(field, value) ? value : null;
  if (field.type === 'date') return dateText(Number(value));
  if (typeof value !== 'number' || field.type === 'double') return value;
  return Number.isSafeInteger(value) ? BigInt(value) : value;
}

function dateText(ms: number): EqlValue {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** ECS mappings do not index longer keywords; a value that is no text always counts. */
export function isIndexed(field: Field, value: Scalar): boolean {
  return field.type !== 'keyword' || typeof value !== 'string' || value.length <= KEYWORD_LIMIT;
}

const LONG_TEXT = 256;
let lastLong = '';
let lastFolded = '';

/** Lower case of the ASCII letters alone, as Lucene ignores case. Of the last long text the answer is kept. */
export function foldCase(text: string): string {
  if (text.length < LONG_TEXT) return foldAscii(text);
  if (text === lastLong) return lastFolded;
  lastLong = text;
  lastFolded = foldAscii(text);
  return lastFolded;
}

/** in: a value; out: its text as string() writes it. */
export function textOfValue(value: string | number | bigint | boolean): string {
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 1e7) return `${value}.0`;
  return String(value);
}

export function isNumeric(value: EqlValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** What 64 bits hold, else null: Elasticsearch's arithmetic fails there. */
export function inLong(value: bigint): bigint | null {
  return value >= LONG_MIN && value <= LONG_MAX ? value : null;
}

/** Longer texts are no numbers. */
const MAX_DIGITS = 400;
/** In one way only, so that no text takes time that grows with the square of its length. */
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/** A text as a number, null when it is none: `1000`, `-1`, `4.5`. */
export function numberOf(text: string): number | bigint | null {
  if (text.length > MAX_DIGITS || !DECIMAL.test(text)) return null;
  const whole = /^[+-]?\d+$/.test(text) ? inLong(BigInt(text.replace('+', ''))) : null;
  return whole ?? Number(text);
}

/**
 * in: two values; out: whether it holds, null where one is null or they cannot be compared. A text and a number: equal when the
 * number is written so, and in the order of numbers.
 */
export function compareValues(operator: CompareOperator, left: EqlValue, right: EqlValue): boolean | null {
  if (left === null || right === null) return null;
  if (operator === '==') return equal(left, right);
  if (operator === '!=') return !equal(left, right);
  const order = orderOf(left, right);
  if (order === null) return null;
  switch (operator) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function equal(left: string | number | bigint | boolean, right: string | number | bigint | boolean): boolean {
  if (typeof left === typeof right) return left === right;
  if (isNumeric(left) && isNumeric(right)) return Number.isNaN(Number(left)) ? false : order(left, right) === 0;
  return String(left) === String(right);
}

/** Negative, 0, positive; NaN or null: they have no order. */
function orderOf(left: string | number | bigint | boolean, right: string | number | bigint | boolean): number | null {
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  const a = typeof left === 'string' ? numberOf(left) : left;
  const b = typeof right === 'string' ? numberOf(right) : right;
  return isNumeric(a) && isNumeric(b) ? order(a, b) : null;
}

/** JavaScript compares bigint and number exactly. */
function order(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : 0;
}
