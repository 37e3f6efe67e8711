// What a compiled EQL query says of itself: probes, keys, covers, fields; what it refuses; what binds stages of Elastic Defend's
// behaviour rules together.

import { describe, expect, test } from 'vitest';
import type { SlotValue } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import { explainEql } from '../../src/query/eql-explain.ts';
import type { EqlEventQuery } from '../../src/query/eql-tree.ts';
import { failure } from './failure.ts';

const table = new FieldTable();

function slotsOf(values: Readonly<Record<string, SlotValue>>): SlotValue[] {
  const slots: SlotValue[] = [];
  for (const [name, value] of Object.entries(values)) slots[table.add(name, 'keyword').slot] = value;
  return slots;
}

test('an event query is one probe, with its category before it', () => {
  const program = compileEql('process where process.name == "a" | head 3', table);
  expect(program).toMatchObject({ kind: 'event', stages: [{ probe: 0, keys: [], missing: false }], tracked: [] });
  expect(program.pipes).toMatchObject([{ name: 'head', count: 3 }]);
  const [probe] = program.probes;
  expect(probe!.matches(slotsOf({ 'event.category': 'process', 'process.name': 'a' }))).toBe(true);
  expect(probe!.matches(slotsOf({ 'event.category': ['network', 'process'], 'process.name': 'a' }))).toBe(true);
  expect(probe!.matches(slotsOf({ 'event.category': 'file', 'process.name': 'a' }))).toBe(false);
});

test('the category field is an option', () => {
  const [probe] = compileEql('"odd one" where true', table, { categoryField: 'kind' }).probes;
  expect(probe!.matches(slotsOf({ kind: 'odd one' }))).toBe(true);
  expect(probe!.matches(slotsOf({ 'event.category': 'odd one' }))).toBe(false);
});

test('a sequence: one probe for all runs of a stage, keys of the sequence before those of the stage', () => {
  const text = `sequence by host.id with maxspan=2m [process where process.name == "a"] by process.entity_id with runs=3
    ![file where true] by ?file.path [any where true] by user.id until [process where false] by user.id`;
  const program = compileEql(text, table);
  expect(program.stages.map(({ probe, missing }) => [probe, missing])).toEqual([
    [0, false],
    [0, false],
    [0, false],
    [1, true],
    [2, false],
  ]);
  expect(program.stages.map(({ keys }) => keys.map(({ field, optional }) => [field.name, optional]))[3]).toEqual([
    ['host.id', false],
    ['file.path', true],
  ]);
  expect(program.stages[0]!.keys).toBe(program.stages[1]!.keys);
  expect(program.until?.keys).toBe(program.stages[4]!.keys);
  expect(program.stages[4]!.keys).not.toBe(program.stages[3]!.keys);
  expect([program.until?.probe, program.maxspanMs, program.probes.length]).toEqual([3, 120_000, 4]);
  expect(program.fields.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['host.id', 'process.entity_id', 'file.path', 'user.id']),
  );
});

describe('keys in one place are of like types', () => {
  const join = (a: string, b: string, kind = 'sequence') =>
    `${kind} by host.id [a where true] by ${a} [b where true] by ${b}`;
  const [before] = join('process.name', '\0').split('\0');

  test.each([
    ['process.name', 'process.pid'],
    ['process.name', 'host.ip'],
    ['process.name', '?@timestamp'],
    ['process.name', 'source.port'],
  ])('%s and %s are refused', (a, b) => {
    for (const kind of ['sequence', 'sample']) {
      const error = failure(() => compileEql(join(a, b, kind), new FieldTable()));
      expect([error.code, error.column]).toEqual([
        'FB_QUERY_VALUE',
        before!.length + 1 + kind.length - 'sequence'.length,
      ]);
    }
  });

  test('those of until too', () => {
    const text = `${join('user.id', 'user.name')} until [c where true] by process.pid`;
    const error = failure(() => compileEql(text, new FieldTable()));
    expect([error.code, error.column]).toEqual(['FB_QUERY_VALUE', text.length - 'process.pid'.length + 1]);
  });

  test.each([
    ['process.pid', 'process.parent.pid'],
    ['event.risk_score', 'process.pid'],
    ['process.command_line', 'process.name'],
    ['process.pid', 'my.field'],
    ['my.field', 'host.ip'],
  ])('%s and %s are taken', (a, b) => {
    expect(compileEql(join(a, b), new FieldTable()).stages).toHaveLength(2);
  });
});

