// `why` and `why-not` of KQL: a query on one event, each predicate with the values that it saw and its verdict, as the reference
// interpreter gives it. In: tree and event; out: Explained (explain.ts). Called by detect/explain-rule.ts.

import { EcsEvent, type SlotValue } from '../ecs/event.ts';
import type { Field, FieldTable } from '../ecs/fields.ts';
import { type Explained, verdictOf } from './explain.ts';
import { interpretKql } from './kql-interpret.ts';
import { printKql } from './kql-print.ts';
import { hasWildcard, isStar, type KqlLiteral, type KqlNode, textOf } from './kql-tree.ts';
import { isBetweenStars } from './plain-like.ts';

export interface KqlContext {
  readonly table: FieldTable;
  readonly slots: readonly SlotValue[];
  /** Reference time of date math, milliseconds since 1970. */
  readonly nowMs: number;
}

/** Fields that a pattern, an object or free text reads: so many of those that have a value are told of. */
const MOST_FIELDS = 8;

/** in: the tree of parseKql, the event; out: its explanation. What stands in the braces of a nested field is one predicate. */
export function explainKql(node: KqlNode, context: KqlContext): Explained {
  if (node.kind === 'and' || node.kind === 'or' || node.kind === 'not') {
    const parts = (node.kind === 'not' ? [node.part] : node.parts).map((part) => explainKql(part, context));
    const matches = verdictOf(node.kind, parts);
    return { kind: node.kind, text: node.kind, at: parts[0]?.at ?? 0, matches, values: [], parts };
  }
  const matches = interpretKql(node, context.table, context.slots, context.nowMs);
  const text = node.kind === 'all' ? '*' : printKql(node).replace(/\s+/g, ' ');
  return { kind: 'leaf', text, at: placeOf(node), matches, values: valuesOf(node, context), parts: [] };
}

function placeOf(node: KqlNode): number {
  if (node.kind === 'nested') return node.path.at;
  if (node.kind === 'range') return node.field.at;
  return node.kind === 'is' ? (node.field ?? node.value).at : 0;
}

function valuesOf(node: KqlNode, context: KqlContext): Explained['values'] {
  if (node.kind === 'nested') return nestedValues(textOf(node.path), context);
  if (node.kind !== 'is' && node.kind !== 'range') return [];
  const { field } = node;
  if (field === null) return presentOf(() => true, context);
  const name = textOf(field);
  const plain = hasWildcard(field) ? undefined : context.table.get(name);
  if (plain !== undefined) return [{ field: name, value: context.slots[plain.slot] }];
  const found = presentOf(nameTest(field, node.kind === 'is' && isStar(node.value)), context);
  return found.length > 0 ? found : [{ field: name, value: undefined }];
}

/** `field:*` asks for an object's fields too. */
function nameTest({ segments }: KqlLiteral, below: boolean): (field: Field) => boolean {
  const under = [...segments.slice(0, -1), `${segments.at(-1)}.`, ''];
  return ({ name }) => isBetweenStars(segments, name) || (below && isBetweenStars(under, name));
}

function presentOf(test: (field: Field) => boolean, { table, slots }: KqlContext): Explained['values'] {
  const present = table.all().filter((field) => field.type !== 'nested' && slots[field.slot] !== undefined);
  return present
    .filter(test)
    .slice(0, MOST_FIELDS)
    .map((field) => ({ field: field.name, value: slots[field.slot] }));
}

/** The fields of its objects, object after object. */
function nestedValues(path: string, { table, slots }: KqlContext): Explained['values'] {
  const field = table.get(path);
  const objects = field === undefined ? undefined : slots[field.slot];
  const events = Array.isArray(objects) ? objects.filter((one) => one instanceof EcsEvent) : [];
  if (events.length === 0) return [{ field: path, value: undefined }];
  const values = events.flatMap((event) =>
    table
      .all()
      .flatMap(({ name, slot }) =>
        event.slots[slot] === undefined ? [] : [{ field: name, value: event.slots[slot] }],
      ),
  );
  return values.slice(0, MOST_FIELDS);
}
