// Samples on a stream: when they are found, what is kept and given up. What they find over stored events is in
// test/tables/eql-joins.ts and correlate.property.test.ts.

import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/correlate/correlator.ts';
import { createCorrelator } from '../../src/correlate/create-correlator.ts';
import { chooseDistinct } from '../../src/correlate/distinct-choice.ts';
import { Counters } from '../../src/stats.ts';
import { eventOf, type Letters, probesOf, programOf, told } from './programs.ts';

function streamOf(stages: string, limits = {}) {
  const program = programOf({ kind: 'sample', stages, by: 'k1' });
  const counters = new Counters();
  const correlator = createCorrelator(program, { ...DEFAULT_LIMITS, ...limits }, counters, 'a rule');
  const push = (letter: Letters) => {
    const event = eventOf(letter);
    return correlator.push(event, probesOf(program, event)).map(told);
  };
  return { correlator, counters, push };
}

describe('a sample on a stream', () => {
  it('is found with its last event, in the order of the stages, and its key begins anew', () => {
    const { push, correlator } = streamOf('A B');
    expect(push({ is: 'B', at: 1, k1: 'x' })).toEqual([]);
    expect(push({ is: 'A', at: 2, k1: 'y' })).toEqual([]);
    expect(push({ is: 'A', at: 3, k1: 'x' })).toEqual(['A3 B1 (x)']);
    expect(push({ is: 'A', at: 4, k1: 'x' })).toEqual([]);
    expect(push({ is: 'B', at: 5, k1: 'x' })).toEqual(['A4 B5 (x)']);
    expect(correlator.pending).toBe(1);
  });

  it('takes no event twice', () => {
    const { push } = streamOf('A B');
    expect(push({ is: 'AB', at: 1, k1: 'x' })).toEqual([]);
    expect(push({ is: 'AB', at: 2, k1: 'x' })).toEqual(['AB1 AB2 (x)']);
  });

  it('keeps so many keys, so long, and counts what goes', () => {
    const { push, correlator, counters } = streamOf('A B', { maxPending: 2, maxAgeMs: 10 });
    for (const at of [1, 2, 3]) push({ is: 'A', at, k1: `key ${at}` });
    expect(push({ is: 'B', at: 4, k1: 'key 2' })).toEqual(['A2 B4 (key 2)']);
    expect(push({ is: 'B', at: 5, k1: 'key 1' })).toEqual([]);
    correlator.tick({ bootId: '', bootNs: 0n, wallMs: 14 });
    expect(correlator.pending).toBe(1);
    expect(counters.entries()).toEqual([
      ['correlate_joins_evicted_total{reason="age"}', 1],
      ['correlate_joins_evicted_total{reason="full"}', 1],
      ['correlate_rules_evicted_total{reason="a rule"}', 2],
    ]);
  });

  it('has nothing to say at the end', () => {
    const { push, correlator } = streamOf('A B');
    push({ is: 'A', at: 1, k1: 'x' });
    expect(correlator.end()).toEqual([]);
    expect(correlator.pending).toBe(0);
  });

  it('of one key keeps as many events for a stage as there are stages', () => {
    const { push, correlator } = streamOf('A B C');
    for (let at = 0; at < 10_000; at++) push({ is: 'A', at, k1: 'x' });
    push({ is: 'B', at: 10_000, k1: 'x' });
    expect(push({ is: 'C', at: 10_001, k1: 'x' })).toEqual(['A0 B10000 C10001 (x)']);
    expect(correlator.pending).toBe(0);
  });
});

describe('one of each, all different', () => {
  it.each([
    ['the first of each', [[1, 2], [3]], [1, 3]],
    ['the second where the first is needed', [[1, 2], [1]], [2, 1]],
    ['a chain of these', [[1, 2], [1, 3], [1]], [2, 3, 1]],
    [
      'the earliest that works',
      [
        [1, 2, 3],
        [1, 2],
        [1, 2],
      ],
      [3, 1, 2],
    ],
    ['no way', [[1], [1]], undefined],
    ['nothing to take', [[1], []], undefined],
  ] as [string, number[][], number[] | undefined][])('%s', (_, lists, chosen) => {
    expect(chooseDistinct(lists)).toEqual(chosen);
  });

  it('looks at few ways where there are very many', () => {
    let looks = 0;
    const few = Array.from({ length: 19 }, (_, i) => i);
    const list = new Proxy(few, {
      get: (target, name) => {
        if (typeof name === 'string' && /^\d+$/.test(name)) looks++;
        return Reflect.get(target, name);
      },
    });
    expect(chooseDistinct(Array.from({ length: 20 }, () => list))).toBeUndefined();
    expect(looks).toBeLessThan(20 ** 3);
  });
});
