// What a KQL leaf means on one value: (type of the field, literal) -> predicate, as Elasticsearch evaluates the query
// that Kibana makes of it. Called by kql-leaves.ts, which brings the values of a slot.
// A literal that cannot be of the type is a fault: the rule is refused, or the field is skipped where a wildcard in the
// name or free text reached it.

import type { Scalar } from '../ecs/event.ts';
import type { Field, FieldType } from '../ecs/fields.ts';
import { type IpRange, ipKey, ipRange } from '../ecs/ip.ts';
import { analyze, lower } from './analyze.ts';
import { foldAscii } from './ascii-case.ts';
import { parseDateMath } from './date-math.ts';
import { compileGlob, type TextTest } from './glob.ts';
import { booleanOperand, doubleOperand, longOperand, slotInteger } from './kql-operands.ts';
import { hasWildcard, isNull, type KqlLiteral, type RangeOperator, textOf } from './kql-tree.ts';
import type { Pattern } from './pattern-set.ts';
import { compareText } from './text-order.ts';

export interface Predicate {
  /** nowMs: reference time of date math; only asked for when `relative`. Never throws. */
  test(value: Scalar, nowMs: number): boolean;
  readonly relative?: true;
  /** The only values that pass, in the form that slots have; undefined when they cannot be listed. */
  readonly values?: readonly Scalar[];
  /** The same as a pattern on a text. */
  readonly pattern?: Pattern;
  /** Rough nanoseconds. */
  readonly cost: number;
  /** As in Leaf. */
  readonly searches?: number;
}

export type Judged = Predicate | { readonly fault: string };

/** Elements of keyword fields longer than this (UTF-16 units) are not indexed by ECS mappings: nothing matches them. */
export const KEYWORD_LIMIT = 1024;

const NEVER: Predicate = { test: () => false, values: [], cost: 1 };

/** Whether a value counts at all: `field:*`. */
export function existsPredicate(field: Field): Predicate {
  if (field.type !== 'keyword') return { test: () => true, cost: 5 };
  return { test: (value) => typeof value !== 'string' || value.length <= KEYWORD_LIMIT, cost: 5 };
}

/** `field:literal` on a value; the literal is not a lone star. */
export function isPredicate(field: Field, literal: KqlLiteral): Judged {
  if (isNull(literal)) return field.type === 'date' ? existsPredicate(field) : { fault: 'null is no value' };
  if (field.dynamic) return anyOf(DYNAMIC.map((type) => isOfType(type, literal)));
  return isOfType(field.type, literal);
}

/** `field operator literal` on a value. An unquoted null is an open end. */
export function rangePredicate(field: Field, operator: RangeOperator, literal: KqlLiteral): Judged {
  if (isNull(literal)) return existsPredicate(field);
  const text = textOf(literal);
  if (field.dynamic) return anyOf(DYNAMIC.map((type) => rangeOfType(type, operator, text)));
  return rangeOfType(field.type, operator, text);
}

const DYNAMIC: readonly FieldType[] = ['keyword', 'double', 'long', 'boolean'];

/** The predicates that the literal has a meaning for, one for each type of value. */
function anyOf(judged: readonly Judged[]): Judged {
  const able = judged.filter((one): one is Predicate => !('fault' in one));
  if (able.length === 1) return able[0]!;
  const values = able.every((one) => one.values !== undefined) ? able.flatMap((one) => one.values!) : undefined;
  const cost = able.reduce((sum, one) => sum + one.cost, 0);
  return { test: (value, now) => able.some((one) => one.test(value, now)), cost, ...(values && { values }) };
}

function isOfType(type: FieldType, literal: KqlLiteral): Judged {
  if (type === 'text') return textPredicate(literal);
  const text = textOf(literal);
  if (type === 'keyword' || type === 'wildcard')
    return keywordPredicate(literal, type === 'keyword' ? KEYWORD_LIMIT : Infinity);
  if (type === 'nested') return NEVER;
  if (hasWildcard(literal)) return { fault: `wildcards need a keyword or text field, this one is ${type}` };
  if (type === 'long') return longPredicate(text);
  if (type === 'double') return doublePredicate(text);
  if (type === 'boolean') return booleanPredicate(text);
  return type === 'ip' ? ipPredicate(text) : datePredicate(text);
}

/** For messages. */
function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/**
 * A value with wildcards is one pattern, blanks included, on `wildcard` fields as on `keyword`. Kibana differs there: it
 * sends query_string for a wildcard field, which takes `*a b*` for `*a` or `b*`; no rule can have meant that.
 */
