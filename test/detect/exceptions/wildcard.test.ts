import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileWildcard } from '../../../src/detect/exceptions/wildcard.ts';
import { work } from '../../../src/query/work.ts';

const rows: [pattern: string, text: string, matches: boolean][] = [
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
  ['?', '', false],
  ['?*', 'a', true],
  ['*?', '', false],
  ['a*c', 'abcbc', true],
  ['a*?c', 'ac', false],
  ['**a**', 'bab', true],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['\\?a', '?a', true],
  ['\\?a', 'ba', false],
  ['a\\', 'a\\', true],
  ['a\\\\b', 'a\\b', true],
  ['?', '\u{1f600}', true],
  ['?', '\udcff', true],
  ['a.c', 'abc', false],
  ['*/usr/bin/ansible-playbook ?*', 'sh /usr/bin/ansible-playbook x.yml', true],
  ['*/usr/bin/ansible-playbook ?*', 'sh /usr/bin/ansible-playbook ', false],
];

it.each(rows)('%j on %j: %s', (pattern, text, matches) => {
  expect(compileWildcard(pattern)!(text)).toBe(matches);
});

it('agrees with a regular expression', () => {
  const letters = (units: string) => fc.string({ unit: fc.constantFrom(...units), maxLength: 8 });
  fc.assert(
    fc.property(letters('ab*?'), letters('ab'), (pattern, text) => {
      const regex = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
      expect(compileWildcard(pattern)!(text)).toBe(regex.test(text));
      // The same with every character escaped that is none of the two.
      const escaped = pattern.replaceAll(/[ab]/g, '\\$&');
      expect(compileWildcard(escaped)!(text)).toBe(regex.test(text));
    }),
    { numRuns: 2000 },
  );
});

it('takes few steps for many wildcards over a long text', () => {
  const text = 'a'.repeat(32_768);
  for (const pattern of [`${'*a?'.repeat(40)}b`, `*${'a?'.repeat(500)}b*`]) {
    const { steps } = work;
    expect(compileWildcard(pattern)!(text)).toBe(false);
    expect(work.steps - steps).toBeLessThan(40 * text.length);
  }
});

it('with ? has an end, with a backslash too a near one', () => {
  const lengths = [62, 63, 4000, 4001].map((length) => 'a?'.repeat(2001).slice(0, length));
  expect(lengths.map((text) => compileWildcard(text) !== undefined)).toEqual([true, true, true, false]);
  expect(lengths.map((text) => compileWildcard(`\\*${text}`) !== undefined)).toEqual([true, false, false, false]);
});
