// Two independent readings of KQL against each other: generated trees are printed, parsed and compiled, and the closures
// must say on generated events what the reference interpreter says of the tree.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SlotValue } from '../../src/ecs/event.ts';
import { flattenDocument } from '../../src/ecs/flatten.ts';
import { ForebearError } from '../../src/errors.ts';
import { decidersOf, distanceOf } from '../../src/query/deciding.ts';
import type { Explained } from '../../src/query/explain.ts';
import { compileKql } from '../../src/query/kql-compile.ts';
import { explainKql } from '../../src/query/kql-explain.ts';
import { interpretKql } from '../../src/query/kql-interpret.ts';
import { parseKql } from '../../src/query/kql-parse.ts';
import { printKql } from '../../src/query/kql-print.ts';
import type { KqlLiteral, KqlNode } from '../../src/query/kql-tree.ts';
import type { CoverTerm } from '../../src/query/language.ts';
import { NOW_MS, typedTable } from './documents.ts';

const WORDS = [
  'a',
  'b',
  'a b',
  'ab',
  'A',
  'not',
  'or',
  '',
  'null',
  'x'.repeat(1025),
  '🐧',
  '\uffee',
  'a:"b\\(*',
  'quick fox',
  '…',
];
const NUMBERS = ['0', '1', '42', '-42', '42.5', '042', '4.2e1', '9007199254740993', '1e30', 'NaN'];
const OTHERS = [
  'true',
  'false',
  '10.0.0.1',
  '10.0.0.0/8',
  '::1',
  '2024-03',
  '2024-03-15T12:30',
  'now/d',
  'now-1d',
  '1711929599999',
];
const TEXTS = fc.oneof(
  fc.constantFrom(...WORDS),
  fc.constantFrom(...NUMBERS),
  fc.constantFrom(...OTHERS),
  fc.string({ maxLength: 4, unit: 'grapheme' }),
);

const NAMES = ['k', 'w', 'l', 'd', 'b', 't', 'i', 'm', 'o.k', 'o.l', 'o', 'unknown'];
const plain = (text: string, quoted = false): KqlLiteral => ({
  segments: [quoted ? text : text.trim()],
  quoted,
  at: 0,
});
const literal = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(TEXTS, fc.boolean())
      .filter(([text, quoted]) => quoted || text.trim() !== '')
      .map(([text, quoted]) => plain(text, quoted)),
  },
  {
    weight: 1,
    arbitrary: fc.array(fc.constantFrom('', 'a', 'b', ' ', 'qu'), { minLength: 2, maxLength: 4 }).map(star),
  },
);

function star(pieces: readonly string[]): KqlLiteral {
  const segments = [...pieces];
  segments[0] = segments[0]!.trimStart();
  segments[segments.length - 1] = segments.at(-1)!.trimEnd();
  return { segments, quoted: false, at: 0 };
}

/** Leaves that mostly fit their field's type: the compiler refuses the others. */
const FITTING: Record<string, readonly string[]> = {
  l: NUMBERS.slice(0, 8),
  'o.l': NUMBERS.slice(0, 8),
  d: NUMBERS,
  b: ['true', 'false'],
  t: OTHERS.slice(5),
  i: OTHERS.slice(2, 5),
};
const fieldAndValue = fc.constantFrom(...NAMES).chain((name) => {
  const fitting = FITTING[name];
  const value =
    fitting === undefined
      ? literal
      : fc.oneof(
          { weight: 8, arbitrary: fc.constantFrom(...fitting).map((text) => plain(text)) },
          { weight: 1, arbitrary: literal },
          { weight: 1, arbitrary: fc.constant(star(['', ''])) },
        );
  return fc.tuple(fc.constant(plain(name)), value);
});
const nestedLeaf = fc
  .tuple(fc.constantFrom('k', 'l'), fc.constantFrom('a', 'b', '1', '42'))
  .filter(([name, text]) => name === 'k' || /\d/.test(text))
  .map(([name, text]): KqlNode => ({ kind: 'is', field: plain(name), value: plain(text) }));

const operators = fc.constantFrom('<' as const, '<=' as const, '>' as const, '>=' as const);
const leaf: fc.Arbitrary<KqlNode> = fc.oneof(
  { weight: 6, arbitrary: fieldAndValue.map(([field, value]): KqlNode => ({ kind: 'is', field, value })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fieldAndValue, operators)
      .map(([[field, value], operator]): KqlNode => ({ kind: 'range', field, operator, value })),
  },
  { weight: 1, arbitrary: literal.map((value): KqlNode => ({ kind: 'is', field: null, value })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(['', 'k'], ['o.', ''], ['', '']), literal)
      .map(([name, value]): KqlNode => ({ kind: 'is', field: star(name), value })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(nestedLeaf, nestedLeaf, fc.constantFrom('and' as const, 'or' as const)).map(
      ([a, b, kind]): KqlNode => ({
        kind: 'nested',
        path: plain('n'),
        part: { kind, parts: [a, { kind: 'not', part: b }] },
      }),
    ),
  },
);
const trees = fc.letrec<{ tree: KqlNode }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { weight: 3, arbitrary: leaf },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('and' as const, 'or' as const), fc.array(tie('tree'), { minLength: 2, maxLength: 4 }))
        .map(([kind, parts]): KqlNode => ({ kind, parts })),
    },
    { weight: 1, arbitrary: tie('tree').map((part): KqlNode => ({ kind: 'not', part })) },
  ),
})).tree;

