// Expressions as values: what a predicate computes that is more than a field beside a constant. In: tree; out: a function of the
// values of its fields, which are bound one value at a time: of a field with several, each is tried, as Elasticsearch's scripts do.
// Also the folding of what has no field, in three-valued logic. Called by eql-plan.ts.

import { calculate, eqlFunction } from './eql-functions.ts';
import { partsOf } from './eql-parse.ts';
import { compileRegex } from './eql-regex.ts';
import type { EqlExpression, EqlField, EqlValue } from './eql-tree.ts';
import { compareValues, foldCase, isNumeric } from './eql-values.ts';
import { compileWildcard } from './eql-wildcard.ts';

/** The values that the inputs have now; null: none. */
type Bound = readonly EqlValue[];
type Evaluate = (bound: Bound) => EqlValue;
/** Where in Bound a field stands; the same field is always at the same place. */
type PlaceOf = (field: EqlField) => number;

/** in: a checked tree without `descendant`; out: its value. */
export function compileScalar(node: EqlExpression, placeOf: PlaceOf): Evaluate {
  const scalar = (part: EqlExpression) => compileScalar(part, placeOf);
  switch (node.kind) {
    case 'literal': {
      const { value } = node;
      return () => value;
    }
    case 'field': {
      const place = placeOf(node);
      return (bound) => bound[place]!;
    }
    case 'call': {
      const parts = node.parts.map(scalar);
      const constants = node.parts.map((part) => (part.kind === 'literal' ? part.value : undefined));
      const apply = eqlFunction(node.name)!.make(node.insensitive, constants);
      return (bound) => apply(parts.map((part) => part(bound)));
    }
    case 'arithmetic': {
      const [left, right] = [scalar(node.left), scalar(node.right)];
      return (bound) => calculate(node.operator, left(bound), right(bound));
    }
    case 'negative': {
      const part = scalar(node.part);
      return (bound) => minus(part(bound));
    }
    case 'compare': {
      const [left, right] = [scalar(node.left), scalar(node.right)];
      if (isNullWord(node.right)) return presence(node.operator, left);
      if (isNullWord(node.left)) return presence(node.operator, right);
      return (bound) => compareValues(node.operator, left(bound), right(bound));
    }
    case 'in':
      return oneOf(scalar(node.value), node.options.map(scalar), node.insensitive);
    case 'like':
    case 'regex':
      return matching(scalar(node.value), patternTest(node));
    case 'not': {
      const part = scalar(node.part);
      return (bound) => negation(part(bound));
    }
    case 'and':
    case 'or':
      return junction(node.parts.map(scalar), node.kind === 'or');
    case 'descendant':
      return () => null;
  }
}

/** `== null` and `!= null`; other comparisons with null have no value. */
function presence(operator: string, part: Evaluate): Evaluate {
  if (operator === '==') return (bound) => part(bound) === null;
  return operator === '!=' ? (bound) => part(bound) !== null : () => null;
}

/** Has no value: the word `null`, or an expression that comes to nothing. */
export function isNull(node: EqlExpression): boolean {
  return node.kind === 'literal' && node.value === null;
}

function isNullWord(node: EqlExpression): boolean {
  return isNull(node) && !(node as { computed?: true }).computed;
}

function minus(value: EqlValue): EqlValue {
  if (typeof value === 'bigint') return calculate('-', 0n, value);
  return isNumeric(value) ? -value : null;
}

function negation(value: EqlValue): EqlValue {
  return value === null ? null : value !== true;
}

function junction(parts: readonly Evaluate[], decisive: boolean): Evaluate {
  return (bound) => {
    let unknown = false;
    for (const part of parts) {
      const value = part(bound);
      if (value === null) unknown = true;
      else if ((value === true) === decisive) return decisive;
    }
    return unknown ? null : !decisive;
  };
}

