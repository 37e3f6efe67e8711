// The star, where a greedy or careless matcher goes wrong.

import { expect, test } from 'vitest';
import { compileGlob } from '../../src/query/glob.ts';

test.each([
  ['*', ['', 'a'], []],
  ['**', ['', 'a'], []],
  ['a*', ['a', 'ab'], ['', 'ba']],
  ['*a', ['a', 'ba'], ['', 'ab']],
  ['ab*ba', ['abba', 'abxba'], ['aba', 'ab', 'ba']],
  ['ab*c*cd', ['abccd', 'abcxcd'], ['abcd', 'abcdx']],
  ['*ab*ab*', ['abab', 'xabxabx'], ['ab', 'aab']],
  ['a*b*a', ['aba', 'aXbXa', 'abaa'], ['aa', 'ab']],
  ['*aab', ['aab', 'aaaab'], ['aabb']],
  ['a**b', ['ab', 'axb'], ['a']],
  ['*.*', ['.', 'a.b'], ['ab']],
])('%s', (pattern, accepted, refused) => {
  const matches = compileGlob(pattern.split('*'));
  expect(accepted.filter((text) => !matches(text))).toEqual([]);
  expect(refused.filter((text) => matches(text))).toEqual([]);
});

test('a hostile value costs little more than its length', () => {
  const matches = compileGlob(`*${'a*'.repeat(200)}b`.split('*'));
  expect(matches('a'.repeat(1_000_000))).toBe(false);
  expect(compileGlob(['', 'ab', 'ab', ''])('a'.repeat(1_000_000))).toBe(false);
});
