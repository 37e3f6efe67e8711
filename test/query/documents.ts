// Queries over documents with a field of each type: the fields of the tables in kql-values.test.ts.

import { FieldTable } from '../../src/ecs/fields.ts';
import { flattenDocument } from '../../src/ecs/flatten.ts';
import { parseJson } from '../../src/ecs/json.ts';
import { compileKql } from '../../src/query/kql-compile.ts';

export const NOW_MS = Date.UTC(2026, 10, 25, 12, 30, 15, 500);

/** One short name for each type; o.* below an object, n.* below a nested field. */
export function typedTable(): FieldTable {
  return new FieldTable([
    {
      keyword: 'k o.k n.k',
      wildcard: 'w',
      long: 'l o.l n.l',
      double: 'd',
      boolean: 'b',
      date: 't',
      ip: 'i',
      text: 'm',
      nested: 'n',
    },
  ]);
}

/** in: query, documents as JSON text or values; out: the indices of those that match. */
export function matching(query: string, documents: readonly unknown[], table = typedTable()): number[] {
  const compiled = compileKql(query, table, { now: () => NOW_MS });
  const parsed = documents.map((document) => (typeof document === 'string' ? parseJson(document) : document));
  return parsed.flatMap((document, index) => {
    const { event } = flattenDocument(document as Record<string, unknown>, table);
    return compiled.matches(event.slots) ? [index] : [];
  });
}
