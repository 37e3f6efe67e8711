// A JSON scalar of a document -> the value of a slot, as Elasticsearch indexes it for the field's type. Called by
// flatten.ts.

import { parseDate } from './dates.ts';
import type { Scalar } from './event.ts';
import type { Field } from './fields.ts';
import { ipKey } from './ip.ts';

/** `null`: no value, nothing lost ("" in a number field). `undefined`: cannot be of the type; such a document is refused by Elasticsearch. */
export type Coerced = Scalar | null | undefined;

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const INTEGER = /^[+-]?\d{1,19}$/;
const LONG_MAX = 2n ** 63n - 1n;

/** in: field, JSON value (bigint: exact whole number); out: value for its slot. Never throws. */
export function coerce(field: Field, value: Scalar): Coerced {
  if (field.dynamic) return value;
  switch (field.type) {
    case 'keyword':
    case 'wildcard':
    case 'text':
      return String(value);
    case 'long':
      return toLong(value);
    case 'double':
      return toDouble(value);
    case 'boolean':
      return toBoolean(value);
    case 'date':
      return typeof value === 'boolean' ? undefined : parseDate(String(value))?.ms;
    case 'ip':
      return typeof value === 'string' && ipKey(value) !== undefined ? value : undefined;
    case 'nested':
      return undefined;
  }
}

/** Broken numbers lose their fraction; text counts as the number it says. */
function toLong(value: Scalar): Coerced {
  if (value === '') return null;
  if (typeof value === 'bigint') return inRange(value);
  if (typeof value === 'string') {
    if (INTEGER.test(value)) return inRange(BigInt(value.replace(/^\+/, '')));
    if (value.length > 400 || !DECIMAL.test(value)) return undefined;
  }
  if (typeof value === 'boolean') return undefined;
  const whole = Math.trunc(Number(value));
  if (Number.isSafeInteger(whole)) return whole + 0;
  return Number.isFinite(whole) ? inRange(BigInt(whole)) : undefined;
}

function inRange(value: bigint): Coerced {
  if (value > LONG_MAX || value < -LONG_MAX - 1n) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function toDouble(value: Scalar): Coerced {
  if (value === '') return null;
  if (typeof value === 'boolean') return undefined;
  const text = String(value).trim();
  if (text.length > 400 || !DECIMAL.test(text.replace(/[fFdD]$/, ''))) return undefined;
  const number = typeof value === 'number' ? value : Number(text.replace(/[fFdD]$/, ''));
  return Number.isFinite(number) ? number : undefined;
}

function toBoolean(value: Scalar): Coerced {
  if (typeof value === 'boolean') return value;
  if (value === 'true') return true;
  return value === 'false' || value === '' ? false : undefined;
}
