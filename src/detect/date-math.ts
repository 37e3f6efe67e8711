// Durations and the date math of rules: `5m`, `now-9m`, `now-7d`, `now-1d/d`. Text in, milliseconds out.
// Called by the rule readers. Units as Elasticsearch has them; months and years count 30 and 365 days here, because a
// window on a host is a length, not a calendar.

import { ForebearError } from '../errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  H: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  M: 30 * 86_400_000,
  y: 365 * 86_400_000,
};

/** Bounds of what a rule may ask for. */
const LEAST_MS = 1_000;
const LONGEST_INTERVAL_MS = 30 * 86_400_000;
const LONGEST_LOOKBACK_MS = 366 * 86_400_000;

/**
 * in: an interval, e.g. `5m`, and the path that names it in a message; out: milliseconds.
 * Throws FB_RULE_VALUE when it is no duration or out of bounds.
 */
export function parseInterval(text: string, path: string): number {
  const match = /^(\d{1,9})([smhHdwMy])$/.exec(text.trim());
  if (match === null) throw bad(path, `expected a duration such as 5m, found ${quoted(text)}`);
  return within(Number(match[1]) * UNIT_MS[match[2]!]!, text, path, LONGEST_INTERVAL_MS);
}

/**
 * How far before now a date expression reaches. in: `now-9m`, `now-1h-30m`, rounding `/d` allowed and not counted;
 * out: milliseconds. Throws FB_RULE_VALUE when it is none or out of bounds.
 */
export function parseLookback(text: string, path: string): number {
  const match = /^now((?:[+-]\d{1,9}[smhHdwMy]){1,8})(?:\/[smhHdwMy])?$/.exec(text.trim());
  if (match === null) throw bad(path, `expected a time before now such as now-9m, found ${quoted(text)}`);
  let ms = 0;
  for (const [, sign, count, unit] of match[1]!.matchAll(/([+-])(\d+)([smhHdwMy])/g)) {
    ms += (sign === '-' ? 1 : -1) * Number(count) * UNIT_MS[unit!]!;
  }
  return within(ms, text, path, LONGEST_LOOKBACK_MS);
}

function within(ms: number, text: string, path: string, mostMs: number): number {
  if (ms >= LEAST_MS && ms <= mostMs) return ms;
  throw bad(path, `${quoted(text)} is out of bounds (1 s to ${mostMs / 86_400_000} d)`);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}

function bad(path: string, what: string): ForebearError {
  return new ForebearError('FB_RULE_VALUE', `${path}: ${what}`);
}
