// JSON documents to flat events: keys nested or dotted, arrays, nested fields, types, and what hostile documents do.

import { describe, expect, test } from 'vitest';
import { EcsEvent, type SlotValue } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { type FlattenOptions, flattenDocument, MAX_DEPTH } from '../../src/ecs/flatten.ts';
import { parseJson } from '../../src/ecs/json.ts';

const typed = () =>
  new FieldTable([
    { keyword: 'p.name n.k', long: 'p.pid n.l', boolean: 'flag', date: '@timestamp', ip: 'ip', nested: 'n' },
  ]);

/** in: JSON text; out: dotted name -> value, nested objects as such maps. */
function flat(json: string, table = typed(), options: FlattenOptions = {}) {
  const { event, dropped } = flattenDocument(parseJson(json) as Record<string, unknown>, table, options);
  return { values: values(event), dropped: dropped.map(({ field, reason }) => `${field}: ${reason}`), event };
}

function values({ table, slots }: EcsEvent): Record<string, unknown> {
  const plain = (value: SlotValue): unknown =>
    value instanceof EcsEvent ? values(value) : Array.isArray(value) ? value.map(plain) : value;
  return Object.fromEntries(
    table.all().flatMap(({ name, slot }) => (slots[slot] === undefined ? [] : [[name, plain(slots[slot])]])),
  );
}

test.each([
  ['nested keys', '{"p":{"name":"a","pid":1}}', { 'p.name': 'a', 'p.pid': 1 }],
  ['dotted keys', '{"p.name":"a","p.pid":1}', { 'p.name': 'a', 'p.pid': 1 }],
  ['both for one field', '{"p":{"name":"a"},"p.name":"b"}', { 'p.name': ['a', 'b'] }],
  ['arrays, also in arrays', '{"p":{"name":["a",["b",["c"]]]}}', { 'p.name': ['a', 'b', 'c'] }],
  ['one element is one value', '{"p":{"name":["a"]}}', { 'p.name': 'a' }],
  ['null, empty arrays and empty objects are no value', '{"p":{"name":[null],"pid":[]},"q":{}}', {}],
  [
    'arrays of objects merge field by field',
    '{"p":[{"name":"a"},{"name":"b","pid":2}]}',
    { 'p.name': ['a', 'b'], 'p.pid': 2 },
  ],
  [
    'nested fields keep their objects',
    '{"n":[{"k":"a","l":1},{"k":"b"}]}',
    { n: [{ 'n.k': 'a', 'n.l': 1 }, { 'n.k': 'b' }] },
  ],
  ['a nested field with one object', '{"n":{"k":"a"}}', { n: [{ 'n.k': 'a' }] }],
  ['a dotted key into a nested field', '{"n.k":"a"}', { n: [{ 'n.k': 'a' }] }],
  [
    'unknown fields follow the value',
    '{"x":{"s":"1","i":1,"f":1.5,"b":true,"m":["1",1]}}',
    { 'x.s': '1', 'x.i': 1, 'x.f': 1.5, 'x.b': true, 'x.m': ['1', 1] },
  ],
  ['unknown fields that ECS knows get its type', '{"destination":{"port":"22"}}', { 'destination.port': 22 }],
  [
    'big whole numbers are exact',
    '{"p.pid":9007199254740993,"x":9007199254740993}',
    { 'p.pid': 9007199254740993n, x: 9007199254740993n },
  ],
  [
    'numbers and booleans as keyword',
    '{"p":{"name":[1,1.5,true,9007199254740993]}}',
    { 'p.name': ['1', '1.5', 'true', '9007199254740993'] },
  ],
])('%s', (_, json, expected) => {
  const { values: got, dropped } = flat(json);
  expect(got).toEqual(expected);
  expect(dropped).toEqual([]);
});

