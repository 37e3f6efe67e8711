import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Detector } from '../../src/detect/detector.ts';
import { probesOf, RuleIndex } from '../../src/detect/rule-index.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { compileKql } from '../../src/query/kql-compile.ts';
import { Counters } from '../../src/stats.ts';
import { execEvent } from './events.ts';
import { makeRule } from './rules.ts';

function indexOf(...queries: string[]) {
  const fields = new FieldTable();
  const index = new RuleIndex(probesOf(queries.map((query) => compileKql(query, fields))), fields);
  const rulesFor = (values: Record<string, string | string[] | number | undefined>) => {
    const event = execEvent(fields, values);
    index.reach(event);
    return index.candidates(event).map(({ rule }) => rule);
  };
  return { fields, index, rulesFor };
}

describe('candidates', () => {
  const { rulesFor } = indexOf(
    'event.category:process and process.name:a',
    'event.category:file and process.name:a',
    'process.name:(a or b) or process.parent.name:c',
    'process.args_count >= 5',
    'event.type:end',
    'process.pid:1',
  );
  it.each<[string, Record<string, string | string[] | number | undefined>, number[]]>([
    ['nothing indexed', {}, [3]],
    ['one value', { 'process.name': 'a' }, [0, 2, 3]],
    ['one of several values', { 'process.name': ['x', 'b'] }, [2, 3]],
    ['two terms of one rule', { 'process.name': 'b', 'process.parent.name': 'c' }, [2, 3]],
    ['a number', { 'process.pid': 1 }, [3, 5]],
    ['another class', { 'event.category': 'file', 'process.name': 'a' }, [1, 2, 3]],
    ['a class of several values', { 'event.category': ['file', 'process'], 'process.name': 'a' }, [0, 1, 2, 3]],
    ['a class that decides a rule', { 'event.type': 'end' }, [3, 4]],
    ['no class at all', { 'event.category': undefined, 'process.name': 'a' }, [2, 3]],
  ])('%s', (_name, values, expected) => expect(rulesFor(values)).toEqual(expected));
});

it('leaves a fork or exit event almost nothing to do', () => {
  const queries = Array.from({ length: 300 }, (_, i) => `event.action:exec and not process.name:x${i}`);
  const { fields, index } = indexOf(...queries);
  expect(index.reach(execEvent(fields))).toEqual({ rules: 300, always: 300 });
  expect(index.reach(execEvent(fields, { 'event.type': 'end', 'event.action': 'end' }))).toEqual({
    rules: 0,
    always: 0,
  });
});

it('tells classes apart whatever their values hold', () => {
  const { rulesFor } = indexOf(
    'event.category:b and event.type:"c\\nd"',
    'event.type:"\\u0002undefined" or event.type:"a"',
  );
  expect(rulesFor({ 'event.category': 'b\nc', 'event.type': 'd' })).toEqual([]);
  expect(rulesFor({ 'event.category': 'b', 'event.type': 'c\nd' })).toEqual([0]);
  expect(rulesFor({ 'event.type': undefined })).toEqual([]);
  expect(rulesFor({ 'event.type': '\u0002undefined' })).toEqual([1]);
  expect(rulesFor({ 'event.type': ['b\u0001a'] })).toEqual([]);
  expect(rulesFor({ 'event.type': ['b', 'a'] })).toEqual([1]);
});

it('stays right when documents bring more classes than it keeps', () => {
  const { rulesFor } = indexOf('event.action:exec and process.name:a', 'process.name:a');
  for (let i = 0; i < 400; i++) rulesFor({ 'event.action': `action-${i}` });
  expect(rulesFor({ 'event.action': 'exec', 'process.name': 'a' })).toEqual([0, 1]);
  expect(rulesFor({ 'event.action': 'action-399', 'process.name': 'a' })).toContain(1);
});

