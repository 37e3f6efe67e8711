// Slots of some fields of the vocabulary, by name: for stages that write or read the same few in every event.

import type { FieldTable } from '../ecs/fields.ts';

/** errors: throws when ecs/fields.ts lacks one of them. */
export function slotsOf<N extends string>(table: FieldTable, names: readonly N[]): Readonly<Record<N, number>> {
  return Object.fromEntries(names.map((name) => [name, table.slot(name)])) as Record<N, number>;
}
