// A field beside constants -> the leaf of a plan, which the index can use: `field == "x"`, `field in (...)`, `field : "x*"`,
// `field regex "..."`, `field != null`. As Elasticsearch pushes them down to Lucene: true when any value of the field is; false
// when it has none. Types decide as in KQL (kql-predicates.ts). Called by eql-plan.ts.

import type { Field } from '../ecs/fields.ts';
import { compileRegex } from './eql-regex.ts';
import type { CompareOperator, EqlValue } from './eql-tree.ts';
import { compareValues, foldCase, fromSlot, isIndexed, isNumeric } from './eql-values.ts';
import { compileWildcard, hasWildcards } from './eql-wildcard.ts';
import {
  existsPredicate,
  isPredicate,
  type Judged,
  KEYWORD_LIMIT,
  type Predicate,
  rangePredicate,
} from './kql-predicates.ts';
import type { KqlLiteral } from './kql-tree.ts';
import type { Leaf, Plan } from './plan.ts';
import * as leaves from './plan-leaves.ts';
import { work } from './work.ts';

/** A constant that cannot be of the field's type. */
export class LeafFault extends Error {}

/** `field != null`. */
export function existsLeaf(field: Field): Leaf {
  return leaf(field, existsPredicate(field));
}

/** `field operator constant`, operator not `!=`. Throws LeafFault. */
export function compareLeaf(
  field: Field,
  operator: Exclude<CompareOperator, '!='>,
  value: EqlValue,
  now: leaves.Now,
): Plan {
  if (isNumeric(value) && operator !== '==' && isText(field))
    return leaf(field, numbersInTexts(field, operator, value));
  const literal: KqlLiteral = { segments: [String(value)], quoted: true, at: 0 };
  const target = field.type === 'text' ? { ...field, type: 'wildcard' as const } : field;
  const judged: Judged = operator === '==' ? isPredicate(target, literal) : rangePredicate(target, operator, literal);
  if ('fault' in judged) throw new LeafFault(`${field.name}: ${judged.fault}`);
  return leaves.predicateLeaf(field, judged, now);
}

/** `field == "x"` but for the case of ASCII letters: any of the texts. */
export function foldedLeaf(field: Field, texts: readonly string[]): Leaf {
  const values = texts.filter((text) => isIndexed(field, text)).map(foldCase);
  return leaves.foldedLeaf(field, [...new Set(values)]);
}

/** `field like (...)`, `field : (...)`: any of the patterns. */
export function likePlan(field: Field, patterns: readonly string[], insensitive: boolean): Plan {
  if (patterns.some((pattern) => /^\*+$/.test(pattern)) && isText(field) && !field.dynamic) return existsLeaf(field);
  const [plain, wild] = [patterns.filter((one) => !hasWildcards(one)), patterns.filter(hasWildcards)];
  const parts: Plan[] = [];
  if (plain.length > 0) parts.push(insensitive ? foldedLeaf(field, plain) : equalLeaf(field, plain));
  if (wild.length > 0) {
    const compiled = wild.map((pattern) => compileWildcard(insensitive ? foldCase(pattern) : pattern));
    parts.push(leaves.patternsLeaf(field, compiled, insensitive));
  }
  return parts.length === 1 ? parts[0]! : { kind: 'or', parts };
}

function equalLeaf(field: Field, texts: readonly string[]): Leaf {
  return leaves.equalsLeaf(
    field,
    texts.filter((text) => isIndexed(field, text)),
  );
}

/** What a regular expression costs on a long text, in searches for a word. */
const REGEX = 8;

/** `field regex (...)`: any of the patterns. */
export function regexLeaf(field: Field, patterns: readonly string[], insensitive: boolean): Leaf {
  const compiled = patterns.map((pattern) => compileRegex(pattern, insensitive));
  const matches = (text: string) => {
    work.steps += text.length * compiled.length;
    return compiled.some(({ test }) => test(text));
  };
  const parts = compiled.flatMap((one) => one.parts ?? ['']);
  const predicate = { test: onText(field, matches), cost: 3000, searches: REGEX * patterns.length };
  return { ...leaf(field, predicate), ...containing(field, parts) };
}

/** Of each pattern a part; without one of them nothing can be said. */
export function containing(field: Field, parts: readonly string[]): Pick<Leaf, 'contains'> {
  return parts.includes('') ? {} : { contains: { field, parts: [...new Set(parts)] } };
}

function onText(field: Field, matches: (text: string) => boolean): Predicate['test'] {
  if (field.type !== 'keyword') return (value) => typeof value === 'string' && matches(value);
  return (value) => typeof value === 'string' && value.length <= KEYWORD_LIMIT && matches(value);
}

/** `user.id >= 1000`, where ids are keywords: by number, not by letter; what is no number is not compared. */
function numbersInTexts(field: Field, operator: CompareOperator, bound: EqlValue): Predicate {
  return { test: (value) => compareValues(operator, fromSlot(field, value), bound) === true, cost: 200 };
}

export function isText(field: Field): boolean {
  return field.type === 'keyword' || field.type === 'wildcard' || field.type === 'text';
}

/** Of a predicate that asks for no clock. */
function leaf(field: Field, predicate: Predicate): Leaf {
  return leaves.predicateLeaf(field, predicate, () => Number.NaN);
}
