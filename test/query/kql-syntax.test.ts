// The syntax of KQL, table by table: what each text means (as a term with all its parentheses) and what is refused where.

import { describe, expect, test } from 'vitest';
import { FieldTable } from '../../src/ecs/fields.ts';
import { compileKql } from '../../src/query/kql-compile.ts';
import { MAX_LENGTH, MAX_NESTING, parseKql } from '../../src/query/kql-parse.ts';
import type { KqlLiteral, KqlNode } from '../../src/query/kql-tree.ts';
import { failure } from './failure.ts';

/** f=v, quoted values in quotes, ★ for an unescaped star. */
function term(node: KqlNode): string {
  const literal = ({ segments, quoted }: KqlLiteral) => (quoted ? JSON.stringify(segments[0]) : segments.join('★'));
  switch (node.kind) {
    case 'all':
      return 'all';
    case 'and':
    case 'or':
      return `(${node.parts.map(term).join(node.kind === 'and' ? ' & ' : ' | ')})`;
    case 'not':
      return `!${term(node.part)}`;
    case 'nested':
      return `${literal(node.path)}{${term(node.part)}}`;
    case 'range':
      return `${literal(node.field)}${node.operator}${literal(node.value)}`;
    case 'is':
      return node.field === null ? literal(node.value) : `${literal(node.field)}=${literal(node.value)}`;
  }
}

const MEANINGS: [string, string][] = [
  // precedence and grouping
  ['a:1 or b:2 and not c:3', '(a=1 | (b=2 & !c=3))'],
  ['(a:1 or b:2) and c:3', '((a=1 | b=2) & c=3)'],
  ['a:1 and b:2 and c:3', '(a=1 & b=2 & c=3)'],
  ['not (a:1 or b:2)', '!(a=1 | b=2)'],
  ['not (not a)', '!!a'],
  ['a:1 AND b:2 Or NOT c:3', '((a=1 & b=2) | !c=3)'],
  ['a:1\n\tand\r\nb:2', '(a=1 & b=2)'],
  ['a:1\u00a0and\u00a0b:2', '(a=1 & b=2)'],
  // empty
  ['', 'all'],
  [' \t\n\u00a0', 'all'],
  // keywords without their white space are words
  ['f:and', 'f=and'],
  ['f:or', 'f=or'],
  ['f:not', 'f=not'],
  ['a or not', '(a | not)'],
  ['a or', 'a or'],
  ['or', 'or'],
  ['android:1', 'android=1'],
  ['f:(or)', 'f=or'],
  ['f:nothing', 'f=nothing'],
  // blanks belong to the value
  ['f:a b', 'f=a b'],
  ['f:a  b ', 'f=a  b'],
  [' f : a b ', 'f=a b'],
  ['f:\u00a0a\u00a0b\u00a0', 'f=a\u00a0b'],
  ['f:\u2003a\u2003', 'f=a'],
  ['foo bar:baz', 'foo bar=baz'],
  ['f:a b or g:c d', '(f=a b | g=c d)'],
  ['f:a?b', 'f=a?b'],
  ['f:/usr/bin/x-y_z.sh', 'f=/usr/bin/x-y_z.sh'],
  // escapes
  ['f:a\\:b', 'f=a:b'],
  ['f:\\(a\\)', 'f=(a)'],
  ['f:\\"a\\"', 'f="a"'],
  ['f:a\\\\b', 'f=a\\b'],
  ['f:\\*', 'f=*'],
  ['f:\\**', 'f=*★'],
  ['f:*\\\\*', 'f=★\\★'],
  ['f:\\or', 'f=or'],
  ['f:a \\or b', 'f=a or b'],
  ['f:a \\AND b', 'f=a AND b'],
  ['f:a\\tb\\nc\\rd', 'f=a\tb\nc\rd'],
  ['f:\\ta\\t', 'f=a'],
  ['f:\\u0041\\uD83D\\uDC27', 'f=A🐧'],
  ['f:\\not', 'f=ot'],
  ['f:"a\\"b\\\\c\\td"', 'f="a\\"b\\\\c\\td"'],
  ['f:"\\u00e9"', 'f="é"'],
  ['f:"a\\qb\\*"', 'f="a\\\\qb\\\\*"'],
  ['f:"*"', 'f="*"'],
  ['f:" a "', 'f=" a "'],
  ['f:""', 'f=""'],
  ['f:"a or b"', 'f="a or b"'],
  ['"my field":x', '"my field"=x'],
  ['a\\:b:c', 'a:b=c'],
  // wildcards
  ['f:*', 'f=★'],
  ['f:**', 'f=★★'],
  ['f:*a*b*', 'f=★a★b★'],
  ['f: *a b* ', 'f=★a b★'],
  ['proc*.name:x', 'proc★.name=x'],
  ['*:*', '★=★'],
  // lists
  ['f:(a or b and not c)', '(f=a | (f=b & !f=c))'],
  ['f:( a b or "c d" )', '(f=a b | f="c d")'],
  ['f:(not a)', '!f=a'],
  ['f:((a))', 'f=a'],
  ['f:(* and not (a or b*))', '(f=★ & !(f=a | f=b★))'],
  ['f:(a OR b)', '(f=a | f=b)'],
  // ranges
  ['f<1', 'f<1'],
  ['f <= 1 and f > 2', '(f<=1 & f>2)'],
  ['f >= "a b"', 'f>="a b"'],
  ['f > a b', 'f>a b'],
  // nested
  ['f:{ a:1 and b:2 }', 'f{(a=1 & b=2)}'],
  ['f : {a:{b:1}}', 'f{a{b=1}}'],
  ['not f:{ not a:1 }', '!f{!a=1}'],
  // free text
  ['foo', 'foo'],
  ['"foo bar" and baz*', '("foo bar" & baz★)'],
  ['true', 'true'],
];

