// The reference: EQL trees evaluated slowly and plainly, straight from the tree for each event, sharing with the compiler only what
// values are and what a function or a regular expression computes. No plan, no closures, no folded trees. Called by the
// differential test and by eql-explain.ts; a predicate that the compiler refuses is simply false here.

import type { Scalar, SlotValue } from '../ecs/event.ts';
import type { Field, FieldTable } from '../ecs/fields.ts';
import { combinationsOf, MAX_COMBINATIONS } from './bounds.ts';
import { calculate, eqlFunction } from './eql-functions.ts';
import { compileRegex } from './eql-regex.ts';
import type { CompareOperator, EqlEventQuery, EqlExpression, EqlField, EqlValue } from './eql-tree.ts';
import { compareValues, foldCase, fromSlot, isNumeric } from './eql-values.ts';
import { interpretKql } from './kql-interpret.ts';
import type { KqlLiteral } from './kql-tree.ts';
import { ANY, isLike, ONE } from './plain-like.ts';

export interface EqlContext {
  readonly table: FieldTable;
  readonly slots: readonly SlotValue[];
  /** Reference time of date math, milliseconds since 1970. */
  readonly nowMs: number;
  /** Default event.category. */
  readonly categoryField?: string;
  /** Endpoint: the events of earlier stages by their names. */
  readonly earlier?: ReadonlyMap<string, readonly SlotValue[]>;
  /** Endpoint: whether an event of an ancestor matched. */
  readonly descends?: (query: EqlEventQuery) => boolean;
}

/** A field's name with its stage -> one of its values. */
type Bindings = ReadonlyMap<string, EqlValue>;

/** in: event query, event; out: whether it matches. */
export function interpretEql(query: EqlEventQuery, context: EqlContext): boolean {
  return isOfCategory(query, context) && holds(query.condition, context);
}

export function isOfCategory({ category }: EqlEventQuery, { table, slots, categoryField }: EqlContext): boolean {
  if (category === null) return true;
  const field = table.get(categoryField ?? 'event.category');
  return field !== undefined && elements(slots[field.slot]).includes(category);
}

/** Whether a condition holds: predicates are true or false, and `not` turns them round. */
export function holds(node: EqlExpression, context: EqlContext): boolean {
  const known = constant(node);
  if (known !== undefined) return known === true;
  switch (node.kind) {
    case 'and':
      return node.parts.every((part) => holds(part, context));
    case 'or':
      return node.parts.some((part) => holds(part, context));
    case 'not':
      return !holds(node.part, context);
    case 'field':
      return comparisonHolds({ ...IS_TRUE, left: node }, context);
    case 'compare':
      return comparisonHolds(node, context);
    case 'in':
      return node.options.some((option) => isOption(node.value, option, node.insensitive, context));
    case 'descendant':
      return context.descends?.(node.query) ?? false;
    default:
      return some(node, context);
  }
}

function comparisonHolds(node: Extract<EqlExpression, { kind: 'compare' }>, context: EqlContext): boolean {
  const { operator, left, right } = node;
  const [a, b] = [constant(left), constant(right)];
  if (a !== undefined) return b !== undefined ? false : constantBeside(right, mirrored(operator), a, node, context);
  return b === undefined ? some(node, context) : constantBeside(left, operator, b, node, context);
}

function constantBeside(
  part: EqlExpression,
  operator: CompareOperator,
  value: EqlValue,
  whole: EqlExpression,
  context: EqlContext,
): boolean {
  const equality = operator === '==' || operator === '!=';
  if (value === null) {
    const missing = some({ ...IS_NULL, left: part }, context);
    return operator === '==' ? missing : equality && !missing;
  }
  if (equality && typeof value === 'boolean' && isBoolean(part))
    return ((operator === '==') === value) === holds(part, context);
  if (part.kind !== 'field' || part.stage !== undefined) return some(whole, context);
  return comparison(part, operator, value, context);
}

const IS_TRUE = { kind: 'compare', operator: '==', right: { kind: 'literal', value: true, at: 0 }, at: 0 } as const;
const IS_NULL = { kind: 'compare', operator: '==', right: { kind: 'literal', value: null, at: 0 }, at: 0 } as const;

