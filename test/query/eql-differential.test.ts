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
import type { EqlEventQuery, EqlExpression, EqlValue } from '../../src/query/eql-tree.ts';
import type { CoverTerm } from '../../src/query/language.ts';
import { type Leaf, type Plan, toQuery } from '../../src/query/plan.ts';
import { NOW_MS, typedTable } from './documents.ts';

const RUNS = { numRuns: 2000, seed: 20261125 };
const WORDS = ['a', 'b', 'ab', 'A', 'aB', '', 'x'.repeat(1025), '🐧', 'K', '\u212a', 'a"b\\(*', 'a?b', '42', '1'];
const TEXTS = fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 3, unit: 'grapheme' }));
const NUMBERS = fc.constantFrom<EqlValue>(0n, 1n, 2n, 42n, 9007199254740993n, 0.5, 42.5, 4e10);
const PATTERNS = fc
  .array(fc.constantFrom('a', 'b', 'A', '*', '?', '🐧', 'k', '.'), { maxLength: 5 })
  .map((all) => all.join(''));
const REGEXES = fc.constantFrom('a', 'a.*', '.', '[a-c]+', '(a|b)*', 'ab?', 'a{2}', '', 'K|x', '\\(');
const DATES = ['2024-03', '2024-03-15T12:30', 'now/d', '1711929599999'];
const ADDRESSES = ['10.0.0.1', '10.0.0.0/8', '::1'];

const literal = (value: EqlValue): EqlExpression => ({ kind: 'literal', value, at: 0 });
const field = (name: string): EqlExpression => ({ kind: 'field', name, optional: false, at: 0 });
const call = (name: string, parts: readonly EqlExpression[], insensitive = false): EqlExpression => ({
  kind: 'call',
  name,
  insensitive,
  parts,
  at: 0,
});
const text = TEXTS.map(literal);
const oneNull = fc.constant(literal(null));
const operator = fc.constantFrom(
  '==' as const,
  '!=' as const,
  '<' as const,
  '<=' as const,
  '>' as const,
  '>=' as const,
);
const textField = fc.constantFrom('k', 'w', 'm', 'o.k', 'unknown').map(field);
const numberField = fc.constantFrom('l', 'd', 'o.l', 'unknown').map(field);

const { textValue, numberValue } = fc.letrec<{ textValue: EqlExpression; numberValue: EqlExpression }>((tie) => ({
  textValue: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: textField },
    { weight: 2, arbitrary: text },
    { weight: 1, arbitrary: fc.tuple(tie('textValue'), tie('numberValue')).map((parts) => call('concat', parts)) },
    { weight: 1, arbitrary: fc.tuple(tie('textValue'), tie('numberValue')).map((parts) => call('substring', parts)) },
    { weight: 1, arbitrary: fc.tuple(tie('textValue'), text, text).map((parts) => call('between', parts, true)) },
    { weight: 1, arbitrary: tie('numberValue').map((part) => call('string', [part])) },
  ),
  numberValue: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: numberField },
    { weight: 3, arbitrary: NUMBERS.map(literal) },
    { weight: 1, arbitrary: tie('textValue').map((part) => call('length', [part])) },
    { weight: 1, arbitrary: tie('textValue').map((part) => call('number', [part])) },
    { weight: 1, arbitrary: fc.tuple(tie('textValue'), tie('textValue')).map((parts) => call('indexof', parts)) },
    { weight: 1, arbitrary: tie('numberValue').map((part): EqlExpression => ({ kind: 'negative', part, at: 0 })) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('+', '-', '*', '/', '%'), tie('numberValue'), tie('numberValue'))
        .map(([sign, left, right]) => ({ kind: 'arithmetic', operator: sign, left, right, at: 0 }) as EqlExpression),
    },
  ),
}));

const compare = fc
  .oneof(
    fc.tuple(textField, operator, fc.oneof(text, oneNull)),
    fc.tuple(numberField, operator, fc.oneof(NUMBERS.map(literal), oneNull)),
    fc.tuple(fc.constant(field('b')), operator, fc.constantFrom(true, false, null).map(literal)),
    fc.tuple(fc.constant(field('t')), operator, fc.constantFrom(...DATES, null).map(literal)),
    fc.tuple(
      fc.constant(field('i')),
      fc.constantFrom('==' as const, '!=' as const),
      fc.constantFrom(...ADDRESSES).map(literal),
    ),
    fc.tuple(textValue, operator, textValue),
    fc.tuple(numberValue, operator, fc.oneof(numberValue, oneNull)),
    fc.tuple(oneNull, operator, numberValue),
  )
  .map(([left, sign, right]): EqlExpression => ({ kind: 'compare', operator: sign, left, right, at: 0 }));

