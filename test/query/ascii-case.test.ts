import { describe, expect, it } from 'vitest';
import { foldAscii, foldedElements, foldedOf } from '../../src/query/ascii-case.ts';

describe('foldAscii', () => {
  it.each([
    ['', ''],
    ['already lower', 'already lower'],
    ['ABC xyz [\\]^_', 'abc xyz [\\]^_'],
    ['É', 'É'],
    ['ÉA', 'Éa'],
    // KELVIN SIGN and dotted I have ASCII letters as their lower case.
    ['\u212aA', '\u212aa'],
    ['\u0130A', '\u0130a'],
    ['\udcffA', '\udcffa'],
  ])('%j -> %j', (text, folded) => expect(foldAscii(text)).toBe(folded));
});

it('keeps the last answer of each slot, and gives no other text that one', () => {
  expect(foldedOf(3, 'ABC')).toBe('abc');
  expect(foldedOf(3, 'ABC')).toBe('abc');
  expect(foldedOf(4, 'XYZ')).toBe('xyz');
  expect(foldedOf(3, 'DEF')).toBe('def');
  const elements = ['A', 1, 'b'];
  expect(foldedElements(3, elements)).toEqual(['a', 'b']);
  expect(foldedElements(3, elements)).toBe(foldedElements(3, elements));
  expect(foldedElements(3, ['C'])).toEqual(['c']);
});