function oneOf(value: Evaluate, options: readonly Evaluate[], insensitive: boolean): Evaluate {
  const folded = (one: EqlValue) => (insensitive && typeof one === 'string' ? foldCase(one) : one);
  return (bound) => {
    const wanted = folded(value(bound));
    if (wanted === null) return null;
    return options.some((option) => compareValues('==', wanted, folded(option(bound))) === true);
  };
}

/** Of a number its digits (Elastic Defend's dialect; in Elasticsearch's it is refused). */
function matching(value: Evaluate, test: (text: string) => boolean): Evaluate {
  return (bound) => {
    const one = value(bound);
    if (isNumeric(one)) return test(String(one));
    return typeof one === 'string' ? test(one) : null;
  };
}

type PatternNode = Extract<EqlExpression, { kind: 'like' | 'regex' }>;

/** in: `like` or `regex`, its patterns texts; out: whether a text matches one of them. */
function patternTest(node: PatternNode): (text: string) => boolean {
  const patterns = node.patterns.map((pattern) => String((pattern as { value?: EqlValue }).value));
  if (node.kind === 'regex') {
    const tests = patterns.map((pattern) => compileRegex(pattern, node.insensitive).test);
    return (text) => tests.some((test) => test(text));
  }
  const fold = node.insensitive ? foldCase : (text: string) => text;
  const tests = patterns.map((pattern) => compileWildcard(fold(pattern)).test);
  return (text) => {
    const folded = fold(text);
    return tests.some((test) => test(folded));
  };
}

/** The tree with every part that has no field replaced by its value; what is decided already is gone from `and` and `or`. */
export function foldConstants(node: EqlExpression): EqlExpression {
  switch (node.kind) {
    case 'literal':
    case 'field':
    case 'descendant':
      return node;
    case 'and':
    case 'or':
      return foldJunction(node);
    default:
      return folded(withFoldedParts(node));
  }
}

function withFoldedParts(node: Exclude<EqlExpression, { kind: 'and' | 'or' }>): EqlExpression {
  switch (node.kind) {
    case 'call':
      return { ...node, parts: node.parts.map(foldConstants) };
    case 'not':
    case 'negative':
      return { ...node, part: foldConstants(node.part) };
    case 'arithmetic':
    case 'compare':
      return { ...node, left: foldConstants(node.left), right: foldConstants(node.right) };
    case 'in':
      return { ...node, value: foldConstants(node.value), options: node.options.map(foldConstants) };
    case 'like':
    case 'regex':
      return { ...node, value: foldConstants(node.value) };
    default:
      return node;
  }
}

function folded(node: EqlExpression): EqlExpression {
  const literal = (value: EqlValue): EqlExpression => ({ kind: 'literal', value, computed: true, at: node.at });
  if (node.kind === 'compare' && comesToNothing(node)) return literal(null);
  const constant = partsOf(node).every((part) => part.kind === 'literal');
  return constant ? literal(compileScalar(node, () => 0)([])) : node;
}

/** `x < null` has no value, whatever x is, nor has `x == (1 / 0)`; `x == null` always has. */
function comesToNothing({ operator, left, right }: Extract<EqlExpression, { kind: 'compare' }>): boolean {
  const asks = (operator === '==' || operator === '!=') && (isNullWord(left) || isNullWord(right));
  return !asks && (isNull(left) || isNull(right));
}

function foldJunction(node: Extract<EqlExpression, { kind: 'and' | 'or' }>): EqlExpression {
  const decisive = node.kind === 'or';
  const parts = node.parts.map(foldConstants);
  const decided = parts.find((part) => part.kind === 'literal' && part.value === decisive);
  if (decided !== undefined) return decided;
  const rest = parts.filter((part) => part.kind !== 'literal' || part.value !== !decisive);
  if (rest.every(isNull))
    return { kind: 'literal', value: rest.length === 0 ? !decisive : null, computed: true, at: node.at };
  // A field alone is a value, not yet a predicate: `(false or b) == false` is `not b`, and true where b is missing.
  return rest.length === 1 && rest[0]!.kind !== 'field' ? rest[0]! : { ...node, parts: rest };
}