describe('covers and fields', () => {
  const shown = (condition: string) =>
    compileEql(`any where ${condition}`, table).probes[0]!.cover?.map(
      ({ field, value, how }) => `${field.name} ${how ?? '='} ${value}`,
    );

  test.each([
    ['process.name in ("a", "b")', ['process.name = a', 'process.name = b']],
    ['process.name == "a" and process.pid > 4', ['process.name = a']],
    ['process.pid > 4', undefined],
    ['process.name != "a"', undefined],
    ['false', []],
  ])('%s', (condition, cover) => {
    expect(shown(condition)).toEqual(cover);
  });

  test('fields are all that it reads', () => {
    const { fields } = compileEql(
      'any where length(process.name) > 3 and not (user.id == 0) or ?my.own == null',
      new FieldTable(),
    );
    expect(fields.map(({ name }) => name).sort()).toEqual(['my.own', 'process.name', 'user.id']);
  });

  test('an unknown field is added as keyword, or with its ECS type', () => {
    const fields = new FieldTable();
    compileEql('any where my.field == "x" and cidrMatch(source.ip, "10.0.0.0/8") and destination.port == 22', fields);
    expect(['my.field', 'source.ip', 'destination.port'].map((name) => fields.get(name)?.type)).toEqual([
      'keyword',
      'ip',
      'long',
    ]);
  });
});

test.each([
  ['process.pid == "abc"', 'FB_QUERY_VALUE', '1:26'],
  ['process.name', 'FB_QUERY_VALUE', '1:11'],
  ['1 + 1', 'FB_QUERY_VALUE', '1:11'],
  ['process.pid : "1"', 'FB_QUERY_VALUE', '1:11'],
  ['process.name like 1', 'FB_QUERY_VALUE', '1:29'],
  ['process.pid == true', 'FB_QUERY_VALUE', '1:11'],
  ['process.pid in (1, true)', 'FB_QUERY_VALUE', '1:30'],
  ['process.name + 1 == 2', 'FB_QUERY_VALUE', '1:11'],
  ['process.parent == "x"', 'FB_QUERY_VALUE', '1:11'],
  ['host.ip == "300.1.1.1"', 'FB_QUERY_VALUE', '1:22'],
  ['@timestamp < "soon"', 'FB_QUERY_VALUE', '1:24'],
  ['entropy(process.name) > 3', 'FB_QUERY_FUNCTION', '1:11'],
  ['length(process.name, 2) > 3', 'FB_QUERY_FUNCTION', '1:11'],
  ['length~(process.name) > 3', 'FB_QUERY_FUNCTION', '1:11'],
  ['startsWith(process.pid, "x")', 'FB_QUERY_FUNCTION', '1:22'],
  ['cidrMatch(host.ip, "10.0.0.0/99")', 'FB_QUERY_FUNCTION', '1:30'],
  ['cidrMatch(host.ip, process.name)', 'FB_QUERY_FUNCTION', '1:30'],
  ['process.name regex "a("', 'FB_QUERY_REGEX', '1:30'],
  ['process.name regex ("a", ".*a.{20}b")', 'FB_QUERY_REGEX', '1:36'],
])('%s is refused', (condition, code, place) => {
  const error = failure(() => compileEql(`any where ${condition}`, new FieldTable()));
  expect([error.code, `${error.line}:${error.column}`]).toEqual([code, place]);
});

test('pipes are refused where events are a stream', () => {
  expect(failure(() => compileEql('any where true | tail 2', table, { stream: true })).code).toBe('FB_QUERY_PIPE');
});

describe('stages that speak of earlier ones', () => {
  const text = `sequence by host.id [file where event.action == "creation"] as event0
    [process where process.name == "a" and (startsWith(process.executable, event0.file.path) or event0.user.id == 7)]`;
  const program = compileEql(text, table, { endpoint: true });
  const [first, second] = program.stages;

  test('the probe takes that for true', () => {
    expect(program.probes[1]!.matches(slotsOf({ 'event.category': 'process', 'process.name': 'a' }))).toBe(true);
    expect(program.probes[1]!.matches(slotsOf({ 'event.category': 'process', 'process.name': 'b' }))).toBe(false);
    expect(first!.confirm).toBeUndefined();
  });

  test.each([
    [{ 'file.path': '/tmp/x' }, { 'process.executable': '/tmp/xyz' }, true],
    [{ 'file.path': '/tmp/y' }, { 'process.executable': '/tmp/xyz' }, false],
    [{ 'file.path': '/tmp/y', 'user.id': '7' }, {}, true],
    [{}, { 'process.executable': '/tmp/xyz' }, false],
  ])('%j before %j: %s', (before, now, confirmed) => {
    const slots = slotsOf({ 'event.category': 'process', 'process.name': 'a', ...now });
    expect(second!.confirm!(slots, [slotsOf(before)])).toBe(confirmed);
  });

  test('of what is not there nothing is true, nor is its negation certain to be', () => {
    const negated = compileEql(
      'sequence [file where true] as event0 [process where not startsWith~(process.executable, event0.file.path)]',
      table,
      { endpoint: true },
    );
    const slots = slotsOf({ 'event.category': 'process', 'process.executable': '/TMP/xyz' });
    expect(negated.probes[1]!.matches(slots)).toBe(true);
    expect(negated.stages[1]!.confirm!(slots, [slotsOf({ 'file.path': '/tmp/x' })])).toBe(false);
    expect(negated.stages[1]!.confirm!(slots, [slotsOf({})])).toBe(true);
    expect(negated.stages[1]!.confirm!(slots, [undefined])).toBe(true);
  });
});

