// Explanations for a person: each predicate with a mark and the value that it saw, alternatives of one field on one line, and what
// decided. In: explanations; out: escaped lines. Called by why.ts, why-not.ts and exceptions-suggest.ts.

import type { ItemExplained, QueryExplained } from '../detect/explain-rule.ts';
import { EcsEvent, type SlotValue } from '../ecs/event.ts';
import type { Decider } from '../query/deciding.ts';
import type { Explained } from '../query/explain.ts';
import { escapeText, type Paint } from './terminal.ts';

const MAX_VALUE = 160;
const MAX_TEXT = 200;

const ROLE_TEXTS: Readonly<Record<Decider['role'], string>> = {
  missing: 'the event has no value there',
  exclusion: 'excluded by the rule',
  value: 'the event has another value',
  holds: 'holds',
};

/** A value as it stands in an event; several in brackets. */
function valueText(value: SlotValue): string {
  if (value === undefined) return '(no value)';
  const text = Array.isArray(value)
    ? value[0] instanceof EcsEvent
      ? `${value.length} objects`
      : `[${value.map(one).join(', ')}]`
    : one(value);
  return shortened(text, MAX_VALUE);
}

/** Exact as JSON: what is beyond 2^53 as text. */
export function valueJson(value: SlotValue): unknown {
  if (value === undefined) return null;
  if (Array.isArray(value)) return value[0] instanceof EcsEvent ? value.length : value.map((item) => valueJson(item));
  return typeof value === 'bigint' ? String(value) : typeof value === 'string' ? value.toWellFormed() : value;
}

function one(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}

/** in: one of a rule's queries; out: its heading and a line for each predicate. */
export function queryLines({ name, explained, missing, deciders }: QueryExplained, paint: Paint): string[] {
  const decided = new Set(deciders.filter(({ role }) => role !== 'holds').map(({ leaf }) => leaf));
  const verdict = explained.matches ? paint('green', 'matches') : paint('yellow', 'does not match');
  const said = missing ? ' (an event that must not come)' : '';
  return [`${paint('bold', escapeText(name))}${said}: ${verdict}`, ...lines(explained, 1, false, decided, paint)];
}

function lines(
  node: Explained,
  depth: number,
  negated: boolean,
  decided: ReadonlySet<Explained>,
  paint: Paint,
): string[] {
  const indent = '  '.repeat(Math.min(depth, 12));
  if (node.kind === 'leaf') return [leafLine(node, indent, negated, decided, paint)];
  const sameField = node.kind === 'or' && node.parts.length > 1 ? fieldOfAll(node.parts) : undefined;
  if (sameField !== undefined) return [alternativesLine(node, indent, negated, decided, paint)];
  if (node.kind === 'not') {
    const [part] = node.parts;
    if (part!.kind === 'leaf' || (part!.kind === 'or' && fieldOfAll(part!.parts) !== undefined)) {
      return lines(part!, depth, !negated, decided, paint);
    }
  }
  if (node.kind === 'not' && node.parts[0]!.kind === 'or') {
    const [part] = node.parts as [Explained];
    const inner = part.parts.flatMap((each) => lines(each, depth + 1, !negated, decided, paint));
    return [`${indent}${markOf(node.matches !== negated, paint)} ${negated ? 'one of' : 'none of'}`, ...inner];
  }
  const word = { and: 'all of', or: 'one of', not: 'not' }[node.kind as 'and' | 'or' | 'not'];
  const inner = node.kind === 'not' ? !negated : negated;
  const mark = markOf(node.matches !== negated, paint);
  return [`${indent}${mark} ${word}`, ...node.parts.flatMap((part) => lines(part, depth + 1, inner, decided, paint))];
}

/** Of leaves that read one and the same field; undefined: they do not. */
function fieldOfAll(parts: readonly Explained[]): string | undefined {
  const [first] = parts;
  const field = first?.values.length === 1 ? first.values[0]!.field : undefined;
  if (field === undefined) return undefined;
  const same = parts.every(
    (part) => part.kind === 'leaf' && part.values.length === 1 && part.values[0]!.field === field,
  );
  return same ? field : undefined;
}

