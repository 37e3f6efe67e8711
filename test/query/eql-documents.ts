// EQL queries over documents with a field of each type: the fields of documents.ts.

import { flattenDocument } from '../../src/ecs/flatten.ts';
import { parseJson } from '../../src/ecs/json.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import type { EqlOptions } from '../../src/query/eql-program.ts';
import { NOW_MS, typedTable } from './documents.ts';

/** in: condition of `any where`, documents as JSON text or values; out: the indices of those that match. */
export function matchingEql(condition: string, documents: readonly unknown[], options: EqlOptions = {}): number[] {
  const table = typedTable();
  const program = compileEql(`any where ${condition}`, table, { now: () => NOW_MS, ...options });
  const parsed = documents.map((document) => (typeof document === 'string' ? parseJson(document) : document));
  return parsed.flatMap((document, index) => {
    const { event } = flattenDocument(document as Record<string, unknown>, table);
    return program.probes[0]!.matches(event.slots) ? [index] : [];
  });
}
