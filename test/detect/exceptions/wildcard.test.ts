import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileWildcard } from '../../../src/detect/exceptions/wildcard.ts';

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
  expect(compileWildcard(pattern)(text)).toBe(matches);
});

it('agrees with a regular expression', () => {
  const letters = (units: string) => fc.string({ unit: fc.constantFrom(...units), maxLength: 8 });
  fc.assert(
    fc.property(letters('ab*?'), letters('ab'), (pattern, text) => {
      const regex = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
      expect(compileWildcard(pattern)(text)).toBe(regex.test(text));
    }),
    { numRuns: 2000 },
  );
});

it('answers at all for many stars over a long text', () => {
  // Without the bound there would be more ways to try than there is time.
  expect(compileWildcard(`${'*a?'.repeat(40)}b`)('a'.repeat(2000))).toBe(false);
});
