// Exception lists for tests, as lines of Kibana's export.

import { ExceptionSet, judgeItems } from '../../../src/detect/exceptions/exception-set.ts';
import { ExceptionReader } from '../../../src/detect/exceptions/read-exceptions.ts';
import type { HostAbilities } from '../../../src/detect/host-abilities.ts';
import type { FieldTable } from '../../../src/ecs/fields.ts';

export type Line = Record<string, unknown>;

export const LIST: Line = { list_id: 'list-1', name: 'A list', type: 'detection', namespace_type: 'single', tags: [] };

/** A valid item of list-1; `over` replaces its keys. */
export function item(entries: unknown, over: Line = {}): Line {
  return { item_id: 'item-1', list_id: 'list-1', name: 'An item', type: 'simple', os_types: [], entries, ...over };
}

/** An entry, operator included. */
export function entry(type: string, field: string, value?: unknown, operator = 'included'): Line {
  return { type, field, operator, ...(value === undefined ? {} : { value }) };
}

export function textOf(lines: readonly Line[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

export function read(...lines: Line[]): ExceptionReader {
  return readText(textOf(lines));
}

export function readText(text: string, file = 'f.ndjson'): ExceptionReader {
  const reader = new ExceptionReader();
  const take = reader.lines(file);
  for (const [index, line] of text.split('\n').entries()) take(index + 1, line);
  reader.finish();
  return reader;
}

export interface SetOptions {
  abilities?: HostAbilities;
  disabled?: string[];
}

export function setOf(fields: FieldTable, lines: readonly Line[], { abilities, disabled = [] }: SetOptions = {}) {
  const reader = read(...lines);
  return new ExceptionSet(reader, [...judgeItems(reader, { fields, ...(abilities && { abilities }) }, disabled)]);
}
