// Regular expressions: what a real Elasticsearch 9.5.3 answered to its regexp query (all flags on), generated ones against JavaScript's,
// and that nothing takes long.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_STATES } from '../../src/query/eql-automaton.ts';
import { luceneRegex } from '../../src/query/eql-endpoint.ts';
import { compileRegex } from '../../src/query/eql-regex.ts';
import { MAX_PATTERN, RegexFault } from '../../src/query/eql-regex-tree.ts';
import { ANSWERS, INSENSITIVE, REFUSED, TEXTS } from './eql-regex-answers.ts';

test.each(ANSWERS)('%s', (pattern, matching) => {
  expect(TEXTS.filter(compileRegex(pattern, false).test)).toEqual(matching);
});

test.each(INSENSITIVE)('%s without case', (pattern, matching) => {
  expect(TEXTS.filter(compileRegex(pattern, true).test)).toEqual(matching);
});

test.each([
  ...REFUSED,
  ...['(a{1000}){1000}', 'a{1001}', '.*a.{20}b', '('.repeat(1000), '~'.repeat(1000), `~(.*a.{13})`],
  ...['((((){1000}){1000}){1000}){1000}', '((""{999}){999}){999}', 'a'.repeat(MAX_PATTERN + 1)],
  ...[Array.from({ length: 1000 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join(''), '<1-999>'.repeat(142)],
])('%s is refused', (pattern) => {
  expect(() => compileRegex(pattern, false)).toThrow(RegexFault);
});

describe('what Lucene takes for characters and nobody means', () => {
  test.each(['(?=a)b', '(?!a)b', '(?<=a)b', '(?:a|b)', '(?i)a', '(a)\\1', '(a)(b)c\\2'])('%s is refused', (pattern) => {
    expect(() => compileRegex(pattern, false)).toThrow(/`\(\?` |back-references/);
  });

  test.each([
    ['(\\?=a)b', '?=ab'],
    ['[(?]a', '?a'],
    ['"(?"a', '(?a'],
    ['(a)\\2', 'a2'],
    ['(a)[\\1]', 'a1'],
  ])('%s is taken', (pattern, text) => {
    expect(compileRegex(pattern, false).test(text)).toBe(true);
  });
});

describe('against JavaScript’s', () => {
  const atom = fc.constantFrom('a', 'b', 'B', '.', '[ab]', '[^a]', '\\.', '🐧', '\\d', '1');
  const pattern = fc.letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 5 },
      { weight: 3, arbitrary: atom },
      { weight: 2, arbitrary: fc.array(tie('node'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')) },
      { weight: 1, arbitrary: fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a}|${b})`) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(tie('node'), fc.constantFrom('?', '*', '+', '{2}', '{1,3}', '{2,}'))
          .map(([a, times]) => `(${a})${times}`),
      },
    ),
  })).node;
  const text = fc
    .array(fc.constantFrom('a', 'b', 'A', '.', '1', '🐧', '\n'), { maxLength: 6 })
    .map((parts) => parts.join(''));

  test('they agree, and what is needed is there', () => {
    const counts = { matched: 0, needed: 0 };
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 4, maxLength: 4 }), (source, texts) => {
        const { test: own, parts } = compileRegex(source, false);
        const other = new RegExp(`^(?:${source})$`, 'su');
        for (const one of texts) {
          const matches = own(one);
          expect(matches).toBe(other.test(one));
          expect(compileRegex(`~(${source})`, false).test(one)).toBe(!matches);
          expect(compileRegex(`(${source})&.*a.*`, false).test(one)).toBe(matches && one.includes('a'));
          if (!matches) continue;
          counts.matched++;
          if (parts === undefined) continue;
          counts.needed++;
          expect(parts.some((part) => one.toLowerCase().includes(part))).toBe(true);
        }
      }),
      { numRuns: 1500, seed: 20261125 },
    );
    console.log(`regular expressions: ${JSON.stringify(counts)}`);
    expect(counts.matched).toBeGreaterThan(300);
    expect(counts.needed).toBeGreaterThan(30);
  });
});

test.each([
  ['.*[0-9]{1,3}\\.[0-9]{1,3}.*', ['.']],
  ['/srv/(a|[0-9]{1,3})/x/[0-9]+', ['/srv/']],
  ['(http|FTP)://.*', ['http', 'ftp']],
  ['(curl|wget).*', ['curl', 'wget']],
  ['a?b*', undefined],
  ['(ab)+', ['ab']],
  ['"A b"', ['a b']],
])('a value that matches %s has one of %j', (pattern, parts) => {
  expect(compileRegex(pattern, false).parts).toEqual(parts);
});

test.each([
  ['^a"b&c~<@#$', 'a\\"b\\&c\\~\\<\\@\\#'],
  ['a\\$', 'a\\$'],
  ['\\t\\.\\n', '\t\\.\n'],
  ['a\\\\$', 'a\\\\'],
])('%s of a behaviour rule is %s here', (own, lucene) => {
  expect(luceneRegex(own)).toBe(lucene);
});

test('a table has no more states than it may', () => {
  expect(MAX_STATES).toBeLessThan(2 ** 16);
});
