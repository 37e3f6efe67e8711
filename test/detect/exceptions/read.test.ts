// What is refused, with which code and which path in the message; a refused line hides nothing and costs that line alone.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stateOf } from '../../../src/detect/exceptions/exception-set.ts';
import { LINUX_HOST } from '../../../src/detect/host-abilities.ts';
import { FieldTable } from '../../../src/ecs/fields.ts';
import { entry, item, LIST, type Line, read, readText, setOf } from './lists.ts';

const good = [entry('match', 'process.name', 'x')];

/** The fault of the item when it is read and compiled for this host. */
function fault(line: Line, list: Line = LIST) {
  const [verdict] = setOf(new FieldTable(), [list, line], { abilities: LINUX_HOST }).verdicts;
  return [verdict?.error?.code, verdict?.error?.message];
}

const ITEMS: [code: string, path: string, line: Line][] = [
  ['FB_EXCEPTION_VALUE', 'entries: expected one or more', item([])],
  ['FB_EXCEPTION_VALUE', 'entries: expected a list', item('all')],
  ['FB_EXCEPTION_VALUE', 'entries[1]: expected a table', item([...good, 'x'])],
  ['FB_EXCEPTION_MISSING', 'entries[0].type', item([{ field: 'a', operator: 'included', value: 'b' }])],
  ['FB_EXCEPTION_TYPE', 'entries[0].type', item([entry('regex', 'process.name', 'x')])],
  [
    'FB_EXCEPTION_VALUE_LIST',
    'entries[1]',
    item([...good, { ...entry('list', 'host.ip'), list: { id: 'l', type: 'ip' } }]),
  ],
  ['FB_EXCEPTION_MISSING', 'entries[0].operator', item([{ field: 'a', type: 'match', value: 'b' }])],
  [
    'FB_EXCEPTION_VALUE',
    'entries[0].value: a pattern with ?',
    item([entry('wildcard', 'process.name', 'a?'.repeat(2001))]),
  ],
  ['FB_EXCEPTION_VALUE', 'entries[0].operator', item([entry('match', 'process.name', 'x', 'not')])],
  ['FB_EXCEPTION_VALUE', 'entries[0].field', item([entry('match', ' ', 'x')])],
  ['FB_EXCEPTION_MISSING', 'entries[0].value', item([entry('match', 'process.name')])],
  [
    'FB_EXCEPTION_VALUE',
    'entries[0].value: expected a string, found a number',
    item([entry('match', 'process.pid', 4)]),
  ],
  ['FB_EXCEPTION_VALUE', 'entries[0].value: expected one or more', item([entry('match_any', 'process.name', [])])],
  ['FB_EXCEPTION_VALUE', 'entries[0].value[1]', item([entry('match_any', 'process.name', ['a', null])])],
  [
    'FB_EXCEPTION_VALUE',
    'entries[0].value: process.pid: "one" is no number',
    item([entry('match', 'process.pid', 'one')]),
  ],
  ['FB_EXCEPTION_VALUE', 'entries[0].value[1]: host.ip', item([entry('match_any', 'host.ip', ['::1', 'x'])])],
  ['FB_EXCEPTION_VALUE', 'entries[0].value: process.start', item([entry('match', 'process.start', 'now-1d')])],
  ['FB_EXCEPTION_VALUE', 'entries[0]: wildcards need a keyword field', item([entry('wildcard', 'process.pid', '4*')])],
  [
    'FB_EXCEPTION_VALUE',
    'entries[0].entries: expected one or more',
    item([{ type: 'nested', field: 'a', entries: [] }]),
  ],
  [
    'FB_EXCEPTION_TYPE',
    'entries[0].entries[0].type',
    item([{ type: 'nested', field: 'a', entries: [{ type: 'nested', field: 'b', entries: good }] }]),
  ],
  [
    'FB_EXCEPTION_NESTED',
    'entries[0].field: process is a plain object',
    item([{ type: 'nested', field: 'process', entries: good }]),
  ],
  [
    'FB_EXCEPTION_NESTED',
    'entries[1].field: a.b can only be asked',
    item([{ type: 'nested', field: 'a', entries: good }, entry('match', 'a.b', 'x')]),
  ],
  [
    'FB_EXCEPTION_FIELD',
    'entries[0]: container.image.name is never filled',
    item([entry('match', 'container.image.name', 'x', 'excluded')]),
  ],
  [
    'FB_EXCEPTION_FIELD',
    'entries[0]: process.name.caseless is never',
    item([entry('match', 'process.name.caseless', 'x', 'excluded')]),
  ],
  ['FB_EXCEPTION_VALUE', 'os_types', item(good, { os_types: ['beos'] })],
  ['FB_EXCEPTION_VALUE', 'expire_time', item(good, { expire_time: 'soon' })],
  ['FB_EXCEPTION_VALUE', 'expire_time', item(good, { expire_time: '5' })],
  ['FB_EXCEPTION_VALUE', 'tags', item(good, { tags: ['forebear:rules:x'] })],
  ['FB_EXCEPTION_VALUE', 'item_id: expected at most 256', item(good, { item_id: 'x'.repeat(257) })],
  ['FB_EXCEPTION_MISSING', 'item_id', item(good, { item_id: null })],
  ['FB_EXCEPTION_LIST', 'list_id: the list other', item(good, { list_id: 'other' })],
];