test.each(MEANINGS)('%j means %s', (text, meaning) => {
  expect(term(parseKql(text))).toBe(meaning);
});

const REFUSED: [string, number, number][] = [
  ['not(a)', 1, 4],
  ['(a)and(b)', 1, 4],
  ['(a) and(b)', 1, 5],
  ['not not a', 1, 5],
  ['f:not a', 1, 3],
  ['f:not ', 1, 3],
  ['a not b', 1, 3],
  ['f:cannot open', 1, 6],
  ['f:a\\ b', 1, 4],
  ['f:\\q', 1, 3],
  ['f:\\u12', 1, 3],
  ['a or ', 1, 6],
  ['f:', 1, 3],
  ['f:()', 1, 4],
  ['f:(a', 1, 5],
  ['f:a)', 1, 4],
  ['(a', 1, 3],
  ['f:{a:1', 1, 7],
  ['f:{}', 1, 4],
  ['f:"a', 1, 3],
  ['f:"a\\"', 1, 3],
  ['f:a"b"', 1, 4],
  ['f:"a"b', 1, 6],
  ['f:a:b', 1, 4],
  ['f<', 1, 3],
  ['f<=', 1, 4],
  ['f<(1 or 2)', 1, 3],
  ['f:<1', 1, 3],
  [':a', 1, 1],
  ['a:1 and\n  b:(2', 2, 7],
];

test.each(REFUSED)('%j is refused at line %d, column %d', (text, line, column) => {
  expect(failure(() => parseKql(text))).toMatchObject({ code: 'FB_QUERY_SYNTAX', line, column });
});

describe('the message of a syntax error', () => {
  test('shows the line and a caret under the place', () => {
    const lines = failure(() => parseKql('a:1 and\n  b:(2')).message.split('\n');
    expect(lines.slice(1)).toEqual(['    b:(2', '        ^']);
  });

  test('cuts a long line around the place', () => {
    const [, line, caret] = failure(() => parseKql(`${'x'.repeat(5000)}:a:b ${'y'.repeat(5000)}`)).message.split('\n');
    expect(line!.length).toBeLessThanOrEqual(102);
    expect(line![caret!.indexOf('^')]).toBe(':');
  });

  test('keeps controls of the query off the terminal', () => {
    expect(failure(() => parseKql('f:\u001b]52;a\u0007\u061c(')).message).not.toMatch(/[\p{Cc}\p{Cf}](?<!\n)/u);
    const name = '\u001b]52;a\u0007\u202e\nf';
    const { message } = failure(() => compileKql(`"${name}":{ a:1 } and "${name}.b":2`, new FieldTable()));
    expect(message.split('\n')).toHaveLength(3);
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}](?<!\n)/u);
  });
});

describe('limits', () => {
  const nested = (depth: number) => `${'('.repeat(depth)}a${')'.repeat(depth)}`;

  test('nesting up to the limit parses, one more level is refused with its place', () => {
    expect(term(parseKql(nested(MAX_NESTING)))).toBe('a');
    expect(failure(() => parseKql(nested(MAX_NESTING + 1)))).toMatchObject({
      code: 'FB_QUERY_TOO_LARGE',
      column: MAX_NESTING + 1,
    });
  });

  test.each([nested(200_000), '('.repeat(250_000), 'f:{'.repeat(80_000), 'f:('.repeat(80_000)])(
    'a tower of brackets is an error, not a crash',
    (text) => {
      expect(failure(() => parseKql(text)).code).toMatch(/^FB_QUERY_(TOO_LARGE|SYNTAX)$/);
    },
  );

  test('brackets in quotes and behind backslashes are no nesting', () => {
    expect(term(parseKql(`f:"${'('.repeat(1000)}"`))).toContain('((((');
    expect(term(parseKql(`f:${'\\('.repeat(1000)}`))).toContain('((((');
  });

  test('a text beyond the limit is refused', () => {
    expect(failure(() => parseKql('x'.repeat(MAX_LENGTH + 1))).code).toBe('FB_QUERY_TOO_LARGE');
  });

  test.each([
    ['blanks', `a${' '.repeat(MAX_LENGTH - 2)}b`],
    [
      'words',
      `f:(${Array.from({ length: 40_000 }, (_, i) => `v${i}`).join(' or ')})`
        .slice(0, 250_000)
        .replace(/ o?r? ?\w*$/, ')'),
    ],
    ['half keywords', 'no'.repeat(MAX_LENGTH / 2)],
    ['unclosed quotes', `"${'\\"'.repeat(100_000)}`],
  ])('the parser takes linear time: %s', (_, text) => {
    if (text.startsWith('"')) expect(failure(() => parseKql(text)).code).toBe('FB_QUERY_SYNTAX');
    else expect(parseKql(text).kind).toMatch(/^(is|or)$/);
  });
});
