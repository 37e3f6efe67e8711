// `why` and `why-not` of EQL: an event query on one event, each predicate with the values that it saw and its verdict, as the
// reference interpreter gives it. In: tree and event; out: Explained (explain.ts). Called by commands/.

import type { SlotValue } from '../ecs/event.ts';
import { constant, type EqlContext, fieldsIn, holds, isOfCategory } from './eql-interpret.ts';
import { printCategory, printEql } from './eql-print.ts';
import type { EqlEventQuery, EqlExpression } from './eql-tree.ts';
import { type Explained, verdictOf } from './explain.ts';

/** in: the tree of a probe (CompiledQuery.tree), the event; out: its explanation; the category is its first part. */
export function explainEql(query: EqlEventQuery, context: EqlContext): Explained {
  const condition = explained(query.condition, context);
  if (query.category === null) return condition;
  const field = context.categoryField ?? 'event.category';
  const category: Explained = {
    kind: 'leaf',
    text: `${field} == ${printCategory(query.category)}`,
    at: query.at,
    matches: isOfCategory(query, context),
    values: [{ field, value: slotOf(field, context) }],
    parts: [],
  };
  return {
    kind: 'and',
    text: 'and',
    at: query.at,
    matches: category.matches && condition.matches,
    values: [],
    parts: [category, condition],
  };
}

function explained(node: EqlExpression, context: EqlContext): Explained {
  if (node.kind === 'and' || node.kind === 'or' || node.kind === 'not') {
    const parts = (node.kind === 'not' ? [node.part] : node.parts).map((part) => explained(part, context));
    const known = constant(node);
    const matches = known === undefined ? verdictOf(node.kind, parts) : known === true;
    return { kind: node.kind, text: node.kind, at: node.at, matches, values: [], parts };
  }
  const matches = holds(node, context);
  const values = [...fieldsIn(node)].map(({ name, stage }) => ({
    field: stage === undefined ? name : `${stage}.${name}`,
    value: slotOf(name, context, stage),
  }));
  return { kind: 'leaf', text: printEql(node), at: node.at, matches, values, parts: [] };
}

function slotOf(name: string, { table, slots, earlier }: EqlContext, stage?: string): SlotValue {
  const field = table.get(name);
  const source = stage === undefined ? slots : earlier?.get(stage);
  return field === undefined ? undefined : source?.[field.slot];
}
