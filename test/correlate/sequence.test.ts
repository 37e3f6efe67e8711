// Sequences on a stream: what is kept, for how long, what is given up and counted, and what each event costs. What they find is
// in test/tables/eql-joins.ts and correlate.property.test.ts.

import { describe, expect, it } from 'vitest';
import { MAX_COMBINATIONS } from '../../src/correlate/join-keys.ts';
import { SequenceCorrelator } from '../../src/correlate/sequence.ts';
import { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import { eventOf, type Letters, probesOf, programOf, type Shape, streamOf, told } from './programs.ts';

/** Keywords have 1,024 characters at most. */
const LONG = 'x'.repeat(1025);
const time = (at: number, bootId = '') => ({ bootId, bootNs: BigInt(at * 1e6), wallMs: at });

describe('time', () => {
  it('completes what waits for a missing event once maxspan is over, and not at its end', () => {
    const { correlator, letters } = streamOf({ stages: 'A !M', maxspanMs: 5 });
    expect(letters({ is: 'A', at: 1 })).toEqual([]);
    expect(correlator.tick(time(6)).map(told)).toEqual([]);
    expect(correlator.pending).toBe(1);
    expect(correlator.tick(time(7)).map(told)).toEqual(['A1']);
    expect(correlator.pending).toBe(0);
  });

  it('is told by any event, before that event is looked at', () => {
    const { letters } = streamOf({ stages: 'A !M', maxspanMs: 5 });
    letters({ is: 'A', at: 1 });
    expect(letters({ is: 'M', at: 7 })).toEqual(['A1']);
  });

  it('lets go of what is older than maxspan, uncounted', () => {
    const { correlator, counters } = streamOf({ stages: 'A B', by: 'k1', maxspanMs: 5 });
    const program = programOf({ stages: 'A B', by: 'k1' });
    for (let at = 0; at < 100; at++) {
      correlator.push(eventOf({ is: 'A', at, k1: `key ${at}` }), probesOf(program, eventOf({ is: 'A', at })));
      expect(correlator.pending).toBeLessThanOrEqual(6);
    }
    expect(counters.entries()).toEqual([]);
  });

  it('is boot time within a boot: a step of the wall clock changes nothing', () => {
    const { push } = streamOf({ stages: 'A B', maxspanMs: 5 });
    const first = eventOf({ is: 'A', at: 1 }, 'boot');
    const second = eventOf({ is: 'B', at: 3 }, 'boot');
    second.wallMs = 9e9;
    push(first);
    expect(push(second)).toHaveLength(1);
  });

  it('is the order of the ring: an event with an earlier time comes after', () => {
    const { letters } = streamOf({ stages: 'A !M B', maxspanMs: 5 });
    letters({ is: 'A', at: 3 }, 'boot');
    expect(letters({ is: 'B', at: 2 }, 'boot')).toEqual(['A3 B2']);
    letters({ is: 'A', at: 6 }, 'boot');
    letters({ is: 'M', at: 5.5 }, 'boot');
    expect(letters({ is: 'B', at: 5.9 }, 'boot')).toEqual([]);
  });

  it('what must not come first is the latest in time, whatever the ring says', () => {
    const { letters } = streamOf({ stages: '!M A', maxspanMs: 4 });
    for (const at of [5, 3]) letters({ is: 'M', at }, 'boot');
    expect(letters({ is: 'A', at: 9 }, 'boot')).toEqual([]);
    expect(letters({ is: 'A', at: 10 }, 'boot')).toEqual(['A10']);
  });

  it('ends with a boot whose clock stands before the boot before', () => {
    const { letters, correlator } = streamOf({ stages: 'A !M', maxspanMs: 1000 });
    letters({ is: 'A', at: 5000 }, 'one');
    expect(letters({ is: 'C', at: 10 }, 'two')).toEqual(['A5000']);
    expect(correlator.pending).toBe(0);
  });

  it('end: what waits is complete, what is unfinished is not', () => {
    const { letters, correlator } = streamOf({ stages: 'A B !M', maxspanMs: 5 });
    letters({ is: 'A', at: 1 });
    letters({ is: 'B', at: 2 });
    letters({ is: 'A', at: 3 });
    expect(correlator.end().map(told)).toEqual(['A1 B2']);
    expect(correlator.end()).toEqual([]);
    expect(letters({ is: 'B', at: 4 })).toEqual([]);
    expect(correlator.pending).toBe(0);
  });
});

describe('limits', () => {
  it('of one key one sequence is in progress at each stage', () => {
    const { letters, correlator } = streamOf({ stages: 'A B C' });
    for (const [at, is] of [...'AAABAABA'].entries()) letters({ is, at });
    expect(correlator.pending).toBe(2);
  });

  it('nothing is known of a key that nothing is in progress of', () => {
    const program = programOf({ stages: '!M A B !M', by: 'k1', maxspanMs: 5, until: 'U' });
    const losses = { evicted: () => {}, skipped: () => {} };
    const correlator = new SequenceCorrelator(program, { maxPending: 3, maxAgeMs: 1e9 }, losses);
    for (const [at, is] of [...'AMABAUMABMAABBUAMAB'].entries()) {
      const event = eventOf({ is, at, k1: `key ${at % 3}` });
      correlator.push(event, probesOf(program, event));
      expect(correlator.keys).toBeLessThanOrEqual(6);
    }
    expect(correlator.keys).toBeGreaterThan(0);
    correlator.tick(time(1000));
    expect(correlator.keys).toBe(0);
  });

  it('gives up the oldest where more are in progress than may be, and counts them', () => {
    const { letters, correlator, counters } = streamOf({ stages: 'A B', by: 'k1' }, { maxPending: 3 });
    for (const at of [1, 2, 3, 4, 5]) letters({ is: 'A', at, k1: `key ${at}` });
    expect(correlator.pending).toBe(3);
    expect(letters({ is: 'B', at: 6, k1: 'key 2' })).toEqual([]);
    expect(letters({ is: 'B', at: 7, k1: 'key 3' })).toEqual(['A3 B7 (key 3)']);
    expect(counters.entries()).toEqual([
      ['correlate_joins_evicted_total{reason="full"}', 2],
      ['correlate_rules_evicted_total{reason="a rule"}', 2],
    ]);
  });

  it('a sequence that goes on is as old as its first event', () => {
    const { letters } = streamOf({ stages: 'A B C', by: 'k1' }, { maxPending: 2 });
    letters({ is: 'A', at: 1, k1: 'x' });
    letters({ is: 'A', at: 2, k1: 'y' });
    letters({ is: 'B', at: 3, k1: 'x' });
    letters({ is: 'A', at: 4, k1: 'z' });
    expect(letters({ is: 'C', at: 5, k1: 'x' })).toEqual([]);
    letters({ is: 'B', at: 6, k1: 'y' });
    expect(letters({ is: 'C', at: 7, k1: 'y' })).toEqual(['A2 B6 C7 (y)']);
  });

  it('without maxspan what is too old goes, counted', () => {
    const { letters, correlator, counters } = streamOf({ stages: 'A B' }, { maxAgeMs: 10 });
    letters({ is: 'A', at: 1 });
    correlator.tick(time(11));
    expect(correlator.pending).toBe(1);
    correlator.tick(time(12));
    expect(correlator.pending).toBe(0);
    expect(counters.get('correlate_joins_evicted_total', 'age')).toBe(1);
  });

  it('what must not come first is remembered for so many keys', () => {
    const { letters, counters } = streamOf({ stages: '!M A', by: 'k1', maxspanMs: 100 }, { maxPending: 2 });
    for (const at of [1, 2, 3]) letters({ is: 'M', at, k1: `key ${at}` });
    expect(counters.get('correlate_joins_evicted_total', 'full')).toBe(1);
    expect([1, 2, 3].map((n) => letters({ is: 'A', at: 4, k1: `key ${n}` }))).toEqual([['A4 (key 1)'], [], []]);
  });

  it('of an event with very many combinations of keys it looks at some, and counts the others', () => {
    const { letters, correlator, counters } = streamOf({ stages: 'A B', by: 'k1 k2' }, { maxPending: 1e6 });
    const values = (n: number) => Array.from({ length: n }, (_, i) => `value ${i}`);
    letters({ is: 'A', at: 1, k1: values(10_000), k2: values(10_000) });
    expect(correlator.pending).toBe(MAX_COMBINATIONS);
    expect(counters.get('correlate_combinations_skipped_total')).toBe(1e8 - MAX_COMBINATIONS);
  });
});

it('an event that many stages take with the same keys has these made once', () => {
  const stages = Array.from({ length: 200 }, () => '[any where true]').join(' ');
  const table = new FieldTable();
  const { counters, correlator } = streamOf(compileEql(`sequence by process.args ${stages}`, table));
  const event = new EcsEvent(table);
  event.set(
    table.get('process.args')!,
    Array.from({ length: MAX_COMBINATIONS + 5 }, (_, i) => `value ${i}`),
  );
  correlator.push(event, [0, 1, 2]);
  expect(counters.get('correlate_combinations_skipped_total')).toBe(5);
});

describe('keys', () => {
  it.each([
    ['text is not a number', { stages: 'A/k1 B/n' }, { k1: '1' }, { n: 1 }, 0],
    ['numbers', { stages: 'A/n B/n' }, { n: 1 }, { n: 1 }, 1],
    ['big numbers are exact', { stages: 'A/n B/n' }, { n: 9007199254740993n }, { n: 9007199254740992n }, 0],
    ['addresses are what they mean', { stages: 'A/ip B/ip' }, { ip: '::ffff:10.0.0.1' }, { ip: '10.0.0.1' }, 1],
    [
      'two fields do not run together',
      { stages: 'A/k1/k2 B/k1/k2' },
      { k1: 'as1:b', k2: 'c' },
      { k1: 'a', k2: 's1:bc' },
      0,
    ],
    ['null is not "null"', { stages: 'A/?k1 B/?k1' }, { k1: 'null' }, {}, 0],
    ['the same value twice is one', { stages: 'A/k1 B/k1' }, { k1: ['x', 'x'] }, { k1: ['x', 'x'] }, 1],
    ['an empty text is a value', { stages: 'A/k1 B/k1' }, { k1: '' }, { k1: '' }, 1],
    ['a keyword that is too long to be indexed is none', { stages: 'A/k1 B/k1' }, { k1: LONG }, { k1: LONG }, 0],
    ['nor is it among others', { stages: 'A/k1 B/k1' }, { k1: [LONG, 'x'] }, { k1: [LONG, 'y'] }, 0],
    ['the others are', { stages: 'A/k1 B/k1' }, { k1: [LONG, 'x'] }, { k1: 'x' }, 1],
    ['where it is optional, it is null', { stages: 'A/?k1 B/?k1' }, { k1: LONG }, {}, 1],
  ] as [string, Shape, Partial<Letters>, Partial<Letters>, number][])('%s', (_, shape, first, second, found) => {
    const { letters } = streamOf(shape);
    letters({ is: 'A', at: 1, ...first });
    expect(letters({ is: 'B', at: 2, ...second })).toHaveLength(found);
  });

  it('are told with what was found, null where there is none', () => {
    const { push } = streamOf({ stages: 'A B', by: 'k1 ?k2' });
    push(eventOf({ is: 'A', at: 1, k1: ['x', 'y'] }));
    const found = push(eventOf({ is: 'B', at: 2, k1: ['y', 'x'] }));
    expect(found.map(({ keys }) => keys)).toEqual([
      ['y', null],
      ['x', null],
    ]);
  });
});

describe('events', () => {
  it('that wait hold nothing of their process; the last one is the event itself', () => {
    const { push } = streamOf({ stages: 'A B' });
    const lineage = () => [];
    const events = [eventOf({ is: 'A', at: 1 }), eventOf({ is: 'B', at: 2 })];
    for (const event of events) event.lineage = lineage;
    push(events[0]!);
    const [found] = push(events[1]!);
    expect(found!.events.map((event) => event.lineage)).toEqual([undefined, lineage]);
    expect(found!.events[0]!.slots).toBe(events[0]!.slots);
    expect(events[0]!.lineage).toBe(lineage);
    expect(found!.events[1]).toBe(events[1]);
  });
});

describe('work', () => {
  /** Time is a number that counts how often it is looked at: copies count as well. */
  function counted(letter: Letters, looks: { count: number }): EcsEvent {
    const event = eventOf(letter);
    const look = () => {
      looks.count++;
      return letter.at;
    };
    event.wallMs = { valueOf: look } as unknown as number;
    return event;
  }

  it.each([
    ['one key', (): Partial<Letters> => ({ k1: 'x' })],
    ['10,000 keys', (i: number): Partial<Letters> => ({ k1: `key ${i}` })],
  ])('of 10,000 events of %s is bounded for each', (_, keyOf) => {
    for (const shape of [
      { stages: 'A B', by: 'k1', maxspanMs: 1e9 },
      { stages: 'A !M', by: 'k1', maxspanMs: 1e9 },
      { stages: '!M A B !M', by: 'k1', maxspanMs: 5_000 },
    ]) {
      const { push, correlator } = streamOf(shape, { maxPending: 1_000 });
      const looks = { count: 0 };
      let most = 0;
      for (let i = 0; i < 10_000; i++) {
        const before = looks.count;
        const is = shape.stages.startsWith('!') ? (i % 4 === 0 ? 'M' : i % 2 === 0 ? 'B' : 'A') : 'A';
        push(counted({ is, at: i, ...keyOf(i) }, looks));
        most = Math.max(most, looks.count - before);
        expect(correlator.pending).toBeLessThanOrEqual(1_000);
      }
      // A few times the depth of a heap of 1,000; one event may end all that wait for its key.
      expect(looks.count / 10_000).toBeLessThan(100);
      expect(most).toBeLessThan(shape.stages === 'A !M' ? 5_000 : 250);
    }
  });
});
