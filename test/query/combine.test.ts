// Several queries as one: what they match together, with what is known, with few slots, and by their covers.

import { describe, expect, it } from 'vitest';
import type { SlotValue } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { allQueries, anyQuery } from '../../src/query/combine.ts';
import { compileKql } from '../../src/query/kql-compile.ts';
import type { CompiledQuery } from '../../src/query/language.ts';

const VALUES: readonly SlotValue[] = [undefined, 'a', 'b', ['a', 'b']];
const TEXTS = [
  'user.name:a',
  'user.id:a and not user.name:b',
  'not user.id:*',
  'group.name:b or user.name:a',
  'user.name:a*',
];

const fields = new FieldTable();
const queries = TEXTS.map((text) => compileKql(text, fields));
const slots = ['user.name', 'user.id', 'group.name'].map((name) => fields.get(name)!.slot);

/** Every combination of the values. */
function* events(): Generator<SlotValue[]> {
  for (const [a, b, c] of VALUES.flatMap((x) => VALUES.flatMap((y) => VALUES.map((z) => [x, y, z])))) {
    const event: SlotValue[] = [];
    for (const [i, value] of [a, b, c].entries()) event[slots[i]!] = value;
    yield event;
  }
}

const pairs = queries.flatMap((a) => queries.map((b) => [a, b] as const));
const COMBINE: readonly [string, (queries: readonly CompiledQuery[]) => CompiledQuery, (each: boolean[]) => boolean][] =
  [
    ['any', anyQuery, (each) => each.includes(true)],
    ['all', allQueries, (each) => !each.includes(false)],
  ];

describe.each(COMBINE)('%s', (_name, combine, expected) => {
  it('matches what they do', () => {
    for (const pair of pairs) {
      const whole = combine(pair);
      for (const event of events())
        expect(whole.matches(event)).toBe(expected(pair.map((query) => query.matches(event))));
    }
  });

  it('and so does what is left once a field is known', () => {
    for (const pair of pairs) {
      const whole = combine(pair);
      for (const event of events()) {
        const left = whole.given?.(new Map([[slots[0]!, event[slots[0]!]]]));
        expect(left?.matches(event) ?? false).toBe(whole.matches(event));
      }
    }
  });

  it('could match by few slots what it matches by all', () => {
    for (const pair of pairs) {
      const whole = combine(pair);
      const weak = whole.within!(new Set([slots[1]!]));
      for (const event of events()) if (whole.matches(event)) expect(weak.matches(event)).toBe(true);
    }
  });

  it('matches only where a term of its cover holds', () => {
    const holds = ({ field, value }: { field: { slot: number }; value: unknown }, event: readonly SlotValue[]) =>
      [event[field.slot]].flat().some((one) => one === value);
    let covers = 0;
    for (const pair of pairs) {
      const whole = combine(pair);
      for (const cover of [whole.cover, whole.coverBy?.(() => 1)]) {
        if (cover === undefined || cover.some(({ how }) => how !== undefined && how !== 'equals')) continue;
        covers++;
        for (const event of events()) {
          if (whole.matches(event)) expect(cover.some((term) => holds(term, event))).toBe(true);
        }
      }
    }
    expect(covers).toBeGreaterThan(5);
  });

  it('names the fields of both', () => {
    expect(
      combine([queries[0]!, queries[1]!])
        .fields.map(({ name }) => name)
        .sort(),
    ).toEqual(['user.id', 'user.name']);
  });
});
