import { expect, it } from 'vitest';
import { toDocument } from '../../src/ecs/document.ts';
import { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { decodeText } from '../../src/text.ts';

function eventOf(values: Readonly<Record<string, unknown>>, table = new FieldTable()): EcsEvent {
  const event = new EcsEvent(table);
  for (const [name, value] of Object.entries(values)) event.set(table.slot(name), value as never);
  return event;
}

const json = (event: EcsEvent) => JSON.stringify(toDocument(event));

it('nests dotted names', () => {
  const event = eventOf({
    'process.pid': 7,
    'process.parent.pid': 1,
    'event.category': ['process'],
    'process.interactive': false,
  });
  expect(toDocument(event)).toEqual({
    event: { category: ['process'] },
    process: { interactive: false, parent: { pid: 1 }, pid: 7 },
  });
});

it.each([
  [5, '1970-01-01T00:00:00.005Z'],
  [1_700_000_000_123.9, '2023-11-14T22:13:20.123Z'],
  [-1, '1969-12-31T23:59:59.999Z'],
])('writes the date %d with padded milliseconds', (ms, text) => {
  expect(toDocument(eventOf({ '@timestamp': ms }))).toEqual({ '@timestamp': text });
});

it('leaves a date beyond the calendar a number', () => {
  expect(json(eventOf({ 'process.end': 1e18 }))).toBe('{"process":{"end":1000000000000000000}}');
});

it('keeps all digits of a long', () => {
  expect(json(eventOf({ 'process.pid': 9007199254740993n, 'process.exit_code': 3n }))).toBe(
    '{"process":{"exit_code":3,"pid":9007199254740993}}',
  );
});

it('shows bytes that are not UTF-8 and keeps them', () => {
  const bad = decodeText(Buffer.from([0x2f, 0xff, 0x61]));
  const document = toDocument(eventOf({ 'process.executable': bad, 'process.args': ['ok', bad] }));
  expect(document).toEqual({
    process: { args: ['ok', '/\ufffda'], executable: '/\ufffda' },
    forebear: {
      raw: [
        { field: 'process.args', index: 1, bytes: 'L/9h' },
        { field: 'process.executable', bytes: 'L/9h' },
      ],
    },
  });
});

it('nests sub-events as objects', () => {
  const table = new FieldTable();
  table.add('items', 'nested');
  table.add('items.name', 'keyword');
  const one = eventOf({ 'items.name': 'a' }, table);
  const two = eventOf({ 'items.name': 'b' }, table);
  expect(toDocument(eventOf({ items: [one, two] }, table))).toEqual({ items: [{ name: 'a' }, { name: 'b' }] });
});

it('keeps a dotted key where a value stands in the way, and takes any name', () => {
  const table = new FieldTable([]);
  for (const name of ['a', 'a.b.c', '__proto__.x', 'constructor.prototype']) table.add(name, 'keyword');
  const event = eventOf({ a: '1', 'a.b.c': '2', '__proto__.x': '3', 'constructor.prototype': '4' }, table);
  expect(json(event)).toBe('{"__proto__":{"x":"3"},"a":"1","a.b.c":"2","constructor":{"prototype":"4"}}');
  expect(({} as Record<string, unknown>).x).toBeUndefined();
});

it('knows fields that were added after its first use', () => {
  const table = new FieldTable();
  toDocument(eventOf({ 'process.pid': 1 }, table));
  table.add('labels.x', 'keyword');
  expect(toDocument(eventOf({ 'labels.x': 'y' }, table))).toEqual({ labels: { x: 'y' } });
});

it('gives back a copy of the document that an event was read from', () => {
  const event = eventOf({ 'process.pid': 1 });
  event.source = { any: { thing: [1] } };
  const document = toDocument(event);
  expect(document).toEqual({ any: { thing: [1] } });
  (document.any as { thing: number[] }).thing.push(2);
  expect(event.source).toEqual({ any: { thing: [1] } });
});