function keywordPredicate(literal: KqlLiteral, limit: number): Predicate {
  if (!hasWildcard(literal)) {
    const [text] = literal.segments as [string];
    if (text.length > limit) return NEVER;
    return { test: (value) => value === text, values: [text], cost: 2 };
  }
  const matches = compileGlob(literal.segments);
  const test = (value: Scalar) => typeof value === 'string' && value.length <= limit && matches(value);
  const longest = literal.segments.reduce((a, b) => (b.length > a.length ? b : a));
  const searches = literal.segments.length > 2 ? 1 : 0;
  return { test, pattern: { test: matches, part: foldAscii(longest), searches, cost: 40 }, cost: 40 };
}

/**
 * Quoted: the words as a phrase. Unquoted: any of the words. With wildcards: parts between blanks, any of which must
 * match, a part with a star against single words, as in Elasticsearch's query_string.
 */
function textPredicate(literal: KqlLiteral): Predicate {
  const words = hasWildcard(literal) ? undefined : analyze(literal.segments[0]!);
  const matches = words === undefined ? partsTest(literal) : literal.quoted ? phraseTest(words) : wordsTest(words);
  return { test: (value) => typeof value === 'string' && matches(wordsOf(value)), cost: 2000, searches: ANALYSED };
}

/** What predicates on analysed text cost, in searches for a word. */
const ANALYSED = 8;
let lastText = '';
let lastWords: readonly string[] = [];

/** The last answer is kept: of a list each word asks for the same text. */
function wordsOf(text: string): readonly string[] {
  if (text === lastText) return lastWords;
  lastText = text;
  lastWords = analyze(text);
  return lastWords;
}

type WordsTest = (words: readonly string[]) => boolean;

function wordsTest(wanted: readonly string[]): WordsTest {
  const set = new Set(wanted);
  return (words) => words.some((word) => set.has(word));
}

function phraseTest(wanted: readonly string[]): WordsTest {
  if (wanted.length === 0) return () => false;
  return (words) => words.some((_, at) => wanted.every((word, i) => words[at + i] === word));
}

function partsTest(literal: KqlLiteral): WordsTest {
  const tests = splitAtBlanks(literal).map((part): WordsTest => {
    if (!hasWildcard(part)) return wordsTest(analyze(part.segments[0]!));
    if (part.segments.length === 2 && part.segments.every((segment) => segment === '')) return () => true;
    const matches = compileGlob(part.segments.map(lower));
    return (words) => words.some(matches);
  });
  return (words) => tests.some((test) => test(words));
}

/** `a* b` -> `a*` and `b`: how Elasticsearch's query_string reads an unquoted value with a wildcard. */
export function splitAtBlanks(literal: KqlLiteral): KqlLiteral[] {
  const parts: string[][] = [['']];
  literal.segments.forEach((segment, i) => {
    const part = parts.at(-1)!;
    if (i > 0) part.push('');
    const [head = '', ...rest] = segment.split(/[ \t\r\n\u3000]+/);
    part.push(part.pop() + head);
    for (const piece of rest) parts.push([piece]);
  });
  return parts.filter((part) => part.join('*') !== '').map((segments) => ({ ...literal, segments }));
}

function longPredicate(text: string): Judged {
  const operand = longOperand(text);
  if (operand === undefined) return { fault: `${shown(text)} is no number` };
  if (operand === 'beyond' || !operand.whole) return NEVER;
  const wanted = slotInteger(operand.floor);
  return { test: (value) => value === wanted, values: [wanted], cost: 2 };
}

function doublePredicate(text: string): Judged {
  const wanted = doubleOperand(text);
  if (wanted === undefined) return { fault: `${shown(text)} is no number` };
  // 0 and -0 are two values in Elasticsearch; no cover then, because a Map takes them for one.
  if (wanted === 0) return { test: (value) => Object.is(value, wanted), cost: 3 };
  return Number.isFinite(wanted) ? { test: (value) => value === wanted, values: [wanted], cost: 2 } : NEVER;
}

function booleanPredicate(text: string): Judged {
  const wanted = booleanOperand(text);
  if (wanted === undefined) return { fault: `${shown(text)} is neither true nor false` };
  return { test: (value) => value === wanted, values: [wanted], cost: 2 };
}

function ipPredicate(text: string): Judged {
  const range = ipRange(text);
  if (range === undefined) return { fault: `${shown(text)} is no IP address and no network in CIDR form` };
  return ipTest((key) => within(key, range));
}

function within(key: string, { low, high }: IpRange): boolean {
  return key >= low && key <= high;
}