/** Below a not, a predicate that holds is the one that hides the event. */
function leafLine(
  leaf: Explained,
  indent: string,
  negated: boolean,
  decided: ReadonlySet<Explained>,
  paint: Paint,
): string {
  const seen = leaf.values.map(({ field, value }) => (leaf.values.length > 1 ? `${field} ` : '') + valueText(value));
  const text = `${negated ? 'not ' : ''}${shortened(leaf.text, MAX_TEXT)}`;
  return line(indent, leaf.matches !== negated, text, seen.join(', '), decided.has(leaf), paint);
}

function alternativesLine(
  node: Explained,
  indent: string,
  negated: boolean,
  decided: ReadonlySet<Explained>,
  paint: Paint,
): string {
  const holding = node.parts.filter(({ matches }) => matches).map(({ text }) => text);
  const [{ text: first, values }] = node.parts as [Explained];
  const said =
    holding.length > 0
      ? `${holding[0]} (1 of ${node.parts.length} alternatives)`
      : `${shortened(first, MAX_TEXT)} or ${node.parts.length - 1} more alternatives`;
  const isDecided = node.parts.some((part) => decided.has(part));
  const text = `${negated ? 'not ' : ''}${said}`;
  return line(indent, node.matches !== negated, text, valueText(values[0]!.value), isDecided, paint);
}

function line(indent: string, good: boolean, text: string, value: string, decided: boolean, paint: Paint): string {
  const mark = decided ? `  ${paint('red', '<-- decided')}` : '';
  return `${indent}${markOf(good, paint)} ${escapeText(text)}${value === '' ? '' : `  ${paint('dim', escapeText(value))}`}${mark}`;
}

function markOf(good: boolean, paint: Paint): string {
  return good ? paint('green', '+') : paint('red', '-');
}

/** in: an item; out: its entries, each with what the event has. */
export function itemLines({ item, hides, entries }: ItemExplained, paint: Paint): string[] {
  const verdict = hides ? paint('yellow', 'hides the event') : 'does not fit';
  const shown = hides ? entries : entries.filter(({ holds }) => !holds);
  return [
    `${paint('bold', escapeText(`exception ${item.item_id}`))} (${escapeText(item.name)}): ${verdict}`,
    ...shown.map(({ text, holds, value }) => line('  ', holds, text, valueText(value), false, paint)),
  ];
}

/** What decided, a sentence each; alternatives of one field are one. */
export function deciderTexts(deciders: readonly Decider[]): string[] {
  const groups: Decider[][] = [];
  for (const decider of deciders) {
    const last = groups.at(-1);
    if (last !== undefined && isAlternative(last[0]!, decider)) last.push(decider);
    else groups.push([decider]);
  }
  return groups.map(([first, ...others]) => {
    const { leaf, role } = first!;
    const seen = leaf.values.map(({ value }) => valueText(value)).join(', ');
    const more =
      others.length === 0 ? '' : ` or ${others.length} more ${others.length === 1 ? 'alternative' : 'alternatives'}`;
    const text = `${shortened(leaf.text, MAX_TEXT)}${more}: ${ROLE_TEXTS[role]}`;
    return role === 'missing' ? text : `${text}, ${seen}`;
  });
}

function isAlternative(a: Decider, b: Decider): boolean {
  const [one, other] = [a, b].map(({ leaf }) => leaf.values);
  return a.role === b.role && one?.length === 1 && other?.length === 1 && one[0]!.field === other[0]!.field;
}

function explainedJson(node: Explained): Record<string, unknown> {
  const { kind, text, at, matches, values, parts } = node;
  const place = { text, at, matches };
  if (kind === 'leaf')
    return { ...place, values: values.map(({ field, value }) => ({ field, value: valueJson(value) })) };
  return { kind, ...place, parts: parts.map(explainedJson) };
}

export function queryJson({ name, missing, explained, deciders }: QueryExplained): Record<string, unknown> {
  return {
    ...{ name, matches: explained.matches, ...(missing && { missing }) },
    decided: deciders.map(({ leaf, role }) => ({ ...explainedJson(leaf), role })),
    predicates: explainedJson(explained),
  };
}

export function itemJson({ item, hides, entries }: ItemExplained): Record<string, unknown> {
  const said = entries.map(({ text, holds, value }) => ({ text, holds, value: valueJson(value) }));
  return { item_id: item.item_id, list_id: item.list_id, name: item.name, hides, entries: said };
}