const membership = fc
  .oneof(
    fc.tuple(textField, fc.array(fc.oneof(text, oneNull), { minLength: 1, maxLength: 3 }), fc.boolean()),
    fc.tuple(numberValue, fc.array(numberValue, { minLength: 1, maxLength: 3 }), fc.boolean()),
    fc.tuple(textValue, fc.array(textValue, { minLength: 1, maxLength: 2 }), fc.boolean()),
  )
  .map(([value, options, insensitive]): EqlExpression => ({ kind: 'in', insensitive, value, options, at: 0 }));

const pattern = fc
  .tuple(
    fc.constantFrom('like' as const, 'regex' as const),
    fc.oneof({ weight: 3, arbitrary: textField }, { weight: 1, arbitrary: textValue }),
    fc.array(fc.tuple(PATTERNS, REGEXES), { minLength: 1, maxLength: 3 }),
    fc.boolean(),
  )
  .map(([kind, value, both, insensitive]): EqlExpression => {
    const patterns = both.map(([like, regex]) => literal(kind === 'like' ? like : regex));
    return { kind, insensitive, value, patterns, at: 0 };
  });

const booleanCall = fc.oneof(
  fc
    .tuple(fc.constantFrom('startswith', 'endswith', 'stringcontains'), textValue, textValue, fc.boolean())
    .map(([name, a, b, insensitive]) => call(name, [a, b], insensitive)),
  fc.constantFrom(...ADDRESSES).map((block) => call('cidrmatch', [field('i'), literal(block)])),
  PATTERNS.map((one) => call('wildcard', [field('k'), literal(one)])),
);

const trees = fc.letrec<{ tree: EqlExpression }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { weight: 4, arbitrary: compare },
    { weight: 2, arbitrary: pattern },
    { weight: 2, arbitrary: membership },
    { weight: 2, arbitrary: booleanCall },
    { weight: 1, arbitrary: fc.constantFrom(literal(true), literal(false), literal(null), field('b')) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom('and' as const, 'or' as const), fc.array(tie('tree'), { minLength: 2, maxLength: 4 }))
        .map(([kind, parts]): EqlExpression => ({ kind, parts, at: 0 })),
    },
    { weight: 2, arbitrary: tie('tree').map((part): EqlExpression => ({ kind: 'not', part, at: 0 })) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('==' as const, '!=' as const), tie('tree'), fc.constantFrom(true, false, null))
        .map(
          ([sign, left, value]): EqlExpression => ({
            kind: 'compare',
            operator: sign,
            left,
            right: literal(value),
            at: 0,
          }),
        ),
    },
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
    k: many(fc.constantFrom(...WORDS)),
    w: many(fc.constantFrom(...WORDS)),
    l: many(fc.constantFrom(0, 1, 42, -42, 43, '9007199254740993')),
    d: many(fc.constantFrom(0, -0, 42, 42.5, 1e30)),
    b: many(fc.boolean()),
    t: many(fc.constantFrom('2024-03-01', '2024-03-15T12:30:15Z', 1711929599999, '2026-11-25T00:00:00Z')),
    i: many(fc.constantFrom('10.0.0.1', '::ffff:10.0.0.1', '::1', '192.168.0.1')),
    m: many(fc.constantFrom('a', 'a b', 'ab', '42')),
    o: many(inner),
    unknown: many(fc.constantFrom('a', '42', 42, 42.5, true)),
  },
  { requiredKeys: [] },
);

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
  fc.assert(
    fc.property(trees, documents, fc.subarray(['k', 'l', 'o.k', 'b', 'm']), (tree, document, fixedNames) => {
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
      if (query.cover === undefined) return;
      counts.covered++;
      expect(query.cover.some((term) => isHit(term, slots))).toBe(true);
    }),
    RUNS,
  );
  console.log(`partial evaluation: ${JSON.stringify(counts)}`);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(20);
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
            const matches = toQuery(leaf, tree).matches(slots);
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
