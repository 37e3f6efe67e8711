// The syntax of EQL, table by table: what each text means (printed back with all its parentheses) and what is refused where.

import { describe, expect, test } from 'vitest';
import { MAX_LENGTH, MAX_NESTING, MAX_REGEXES, parseEql } from '../../src/query/eql-parse.ts';
import { printEql } from '../../src/query/eql-print.ts';
import type { EqlQuery, EqlStage } from '../../src/query/eql-tree.ts';
import { failure } from './failure.ts';

const meaning = (condition: string) => {
  const query = parseEql(`any where ${condition}`, true);
  return query.kind === 'event' ? printEql(query.query.condition) : query.kind;
};

const MEANINGS: [string, string][] = [
  // precedence and grouping
  ['a == 1 or b == 2 and not c == 3', '(a == 1) or ((b == 2) and (not (c == 3)))'],
  ['(a or b) and c', '(a or b) and c'],
  ['not not a', 'not (not a)'],
  ['not (a and b)', 'not (a and b)'],
  ['1 + 2 * 3 - 4 == a', '((1 + (2 * 3)) - 4) == a'],
  ['a * -b % 2 == -(1)', '((a * (-b)) % 2) == (-1)'],
  ['- - a == +1', '(-(-a)) == 1'],
  ['(a == 1) == true', '(a == 1) == true'],
  ['a in (1, 2) == true', '(a in (1, 2)) == true'],
  // operators
  ['a not in ("x")', 'not (a in ("x"))'],
  ['a not in~ ("x", null)', 'not (a in~ ("x", null))'],
  ['a:"x"', 'a : "x"'],
  ['a : ("x", "y*")', 'a : ("x", "y*")'],
  ['a like~ "x"', 'a : "x"'],
  ['a like ("x")', 'a like "x"'],
  ['a regex~ ("x", "y")', 'a regex~ ("x", "y")'],
  ['StartsWith~ ( a , "x" )', 'startsWith~(a, "x")'],
  // names
  ['?a.b == null', '?a.b == null'],
  ['@timestamp > "2024"', '@timestamp > "2024"'],
  ['`a-b`.c == 1', '`a-b.c` == 1'],
  ['`a``b` == 1 and a == "`"', '(`a``b` == 1) and (a == "`")'],
  ['a.in.where == 1', 'a.in.where == 1'],
  ['`in` == 1', '`in` == 1'],
  ['android == 1 and notify == 2', '(android == 1) and (notify == 2)'],
  ['a . b == 1', 'a.b == 1'],
  // literals
  ['a == 9223372036854775807', 'a == 9223372036854775807'],
  ['a == 9223372036854775808', 'a == 9223372036854776000.0'],
  ['a == .5 or a == 5. or a == 1e3', '(a == 0.5) or (a == 5.0) or (a == 1000.0)'],
  ['a == "\\"\\\\\\t\\u{1F427}\\u{0a}"', 'a == "\\"\\\\\\u{09}🐧\\u{0a}"'],
  ['a == """\\d"*"""', 'a == "\\\\d\\"*"'],
  ['a == """x"""""', 'a == "x\\"\\""'],
  ['a == ""', 'a == ""'],
  // comments
  ['a /* not */ == // b\n 1', 'a == 1'],
  ['a == "// no" /* yes */', 'a == "// no"'],
  // endpoint
  ['descendant of [process where a == 1]', 'descendant of ["process" where a == 1]'],
];

test.each(MEANINGS)('%s', (text, printed) => {
  expect(meaning(text)).toBe(printed);
});

const stage = ({ query, by, missing, runs, name }: EqlStage) =>
  [
    missing ? '!' : '',
    query.category ?? 'any',
    by.length === 0 ? '' : ` by ${by.map((key) => `${key.optional ? '?' : ''}${key.name}`)}`,
    runs === 1 ? '' : ` x${runs}`,
    name === undefined ? '' : ` as ${name}`,
  ].join('');

function outline(query: EqlQuery): string {
  const pipes = query.pipes.map(({ name, count }) => ` | ${name} ${count}`).join('');
  if (query.kind === 'event') return `${query.query.category ?? 'any'}${pipes}`;
  const by = query.by.map(({ name }) => name).join();
  const until = query.until === undefined ? '' : ` until ${stage(query.until)}`;
  return `${query.kind} (${by}) ${query.maxspanMs ?? '-'}: ${query.stages.map(stage).join('; ')}${until}${pipes}`;
}

