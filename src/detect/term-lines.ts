// The lines of an exported history (NDJSON): one term a line, with everything that the term store knows of it. Pure; written
// and read by `forebear learn`. A value that is not UTF-8 is {"base64": its bytes}; of a term that was too long to be kept
// there is sha256 (of its key, see term-key.ts, base64url) in place of values.

import { ForebearError, reasonOf } from '../errors.ts';
import { decodeText, encodeText } from '../text.ts';
import { hashKey, termHash, termKey, termValues } from './term-key.ts';
import type { RuleTerms } from './term-store.ts';

/** One line, read. */
export interface TermLine {
  readonly rule_id: string;
  readonly fields: readonly string[];
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly lastSeenMs: number;
  /** Since when the rule has been watching, at most lastSeenMs. */
  readonly sinceMs: number;
}

/** Clocks of two hosts may differ by this; a term from the future would never be new again. */
const MOST_AHEAD_MS = 3_600_000;
const MOST_TEXT = 1024;
const BASE64 = /^(?:[\w+/]{4})*(?:[\w+/]{2}==|[\w+/]{3}=)?$/;
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/;

/** in: a history, one of its terms; out: the object of its line, undefined when the key is not one that termKey makes. */
export function termLine({ rule_id, fields, start, seen }: RuleTerms, key: string): object | undefined {
  const sha256 = termHash(key);
  const values = sha256 === undefined ? termValues(key)?.map(valueJson) : undefined;
  const at = seen.get(key);
  if ((sha256 ?? values) === undefined || at === undefined) return undefined;
  const times = { last_seen: isoTime(at.wallMs), since: isoTime(Math.min(start.wallMs, at.wallMs)) };
  return { rule_id, fields: fields.split(' '), ...(sha256 === undefined ? { values } : { sha256 }), ...times };
}

/** in: milliseconds since 1970; out: the date in ISO form, UTC, the bounds of Date held. */
export function isoTime(ms: number): string {
  return new Date(Math.max(-8.64e15, Math.min(8.64e15, ms))).toISOString();
}

/** in: a line, now (ms since 1970); out: what it says. Throws FB_LEARN_LINE with what was expected. */
export function readTermLine(text: string, nowMs: number): TermLine {
  const line = objectOf(text);
  const rule_id = expect(line.rule_id, 'rule_id', 'a text', isName);
  const fields = expect(line.fields, 'fields', 'one to three names of fields', isFieldList);
  const lastSeenMs = timeOf(line.last_seen, 'last_seen', nowMs);
  const sinceMs = line.since === undefined ? lastSeenMs : Math.min(lastSeenMs, timeOf(line.since, 'since', nowMs));
  return { rule_id, fields, key: keyOf(line, fields), lastSeenMs, sinceMs };
}

function valueJson(value: string): string | { base64: string } {
  return value.isWellFormed() ? value : { base64: Buffer.from(encodeText(value)).toString('base64') };
}

function keyOf({ values, sha256 }: Line, fields: readonly string[]): string {
  if (values === undefined) return hashKey(expect(sha256, 'sha256', 'values, or a hash in base64url', isHash));
  if (sha256 !== undefined) throw fault('values and sha256 exclude each other');
  const list = expect(values, 'values', `as many as fields: ${fields.length}`, Array.isArray) as unknown[];
  if (list.length !== fields.length) throw fault(`values: expected as many as fields: ${fields.length}`);
  return termKey(list.map(bytesOrText));
}

/** As the kernel's bytes would be read: two escaped bytes that make one character together are that character. */
function bytesOrText(value: unknown): string {
  if (typeof value === 'string') return decodeText(encodeText(value));
  const { base64 } = (value ?? {}) as { base64?: unknown };
  return decodeText(Buffer.from(expect(base64, 'values', 'texts, or {"base64": bytes}', isBase64), 'base64'));
}

function timeOf(value: unknown, name: string, nowMs: number): number {
  const ms = Date.parse(expect(value, name, 'a date such as 2026-11-24T10:00:00.000Z', isDate));
  if (ms > nowMs + MOST_AHEAD_MS) throw fault(`${name}: ${isoTime(ms)} lies in the future`);
  return ms;
}

type Line = Record<string, unknown>;

function objectOf(text: string): Line {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw fault(`not JSON: ${reasonOf(error)}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Line;
  throw fault('not a JSON object');
}

function expect<T>(value: unknown, name: string, expected: string, is: (value: unknown) => value is T): T {
  if (is(value)) return value;
  throw fault(`${name}: expected ${expected}`);
}

function fault(message: string): ForebearError {
  return new ForebearError('FB_LEARN_LINE', message);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MOST_TEXT && !value.includes('\n');
}

function isFieldList(value: unknown): value is string[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > 3) return false;
  return value.every((name) => isName(name) && /^\S+$/.test(name));
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{43}$/.test(value);
}

function isBase64(value: unknown): value is string {
  return typeof value === 'string' && BASE64.test(value);
}

function isDate(value: unknown): value is string {
  return typeof value === 'string' && DATE.test(value) && !Number.isNaN(Date.parse(value));
}