function mirrored(operator: CompareOperator): CompareOperator {
  return operator.replace(/[<>]/, (sign) => (sign === '<' ? '>' : '<')) as CompareOperator;
}

function isBoolean(node: EqlExpression): boolean {
  if (node.kind === 'call') return eqlFunction(node.name)?.result === 'boolean';
  return !['literal', 'field', 'arithmetic', 'negative'].includes(node.kind);
}

/** A field of the event beside a constant, as KQL's reference has it but for texts. */
function comparison(node: EqlField, operator: CompareOperator, value: EqlValue, context: EqlContext): boolean {
  if (operator === '!=') return !comparison(node, '==', value, context);
  const { table, slots, nowMs } = context;
  const field = table.get(node.name);
  if (field === undefined) return false;
  const texts = field.type === 'keyword' || field.type === 'wildcard' || field.type === 'text';
  if ((texts && isNumeric(value) && operator !== '==') || field.type === 'text') {
    const bound = field.type === 'text' && operator === '==' ? String(value) : value;
    return elements(slots[field.slot]).some((one) => compareValues(operator, fromSlot(field, one), bound) === true);
  }
  const name: KqlLiteral = { segments: [node.name], quoted: true, at: 0 };
  const literal: KqlLiteral = { segments: [String(value)], quoted: true, at: 0 };
  if (operator === '==') return interpretKql({ kind: 'is', field: name, value: literal }, table, slots, nowMs);
  return interpretKql({ kind: 'range', field: name, operator, value: literal }, table, slots, nowMs);
}

function isOption(value: EqlExpression, option: EqlExpression, insensitive: boolean, context: EqlContext): boolean {
  const wanted = constant(option);
  if (wanted === null) return false;
  const plain = value.kind === 'field' && value.stage === undefined && wanted !== undefined;
  if (plain && !(insensitive && typeof wanted === 'string')) return comparison(value, '==', wanted, context);
  return some({ kind: 'in', insensitive, value, options: [option], at: 0 }, context);
}

/** True for one of the combinations of values that the predicate's fields have, of those that are looked at (bounds.ts). */
function some(node: EqlExpression, context: EqlContext): boolean {
  const fields = [...fieldsIn(node)];
  let left = MAX_COMBINATIONS;
  const tryAll = (at: number, bindings: Map<string, EqlValue>): boolean => {
    const next = fields[at];
    if (next === undefined) {
      left -= [...bindings.values()].reduce((sum: number, value) => sum + combinationsOf(value), 1);
      return evaluate(node, bindings) === true;
    }
    return valuesOf(next, context).some(
      (value) => left > 0 && tryAll(at + 1, new Map(bindings).set(keyOf(next), value)),
    );
  };
  return tryAll(0, new Map());
}

export function fieldsIn(node: EqlExpression, into = new Map<string, EqlField>()): Iterable<EqlField> {
  if (node.kind === 'field') into.set(keyOf(node), node);
  else for (const part of below(node)) fieldsIn(part, into);
  return into.values();
}

function keyOf({ name, stage = '' }: EqlField): string {
  return `${stage}\0${name}`;
}

function valuesOf(node: EqlField, { table, slots, earlier }: EqlContext): readonly EqlValue[] {
  const field = table.get(node.name);
  const source = node.stage === undefined ? slots : earlier?.get(node.stage);
  const values = field === undefined ? [] : present(field, source?.[field.slot]);
  return values.length === 0 ? [null] : values;
}

function present(field: Field, value: SlotValue): readonly EqlValue[] {
  return elements(value)
    .map((one) => fromSlot(field, one))
    .filter((one) => one !== null);
}

