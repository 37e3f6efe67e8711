// Two independent readings of EQL against each other: generated trees are printed, parsed and compiled, and the closures must say on
// generated events what the reference interpreter says of the tree.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SlotValue } from '../../src/ecs/event.ts';
import { flattenDocument } from '../../src/ecs/flatten.ts';
import { ForebearError } from '../../src/errors.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import { explainEql } from '../../src/query/eql-explain.ts';
import { interpretEql } from '../../src/query/eql-interpret.ts';
import { parseEql } from '../../src/query/eql-parse.ts';
import { planEventQuery } from '../../src/query/eql-plan.ts';
import { printEql } from '../../src/query/eql-print.ts';
import type { EqlEventQuery, EqlExpression } from '../../src/query/eql-tree.ts';
import type { CoverTerm } from '../../src/query/language.ts';
import { type Leaf, type Plan, toQuery } from '../../src/query/plan.ts';
import { NOW_MS, typedTable } from './documents.ts';
import { booleanCall, compare, documents, membership, pattern, trees } from './eql-trees.ts';

const RUNS = { numRuns: 2000, seed: 20261125 };
/** Without places; whole numbers as text, which JSON lacks. */
function bare(node: unknown): unknown {
  return JSON.parse(
    JSON.stringify(node, (key, value) => (key === 'at' ? undefined : typeof value === 'bigint' ? `${value}n` : value)),
  );
}

/** Chains of the same word are one node to the parser. */
function flat(node: EqlExpression): EqlExpression {
  return (parseEql(`any where ${printEql(node)}`) as { query: EqlEventQuery }).query.condition;
}

test('parse(print(tree)) is the tree', () => {
  fc.assert(
    fc.property(trees, (tree) => {
      expect(bare(flat(tree))).toEqual(bare(tree));
    }),
    RUNS,
  );
});

test.each(['keyword', 'dynamic'] as const)('compiled and interpreted agree (unknown fields %s)', (unknown) => {
  const counts = { matched: 0, unmatched: 0, refused: 0 };
  fc.assert(
    fc.property(trees, fc.array(documents, { minLength: 4, maxLength: 4 }), (tree, docs) => {
      const table = typedTable();
      const query = compiledOrRefused(tree, table, unknown);
      if (query === undefined) return void counts.refused++;
      for (const document of docs) {
        const { slots } = flattenDocument(document, table).event;
        const matches = query.matches(slots);
        counts[matches ? 'matched' : 'unmatched']++;
        const context = { table, slots, nowMs: NOW_MS };
        expect(matches).toBe(interpretEql(query.tree as EqlEventQuery, context));
        expect(explainEql(query.tree as EqlEventQuery, context).matches).toBe(matches);
      }
    }),
    RUNS,
  );
  console.log(`differential (${unknown}): ${JSON.stringify(counts)}`);
  expect(counts.matched).toBeGreaterThan(1000);
  expect(counts.unmatched).toBeGreaterThan(1000);
  expect(counts.refused).toBeLessThan(1000);
});

test('partial evaluation, sketches and cover agree with the whole query', () => {
  const counts = { impossible: 0, covered: 0, folded: 0, held: 0 };
  const leaf = fc.oneof(compare, pattern, membership, booleanCall);
  const joined = fc.tuple(leaf, trees).map(([a, b]): EqlExpression => ({ kind: 'and', parts: [a, b], at: 0 }));
  const either = fc.oneof(trees, leaf, joined);
  fc.assert(
    fc.property(either, documents, fc.subarray(['k', 'l', 'o.k', 'b', 'm']), (tree, document, fixedNames) => {
      const table = typedTable();
      const query = compiledOrRefused(tree, table, 'keyword');
      if (query === undefined) return;
      const { slots } = flattenDocument(document, table).event;
      const matches = query.matches(slots);
      const fixed = new Map(fixedNames.map((name) => [table.slot(name), slots[table.slot(name)]]));
      const rest = query.given?.(fixed);
      if (rest === undefined) counts.impossible++;
      else if (rest.fields.length < query.fields.length) counts.folded++;
      expect(rest?.matches(slots) ?? false).toBe(matches);
      if (!matches) return;
      counts.held++;
      expect(query.within?.(new Set(fixed.keys())).matches(slots)).toBe(true);
      for (const cover of [query.cover, query.coverBy?.(() => 1), rest?.cover]) {
        if (cover === undefined) continue;
        counts.covered++;
        expect(cover.some((term) => isHit(term, slots))).toBe(true);
      }
    }),
    RUNS,
  );
  console.log(`partial evaluation: ${JSON.stringify(counts)}`);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(50);
});

