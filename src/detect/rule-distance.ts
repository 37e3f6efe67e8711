// How far events are from what a rule's queries ask, fast enough for a whole recording: as distanceOf (query/deciding.ts) says it of an
// explanation, with each predicate compiled once. In: a rule, the table of the events; out: a distance for each of its queries, in the
// order of explainRule. Pure; called by `why-not`, which explains only what is nearer than all before.

import type { SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { ForebearError } from '../errors.ts';
import { compileEql } from '../query/eql-compile.ts';
import { parseEql } from '../query/eql-parse.ts';
import { printCategory, printEql } from '../query/eql-print.ts';
import type { EqlEventQuery, EqlExpression } from '../query/eql-tree.ts';
import { compileKql } from '../query/kql-compile.ts';
import { parseKql } from '../query/kql-parse.ts';
import { printKql } from '../query/kql-print.ts';
import type { KqlNode } from '../query/kql-tree.ts';
import type { Rule } from './rule.ts';

/** Predicates that would have to turn out otherwise. */
export type Distance = (slots: readonly SlotValue[]) => number;

type Tree<T> = T & { readonly kind: string; readonly parts?: readonly Tree<T>[]; readonly part?: Tree<T> };
type Matches = (slots: readonly SlotValue[]) => boolean;

export function ruleDistances(rule: Rule, fields: FieldTable): Distance[] {
  const tree = rule.program?.tree;
  const own =
    tree === undefined
      ? [ofKql(rule.query, fields)]
      : tree.kind === 'event'
        ? [ofEql(tree.query, rule, fields)]
        : [...tree.stages, ...(tree.until ? [tree.until] : [])].map(({ query }) => ofEql(query, rule, fields));
  const filters = (rule.filters ?? []).flatMap(({ language, text }) => {
    if (language === 'kuery') return [ofKql(text, fields)];
    const filter = parseEql(text);
    return filter.kind === 'event' ? [ofEql(filter.query, rule, fields)] : [];
  });
  return [...own, ...filters];
}

function ofKql(text: string, fields: FieldTable): Distance {
  const matches = (leaf: KqlNode) => compileKql(printKql(leaf), fields).matches;
  return distance<KqlNode>(parseKql(text), true, (leaf) => (leaf.kind === 'all' ? () => true : matches(leaf)));
}

function ofEql({ category, condition }: EqlEventQuery, rule: Rule, fields: FieldTable): Distance {
  const { eqlFields, dialect } = rule;
  const options = {
    ...(eqlFields?.category !== undefined && { categoryField: eqlFields.category }),
    ...(dialect === 'endpoint' && { endpoint: true }),
  };
  const matches = (text: string) => compileEql(text, fields, options).probes[0]!.matches;
  const inside = distance<EqlExpression>(condition, true, (leaf) => matches(`any where ${printEql(leaf)}`));
  if (category === null) return inside;
  const isOfCategory = matches(`${printCategory(category)} where true`);
  return (slots) => (isOfCategory(slots) ? 0 : 1) + inside(slots);
}

/** A predicate that means nothing without the events before (a stage's, an ancestor's) counts as it should. */
function distance<T>(node: Tree<T>, wanted: boolean, leaf: (node: T) => Matches): Distance {
  if (node.kind === 'not') return distance(node.part!, !wanted, leaf);
  if (node.kind === 'and' || node.kind === 'or') {
    const parts = node.parts!.map((part) => distance(part, wanted, leaf));
    if ((node.kind === 'and') === wanted) return (slots) => parts.reduce((sum, part) => sum + part(slots), 0);
    return (slots) => parts.reduce((least, part) => Math.min(least, part(slots)), Number.MAX_SAFE_INTEGER);
  }
  try {
    const matches = leaf(node);
    return (slots) => (matches(slots) === wanted ? 0 : 1);
  } catch (error) {
    if (error instanceof ForebearError) return () => 0;
    throw error;
  }
}