test.each([
  ['p.pid', '42', 42],
  ['p.pid', '42.9', 42],
  ['p.pid', '-42.9', -42],
  ['p.pid', '"42.9"', 42],
  ['p.pid', '"042"', 42],
  ['p.pid', '"4.2e1"', 42],
  ['p.pid', '"9223372036854775807"', 9223372036854775807n],
  ['p.pid', '1e3', 1000],
  ['p.pid', '""', undefined],
  ['flag', '""', false],
  ['flag', '"true"', true],
  ['ip', '"::FFFF:10.0.0.1"', '::FFFF:10.0.0.1'],
  ['@timestamp', '"2024-03-15T12:30:15.5+02:00"', Date.UTC(2024, 2, 15, 10, 30, 15, 500)],
  ['@timestamp', '"1711929599999"', 1711929599999],
  ['@timestamp', '1711929599999.5', 1711929599999.5],
  ['@timestamp', '2024', Date.UTC(2024, 0, 1)],
])('%s takes %s', (field, json, value) => {
  const { values: got, dropped } = flat(`{"${field}":${json}}`);
  expect(got[field]).toBe(value);
  expect(dropped).toEqual([]);
});

test.each([
  ['p.pid', '"abc"'],
  ['p.pid', 'true'],
  ['p.pid', '" 42"'],
  ['p.pid', '"0x2A"'],
  ['p.pid', '9223372036854775808'],
  ['p.pid', '1e30'],
  ['flag', '1'],
  ['flag', '"TRUE"'],
  ['ip', '"10.0.0.0/8"'],
  ['ip', '"010.0.0.1"'],
  ['ip', '1'],
  ['@timestamp', '"2024-3-1"'],
  ['@timestamp', '"2024-02-30"'],
  ['@timestamp', '""'],
  ['@timestamp', 'true'],
  ['n', '"text"'],
])('%s cannot take %s: dropped and said', (field, json) => {
  const { values: got, dropped } = flat(`{"${field}":${json},"p.name":"kept"}`);
  expect(got).toEqual({ 'p.name': 'kept' });
  expect(dropped).toEqual([`${field}: type`]);
});

test('the event has its document, which prints as it was, and its time', () => {
  const json = '{"@timestamp":"2024-03-01T00:00:00Z","x":9007199254740993}';
  const { event } = flat(json);
  expect(JSON.stringify(event.source)).toBe(json);
  expect(event.wallMs).toBe(Date.UTC(2024, 2, 1));
});

describe('hostile documents', () => {
  test('keys of Object.prototype are keys', () => {
    const { values: got } = flat(
      '{"__proto__":{"polluted":"x"},"constructor":{"prototype":{"y":1}},"toString":"z","hasOwnProperty":1}',
    );
    expect(got).toEqual({ '__proto__.polluted': 'x', 'constructor.prototype.y': 1, toString: 'z', hasOwnProperty: 1 });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each([
    ['objects', (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`],
    ['arrays', (depth: number) => `{"a":${'['.repeat(depth)}1${']'.repeat(depth)}}`],
    [
      'objects below big numbers',
      (depth: number) => `{"x":9007199254740993,"a":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`,
    ],
  ])('depth is bounded: %s', (_, document) => {
    const { dropped } = flat(document(50_000));
    expect(dropped).toHaveLength(1);
    expect(dropped[0]).toMatch(/: depth$/);
    expect(flat(document(MAX_DEPTH)).dropped).toEqual([]);
  });

  test('the number of fields is bounded; known fields still count', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, i]));
    const table = typed();
    const size = table.size;
    const { dropped, values: got } = flat(JSON.stringify({ ...many, 'p.name': 'a' }), table, { maxFields: size + 10 });
    expect(table.size).toBe(size + 10);
    expect(dropped).toHaveLength(90);
    expect(got['p.name']).toBe('a');
  });

  test('unknown fields can be left out', () => {
    const table = typed();
    const size = table.size;
    expect(flat('{"x":1,"p.name":"a"}', table, { unknown: 'skip' }).values).toEqual({ 'p.name': 'a' });
    expect(table.size).toBe(size);
  });
});

test('a document of many nested objects, and a key of many dots, take linear time', () => {
  const table = typed();
  const { event } = flat(JSON.stringify({ n: Array.from({ length: 200_000 }, () => ({ l: 1 })) }), table);
  expect((event.get('n') as EcsEvent[]).length).toBe(200_000);
  expect(
    flat(JSON.stringify({ [`n${'.a'.repeat(400_000)}`]: 1, ['b.'.repeat(400_000)]: 1 }), table).dropped,
  ).toHaveLength(2);
});
