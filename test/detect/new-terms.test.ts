import { describe, expect, it } from 'vitest';
import { MAX_COMBINATIONS } from '../../src/detect/combinations.ts';
import { findNewTerms } from '../../src/detect/new-terms.ts';
import { termKey } from '../../src/detect/term-key.ts';
import { MemoryTermStore } from '../../src/detect/term-store.ts';
import { EcsEvent, type SlotValue } from '../../src/ecs/event.ts';
import { inWords } from '../../src/ecs/event-time.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Counters } from '../../src/stats.ts';

const DAY = 86_400_000;
const table = new FieldTable();
const PARENT = table.add('process.parent.executable', 'keyword');
const ARGS = table.add('process.args', 'keyword');
const PID = table.add('process.pid', 'long');

interface When {
  wallMs?: number;
  bootId?: string;
  bootMs?: number;
}

function eventAt(
  values: Record<string, SlotValue>,
  { wallMs = 0, bootId = 'boot-1', bootMs = wallMs }: When = {},
): EcsEvent {
  const event = new EcsEvent(table);
  for (const [name, value] of Object.entries(values)) event.set(table.get(name)!, value);
  return Object.assign(event, { wallMs, bootId, bootNs: BigInt(Math.round(bootMs * 1e6)) });
}

/** A rule over the fields, with its own store; look() gives the new tuples of one event after another. */
function watch(fields = [PARENT], historyMs = 7 * DAY, maxTerms = 10_000) {
  const counters = new Counters();
  const store = new MemoryTermStore(counters, maxTerms);
  const rule = { rule_id: 'r', fields, historyMs };
  const declare = (queryHash: string, at: When) =>
    store.declare({ rule_id: 'r', fields: fields.map(({ name }) => name), queryHash }, eventAt({}, at));
  declare('q1', {});
  const look = (event: EcsEvent) => findNewTerms(rule, event, store, counters);
  return { counters, store, look, declare };
}

const parent = (value: SlotValue, when?: When) => eventAt({ 'process.parent.executable': value }, when);

/** Days at which the same term is seen -> those at which it is new. */
describe('the window', () => {
  it.each<[string, number[], number[]]>([
    ['first time', [0], [0]],
    ['again at once', [0, 0, 0], [0]],
    ['within the window', [0, 3, 6], [0]],
    ['exactly one window later', [0, 7], [0]],
    ['after a window', [0, 7.001], [0, 7.001]],
    ['each sighting refreshes', [0, 6, 12, 18], [0]],
    ['and after a pause it is new', [0, 6, 14, 15], [0, 14]],
    ['a time before the last one is no age', [5, 1, 2], [5]],
  ])('%s', (_name, days, expected) => {
    const { look } = watch();
    const found = days.filter((day) => look(parent('/x', { wallMs: day * DAY })).tuples.length > 0);
    expect(found).toEqual(expected);
  });
});

describe('time', () => {
  it('runs on boot time within a boot, whatever the wall clock does', () => {
    const { look } = watch();
    look(parent('/x', { wallMs: 100 * DAY, bootMs: 0 }));
    expect(look(parent('/x', { wallMs: 500 * DAY, bootMs: DAY })).tuples).toEqual([]);
    expect(look(parent('/x', { wallMs: 0, bootMs: 9 * DAY })).tuples).toHaveLength(1);
  });

  it('runs on wall time across boots, and takes a step back for no time', () => {
    const { look } = watch();
    look(parent('/x', { wallMs: 100 * DAY, bootId: 'a', bootMs: 900 * DAY }));
    expect(look(parent('/x', { wallMs: 101 * DAY, bootId: 'b', bootMs: 0 })).tuples).toEqual([]);
    expect(look(parent('/x', { wallMs: 1 * DAY, bootId: 'c', bootMs: 0 })).tuples).toEqual([]);
    expect(look(parent('/x', { wallMs: 300 * DAY, bootId: 'd', bootMs: 0 })).tuples).toHaveLength(1);
  });

  it('runs on wall time where the boot is not known', () => {
    const { look } = watch();
    look(parent('/x', { wallMs: 0, bootId: '', bootMs: 0 }));
    expect(look(parent('/x', { wallMs: 8 * DAY, bootId: '', bootMs: 0 })).tuples).toHaveLength(1);
  });
});

