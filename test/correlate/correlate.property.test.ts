// What runs on a stream against the slow reading of the definition, on random streams of few letters, times and keys.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createCorrelator } from '../../src/correlate/create-correlator.ts';
import { elapsedMs, wentBack } from '../../src/ecs/event-time.ts';
import type { EqlProgram } from '../../src/query/eql-program.ts';
import { Counters } from '../../src/stats.ts';
import { eventOf, type Letters, probesOf, programOf, streamOf, told } from './programs.ts';
import { referenceSamples, referenceSequences } from './reference.ts';

const UNLIMITED = { maxPending: Number.POSITIVE_INFINITY, maxAgeMs: Number.POSITIVE_INFINITY };
const key = fc.option(fc.oneof(fc.constantFrom('x', 'y'), fc.uniqueArray(fc.constantFrom('x', 'y', 'z'))), {
  nil: undefined,
});
const letters = fc.record({
  is: fc.array(fc.constantFrom('A', 'B', 'C', 'M', 'U'), { maxLength: 3 }).map((list) => [...new Set(list)].join('')),
  gap: fc.nat({ max: 3 }),
  k1: key,
  k2: key,
});
const stream = fc.array(letters, { minLength: 8, maxLength: 40, size: 'max' }).map((list): Letters[] => {
  let at = 0;
  return list.map(({ is, gap, k1, k2 }) => {
    at += gap;
    return { is, at, ...(k1 !== undefined && { k1 }), ...(k2 !== undefined && { k2 }) };
  });
});

const positive = fc.constantFrom('A', 'B', 'C');
const own = fc.constantFrom(['k1'], ['?k1'], ['k2'], ['?k2']);
const stages = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(positive, fc.boolean()), { minLength: 1, maxLength: 4 }))
  .map(([leading, list]) => [...(leading ? ['!M'] : []), ...list.flatMap(([is, gap]) => (gap ? [is, '!M'] : [is]))])
  .filter((list) => list.length > 1);
const shape = fc
  .record({
    stages,
    by: fc.constantFrom('', 'k1', '?k1', 'k1 ?k2'),
    own: fc.option(fc.array(own, { minLength: 9, maxLength: 9 }), { nil: undefined }),
    maxspanMs: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
    until: fc.boolean(),
  })
  .map(({ stages: list, by, own: keys, maxspanMs, until }) => {
    const needed = list.some((stage) => stage.startsWith('!'));
    const span = maxspanMs ?? (needed ? 6 : undefined);
    const withKeys = (stage: string, i: number) => (keys === undefined ? stage : `${stage}/${keys[i]![0]}`);
    return {
      stages: list.map(withKeys).join(' '),
      by,
      ...(span !== undefined && { maxspanMs: span }),
      ...(until && { until: withKeys('U', 8) }),
    };
  });

/** Sequences that are decided late come late: the reference has them by their last event, as Elasticsearch answers. */
function streamed(program: EqlProgram, events: readonly Letters[], boot: string, stored = false): string[] {
  const correlator = createCorrelator(program, UNLIMITED, new Counters(), 'rule', { stored });
  const list = events.map((event) => eventOf(event, boot));
  const joined = list.flatMap((event) => [
    ...correlator.push(event, probesOf(program, event)),
    ...correlator.tick(event),
  ]);
  joined.push(...correlator.end());
  expect(correlator.pending).toBe(0);
  if (stored) return joined.map(told);
  const order = new Map(list.map((event, i) => [event.slots, i]));
  return joined.sort((a, b) => order.get(a.events.at(-1)!.slots)! - order.get(b.events.at(-1)!.slots)!).map(told);
}

const sorted = (list: readonly string[]) => [...list].sort();

it.each(['', 'boot'])('finds the sequences that the definition finds, boot %j', (boot) => {
  let found = 0;
  fc.assert(
    fc.property(shape, stream, (which, events) => {
      const program = programOf(which);
      const list = events.map((event) => eventOf(event));
      const expected = referenceSequences(program, list).map(told);
      expect(sorted(streamed(program, events, boot))).toEqual(sorted(expected));
      found += expected.length;
    }),
    { numRuns: 600 },
  );
  expect(found).toBeGreaterThan(500);
});

it('finds none that is longer than maxspan, whatever boots and clocks do', () => {
  const step = fc.record({
    is: fc.constantFrom('A', 'B', 'C', 'M', 'AB'),
    gap: fc.integer({ min: -1, max: 4 }),
    set: fc.constantFrom(0, 0, 0, 0, -20, 20, 5, -5),
    reboot: fc.boolean(),
    k1: fc.constantFrom('x', 'y'),
  });
  const steps = fc.array(step, { minLength: 5, maxLength: 40, size: 'max' });
  let found = 0;
  fc.assert(
    fc.property(
      steps,
      fc.constantFrom('A B', 'A B C', 'A !M B'),
      fc.integer({ min: 1, max: 10 }),
      (list, by, maxspanMs) => {
        const { push, correlator } = streamOf(programOf({ stages: by, by: 'k1', maxspanMs }));
        let [boot, at, wallMs] = [0, 100, 1000];
        for (const [i, { is, gap, set, reboot, k1 }] of list.entries()) {
          if (reboot && i % 7 === 6) [boot, at] = [boot + 1, 0];
          at += gap;
          wallMs += gap + set;
          const event = Object.assign(eventOf({ is, at, k1 }, `boot ${boot}`), { wallMs });
          for (const { events } of push(event)) {
            found++;
            const [first, last] = [events[0]!, events.at(-1)!];
            expect([elapsedMs(first, last) <= maxspanMs, wentBack(first, last)]).toEqual([true, false]);
          }
        }
        correlator.end();
        expect(correlator.pending).toBe(0);
      },
    ),
    { numRuns: 3000 },
  );
  expect(found).toBeGreaterThan(1000);
});

it('finds the samples that the definition finds, over stored events', () => {
  const sample = fc.record({
    stages: fc.array(
      fc.tuple(positive, own).map(([is, keys]) => `${is}/${keys[0]}`),
      { minLength: 2, maxLength: 4 },
    ),
    by: fc.constantFrom('', 'k1', '?k1'),
  });
  let found = 0;
  fc.assert(
    fc.property(sample, stream, ({ stages: list, by }, events) => {
      const program = programOf({ kind: 'sample', stages: list.join(' '), by });
      const expected = referenceSamples(
        program,
        events.map((event) => eventOf(event)),
      ).map(told);
      expect(streamed(program, events, '', true)).toEqual(expected);
      found += expected.length;
    }),
    { numRuns: 300 },
  );
  expect(found).toBeGreaterThan(300);
});

it('finds a sample on a stream when there is one, and not before', () => {
  fc.assert(
    fc.property(stream, (events) => {
      const program = programOf({ kind: 'sample', stages: 'A B A', by: 'k1' });
      const correlator = createCorrelator(program, UNLIMITED, new Counters(), 'rule');
      const firstOf = new Map<string, number>();
      for (const [i, letter] of events.entries()) {
        const event = eventOf(letter);
        for (const { keys } of correlator.push(event, probesOf(program, event))) {
          if (!firstOf.has(keys.join())) firstOf.set(keys.join(), i);
        }
      }
      const due = new Map<string, number>();
      for (const [i] of events.entries()) {
        const seen = events.slice(0, i + 1).map((event) => eventOf(event));
        for (const { keys } of referenceSamples(program, seen)) if (!due.has(keys.join())) due.set(keys.join(), i);
      }
      expect(firstOf).toEqual(due);
    }),
    { numRuns: 100 },
  );
});