test.each([
  ['process where true', 'process'],
  ['"odd category" where true | head 5 | tail 2', 'odd category | head 5 | tail 2'],
  ['sequence by a, b with maxspan=5m [x where true] [any where true]', 'sequence (a,b) 300000: x; any'],
  ['sequence with maxspan = 500 ms [x where true] by a [y where true] by ?b', 'sequence () 500: x by a; y by ?b'],
  ['sequence [x where true] by a with runs=3', 'sequence () -: x by a x3'],
  ['sequence by a with maxspan=2h [x where true] ![y where true]', 'sequence (a) 7200000: x; !y'],
  ['sequence by a [x where true] [y where true] until [z where true]', 'sequence (a) -: x; y until z'],
  ['sample by a [x where true] [y where true] | head 1', 'sample (a) -: x; y | head 1'],
  ['sequence [x where true] as event0 [y where true]', 'sequence () -: x as event0; y'],
])('%s', (text, expected) => {
  expect(outline(parseEql(text, true))).toBe(expected);
});

test('names of earlier stages are bound, others are fields', () => {
  const query = parseEql('sequence [a where x.y == 1] as x [b where x.y == y.z and startsWith(x.k, k)]', true);
  expect(query.kind === 'sequence' && query.stages.map(({ query: { condition } }) => condition)).toMatchObject([
    { left: { name: 'x.y' } },
    {
      parts: [
        { left: { name: 'y', stage: 'x' }, right: { name: 'y.z' } },
        { parts: [{ name: 'k', stage: 'x' }, { name: 'k' }] },
      ],
    },
  ]);
});

/** Text, code, line:column of the caret. */
const REFUSALS: [string, string, string][] = [
  ['', 'FB_QUERY_SYNTAX', '1:1'],
  ['process', 'FB_QUERY_SYNTAX', '1:8'],
  ['\n  process where a ==\n\n', 'FB_QUERY_SYNTAX', '2:21'],
  ['process where a = 1', 'FB_QUERY_SYNTAX', '1:17'],
  ["process where a == 'x'", 'FB_QUERY_SYNTAX', '1:20'],
  ['process where a == ?"x"', 'FB_QUERY_SYNTAX', '1:20'],
  ['process where a == NULL', 'FB_QUERY_SYNTAX', '1:20'],
  ['process where a AND b', 'FB_QUERY_SYNTAX', '1:17'],
  ['process where a == "x\ny"', 'FB_QUERY_SYNTAX', '1:20'],
  ['process where\n  a == "\\q"', 'FB_QUERY_SYNTAX', '2:8'],
  ['process where a == b == c', 'FB_QUERY_SYNTAX', '1:22'],
  ['process where a not like "x"', 'FB_QUERY_SYNTAX', '1:21'],
  ['process where a like b', 'FB_QUERY_SYNTAX', '1:22'],
  ['process where a in ()', 'FB_QUERY_SYNTAX', '1:21'],
  ['process where a[0] == 1', 'FB_QUERY_SYNTAX', '1:16'],
  ['process where a == "\\u{d800}"', 'FB_QUERY_SYNTAX', '1:22'],
  ['process where a == 5x', 'FB_QUERY_SYNTAX', '1:20'],
  ['process where a == 1 /* open', 'FB_QUERY_SYNTAX', '1:23'],
  ['process where a == 1 | count', 'FB_QUERY_SYNTAX', '1:22'],
  ['process where a == 1 | head -1', 'FB_QUERY_SYNTAX', '1:22'],
  ['join by a [x where true] [y where true]', 'FB_QUERY_SYNTAX', '1:1'],
  ['sequence [x where true]', 'FB_QUERY_SYNTAX', '1:10'],
  ['sequence with maxspan=5 [x where true] [y where true]', 'FB_QUERY_SYNTAX', '1:23'],
  ['sequence with maxspan=0s [x where true] [y where true]', 'FB_QUERY_SYNTAX', '1:23'],
  ['sequence with maxspan=1m by a [x where true] [y where true]', 'FB_QUERY_SYNTAX', '1:26'],
  ['any where `` == 1', 'FB_QUERY_SYNTAX', '1:11'],
  ['sequence by a [x where true] by b [y where true]', 'FB_QUERY_SYNTAX', '1:35'],
  ['sequence [x where true] ![y where true]', 'FB_QUERY_SYNTAX', '1:25'],
  ['sequence [x where true] with runs=101 [y where true]', 'FB_QUERY_SYNTAX', '1:10'],
  ['sequence [x where true] [y where true] until ![z where true]', 'FB_QUERY_SYNTAX', '1:46'],
  ['sample [x where true] [y where true]', 'FB_QUERY_SYNTAX', '1:8'],
  ['sample by a [x where true] ![y where true]', 'FB_QUERY_SYNTAX', '1:28'],
  ['any where descendant of [x where true]', 'FB_QUERY_SYNTAX', '1:11'],
  ['sequence [x where true] as a [y where true]', 'FB_QUERY_SYNTAX', '1:10'],
  [`any where a regex ("x"${', "x"'.repeat(MAX_REGEXES)})`, 'FB_QUERY_TOO_LARGE', '1:11'],
  [`any where ${'('.repeat(MAX_NESTING + 1)}`, 'FB_QUERY_TOO_LARGE', `1:${11 + MAX_NESTING}`],
];