describe('tuples', () => {
  it('are every combination of the values of arrays, each once', () => {
    const { look } = watch([PARENT, ARGS]);
    const event = eventAt({ 'process.parent.executable': ['/a', '/b'], 'process.args': ['x', 'y', 'x'] });
    expect(look(event).tuples.map(({ values }) => values)).toEqual([
      ['/a', 'x'],
      ['/a', 'y'],
      ['/b', 'x'],
      ['/b', 'y'],
    ]);
  });

  it('are new as a whole, whatever their parts are', () => {
    const { look } = watch([PARENT, PID]);
    const at = (executable: string, pid: number) =>
      look(eventAt({ 'process.parent.executable': executable, 'process.pid': pid }));
    expect([at('/a', 1), at('/b', 2), at('/a', 2), at('/a', 1)].map(({ tuples }) => tuples.length)).toEqual([
      1, 1, 1, 0,
    ]);
  });

  it.each<[string, SlotValue]>([
    ['absent', undefined],
    ['an empty list', []],
  ])('need all fields: %s is no history and no alert', (_name, value) => {
    const { look, store, counters } = watch([PARENT, ARGS]);
    expect(look(eventAt({ 'process.parent.executable': '/a', 'process.args': value })).tuples).toEqual([]);
    expect(store.size).toBe(0);
    expect(counters.get('detect_events_skipped_total', 'no_term')).toBe(1);
  });

  it('beyond the bound are counted', () => {
    const { look, counters } = watch([PARENT, ARGS]);
    const many = Array.from({ length: 60 }, (_, i) => `v${i}`);
    const { tuples, skipped } = look(eventAt({ 'process.parent.executable': many, 'process.args': many }));
    expect([tuples.length, skipped]).toEqual([MAX_COMBINATIONS, 3_600 - MAX_COMBINATIONS]);
    expect(counters.get('detect_combinations_skipped_total')).toBe(skipped);
  });
});

describe('keys', () => {
  it.each<[string, string[], string[]]>([
    ['bytes that are not UTF-8', ['/\udcff'], ['/\udcfe']],
    ['the border between values', ['a', 'bc'], ['ab', 'c']],
    ['a value that looks like a border', ['1:a', 'b'], ['1', 'a1:b']],
    ['the ends of long values', [`${'x'.repeat(5_000)}1`], [`${'x'.repeat(5_000)}2`]],
    ['long values of other bytes', [`${'x'.repeat(5_000)}\udcff`], [`${'x'.repeat(5_000)}\udcfe`]],
  ])('keep apart %s', (_name, one, other) => {
    expect(termKey(one)).not.toBe(termKey(other));
    expect(termKey(one)).toBe(termKey([...one]));
    expect(termKey(one).length).toBeLessThan(300);
  });
});

it('evicts the term that was seen longest ago, and counts it', () => {
  const { look, counters, store } = watch([PARENT], 7 * DAY, 3);
  for (const [i, value] of ['/a', '/b', '/c', '/a', '/d'].entries()) look(parent(value, { wallMs: i }));
  expect(store.size).toBe(3);
  expect(counters.get('detect_terms_evicted_total')).toBe(1);
  expect(look(parent('/a', { wallMs: 9 })).tuples).toEqual([]);
  expect(look(parent('/b', { wallMs: 10 })).tuples).toHaveLength(1);
});

describe('what is said of the history', () => {
  it('how long a term was not seen', () => {
    const { look } = watch();
    look(parent('/x', { wallMs: 0 }));
    expect(look(parent('/x', { wallMs: 47.5 * DAY })).tuples[0]).toEqual({
      values: ['/x'],
      history: 'first time in 47 days',
      lastSeenMs: 0,
    });
  });

  it('how long the rule has been watching', () => {
    const { look } = watch();
    expect(look(parent('/x', { wallMs: 12 * DAY })).tuples[0]?.history).toBe('never seen in 12 days of history');
  });

  it('that the query was changed, which keeps the history', () => {
    const { look, declare } = watch();
    look(parent('/x', { wallMs: 0 }));
    declare('q2', { wallMs: 2 * DAY });
    expect(look(parent('/x', { wallMs: 3 * DAY })).tuples).toEqual([]);
    expect(look(parent('/y', { wallMs: 3 * DAY })).tuples[0]?.history).toBe(
      "never seen in 3 days of history (the rule's query or exceptions were changed 1 day ago)",
    );
  });

  it('other fields begin a new history', () => {
    const { store, look } = watch();
    look(parent('/x'));
    store.declare({ rule_id: 'r', fields: ['process.name'], queryHash: 'q1' }, eventAt({}));
    expect(store.size).toBe(0);
  });

  it.each([
    [0, 'less than a second'],
    [1_000, '1 second'],
    [119_000, '1 minute'],
    [7_200_000, '2 hours'],
    [DAY, '1 day'],
    [400 * DAY, '400 days'],
  ])('%d ms is %s', (ms, words) => expect(inWords(ms)).toBe(words));
});
