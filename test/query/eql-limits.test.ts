// What a query costs at most, whatever the query and the event: steps are counted, not time.

import { describe, expect, test } from 'vitest';
import type { SlotValue } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { MAX_COMBINATIONS, MAX_SEARCHES } from '../../src/query/bounds.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import { explainEql } from '../../src/query/eql-explain.ts';
import { MAX_TEXT } from '../../src/query/eql-functions.ts';
import type { EqlEventQuery } from '../../src/query/eql-tree.ts';
import { compileWildcard } from '../../src/query/eql-wildcard.ts';
import { compileKql } from '../../src/query/kql-compile.ts';
import { explainKql } from '../../src/query/kql-explain.ts';
import { parseKql } from '../../src/query/kql-parse.ts';
import { work } from '../../src/query/work.ts';
import { failure } from './failure.ts';

const LONG = 32 * 1024;

test.each([
  ['*a?a*', 'a'.repeat(LONG), 2],
  ['*?b*', 'a'.repeat(LONG), 1],
  [`*${'a?'.repeat(50)}b*`, 'a'.repeat(LONG), 4],
  [`*${'?a*'.repeat(200)}b`, `${'a'.repeat(LONG)}b`, 2],
  [`${'*a?b'.repeat(300)}*`, 'ab'.repeat(LONG / 2), 2],
])('%s steps through a value of 32 KiB a few times at most', (pattern, text, words) => {
  const { steps } = work;
  compileWildcard(pattern).test(text);
  expect(work.steps - steps).toBeLessThanOrEqual(words * LONG);
});

test.each([
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['?*', '', false],
  ['?*', '🐧', true],
  ['?', '🐧', true],
  ['??', '🐧', false],
  ['*a?', 'aaa', true],
  ['a?*?c', 'abc', false],
  ['a?*?c', 'abbc', true],
  ['*🐧?b*', 'x🐧🐧b', true],
  [`*${'x?'.repeat(40)}*`, `y${'xz'.repeat(40)}y`, true],
  [`*${'x?'.repeat(40)}*`, `y${'xz'.repeat(39)}y`, false],
])('%s is like %s: %s', (pattern, text, matches) => {
  expect(compileWildcard(pattern).test(text)).toBe(matches);
});

/** An array that counts how often an element is looked at. */
function counted(values: readonly string[]): { values: string[]; reads: () => number } {
  let reads = 0;
  const proxy = new Proxy([...values], {
    get: (target, key, receiver) => {
      if (typeof key === 'string' && /^\d+$/.test(key)) reads++;
      return Reflect.get(target, key, receiver);
    },
  });
  return { values: proxy, reads: () => reads };
}

test('combinations of two arrays of 10,000 are not all looked at', () => {
  const table = new FieldTable();
  const text =
    'any where concat(process.args, process.parent.args) == "x" or startsWith(process.parent.args, process.args)';
  const [probe] = compileEql(text, table).probes;
  const arrays = ['process.args', 'process.parent.args'].map((name) => {
    const array = counted(Array.from({ length: 10_000 }, (_, i) => `value ${name} ${i}`));
    return { slot: table.slot(name), ...array };
  });
  const slots: string[][] = [];
  for (const { slot, values } of arrays) slots[slot] = values;
  expect(probe!.matches(slots)).toBe(false);
  for (const { reads } of arrays) expect(reads()).toBeLessThanOrEqual(3 * MAX_COMBINATIONS);
});

test('an explanation looks at no more combinations', () => {
  const table = new FieldTable();
  const [probe] = compileEql('any where concat(process.args, process.parent.args) == "x"', table).probes;
  const slots: string[][] = [];
  const arrays = ['process.args', 'process.parent.args'].map((name) => {
    const array = counted(Array.from({ length: 10_000 }, (_, i) => `value ${i}`));
    slots[table.slot(name)] = array.values;
    return array;
  });
  expect(explainEql(probe!.tree as EqlEventQuery, { table, slots, nowMs: 0 }).matches).toBe(false);
  for (const { reads } of arrays) expect(reads()).toBeLessThanOrEqual(3 * MAX_COMBINATIONS);
});

test('an explanation of a few stars is done with a text that was made for them', () => {
  const table = new FieldTable();
  const stars = '*curl*http*sh*';
  const slots: string[] = [];
  slots[table.slot('process.command_line')] = 'curlhttp'.repeat(LONG / 8);
  const kql = explainKql(parseKql(`process.command_line:${stars} and process.c*:${stars}`), { table, slots, nowMs: 0 });
  const [probe] = compileEql(`any where process.command_line : "${stars}"`, table).probes;
  const eql = explainEql(probe!.tree as EqlEventQuery, { table, slots, nowMs: 0 });
  expect([kql.matches, eql.matches]).toEqual([false, false]);
});

test.each([
  ['minus', `${'-'.repeat(900)}process.pid == 5`],
  ['not in a comparison', `(${'not '.repeat(300)}length(process.name) == 5) == true`],
  ['comparisons', `${'('.repeat(150)}process.pid == 5${') == true'.repeat(150)}`],
  ['functions', `${'length(string('.repeat(95)}process.pid${'))'.repeat(95)} == 1`],
])('explanations of deep expressions take no more than their depth: %s', (_, condition) => {
  const table = new FieldTable();
  const [probe] = compileEql(`any where ${condition}`, table).probes;
  const slots: SlotValue[] = [];
  slots[table.slot('process.pid')] = 5;
  slots[table.slot('process.name')] = 'abcde';
  expect(explainEql(probe!.tree as EqlEventQuery, { table, slots, nowMs: 0 }).matches).toBe(true);
  expect(probe!.matches(slots)).toBe(true);
});