/** The value of what has no field; undefined: it has one. Three-valued: what is decided by one side is decided. */
export function constant(node: EqlExpression): EqlValue | undefined {
  if (node.kind === 'field' || node.kind === 'descendant') return undefined;
  const parts = below(node).map(constant);
  if (node.kind === 'and' || node.kind === 'or') {
    const decisive = node.kind === 'or';
    if (parts.includes(decisive)) return decisive;
    if (parts.includes(undefined)) return undefined;
    return parts.includes(null) ? null : !decisive;
  }
  if (node.kind === 'compare') {
    const asks = /^[=!]=$/.test(node.operator) && [node.left, node.right].some(isNullWord);
    if (!asks && parts.includes(null)) return null;
  }
  return parts.includes(undefined) ? undefined : evaluate(node, new Map());
}

function below(node: EqlExpression): readonly EqlExpression[] {
  if (node.kind === 'compare' || node.kind === 'arithmetic') return [node.left, node.right];
  if (node.kind === 'in') return [node.value, ...node.options];
  if (node.kind === 'like' || node.kind === 'regex') return [node.value, ...node.patterns];
  if (node.kind === 'not' || node.kind === 'negative') return [node.part];
  return 'parts' in node ? node.parts : [];
}

function isNullWord(node: EqlExpression): boolean {
  return node.kind === 'literal' && node.value === null;
}

/** Three-valued, with one value for each field. */
function evaluate(node: EqlExpression, bindings: Bindings): EqlValue {
  const value = (part: EqlExpression) => evaluate(part, bindings);
  switch (node.kind) {
    case 'literal':
      return node.value;
    case 'field':
      return bindings.get(keyOf(node)) ?? null;
    case 'call':
      return callValue(node, node.parts.map(value));
    case 'arithmetic':
      return calculate(node.operator, value(node.left), value(node.right));
    case 'negative':
      return negative(value(node.part));
    case 'compare':
      return compared(node.operator, node.left, node.right, value);
    case 'in': {
      const [wanted, ...options] = [node.value, ...node.options].map(value).map((one) => folded(one, node.insensitive));
      return wanted === null ? null : options.some((one) => compareValues('==', wanted!, one) === true);
    }
    case 'like':
    case 'regex': {
      const one = value(node.value);
      if (one === null || typeof one === 'boolean') return null;
      const text = String(one);
      return node.patterns.some((pattern) => matchesPattern(node.kind, text, String(value(pattern)), node.insensitive));
    }
    case 'not':
      return negation(value(node.part));
    case 'and':
    case 'or': {
      const parts = node.parts.map(value);
      const decisive = node.kind === 'or';
      if (parts.some((part) => part !== null && (part === true) === decisive)) return decisive;
      return parts.includes(null) ? null : !decisive;
    }
    case 'descendant':
      return null;
  }
}

function callValue(node: Extract<EqlExpression, { kind: 'call' }>, values: EqlValue[]): EqlValue {
  const known = eqlFunction(node.name);
  return known === undefined ? null : known.make(node.insensitive, values)(values);
}

function negative(value: EqlValue): EqlValue {
  return typeof value === 'number' ? -value : calculate('*', value, -1n);
}

function negation(value: EqlValue): EqlValue {
  return value === null ? null : value !== true;
}

function compared(
  operator: CompareOperator,
  left: EqlExpression,
  right: EqlExpression,
  value: (node: EqlExpression) => EqlValue,
): EqlValue {
  const asksNull = [left, right].some(isNullWord);
  if (!asksNull) return compareValues(operator, value(left), value(right));
  const missing = value(left) === null && value(right) === null;
  return operator === '==' ? missing : operator === '!=' ? !missing : null;
}

function folded(value: EqlValue, insensitive: boolean): EqlValue {
  return insensitive && typeof value === 'string' ? foldCase(value) : value;
}

/** in: text, pattern. */
function matchesPattern(kind: 'like' | 'regex', text: string, pattern: string, insensitive: boolean): boolean {
  if (kind === 'regex') return compileRegex(pattern, insensitive).test(text);
  const [own, wanted] = insensitive ? [foldCase(text), foldCase(pattern)] : [text, pattern];
  const signs = Array.from(wanted, (char) => (char === '*' ? ANY : char === '?' ? ONE : char));
  return isLike(signs, Array.from(own));
}

function elements(value: SlotValue): readonly Scalar[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]) as readonly Scalar[];
}
