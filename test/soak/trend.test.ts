import { expect, it } from 'vitest';
import { blocksOf, trendOf } from './trend.ts';

it('a straight line has its slope, surely', () => {
  const values = Array.from({ length: 100 }, (_, i) => 5 + 0.25 * i);
  expect(trendOf(values, 10).slope).toBeCloseTo(0.25);
  expect(trendOf(values, 10).plusMinus).toBeCloseTo(0);
});

it('a sawtooth with its teeth in the blocks has none', () => {
  const values = Array.from({ length: 120 }, (_, i) => i % 10);
  expect(trendOf(values, 10)).toEqual({ slope: 0, plusMinus: 0 });
});

it('is as sure as the textbook has it', () => {
  // y = 1 2 3 5: slope 1.3, residuals 0.2 -0.1 -0.4 0.3, standard error 0.1732, t of two degrees 4.30.
  const { slope, plusMinus } = trendOf([1, 2, 3, 5], 1);
  expect([slope.toFixed(3), plusMinus.toFixed(3)]).toEqual(['1.300', '0.745']);
});

it('leaves out what makes no whole block, and refuses too few', () => {
  expect(blocksOf([1, 2, 3, 4, 5], 2)).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(() => trendOf([1, 2, 3, 4, 5], 2)).toThrow('2 blocks');
});