function ipTest(accepts: TextTest): Predicate {
  return {
    test: (value) => {
      const key = typeof value === 'string' ? ipKey(value) : undefined;
      return key !== undefined && accepts(key);
    },
    cost: 500,
  };
}

/** A date names a span: equal is within it. */
function datePredicate(text: string): Judged {
  const date = parseDateMath(text);
  if (date === undefined) return { fault: `${shown(text)} is no date` };
  return dateTest(date.relative, (ms, now) => ms >= date.first(now) && ms <= date.last(now));
}

function dateTest(relative: boolean, accepts: (ms: number, nowMs: number) => boolean): Predicate {
  const test = (value: Scalar, now: number) => typeof value === 'number' && accepts(Math.floor(value), now);
  return relative ? { test, relative, cost: 100 } : { test, cost: 10 };
}

function rangeOfType(type: FieldType, operator: RangeOperator, text: string): Judged {
  switch (type) {
    case 'nested':
      return NEVER;
    case 'keyword':
    case 'wildcard': {
      const limit = type === 'keyword' ? KEYWORD_LIMIT : Infinity;
      const accepts = orderTest(operator, (value: string) => compareText(value, text));
      const test = (value: Scalar) => typeof value === 'string' && value.length <= limit && accepts(value);
      return { test, cost: 40, searches: 8 };
    }
    case 'text': {
      const accepts = orderTest(operator, (word: string) => compareText(word, text));
      const test = (value: Scalar) => typeof value === 'string' && wordsOf(value).some(accepts);
      return { test, cost: 2000, searches: ANALYSED };
    }
    case 'long':
      return longRange(operator, text);
    case 'double':
      return doubleRange(operator, text);
    case 'boolean': {
      const wanted = booleanOperand(text);
      if (wanted === undefined) return { fault: `${shown(text)} is neither true nor false` };
      const accepts = orderTest(operator, (value: boolean) => Number(value) - Number(wanted));
      return { test: (value) => typeof value === 'boolean' && accepts(value), cost: 5 };
    }
    case 'ip': {
      const key = ipKey(text);
      if (key === undefined) return { fault: `${shown(text)} is no IP address` };
      return ipTest(orderTest(operator, (value: string) => (value < key ? -1 : value > key ? 1 : 0)));
    }
    case 'date':
      return dateRange(operator, text);
  }
}

function orderTest<T>(operator: RangeOperator, compare: (value: T) => number): (value: T) => boolean {
  switch (operator) {
    case '<':
      return (value) => compare(value) < 0;
    case '<=':
      return (value) => compare(value) <= 0;
    case '>':
      return (value) => compare(value) > 0;
    case '>=':
      return (value) => compare(value) >= 0;
  }
}

function longRange(operator: RangeOperator, text: string): Judged {
  const operand = longOperand(text);
  if (operand === undefined) return { fault: `${shown(text)} is no number` };
  if (operand === 'beyond') return { fault: `${shown(text)} is beyond 64 bits` };
  const bound = slotInteger(operand.floor);
  // A broken bound lies between floor and floor + 1.
  const upTo = operand.whole ? operator : operator.startsWith('<') ? '<=' : '>';
  const accepts = orderTest(upTo, (value: number | bigint) => (value < bound ? -1 : value > bound ? 1 : 0));
  return { test: (value) => (typeof value === 'number' || typeof value === 'bigint') && accepts(value), cost: 5 };
}

function doubleRange(operator: RangeOperator, text: string): Judged {
  const bound = doubleOperand(text);
  if (bound === undefined) return { fault: `${shown(text)} is no number` };
  if (Number.isNaN(bound)) return NEVER;
  const accepts = orderTest(operator, (value: number) => {
    if (value !== bound) return value < bound ? -1 : 1;
    return Object.is(value, bound) ? 0 : Object.is(value, -0) ? -1 : 1;
  });
  return { test: (value) => typeof value === 'number' && !Number.isNaN(value) && accepts(value), cost: 5 };
}

/** `>` and `<=` count from the last instant that the bound names, `>=` and `<` from the first. */
function dateRange(operator: RangeOperator, text: string): Judged {
  const date = parseDateMath(text);
  if (date === undefined) return { fault: `${shown(text)} is no date` };
  switch (operator) {
    case '<':
      return dateTest(date.relative, (ms, now) => ms < date.first(now));
    case '<=':
      return dateTest(date.relative, (ms, now) => ms <= date.last(now));
    case '>':
      return dateTest(date.relative, (ms, now) => ms > date.last(now));
    case '>=':
      return dateTest(date.relative, (ms, now) => ms >= date.first(now));
  }
}