const FIELDS = ['process.name', 'process.args', 'event.action', 'event.category', 'user.name'];
const CLASS = ['host.os.type', 'event.category', 'event.type', 'event.action'];
const VALUES = ['a', 'b', 'exec', 'fork', 'process', 'file'];
const leaf = fc.oneof(
  fc.tuple(fc.constantFrom(...FIELDS), fc.constantFrom(...VALUES)).map(([field, value]) => `${field}:${value}`),
  fc.constantFrom(...FIELDS).map((field) => `${field}:*`),
  fc.tuple(fc.constantFrom(...FIELDS), fc.constantFrom('a', 'b')).map(([field, value]) => `${field}:${value}*`),
  fc.integer({ min: 0, max: 3 }).map((n) => `process.args_count >= ${n}`),
);
const query = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.tuple(tie('tree'), fc.constantFrom('and', 'or'), tie('tree')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('tree').map((part) => `(not ${part})`),
  ),
})).tree;
const value = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom(...VALUES),
  fc.array(fc.constantFrom(...VALUES), { minLength: 1 }),
);
const slots = fc.record(
  { ...Object.fromEntries(FIELDS.map((name) => [name, value])), 'process.args_count': fc.integer({ min: 0, max: 4 }) },
  { requiredKeys: [] },
);

it('finds the same alerts as evaluating every rule, with less work', () => {
  let all = 0;
  let evaluated = 0;
  fc.assert(
    fc.property(
      fc.array(query, { minLength: 1, maxLength: 20 }),
      fc.array(slots, { maxLength: 10 }),
      (queries, events) => {
        const fields = new FieldTable();
        const counters = new Counters();
        const rules = queries.map((text, i) => makeRule(fields, text, { rule_id: `r${i}`, max_signals: 1e6 }));
        const indexed = new Detector({ rules, fields, counters });
        const plain = new Detector({ rules, fields, counters: new Counters(), unindexed: true });
        for (const values of events) {
          const event = execEvent(fields, values);
          const uuids = indexed.evaluate(event).map(({ uuid }) => uuid);
          expect(uuids).toEqual(plain.evaluate(event).map(({ uuid }) => uuid));
        }
        all += rules.length * events.length;
        evaluated += counters.get('detect_rules_evaluated_total');
      },
    ),
    { numRuns: 300, seed: 20261125 },
  );
  console.log(`rule index: ${evaluated} of ${all} rule evaluations made`);
  expect(evaluated).toBeLessThan(all);
});

it('by a sketch of some fields never drops an event of which a rule could make an alert, and reads no other field', () => {
  let dropped = 0;
  fc.assert(
    fc.property(
      fc.array(query, { minLength: 1, maxLength: 3 }),
      fc.array(slots, { maxLength: 10 }),
      fc.subarray(['process.name', 'process.args', 'user.name', 'process.args_count']),
      (queries, events, sketched) => {
        const fields = new FieldTable();
        const rules = queries.map((text, i) => makeRule(fields, text, { rule_id: `r${i}`, max_signals: 1e6 }));
        const detector = new Detector({ rules, fields, counters: new Counters() });
        const known = new Set([...CLASS, ...sketched].map((name) => fields.add(name, 'keyword').slot));
        const isWanted = detector.sketchFilter(known);
        for (const values of events) {
          const event = execEvent(fields, values);
          const sketch = execEvent(fields, values);
          for (const slot of sketch.slots.keys()) if (!known.has(slot)) sketch.slots[slot] = 'anything';
          if (isWanted(sketch)) continue;
          dropped++;
          expect(detector.evaluate(event)).toEqual([]);
        }
      },
    ),
    { numRuns: 500, seed: 20261125 },
  );
  console.log(`sketches: ${dropped} events dropped`);
  expect(dropped).toBeGreaterThan(100);
});

it('looks at one rule of five hundred for an event that one of them is about', () => {
  const { rulesFor } = indexOf(
    ...Array.from(
      { length: 500 },
      (_, i) => `host.os.type:linux and event.action:exec and process.name:tool${i} and process.args:*x*`,
    ),
  );
  expect(rulesFor({ 'process.name': 'tool77' })).toEqual([77]);
  expect(rulesFor({ 'process.name': 'ls' })).toEqual([]);
});
