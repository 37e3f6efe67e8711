// What a rule says of one event, in full: each of its queries (the stages of a sequence, filters) explained, and the exceptions for it
// with what decided each. In: a rule, its items, an event over the rule's table; out: explanations. Pure; called by `why`, `why-not`
// and `exceptions suggest`.

import type { EcsEvent, SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { type Decider, decidersOf, distanceOf } from '../query/deciding.ts';
import { explainEql } from '../query/eql-explain.ts';
import type { EqlContext } from '../query/eql-interpret.ts';
import { parseEql } from '../query/eql-parse.ts';
import { printEql } from '../query/eql-print.ts';
import type { EqlEventQuery, EqlStage } from '../query/eql-tree.ts';
import type { Explained } from '../query/explain.ts';
import { explainKql } from '../query/kql-explain.ts';
import { parseKql } from '../query/kql-parse.ts';
import type { KqlNode } from '../query/kql-tree.ts';
import { compileItem } from './exceptions/compile-item.ts';
import type { ExceptionEntry } from './exceptions/exception-list.ts';
import type { ActiveItem } from './exceptions/exception-set.ts';
import type { Rule } from './rule.ts';

export interface QueryExplained {
  /** query, stage 1, until, ancestor, filter. */
  readonly name: string;
  /** Of a stage. */
  readonly missing?: true;
  readonly explained: Explained;
  readonly deciders: readonly Decider[];
  readonly distance: number;
}

export interface ItemExplained {
  readonly item: ActiveItem;
  readonly hides: boolean;
  readonly entries: readonly { readonly text: string; readonly holds: boolean; readonly value: SlotValue }[];
}

/** earlier: of a join's stages, the events before by the names of their stages. */
export function explainRule(
  rule: Rule,
  event: EcsEvent,
  earlier?: ReadonlyMap<string, readonly SlotValue[]>,
): QueryExplained[] {
  const { table, slots } = event;
  const time = event.get('@timestamp');
  const context: EqlContext = {
    ...{ table, slots, nowMs: typeof time === 'number' ? time : Number.NaN },
    ...(rule.eqlFields?.category !== undefined && { categoryField: rule.eqlFields.category }),
    ...(earlier && { earlier }),
    descends: (query) => descends(rule, query, slots),
  };
  return [...queriesOf(rule, context), ...filtersOf(rule, context)];
}

function queriesOf(rule: Rule, context: EqlContext): QueryExplained[] {
  const tree = rule.program?.tree;
  if (tree === undefined) return [explained('query', explainKql(rule.compiled.tree as KqlNode, context))];
  if (tree.kind === 'event') return [ofEql('query', tree.query, context)];
  const stages = tree.stages.map((stage, i) => ofStage(`stage ${i + 1}`, stage, context));
  return tree.until === undefined ? stages : [...stages, ofStage('until', tree.until, context)];
}

function ofStage(name: string, stage: EqlStage, context: EqlContext): QueryExplained {
  const said = stage.name === undefined ? name : `${name}, ${stage.name}`;
  return { ...ofEql(said, stage.query, context), ...(stage.missing && { missing: true }) };
}

function ofEql(name: string, query: EqlEventQuery, context: EqlContext): QueryExplained {
  return explained(name, explainEql(query, context));
}

function filtersOf(rule: Rule, context: EqlContext): QueryExplained[] {
  return (rule.filters ?? []).flatMap(({ language, text }) => {
    if (language === 'kuery') return [explained('filter', explainKql(parseKql(text), context))];
    const tree = parseEql(text);
    return tree.kind === 'event' ? [ofEql('filter', tree.query, context)] : [];
  });
}

function explained(name: string, of: Explained): QueryExplained {
  return { name, explained: of, deciders: decidersOf(of), distance: distanceOf(of) };
}

/** As far as the events before have told. */
function descends(rule: Rule, query: EqlEventQuery, slots: readonly SlotValue[]): boolean {
  const { tracked = [], probes = [] } = rule.program ?? {};
  const text = printEql(query.condition);
  const found = tracked.find(({ probe }) => {
    const tree = probes[probe]?.tree as EqlEventQuery | undefined;
    return tree !== undefined && tree.category === query.category && printEql(tree.condition) === text;
  });
  return found?.holds(slots) ?? false;
}

/** in: the rule's items; out: of each whether it hides the event, entry by entry. */
export function explainItems(items: readonly ActiveItem[], event: EcsEvent, hides: (item: ActiveItem) => boolean) {
  return items.map((item): ItemExplained => {
    const entries = item.entries.map((entry) => ({
      text: entryText(entry),
      holds: entryHolds(entry, event.table, event.slots),
      value: event.get(entry.field),
    }));
    return { item, hides: hides(item), entries };
  });
}

function entryHolds(entry: ExceptionEntry, fields: FieldTable, slots: readonly SlotValue[]): boolean {
  return compileItem({ entries: [entry], osTypes: [] }, { fields }).matches(slots);
}

export function entryText(entry: ExceptionEntry): string {
  if (entry.type === 'nested') return `${entry.field}: { ${entry.entries.map(entryText).join(' and ')} }`;
  const { field, excluded, type, values } = entry;
  if (type === 'exists') return `${field} ${excluded ? 'does not exist' : 'exists'}`;
  const said = values.map((value) => JSON.stringify(value)).join(' or ');
  return `${field} ${excluded ? 'is not' : 'is'} ${type === 'wildcard' ? 'like ' : ''}${said}`;
}
