// KQL text -> compiled query: parse, declare nested fields, plan each leaf, assemble closures. Called by detect/ for
// rules and by the query command. The reference that it is compared with: kql-interpret.ts.

import type { SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { assertBounded, searchesOf } from './bounds.ts';
import { keptTree } from './kept-tree.ts';
import { hasFieldsBelow, type LeafContext, nestedTest, planIs, planRange } from './kql-leaves.ts';
import { parseKql, queryError } from './kql-parse.ts';
import { type KqlNode, textOf } from './kql-tree.ts';
import type { CompiledQuery, CompileOptions } from './language.ts';
import { ALWAYS, type Plan, toQuery } from './plan.ts';

/**
 * in: query text, the table of the events it will see (unknown fields are added), options; out: compiled query.
 * Errors, all with line, column and caret: FB_QUERY_SYNTAX, FB_QUERY_VALUE (a value cannot be of the field's type),
 * FB_QUERY_NESTED (nested field outside its braces, or braces on another field), FB_QUERY_TOO_LARGE.
 */
export function compileKql(text: string, fields: FieldTable, options: CompileOptions = {}): CompiledQuery {
  const tree = parseKql(text);
  const context: LeafContext = {
    text,
    table: fields,
    unknown: options.unknown ?? 'keyword',
    now: options.now ?? eventTime(fields),
  };
  declareNested(tree, context);
  const plan = planOf(tree, context);
  assertBounded([plan], text);
  return toQuery(
    plan,
    keptTree(tree, () => parseKql(text)),
  );
}

/** Without a clock, `now` is the event's own time: the same events give the same answers whenever they are read. */
export function eventTime(fields: FieldTable): (slots: readonly SlotValue[]) => number {
  const { slot } = fields.add('@timestamp', 'date');
  return (slots) => {
    const value = slots[slot];
    return typeof value === 'number' ? value : Number.NaN;
  };
}

/** `f:{ ... }` says that f is nested, wherever in the query it stands. */
function declareNested(node: KqlNode, context: LeafContext, above = ''): void {
  if (node.kind === 'not') declareNested(node.part, context, above);
  if (node.kind === 'and' || node.kind === 'or') for (const part of node.parts) declareNested(part, context, above);
  if (node.kind !== 'nested') return;
  const name = above + textOf(node.path);
  const { table, text } = context;
  const plain = table.get(name)?.type ?? (hasFieldsBelow(name, table) ? 'object' : 'nested');
  if (plain !== 'nested') throw queryError('FB_QUERY_NESTED', `${name} is ${plain}, not nested`, text, node.path.at);
  table.add(name, 'nested');
  declareNested(node.part, context, `${name}.`);
}

function planOf(node: KqlNode, context: LeafContext): Plan {
  switch (node.kind) {
    case 'all':
      return ALWAYS;
    case 'and':
    case 'or':
      return { kind: node.kind, parts: node.parts.map((part) => planOf(part, context)) };
    case 'not':
      return { kind: 'not', part: planOf(node.part, context) };
    case 'is':
      return planIs(node, context);
    case 'range':
      return planRange(node, context);
    case 'nested':
      return planNested(textOf(node.path), node.part, context);
  }
}

function planNested(name: string, part: KqlNode, context: LeafContext): Plan {
  const path = context.path === undefined ? name : `${context.path}.${name}`;
  const field = context.table.add(path, 'nested');
  const plan = planOf(part, { ...context, path });
  const inner = toQuery(plan, () => undefined);
  const test = nestedTest(field.slot, inner.matches);
  const fields = () => [field, ...inner.fields];
  const searches = searchesOf(plan);
  return { kind: 'leaf', test, slots: undefined, cost: 1000, searches, fields, ...(inner.open && { open: true }) };
}
