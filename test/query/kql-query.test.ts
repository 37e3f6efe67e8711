// What a compiled query says of itself: fields, cover, partial evaluation, openness; and the clock that `now` reads.

import { describe, expect, test } from 'vitest';
import { FieldTable } from '../../src/ecs/fields.ts';
import { compileKql } from '../../src/query/kql-compile.ts';
import type { CompiledQuery } from '../../src/query/language.ts';

const table = () => new FieldTable();
const coverOf = ({ cover }: CompiledQuery) =>
  cover?.map(({ field, value, how = 'equals' }) => `${field.name}${SIGNS[how]}${value}`);
const SIGNS = { equals: '=', folded: '~', contains: '*' };

describe('cover', () => {
  test.each([
    ['event.action:exec and process.name:(a or b) and process.executable:/x', ['process.executable=/x']],
    ['host.os.type:linux and process.args:(enable or start)', ['process.args=enable', 'process.args=start']],
    ['process.name:a or process.pid:1', ['process.name=a', 'process.pid=1']],
    ['process.name:a or process.pid > 1', undefined],
    ['process.name:A*bcd*', ['process.name*bcd']],
    ['process.name:a or process.args:*-enc*', ['process.name=a', 'process.args*-enc']],
    ['not process.name:a', undefined],
    ['process.name:*', undefined],
    ['process.name:a and not process.parent.name:b', ['process.name=a']],
    ['process.pid:9007199254740993', ['process.pid=9007199254740993']],
    ['process.pid:1.5', []],
    ['', undefined],
  ])('%s', (text, cover) => {
    expect(coverOf(compileKql(text, table()))).toEqual(cover);
  });
});

test('fields are all that the query reads, wildcard names expanded', () => {
  const names = (text: string) =>
    compileKql(text, table())
      .fields.map(({ name }) => name)
      .sort();
  expect(names('process.name:a or not (user.id:0 and process.pid > 4)')).toEqual([
    'process.name',
    'process.pid',
    'user.id',
  ]);
  expect(names('process.tty.*.major:4')).toEqual(['process.tty.char_device.major']);
  expect(names('process.tty:*')).toEqual(['process.tty.char_device.major', 'process.tty.char_device.minor']);
});

test('an unknown field is added as keyword, or with its ECS type', () => {
  const fields = table();
  compileKql('my.field:x and source.ip:10.0.0.0/8 and destination.port:22', fields);
  expect(['my.field', 'source.ip', 'destination.port'].map((name) => fields.get(name)?.type)).toEqual([
    'keyword',
    'ip',
    'long',
  ]);
});

describe('given', () => {
  const fields = table();
  const query = compileKql('event.action:exec and process.name:a and not user.id:0', fields);
  const action = fields.slot('event.action');

  test('nothing can match: undefined', () => {
    expect(query.given?.(new Map([[action, 'fork']]))).toBeUndefined();
    expect(query.given?.(new Map([[action, undefined]]))).toBeUndefined();
  });

  test('the rest reads the other fields only', () => {
    const rest = query.given?.(new Map([[action, 'exec']]));
    expect(rest?.fields.map(({ name }) => name)).toEqual(['process.name', 'user.id']);
    expect(coverOf(rest!)).toEqual(['process.name=a']);
  });

  test('nothing left to decide: always true, without a cover', () => {
    const rest = compileKql('event.action:(exec or fork)', fields).given?.(new Map([[action, ['x', 'fork']]]));
    expect(rest?.matches([])).toBe(true);
    expect(rest?.cover).toBeUndefined();
  });
});

test('open queries are those that fields added later can change', () => {
  const open = (text: string) => compileKql(text, table()).open ?? false;
  expect(
    [
      'process.name:a',
      'process.*:a',
      'word',
      'process:*',
      'not (a:1 or *:2)',
      'process.name:*',
      'x:{ y:1 }',
      'x:{ y*:1 }',
    ].map(open),
  ).toEqual([false, true, true, true, true, false, false, true]);
});

test('without a clock, now is the event’s own time', () => {
  const fields = table();
  const query = compileKql('process.start > now-1h', fields);
  const slots: number[] = [];
  slots[fields.slot('process.start')] = Date.UTC(2020, 0, 1, 12, 30);
  expect(query.matches(slots)).toBe(false);
  slots[fields.slot('@timestamp')] = Date.UTC(2020, 0, 1, 13);
  expect(query.matches(slots)).toBe(true);
  slots[fields.slot('@timestamp')] = Date.UTC(2020, 0, 1, 14);
  expect(query.matches(slots)).toBe(false);
});

test('whatever a slot holds, matching does not throw', () => {
  const fields = table();
  const texts = [
    'process.name:a*',
    'process.pid > 1',
    '@timestamp < now',
    'host.ip:10.0.0.0/8',
    'message:"a b"',
    'process.interactive:true',
    'process.*:a',
    'n:{ a:1 }',
    'process.command_line > a',
  ];
  const queries = texts.map((text) => compileKql(text, fields));
  for (const value of ['a', 1, 2n ** 70n, Number.NaN, true, [], ['a', 1n, true], '\ud800']) {
    const slots = Array.from({ length: fields.size }, () => value);
    for (const query of queries) expect(typeof query.matches(slots)).toBe('boolean');
  }
});
