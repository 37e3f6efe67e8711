// Long lists, which are one leaf and looked up by their parts, against the reference interpreters, which try one after the other.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import { interpretEql } from '../../src/query/eql-interpret.ts';
import { compileKql } from '../../src/query/kql-compile.ts';
import { interpretKql } from '../../src/query/kql-interpret.ts';
import type { KqlNode } from '../../src/query/kql-tree.ts';

const FIELD = 'process.args';
const chars = (from: string, min: number, max: number) =>
  fc.array(fc.constantFrom(...from), { minLength: min, maxLength: max }).map((list) => list.join(''));
/** Some with no part that is long enough to be looked up. */
const pattern = fc.oneof(chars('abAB', 1, 3), chars('abAB*', 1, 7), chars('ab*/', 4, 9));
const lists = fc.array(pattern, { minLength: 1, maxLength: 60 });
const values = fc.array(chars('abAB/', 0, 10), { maxLength: 4 });

function eventOf(table: FieldTable, elements: readonly string[]): EcsEvent {
  const event = new EcsEvent(table);
  event.set(table.add(FIELD, 'keyword'), elements.length === 1 ? elements[0]! : elements);
  return event;
}

it.each(['like', 'like~', ':'])('EQL: %s (...)', (operator) => {
  let matched = 0;
  fc.assert(
    fc.property(lists, values, (patterns, elements) => {
      const table = new FieldTable();
      const list = patterns.map((one) => JSON.stringify(one)).join(', ');
      const { probes, tree } = compileEql(`any where ${FIELD} ${operator} (${list})`, table);
      const { slots } = eventOf(table, elements);
      if (tree.kind !== 'event') throw new Error('not a single event');
      const matches = probes[0]!.matches(slots);
      if (matches) matched++;
      expect(matches).toBe(interpretEql(tree.query, { table, slots, nowMs: 0 }));
    }),
    { numRuns: 500, seed: 20261125 },
  );
  expect(matched).toBeGreaterThan(60);
});

it('KQL: field:(... or ...)', () => {
  let matched = 0;
  fc.assert(
    fc.property(lists, values, (patterns, elements) => {
      const table = new FieldTable();
      const query = compileKql(
        `${FIELD}:(${patterns
          .map((one) => one.replaceAll('/', ''))
          .map((one) => one || 'b')
          .join(' or ')})`,
        table,
      );
      const { slots } = eventOf(table, elements);
      const matches = query.matches(slots);
      if (matches) matched++;
      expect(matches).toBe(interpretKql(query.tree as KqlNode, table, slots, 0));
    }),
    { numRuns: 500, seed: 20261125 },
  );
  expect(matched).toBeGreaterThan(60);
});

it('of a long list each pattern is found, those without a part too, and nothing else is', () => {
  const table = new FieldTable();
  const patterns = [...Array.from({ length: 40 }, (_, i) => `*tool-${i}x*`), '?q', 'z*', '*é'];
  const { probes } = compileEql(
    `any where ${FIELD} like (${patterns.map((one) => JSON.stringify(one)).join(', ')})`,
    table,
  );
  const matches = (text: string) => probes[0]!.matches(eventOf(table, [text]).slots);
  const texts = patterns.map((one) => one.replaceAll('?', 'a').replaceAll('*', '..'));
  expect(texts.filter((text) => !matches(text))).toEqual([]);
  expect(['tool-41x', 'tool-3', 'q', 'Z', 'É'].filter(matches)).toEqual([]);
});

it('a list is one leaf, whose cover is what it has whole and a part of each pattern', () => {
  const table = new FieldTable();
  const { probes } = compileEql(`any where ${FIELD} : ("a*bcd", "xyz", "*Foo?", "UVW")`, table);
  expect(probes[0]!.cover?.map(({ value, how }) => [value, how]).sort()).toEqual([
    ['bcd', 'contains'],
    ['foo', 'contains'],
    ['uvw', 'folded'],
    ['xyz', 'folded'],
  ]);
});
