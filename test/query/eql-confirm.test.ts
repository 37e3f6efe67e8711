// What a stage says of an earlier event (Elastic Defend's rules): generated conditions, some of whose fields are that event's. What is
// compiled must say what the reference interpreter says, and the probe must take whatever could be confirmed.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SlotValue } from '../../src/ecs/event.ts';
import { flattenDocument } from '../../src/ecs/flatten.ts';
import { ForebearError } from '../../src/errors.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import { interpretEql } from '../../src/query/eql-interpret.ts';
import { printEql } from '../../src/query/eql-print.ts';
import type { EqlProgram } from '../../src/query/eql-program.ts';
import type { EqlExpression } from '../../src/query/eql-tree.ts';
import { NOW_MS, typedTable } from './documents.ts';
import { documents, trees } from './eql-trees.ts';

/** The tree with every field that `of` says as one of the first event. */
function referring(node: unknown, of: () => boolean): unknown {
  if (Array.isArray(node)) return node.map((one) => referring(one, of));
  if (node === null || typeof node !== 'object') return node;
  if ('kind' in node && node.kind === 'field') return of() ? { ...node, stage: 'event0' } : node;
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, referring(value, of)]));
}

function compiledOrRefused(condition: EqlExpression, table: ReturnType<typeof typedTable>): EqlProgram | undefined {
  const text = `sequence [any where true] as event0 [any where ${printEql(condition)}]`;
  try {
    return compileEql(text, table, { endpoint: true, now: () => NOW_MS });
  } catch (error) {
    if (error instanceof ForebearError && /^FB_QUERY_(VALUE|FUNCTION)$/.test(error.code)) return undefined;
    throw error;
  }
}

function interpreted({ tree }: EqlProgram, table: ReturnType<typeof typedTable>, slots: readonly SlotValue[]) {
  const query = tree.kind === 'event' ? tree.query : tree.stages[1]!.query;
  return (before: readonly SlotValue[] | undefined) =>
    interpretEql(query, { table, slots, nowMs: NOW_MS, ...(before && { earlier: new Map([['event0', before]]) }) });
}

test('compiled and interpreted agree', () => {
  const counts = { confirmed: 0, not: 0, plain: 0 };
  const which = fc.array(fc.boolean(), { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(trees, documents, documents, which, (tree, earlier, now, bits) => {
      const table = typedTable();
      let place = 0;
      const condition = referring(tree, () => bits[place++ % bits.length]!) as EqlExpression;
      const program = compiledOrRefused(condition, table);
      if (program === undefined) return;
      const [first, slots] = [earlier, now].map((document) => flattenDocument(document, table).event.slots);
      const { probe, confirm } = program.stages[1]!;
      const taken = program.probes[probe]!.matches(slots!);
      const wanted = interpreted(program, table, slots!);
      for (const before of [first, undefined]) {
        const confirmed = confirm === undefined ? taken : confirm(slots!, [before]);
        counts[confirm === undefined ? 'plain' : confirmed ? 'confirmed' : 'not']++;
        expect(confirmed).toBe(wanted(before));
        if (confirmed) expect(taken).toBe(true);
      }
    }),
    { numRuns: 2000, seed: 20261125 },
  );
  console.log(`references: ${JSON.stringify(counts)}`);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(300);
});