test('patterns on numbers and addresses are behaviour rules’ own', () => {
  const text = 'any where destination.port : ("44*", "22") and startsWith(source.ip, "10.")';
  const fields = new FieldTable();
  expect(failure(() => compileEql(text, fields)).code).toBe('FB_QUERY_VALUE');
  const [probe] = compileEql(text, fields, { endpoint: true }).probes;
  const matches = (port: number, ip: string) => {
    const slots: SlotValue[] = [];
    slots[fields.slot('destination.port')] = port;
    slots[fields.slot('source.ip')] = ip;
    return probe!.matches(slots);
  };
  expect([
    matches(443, '10.0.0.1'),
    matches(22, '10.0.0.1'),
    matches(23, '10.0.0.1'),
    matches(443, '11.0.0.1'),
  ]).toEqual([true, true, false, false]);
});

describe('descendant of', () => {
  const text = 'process where process.name == "x" and descendant of [process where process.name == "sshd"]';
  const compiled = () => compileEql(text, table, { endpoint: true });
  const x = (more: Record<string, SlotValue>) => slotsOf({ 'event.category': 'process', 'process.name': 'x', ...more });

  test('an ancestor’s event matched, by ancestry or as the parent; the process itself is none', () => {
    const program = compiled();
    const [tracked] = program.tracked;
    expect(tracked!.probe).toBe(1);
    const child = x({ 'process.entity_id': 'c', 'process.Ext.ancestry': ['b', 'a'] });
    expect(program.probes[0]!.matches(child)).toBe(false);
    tracked!.note(slotsOf({ 'process.entity_id': 'a' }));
    expect(program.probes[0]!.matches(child)).toBe(true);
    expect(program.probes[0]!.matches(x({ 'process.entity_id': 'c', 'process.parent.entity_id': 'a' }))).toBe(true);
    expect(program.probes[0]!.matches(x({ 'process.entity_id': 'a', 'process.Ext.ancestry': ['a', 'b'] }))).toBe(false);
    expect(program.probes[0]!.matches(x({ 'process.entity_id': 'c' }))).toBe(false);
    expect(compiled().probes[0]!.matches(child)).toBe(false);
  });

  test('what is remembered is bounded, the oldest go', () => {
    const program = compiled();
    const [tracked] = program.tracked;
    for (let i = 0; i < 10_002; i++) {
      tracked!.note(slotsOf({ 'process.entity_id': `p${i}` }));
      if (i === 5000) tracked!.note(slotsOf({ 'process.entity_id': 'p0' }));
    }
    expect([tracked!.size, tracked!.evicted]).toEqual([10_000, 2]);
    const child = (parent: string) => x({ 'process.entity_id': 'c', 'process.parent.entity_id': parent });
    expect(['p0', 'p1', 'p2', 'p3'].map((parent) => program.probes[0]!.matches(child(parent)))).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  test('it is not decided by a part of the event', () => {
    const [probe] = compiled().probes;
    const fixed = new Map(
      [
        ['process.entity_id', 'c'],
        ['process.Ext.ancestry', undefined],
        ['process.parent.entity_id', undefined],
      ].map(([name, value]) => [table.slot(name!), value]),
    );
    expect(probe!.given!(fixed)).toBeDefined();
    expect(probe!.within!(new Set(fixed.keys())).matches([])).toBe(true);
  });
});

test('explanations: each predicate with what it saw', () => {
  const query = compileEql('process where process.name : "A*" and not length(process.args) > 2', table).probes[0]!;
  const slots = slotsOf({ 'event.category': 'process', 'process.name': 'abc', 'process.args': ['x', 'long'] });
  const explained = explainEql(query.tree as EqlEventQuery, { table, slots, nowMs: 0 });
  expect(explained).toMatchObject({ kind: 'and', matches: false });
  expect(explained.parts.map(({ text, matches }) => [text, matches])).toEqual([
    ['event.category == "process"', true],
    ['and', false],
  ]);
  expect(explained.parts[1]!.parts).toMatchObject([
    {
      kind: 'leaf',
      text: 'process.name : "A*"',
      at: 14,
      matches: true,
      values: [{ field: 'process.name', value: 'abc' }],
    },
    { kind: 'not', matches: false, parts: [{ kind: 'leaf', text: 'length(process.args) > 2', at: 42, matches: true }] },
  ]);
});