test.each(REFUSALS)('%s', (text, code, place) => {
  const error = failure(() => parseEql(text));
  expect([error.code, `${error.line}:${error.column}`]).toEqual([code, place]);
});

describe('nothing exhausts the stack', () => {
  test.each([
    ['length', `any where a == "${'x'.repeat(MAX_LENGTH)}"`],
    ['not', `any where ${'not '.repeat(5000)}a`],
    ['minus', `any where ${'-'.repeat(5000)}a == 1`],
    ['sums', `any where ${'1+'.repeat(50_000)}1 == a`],
  ])('%s', (_, text) => {
    expect(failure(() => parseEql(text)).code).toBe('FB_QUERY_TOO_LARGE');
  });

  test('long chains of one word are no depth', () => {
    const text = `any where ${'a == 1 or '.repeat(20_000)}b == 1`;
    expect(parseEql(text).kind).toBe('event');
  });

  test('parentheses in texts and comments do not count', () => {
    expect(meaning(`a == "${'('.repeat(300)}" /* ${'['.repeat(300)} */`)).toBe(`a == "${'('.repeat(300)}"`);
    expect(meaning(`a == """${'('.repeat(300)}"""`)).toBe(`a == "${'('.repeat(300)}"`);
  });

  test.each(['"""//"""', '"""a""""', '"""/*"""', '"\\"//"', '`"`', '/*"*/ b'])('those behind %s do', (before) => {
    const text = `any where a == ${before} and ${'('.repeat(20_000)}b == "c" /* */`;
    expect(failure(() => parseEql(text)).code).toBe('FB_QUERY_TOO_LARGE');
  });

  test.each([
    ['text', `any where a == "${'\\"'.repeat(120_000)}`],
    ['comment', `any where a ${'/*'.repeat(120_000)}`],
    ['raw text', `any where a == """${'a"" '.repeat(60_000)}`],
    ['name', `any where \`${'a '.repeat(120_000)}`],
  ])('a %s that never ends is looked at once', (_, text) => {
    expect(failure(() => parseEql(text)).code).toBe('FB_QUERY_SYNTAX');
  });
});

test('hints say what to write', () => {
  expect(failure(() => parseEql('any where a = 1')).hint).toContain('==');
  expect(failure(() => parseEql("any where a == 'x'")).hint).toContain('double quotes');
  expect(failure(() => parseEql('any where a !: "x"')).hint).toContain('not field :');
  expect(failure(() => parseEql('any where a in "x"')).hint).toContain('in ("a", "b")');
  expect(failure(() => parseEql('any where a "x"')).hint).toBeUndefined();
  for (const text of ['"x', '"""x', '"\\q"', '"\\u{1}"', '"x\n"']) {
    expect(failure(() => parseEql(`any where a == ${text}`)).hint).toContain('ends on the line');
  }
});