test('a hundred computed predicates share what one event may take, and each looks at some', () => {
  const table = new FieldTable();
  const condition = Array.from({ length: 100 }, (_, i) => `stringContains(process.args, "value ${i + 100}")`).join(
    ' or ',
  );
  const [probe] = compileEql(`any where ${condition}`, table).probes;
  const array = counted(Array.from({ length: 10_000 }, (_, i) => `other ${i}`));
  const slots: string[][] = [];
  slots[table.slot('process.args')] = array.values;
  const { skipped } = work;
  expect(probe!.matches(slots)).toBe(false);
  expect(array.reads()).toBeLessThan(5 * MAX_COMBINATIONS);
  expect(array.reads()).toBeGreaterThan(100 * 100);
  expect(work.skipped - skipped).toBe(100);
});

describe('what one event would cost too much is refused', () => {
  const many = (count: number, of: (i: number) => string, between: string) =>
    Array.from({ length: count }, (_, i) => of(i)).join(between);
  const like = (count: number) => many(count, (i) => `process.name : "*a${i}*"`, ' and ');
  const code = 'FB_QUERY_TOO_LARGE';

  test.each([
    ['functions', `any where ${many(400, (i) => `stringContains(process.args, "a${i}")`, ' or ')}`],
    ['arguments', `any where length(concat(${many(1000, () => 'process.name', ', ')})) > 5`],
    ['patterns of a function', `any where wildcard(process.name, ${many(1000, (i) => `"*a${i}*"`, ', ')})`],
    ['ranges', `any where ${many(MAX_SEARCHES + 1, (i) => `process.pid > ${i}`, ' and ')}`],
    ['all stages of a sequence', `sequence [any where ${like(600)}] [any where ${like(600)}]`],
  ])('EQL: %s', (_, text) => {
    expect(failure(() => compileEql(text, new FieldTable())).code).toBe(code);
  });

  test.each([
    ['free text', many(600, (i) => `word${i}`, ' or ')],
    ['analysed text', `message:(${many(600, (i) => `word${i}`, ' and ')})`],
    ['objects', `n:{ k:(${many(MAX_SEARCHES + 1, (i) => `*a${i}*`, ' or ')}) }`],
  ])('KQL: %s', (_, text) => {
    expect(failure(() => compileKql(text, new FieldTable())).code).toBe(code);
  });

  test('lists of texts are not', () => {
    const text = `any where process.name in (${many(5000, (i) => `"a${i}"`, ', ')}) or process.name : ("b", "c*")`;
    expect(() => compileEql(text, new FieldTable())).not.toThrow();
  });
});

test('a text that is put together has a length at most', () => {
  const table = new FieldTable();
  const [probe] = compileEql('any where length(concat(process.command_line, process.command_line)) > 0', table).probes;
  const holds = (length: number) => {
    const slots: string[] = [];
    slots[table.slot('process.command_line')] = 'x'.repeat(length);
    return probe!.matches(slots);
  };
  expect([holds(MAX_TEXT / 2), holds(MAX_TEXT / 2 + 1)]).toEqual([true, false]);
});

test('words of one text are not taken for those of the next', () => {
  const table = new FieldTable();
  const query = compileKql('message:(one and two and three)', table);
  const slots: string[] = [];
  slots[table.slot('message')] = 'one two three';
  expect(query.matches(slots)).toBe(true);
  slots[table.slot('message')] = 'one two';
  expect(query.matches(slots)).toBe(false);
});

test('whatever a slot holds, nothing throws', () => {
  const table = new FieldTable();
  const queries = [
    'process.name : "a*?" or process.name regex "a.*" or process.name in~ ("a", "b")',
    'process.pid > 1 or process.pid + 1 == 2 or -process.pid / 0 == 1 or process.pid % 3 == 1',
    '@timestamp > "now-1d" or string(@timestamp) == "x" or concat(@timestamp, process.interactive) == "x"',
    'cidrMatch(host.ip, "10.0.0.0/8") or host.ip == "10.0.0.1"',
    'between(process.name, "a", "b") == "x" or substring(process.name, -3, 2) == "x" or indexOf(process.name, "b") > 0',
    'number(process.name, 16) > 4 or length(process.args) > 3 or stringContains(process.args, process.name)',
    'process.interactive == true or process.interactive or message == "x" or message like "*x?"',
  ].map((text) => compileEql(`process where ${text}`, table).probes[0]!);
  for (const value of [
    'a',
    '',
    1,
    1.5,
    2n ** 70n,
    Number.NaN,
    1e300,
    true,
    [],
    ['a', 1n, true],
    '\ud800',
    'x'.repeat(2000),
  ]) {
    const slots = Array.from({ length: table.size }, () => value);
    for (const query of queries) expect(typeof query.matches(slots)).toBe('boolean');
  }
});
