// Field name + literal -> the leaf of a plan: which fields the name reaches, and the predicate on each. Names are looked
// up as Kibana does: a wildcard in a name reaches every field that can take the value, free text likewise, `object:*`
// every field below; what is below a nested field is asked inside `nested:{ ... }` only. Called by kql-compile.ts.

import { EcsEvent } from '../ecs/event.ts';
import type { Field, FieldTable } from '../ecs/fields.ts';
import { ecsType } from '../ecs/known-types.ts';
import type { ForebearError } from '../errors.ts';
import { compileGlob } from './glob.ts';
import { queryError } from './kql-parse.ts';
import { existsPredicate, isPredicate, type Judged, rangePredicate, splitAtBlanks } from './kql-predicates.ts';
import { hasWildcard, isNull, isStar, type KqlIs, type KqlLiteral, type KqlRange } from './kql-tree.ts';
import { ALWAYS, NEVER, type Plan, type Test } from './plan.ts';
import { type Now, predicateLeaf, valuesTest } from './plan-leaves.ts';

export interface LeafContext {
  /** The query, for errors. */
  readonly text: string;
  readonly table: FieldTable;
  /** Type of a field that neither the table nor ECS knows. */
  readonly unknown: 'keyword' | 'dynamic';
  readonly now: Now;
  /** The nested field that the leaf stands in. */
  readonly path?: string;
}

/** in: `field:value` or `value`; errors: FB_QUERY_VALUE, FB_QUERY_NESTED. */
export function planIs(node: KqlIs, context: LeafContext): Plan {
  const { field, value } = node;
  if (field !== null && isStar(field) && isStar(value)) return ALWAYS;
  if (field === null || (isNull(field) && context.path === undefined)) return freeText(value, context);
  const judge = (target: Field) => (isStar(value) ? existsPredicate(target) : isPredicate(target, value));
  return planNamed(field, value, judge, context, isStar(value));
}

/** in: `field < value` and its like; errors: FB_QUERY_VALUE, FB_QUERY_NESTED. */
export function planRange(node: KqlRange, context: LeafContext): Plan {
  const judge = (field: Field) => rangePredicate(field, node.operator, node.value);
  return planNamed(node.field, node.value, judge, context, false);
}

type Judge = (field: Field) => Judged;

/** What a name that reaches many fields costs, in searches for a word. */
const MANY = 4;

function planNamed(name: KqlLiteral, value: KqlLiteral, judge: Judge, context: LeafContext, exists: boolean): Plan {
  const segments =
    context.path === undefined ? name.segments : [`${context.path}.${name.segments[0]}`, ...name.segments.slice(1)];
  if (segments.length > 1 && isNull(value)) throw noValue(value, context);
  if (segments.length > 1) return planMany(compileGlob(segments), judge, context, true);
  const [full] = segments as [string];
  requirePath(full, name, context);
  const known = context.table.get(full);
  if (known?.type === 'nested') return NEVER;
  if (exists && hasFieldsBelow(full, context.table)) {
    return planMany((other) => other === full || other.startsWith(`${full}.`), judge, context, false);
  }
  const field = known ?? addUnknown(full, context);
  if (exists && known === undefined) {
    return planMany((other) => other === full || other.startsWith(`${full}.`), judge, context, false);
  }
  const judged = judge(field);
  if ('fault' in judged) throw fault(field, judged.fault, value, context);
  return predicateLeaf(field, judged, context.now);
}

/**
 * All fields that the name reaches, those included that are added to the table later: one number is compared for each
 * event to see whether it has grown. `within`: fields of nested objects count too, each in its own object.
 */
function planMany(reaches: (name: string) => boolean, judge: Judge, context: LeafContext, within: boolean): Plan {
  const { table } = context;
  const fields: Field[] = [];
  const tests: Test[] = [];
  let seen = 0;
  const extend = () => {
    for (; seen < table.size; seen++) {
      const field = table.at(seen)!;
      if (field.type === 'nested' || !reaches(field.name)) continue;
      const test = memberTest(field, judge, context, within);
      if (test === undefined) continue;
      fields.push(field);
      tests.push(test);
    }
  };
  const reached = () => {
    extend();
    return fields;
  };
  const test: Test = (slots) => {
    if (seen !== table.size) extend();
    for (const member of tests) if (member(slots)) return true;
    return false;
  };
  return { kind: 'leaf', test, slots: undefined, cost: 1000, searches: MANY, fields: reached, open: true };
}

function memberTest(field: Field, judge: Judge, context: LeafContext, within: boolean): Test | undefined {
  const path = nestedAbove(field.name, context.table);
  if (path !== context.path && !(within && context.path === undefined)) return undefined;
  const judged = judge(field);
  if ('fault' in judged) return undefined;
  const test = valuesTest(field.slot, judged, context.now);
  return path === context.path ? test : nestedTest(context.table.slot(path!), test);
}

/** One of the nested objects passes. A nested object inside another is reached through the outer one's slot. */
export function nestedTest(slot: number, test: Test): Test {
  return (slots) => {
    const value = slots[slot];
    if (typeof value !== 'object') return false;
    for (const element of value) if (element instanceof EcsEvent && test(element.slots)) return true;
    return false;
  };
}

/** Free text: any field outside nested objects that can take the value. With wildcards: any of the parts between blanks. */
function freeText(value: KqlLiteral, context: LeafContext): Plan {
  if (isNull(value)) throw noValue(value, context);
  if (context.path !== undefined) return NEVER;
  if (!hasWildcard(value))
    return planMany(
      () => true,
      (field) => isPredicate(field, value),
      context,
      false,
    );
  const parts = splitAtBlanks(value);
  if (parts.some(isStar)) return ALWAYS;
  return {
    kind: 'or',
    parts: parts.map((part) =>
      planMany(
        () => true,
        (field) => isPredicate(field, part),
        context,
        false,
      ),
    ),
  };
}

function noValue(value: KqlLiteral, { text }: LeafContext): ForebearError {
  return queryError('FB_QUERY_VALUE', 'null is no value', text, value.at);
}

function addUnknown(name: string, { table, unknown }: LeafContext): Field {
  const type = ecsType(name);
  if (type === undefined && unknown === 'dynamic') return table.addDynamic(name);
  return table.add(name, type ?? 'keyword');
}

/** The nearest nested field above a name. */
export function nestedAbove(name: string, table: FieldTable): string | undefined {
  return table.nestedAbove(name).at(-1)?.name;
}

export function hasFieldsBelow(name: string, table: FieldTable): boolean {
  return table.all().some((field) => field.name.startsWith(`${name}.`));
}

function requirePath(name: string, literal: KqlLiteral, context: LeafContext): void {
  const path = nestedAbove(name, context.table);
  if (path === context.path) return;
  const message =
    path === undefined ? `${name} is not below a nested field` : `${name} can only be asked inside ${path}:{ ... }`;
  throw queryError('FB_QUERY_NESTED', message, context.text, literal.at);
}

function fault(field: Field, reason: string, value: KqlLiteral, context: LeafContext): ForebearError {
  return queryError('FB_QUERY_VALUE', `${field.name}: ${reason}`, context.text, value.at);
}
