// Sequences against PyPI's eql, the engine that the language comes from, on random streams. Where the two are known to differ,
// Elasticsearch is followed: missing events, optional and several keys are its own; an event that is `until` and a stage at
// once is a stage first (here completion wins), there `until` first.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createCorrelator } from '../../src/correlate/create-correlator.ts';
import { Counters } from '../../src/stats.ts';
import { eventOf, type Letters, probesOf, programOf, type Shape } from '../correlate/programs.ts';

const BUILT = resolve(import.meta.dirname, '../../build/servers/eql');
const UNLIMITED = { maxPending: Number.POSITIVE_INFINITY, maxAgeMs: Number.POSITIVE_INFINITY };
const asked = (process.env.FOREBEAR_SERVERS ?? '').split(' ').includes('eql');

function lacks(): string {
  if (!asked) return 'asked for by npm run test:servers -- eql (or all)';
  const reason = `${BUILT}.unavailable`;
  if (existsSync(reason)) return readFileSync(reason, 'utf8').trim();
  return existsSync(`${BUILT}/stamp`) ? '' : 'eql is not built: npm run test:servers -- eql';
}

interface Case {
  readonly shape: Shape;
  readonly events: readonly Letters[];
}

const letters = fc.record({
  is: fc
    .oneof(fc.constant(['U']), fc.uniqueArray(fc.constantFrom('A', 'B', 'C'), { maxLength: 3 }))
    .map((list) => list.join('')),
  gap: fc.integer({ min: 1, max: 3 }),
  k1: fc.constantFrom('x', 'y'),
});
const cases = fc.record({
  events: fc.array(letters, { minLength: 8, maxLength: 30, size: 'max' }).map((list) => {
    let at = 0;
    return list.map(({ is, gap, k1 }): Letters => {
      at += gap;
      return { is, at, k1 };
    });
  }),
  shape: fc.record({
    stages: fc.array(fc.constantFrom('A', 'B', 'C'), { minLength: 2, maxLength: 4 }).map((list) => list.join(' ')),
    by: fc.constantFrom('', 'k1'),
    maxspanMs: fc.option(fc.integer({ min: 1, max: 15 }), { nil: undefined }),
    until: fc.option(fc.constant('U'), { nil: undefined }),
  }),
});

function ours({ shape, events }: Case): number[][] {
  const program = programOf(shape);
  const correlator = createCorrelator(program, UNLIMITED, new Counters(), 'rule');
  const found = events
    .map((event) => eventOf(event))
    .flatMap((event) => correlator.push(event, probesOf(program, event)));
  return found.map(({ events: joined }) => joined.map(({ wallMs }) => wallMs));
}

/** A letter is a field that is true; our milliseconds are its seconds. */
function question({ shape, events }: Case): string {
  const { stages, by, maxspanMs, until } = shape;
  const term = (letter: string) => `[any where is${letter} == true]`;
  const parts = [by && `by ${by}`, maxspanMs && `with maxspan=${maxspanMs}s`, ...stages.split(' ').map(term)];
  const query = ['sequence', ...parts, until && `until ${term(until)}`].filter(Boolean).join(' ');
  const fields = (is: string) => Object.fromEntries([...'ABCU'].map((letter) => [`is${letter}`, is.includes(letter)]));
  return JSON.stringify({ query, events: events.map(({ is, at, k1 }) => ({ at, k1, ...fields(is) })) });
}

it('finds the sequences that eql finds', (ctx) => {
  const reason = lacks();
  if (reason !== '') ctx.skip(reason);
  const list = fc.sample(cases, { numRuns: 1500, seed: 7 }) as Case[];
  const input = list.map((one) => `${question(one)}\n`).join('');
  const { stdout, stderr } = spawnSync(`${BUILT}/bin/python`, [resolve(import.meta.dirname, 'eql/oracle.py')], {
    input,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  const answers = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as number[][]);
  const wrong = list.flatMap((one, i) => {
    const found = ours(one);
    return JSON.stringify(found) === JSON.stringify(answers[i])
      ? []
      : [{ question: question(one), found, eql: answers[i] }];
  });
  expect(wrong).toEqual([]);
  expect(answers.flat().length).toBeGreaterThan(500);
});