test('what a leaf says of itself for the index is true', () => {
  const counts = { equals: 0, folded: 0, contains: 0 };
  fc.assert(
    fc.property(
      fc.oneof(compare, pattern, membership, booleanCall),
      fc.array(documents, { minLength: 4, maxLength: 4 }),
      (tree, docs) => {
        const table = typedTable();
        for (const leaf of leavesOf(tree, table)) {
          for (const document of docs) {
            const { slots } = flattenDocument(document, table).event;
            const matches = toQuery(leaf, () => tree).matches(slots);
            const texts = (slot: number) =>
              [slots[slot]].flat().map((value) => (typeof value === 'string' ? asciiLower(value) : value));
            if (leaf.folded !== undefined) {
              counts.folded++;
              const short = texts(leaf.folded.field.slot).filter(
                (value) => String(value).length <= 1024 || leaf.folded!.field.type !== 'keyword',
              );
              expect(leaf.folded.values.some((value) => short.includes(value))).toBe(matches);
            }
            if (leaf.contains !== undefined && matches) {
              counts.contains++;
              const { field: of, parts } = leaf.contains;
              expect(texts(of.slot).some((value) => parts.some((part) => String(value).includes(part)))).toBe(true);
            }
            if (leaf.equals !== undefined) {
              counts.equals++;
              const values = [slots[leaf.equals.field.slot]].flat() as unknown[];
              expect(leaf.equals.values.some((value) => values.includes(value))).toBe(matches);
            }
          }
        }
      },
    ),
    RUNS,
  );
  console.log(`leaves: ${JSON.stringify(counts)}`);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(50);
});

function isHit({ field: of, value, how = 'equals' }: CoverTerm, slots: readonly SlotValue[]): boolean {
  const values = [slots[of.slot]].flat() as readonly SlotValue[];
  if (how === 'equals') return values.includes(value);
  return values.some((one) => typeof one === 'string' && asciiLower(one).includes(value as string));
}

function asciiLower(value: string): string {
  return value.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function compiledOrRefused(tree: EqlExpression, table: ReturnType<typeof typedTable>, unknown: 'keyword' | 'dynamic') {
  try {
    return compileEql(`any where ${printEql(tree)}`, table, { now: () => NOW_MS, unknown }).probes[0]!;
  } catch (error) {
    if (error instanceof ForebearError && /^FB_QUERY_(VALUE|FUNCTION)$/.test(error.code)) return undefined;
    throw error;
  }
}

function leavesOf(tree: EqlExpression, table: ReturnType<typeof typedTable>): Leaf[] {
  if (compiledOrRefused(tree, table, 'keyword') === undefined) return [];
  const context = {
    text: '',
    table,
    unknown: 'keyword',
    endpoint: false,
    earlier: { slots: [] },
    references: new Set<Plan>(),
    computed: { parts: 0 },
  } as const;
  const never = () => -1;
  const plan = planEventQuery({ category: null, condition: tree, at: 0 }, '', {
    ...context,
    now: () => NOW_MS,
    stageNamed: never,
    descendantOf: () => expect.unreachable(),
  });
  const leaves = (node: Plan): Leaf[] => {
    if (node.kind === 'leaf') return [node];
    return node.kind === 'not' ? leaves(node.part) : node.kind === 'constant' ? [] : node.parts.flatMap(leaves);
  };
  return leaves(plan);
}
