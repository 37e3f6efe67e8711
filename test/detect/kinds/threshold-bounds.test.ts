// What threshold rules hold at most, of one rule and of all together.

import { expect, it } from 'vitest';
import { NOTHING_KEPT } from '../../../src/detect/kept-state.ts';
import { TallyBudget } from '../../../src/detect/kinds/tally-budget.ts';
import { ThresholdKind, type ThresholdOptions } from '../../../src/detect/kinds/threshold.ts';
import type { Threshold } from '../../../src/detect/rule.ts';
import { FieldTable } from '../../../src/ecs/fields.ts';
import { Counters } from '../../../src/stats.ts';
import { execEvent } from '../events.ts';

const kindOf = (threshold: Partial<Threshold>, bounds: Partial<ThresholdOptions>) => {
  const fields = new FieldTable();
  const counters = new Counters();
  const kept = NOTHING_KEPT;
  const whole = { fields: ['process.args'], value: 1000, cardinality: [], ...threshold };
  const kind = new ThresholdKind({
    rule_id: 'r',
    threshold: whole,
    windowMs: 60_000,
    signature: '',
    fields,
    kept,
    counters,
    ...bounds,
  });
  const count = (args: string, seconds: number) =>
    kind.matched({
      event: execEvent(fields, { 'process.args': args }, { wallMs: seconds * 1000 }),
      probes: [0],
      selftest: false,
    });
  return { kind, counters, count };
};

it('the groups that had no event for longest go first, counted', () => {
  const { kind, counters, count } = kindOf({ value: 2 }, { maxGroups: 2 });
  for (const [i, args] of ['x', 'y', 'x', 'y', 'z', 'w', 'w', 'z'].entries()) count(args, i);
  expect(kind.size).toBe(0);
  expect(counters.get('detect_groups_evicted_total', 'threshold')).toBe(0);
  for (const [i, args] of ['1', '2', '3', '1'].entries()) expect(count(args, i)).toEqual([]);
  expect(counters.get('detect_groups_evicted_total', 'threshold')).toBe(2);
});

it('what all groups hold together is bounded', () => {
  const { kind, counters, count } = kindOf({}, { maxHeld: 100 });
  for (let i = 0; i < 300; i++) count(`${i % 10}`, i / 100);
  expect(kind.size).toBeLessThan(11);
  expect(counters.get('detect_groups_evicted_total', 'threshold')).toBeGreaterThan(0);
});

it('a flood of one rule takes no group of another away', () => {
  const all = new TallyBudget(100);
  const [flooded, quiet] = [kindOf({}, { all }), kindOf({ value: 3 }, { all })];
  for (const args of ['x', 'y']) quiet.count(args, 0);
  for (let i = 0; i < 500; i++) flooded.count(`${i}`, i / 100);
  expect([flooded.kind.size, quiet.kind.size]).toEqual([48, 2]);
  quiet.count('x', 5);
  expect(quiet.count('x', 6)).toHaveLength(1);
  expect(flooded.counters.get('detect_groups_evicted_total', 'threshold')).toBe(453);
  expect(quiet.counters.get('detect_groups_evicted_total', 'threshold')).toBe(0);
});

it('groups whose window is over go, without being asked for', () => {
  const { kind, count } = kindOf({}, {});
  for (let i = 0; i < 50; i++) count(`${i}`, i / 100);
  for (let i = 0; i < 10; i++) count('x', 100 + i);
  expect(kind.size).toBe(1);
});

it('a large number is counted in little memory, and to the event', () => {
  const { count } = kindOf({ value: 10_000 }, {});
  let made = 0;
  for (let i = 0; i < 9_999; i++) made += count('x', i / 1000).length;
  expect(made).toBe(0);
  expect(count('x', 10)).toHaveLength(1);
});

it('values whose window is over make room for those that come', () => {
  const cardinality = [{ field: 'process.args', value: 10_000 }];
  const { counters, count } = kindOf({ fields: [], value: 20_000, cardinality }, {});
  for (let i = 0; i < 10_000; i++) count(`${i}`, i / 1000);
  count('0', 40);
  count('new', 65);
  expect(counters.get('detect_values_skipped_total')).toBe(0);
});

it('a long value is remembered by its hash', () => {
  const { kind, count } = kindOf({}, {});
  count('x'.repeat(32_768), 0);
  expect(kind.size).toBe(1);
  const [draft] = kindOf({ value: 1 }, {}).count('x'.repeat(32_768), 0);
  expect(draft!.group).toMatch(/^sha256:.{43}$/);
});