it.each(ITEMS)('%s: %s', (code, path, line) => {
  const [found, message] = fault(line);
  expect([found, message]).toEqual([code, expect.stringContaining(path)]);
});

it('takes what an export writes: null for nothing, other tags, a future expiry', () => {
  const line = item(good, { expire_time: null, meta: null, tags: ['policy:all'], comments: [{ comment: 'c' }] });
  expect(fault(line)).toEqual([undefined, undefined]);
});

it('says of a hundred lines what is wrong, and that there are more', () => {
  const { verdicts } = readText(`${JSON.stringify(LIST)}\n${'{\n'.repeat(500)}${JSON.stringify(item(good))}\n`);
  expect(verdicts.length).toBe(102);
  expect([verdicts[100]?.line, verdicts[100]?.error?.code]).toEqual([undefined, 'FB_EXCEPTION_JSON']);
  expect(verdicts[101]?.item_id).toBe('item-1');
});

it('refuses a list of another kind, and with it its items', () => {
  const { verdicts } = setOf(new FieldTable(), [{ ...LIST, type: 'endpoint_trusted_apps' }, item(good)]);
  expect(verdicts.map(({ error }) => error?.code)).toEqual(['FB_EXCEPTION_LIST_TYPE', 'FB_EXCEPTION_LIST']);
});

it('says where, and goes on with the next line', () => {
  const reader = readText(`${JSON.stringify(LIST)}\n{\n[]\n\n${JSON.stringify(item(good))}\r\n`);
  const said = reader.verdicts.map(({ line, item_id, error }) => [line, item_id, error?.code, error?.line]);
  expect(said).toEqual([
    [2, undefined, 'FB_EXCEPTION_JSON', 2],
    [3, undefined, 'FB_EXCEPTION_JSON', 3],
    [5, 'item-1', undefined, undefined],
  ]);
});

describe('the same id twice', () => {
  it('is one item when it says the same', () => {
    expect(read(LIST, item(good), LIST, item(good)).verdicts).toHaveLength(1);
  });

  it('is refused when it says something else: the first stays', () => {
    const { verdicts } = read(LIST, item(good), item([entry('exists', 'process.name')]));
    expect(verdicts.map(({ error, item: kept }) => [error?.code, kept?.entries[0]?.type])).toEqual([
      [undefined, 'match'],
      ['FB_EXCEPTION_DUPLICATE', undefined],
    ]);
  });

  it('holds for lists too, whose tags bind', () => {
    const { verdicts, lists } = read(LIST, { ...LIST, tags: ['forebear:every-rule'] }, item(good));
    expect(verdicts.map(({ error }) => error?.code)).toEqual(['FB_EXCEPTION_DUPLICATE', undefined]);
    expect(lists.get('list-1')?.everyRule).toBe(false);
  });
});

it('says when a file has fewer items than its last line counts', () => {
  const details = (count: number) => ({ exported_exception_list_count: 1, exported_exception_list_item_count: count });
  expect(read(LIST, item(good), details(1)).verdicts).toHaveLength(1);
  expect(read(LIST, item(good), details(2)).verdicts.at(-1)?.error).toMatchObject({
    code: 'FB_EXCEPTION_INCOMPLETE',
    line: 3,
  });
});

it('passes over the rules of a rule export', () => {
  expect(read({ rule_id: 'r', type: 'query', exceptions_list: [] }, LIST, item(good)).verdicts).toHaveLength(1);
});

it('names the fault of an item that can only not apply here, without refusing it', () => {
  const { verdicts } = setOf(
    new FieldTable(),
    [LIST, item([entry('exists', 'container.image.name')], { os_types: ['windows'] })],
    { abilities: LINUX_HOST },
  );
  expect(stateOf(verdicts[0]!, 0)).toBe('applies');
  expect(verdicts[0]!.item?.limits).toEqual([
    'is for windows only',
    'container.image.name is never filled on this host',
  ]);
});

it('takes whatever a line holds: each gets a verdict, nothing throws, and what is not in order hides nothing', () => {
  const value = fc.oneof(
    fc.constantFrom('match', 'nested', 'list-1', '', null, {}, [], [{}]),
    fc.jsonValue({ maxDepth: 3 }),
  );
  const keys = [
    'item_id',
    'list_id',
    'type',
    'entries',
    'field',
    'operator',
    'value',
    'tags',
    'os_types',
    'expire_time',
  ];
  const object = fc.dictionary(fc.constantFrom(...keys, '__proto__', 'constructor'), value);
  const line = fc.oneof(
    object,
    fc.record({ item_id: fc.constant('i'), list_id: fc.constant('list-1'), entries: fc.array(object) }),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
      const { verdicts } = setOf(new FieldTable(), [LIST, ...lines], { abilities: LINUX_HOST });
      for (const { item: kept, error } of verdicts) {
        expect(kept === undefined).toBe(error !== undefined);
        if (kept !== undefined) expect(kept.entries.length).toBeGreaterThan(0);
      }
    }),
    { numRuns: 1000 },
  );
  const deep = readText('{"entries":'.repeat(200_000));
  expect(deep.verdicts[0]?.error?.code).toBe('FB_EXCEPTION_JSON');
});
