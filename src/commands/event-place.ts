// Where a document stands among others, as Elasticsearch's EQL orders them: by its time, to the nanosecond, then by its tiebreaker,
// then as it came. In: a document, field names; out: a place that compares. Called by query-eql.ts.

import { parseDate } from '../ecs/dates.ts';
import { isRawNumber } from '../ecs/json.ts';
import { compareText } from '../query/text-order.ts';
import { valueAt } from './document.ts';

type Tiebreaker = string | number | bigint | boolean | undefined;

export interface Place {
  /** Nanoseconds since 1970; undefined: the document says no time. */
  readonly ns: bigint | undefined;
  readonly tiebreaker: Tiebreaker;
}

/** Decimal digits of a second, of whatever is written after them. */
const FRACTION = /^([^.,]*T[^.,]*)[.,](\d{1,9})(.*)$/s;
const DECIMAL = /^(-?\d{1,19})(?:\.(\d+))?$/;

/** Never throws. */
export function placeOf(document: unknown, timestampField: string, tiebreakerField: string | undefined): Place {
  const tiebreaker = tiebreakerField === undefined ? undefined : single(valueAt(document, tiebreakerField));
  return { ns: instantOf(single(valueAt(document, timestampField))), tiebreaker };
}

/** in: a date as a document has it (text, milliseconds since 1970, with a fraction or without); out: nanoseconds since 1970. */
function instantOf(value: Tiebreaker): bigint | undefined {
  if (value === undefined || typeof value === 'boolean') return undefined;
  const text = String(value);
  const [, before, digits, after] = FRACTION.exec(text) ?? [];
  const ms = parseDate(before === undefined ? text : before + after)?.ms;
  if (ms === undefined) return undefined;
  if (digits !== undefined) return BigInt(ms) * 1_000_000n + BigInt(digits.padEnd(9, '0'));
  const [, whole, fraction = ''] = DECIMAL.exec(text) ?? [];
  if (whole === undefined || /^\d{4}$/.test(text)) return BigInt(Math.round(ms * 1e6));
  const parts = BigInt(fraction.slice(0, 6).padEnd(6, '0'));
  return BigInt(whole) * 1_000_000n + (whole.startsWith('-') ? -parts : parts);
}

/** Negative, 0 or positive. What has no time, or no tiebreaker among equals, comes last. */
export function comparePlaces(a: Place, b: Place): number {
  if (a.ns !== b.ns) {
    if (a.ns === undefined || b.ns === undefined) return a.ns === undefined ? 1 : -1;
    return a.ns < b.ns ? -1 : 1;
  }
  return compareTiebreakers(a.tiebreaker, b.tiebreaker);
}

function compareTiebreakers(a: Tiebreaker, b: Tiebreaker): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (typeof a === 'string' || typeof b === 'string') return typeof a === 'string' ? 1 : -1;
  return a < b ? -1 : Number(a > b);
}

/** Of a list the first; of anything that is no value: none. */
function single(value: unknown): Tiebreaker {
  const one: unknown = Array.isArray(value) ? value[0] : value;
  if (isRawNumber(one)) return BigInt(one.rawJSON);
  return ['string', 'number', 'boolean'].includes(typeof one) ? (one as Tiebreaker) : undefined;
}