const many = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: fc.array(value, { maxLength: 3 }) });
const inner = fc.record(
  { k: many(fc.constantFrom('a', 'b', '1')), l: many(fc.constantFrom(1, 42)) },
  { requiredKeys: [] },
);
const documents = fc.record(
  {
    k: many(fc.constantFrom(...WORDS, ...NUMBERS, ...OTHERS)),
    w: many(fc.constantFrom(...WORDS)),
    l: many(fc.constantFrom(0, 1, 42, -42, 43, '9007199254740993')),
    d: many(fc.constantFrom(0, -0, 42, 42.5, 1e30)),
    b: many(fc.boolean()),
    t: many(fc.constantFrom('2024-03-01', '2024-03-15T12:30:15Z', 1711929599999, '2026-11-25T00:00:00Z')),
    i: many(fc.constantFrom('10.0.0.1', '::ffff:10.0.0.1', '::1', '192.168.0.1')),
    m: many(fc.constantFrom('The quick fox', 'a b', 'Fox quick', '42 true', '…')),
    o: many(inner),
    n: many(inner),
    unknown: many(fc.constantFrom('a', '42', 42, 42.5, true)),
  },
  { requiredKeys: [] },
);

/** Without places; empty `and`/`or` do not come up. */
function bare(node: unknown): unknown {
  return JSON.parse(JSON.stringify(node, (key, value) => (key === 'at' ? undefined : value)));
}

test('parse(print(tree)) is the tree', () => {
  fc.assert(
    fc.property(trees, (tree) => {
      expect(bare(parseKql(printKql(tree)))).toEqual(bare(tree));
    }),
    { numRuns: 3000, seed: 20261125 },
  );
});

test.each(['keyword', 'dynamic'] as const)('compiled and interpreted agree (unknown fields %s)', (unknown) => {
  const counts = { matched: 0, unmatched: 0, refused: 0 };
  fc.assert(
    fc.property(trees, fc.array(documents, { minLength: 4, maxLength: 4 }), (tree, docs) => {
      const table = typedTable();
      const query = compiledOrRefused(printKql(tree), table, unknown);
      if (query === undefined) return void counts.refused++;
      for (const document of docs) {
        const { slots } = flattenDocument(document, table).event;
        const matches = query.matches(slots);
        counts[matches ? 'matched' : 'unmatched']++;
        expect(matches).toBe(interpretKql(query.tree as KqlNode, table, slots, NOW_MS));
        const explained = explainKql(query.tree as KqlNode, { table, slots, nowMs: NOW_MS });
        expect(explained.matches).toBe(matches);
        // What decided is enough to decide, and there is always something.
        expect(verdictBy(explained, new Set(decidersOf(explained).map(({ leaf }) => leaf)))).toBe(matches);
        expect(distanceOf(explained) === 0).toBe(matches);
      }
    }),
    { numRuns: 3000, seed: 20261125 },
  );
  console.log(`differential (${unknown}): ${JSON.stringify(counts)}`);
  expect(counts.matched).toBeGreaterThan(1000);
  expect(counts.unmatched).toBeGreaterThan(1000);
  expect(counts.refused).toBeLessThan(2000);
});

test('partial evaluation and cover agree with the whole query', () => {
  const counts = { impossible: 0, covered: 0, folded: 0 };
  fc.assert(
    fc.property(trees, documents, fc.subarray(['k', 'l', 'o.k', 'b', 'm']), (tree, document, fixedNames) => {
      const table = typedTable();
      const query = compiledOrRefused(printKql(tree), table, 'keyword');
      if (query === undefined) return;
      const { slots } = flattenDocument(document, table).event;
      const matches = query.matches(slots);
      const fixed = new Map(fixedNames.map((name) => [table.slot(name), slots[table.slot(name)]]));
      const rest = query.given?.(fixed);
      if (rest === undefined) counts.impossible++;
      else if (rest.fields.length < query.fields.length) counts.folded++;
      expect(rest?.matches(slots) ?? false).toBe(matches);
      if (query.cover === undefined || !matches) return;
      counts.covered++;
      expect(query.cover.some((term) => isHit(term, slots))).toBe(true);
    }),
    { numRuns: 3000, seed: 20261125 },
  );
  console.log(`partial evaluation: ${JSON.stringify(counts)}`);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(50);
});

/** Of a tree in which only these leaves are known: undefined where they do not tell. */
function verdictBy(node: Explained, known: ReadonlySet<Explained>): boolean | undefined {
  if (node.kind === 'leaf') return known.has(node) ? node.matches : undefined;
  const parts = node.parts.map((part) => verdictBy(part, known));
  if (node.kind === 'not') return parts[0] === undefined ? undefined : !parts[0];
  const decisive = node.kind === 'or';
  if (parts.includes(decisive)) return decisive;
  return parts.includes(undefined) ? undefined : !decisive;
}

function isHit({ field, value, how = 'equals' }: CoverTerm, slots: readonly SlotValue[]): boolean {
  const values = [slots[field.slot]].flat() as readonly SlotValue[];
  if (how === 'equals') return values.includes(value);
  return values.some((one) => typeof one === 'string' && one.toLowerCase().includes(value as string));
}

function compiledOrRefused(text: string, table: ReturnType<typeof typedTable>, unknown: 'keyword' | 'dynamic') {
  try {
    return compileKql(text, table, { now: () => NOW_MS, unknown });
  } catch (error) {
    if (error instanceof ForebearError && error.code === 'FB_QUERY_VALUE') return undefined;
    throw error;
  }
}
