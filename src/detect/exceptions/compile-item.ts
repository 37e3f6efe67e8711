// The entries of an exception item -> one test over slots, and what is to be said of it on this host. Values mean on each
// type of field what they mean in KQL (numbers and booleans as texts, CIDR on addresses). Called by exception-set.ts.
// In doubt an exception does not apply: an item that could hide more here than where it was written is refused.

import { EcsEvent, type Gap, type Scalar, type SlotValue } from '../../ecs/event.ts';
import type { Field, FieldTable } from '../../ecs/fields.ts';
import { ecsType } from '../../ecs/known-types.ts';
import { ForebearError } from '../../errors.ts';
import { existsPredicate, isPredicate, type Judged, KEYWORD_LIMIT } from '../../query/kql-predicates.ts';
import { type HashOf, hashesNamed } from '../hash-source.ts';
import type { HostAbilities } from '../host-abilities.ts';
import type { ExceptionEntry, FieldEntry, ItemFacts, NestedEntry } from './exception-list.ts';
import { compileWildcard, MOST_MARKED, MOST_MIXED } from './wildcard.ts';

export type SlotTest = (slots: readonly SlotValue[]) => boolean;

export interface CompiledItem {
  /** All entries hold. */
  readonly matches: SlotTest;
  /** Whose hashes its entries name, and whether all others hold. */
  readonly hashes: readonly HashOf[];
  readonly matchesBesides: SlotTest;
  /** Outer fields that must not have a value: a doubt about one of them (Gap) is a doubt about the item. */
  readonly excludedFields: readonly string[];
  /** Why it cannot apply on this host though it is in order; one sentence each. */
  readonly limits: readonly string[];
}

export interface ItemContext {
  /** The table of the events; fields that only items name are added. */
  readonly fields: FieldTable;
  /** Absent: documents of any origin. */
  readonly abilities?: HostAbilities;
}

/** Nested entries say which fields are nested: before any item is compiled, so that their order does not matter. */
export function declareNested(items: readonly ItemFacts[], fields: FieldTable): void {
  for (const { entries } of items) {
    for (const entry of entries) {
      if (entry.type === 'nested' && !isPlain(entry.field, fields)) fields.add(entry.field, 'nested');
    }
  }
}

/** Throws FB_EXCEPTION_VALUE, FB_EXCEPTION_NESTED, FB_EXCEPTION_FIELD. */
export function compileItem(
  { entries, osTypes }: Pick<ItemFacts, 'entries' | 'osTypes'>,
  context: ItemContext,
): CompiledItem {
  const tests = entries.map((entry) => compileEntry(entry, context));
  const besides = tests.filter((_test, i) => hashesNamed([entries[i]!.field]).length === 0);
  const outer = entries.filter((entry): entry is FieldEntry => entry.type !== 'nested');
  const excludedFields = outer.filter(({ excluded }) => excluded).map(({ field }) => field);
  return {
    matches: (slots) => tests.every((test) => test(slots)),
    hashes: hashesNamed(entries.map(({ field }) => field)),
    matchesBesides: (slots) => besides.every((test) => test(slots)),
    excludedFields,
    limits: limitsOf(entries, osTypes, context),
  };
}

function limitsOf(
  entries: readonly ExceptionEntry[],
  osTypes: readonly string[],
  { abilities }: ItemContext,
): string[] {
  if (abilities === undefined) return [];
  const needed = entries.filter((entry) => entry.type === 'nested' || !entry.excluded).map(({ field }) => field);
  const missing = needed.filter((field) => !fillsBelow(field, abilities));
  const os = osTypes.length > 0 && !osTypes.includes('linux') ? [`is for ${osTypes.join(' and ')} only`] : [];
  return [...os, ...missing.map((field) => `${field} is never filled on this host`)];
}

function compileEntry(entry: ExceptionEntry, context: ItemContext): SlotTest {
  return entry.type === 'nested' ? compileNested(entry, context) : compileField(entry, context);
}

/** All inner entries hold for one and the same object. */
function compileNested({ field: name, entries, path }: NestedEntry, { fields }: ItemContext): SlotTest {
  if (isPlain(name, fields)) {
    const message = `${path}.field: ${name} is a plain object here, whose values do not keep together`;
    throw new ForebearError('FB_EXCEPTION_NESTED', message);
  }
  const { slot } = fields.add(name, 'nested');
  const tests = entries.map((entry) => compileField({ ...entry, field: `${name}.${entry.field}` }, { fields }, name));
  return (slots) => {
    const value = slots[slot];
    if (typeof value !== 'object') return false;
    return value.some((object) => object instanceof EcsEvent && tests.every((test) => test(object.slots)));
  };
}

function isPlain(name: string, fields: FieldTable): boolean {
  const known = fields.get(name);
  if (known !== undefined) return known.type !== 'nested';
  return fields.all().some((field) => field.name.startsWith(`${name}.`));
}

/** within: the nested field whose objects the entry is asked of. */
function compileField(entry: FieldEntry, { fields, abilities }: ItemContext, within?: string): SlotTest {
  const above = fields.nestedAbove(entry.field).at(-1)?.name;
  if (above !== within || fields.get(entry.field)?.type === 'nested') {
    const message = `${entry.path}.field: ${entry.field} can only be asked in a nested entry of ${above ?? entry.field}`;
    throw new ForebearError('FB_EXCEPTION_NESTED', message);
  }
  if (entry.excluded && abilities !== undefined && !fillsBelow(entry.field, abilities)) {
    const message = `${entry.path}: ${entry.field} is never filled on this host, so "excluded" would always hold`;
    throw new ForebearError('FB_EXCEPTION_FIELD', message);
  }
  const test = entry.type === 'exists' ? existsTest(entry, fields) : valueTest(entry, fields);
  return entry.excluded ? (slots) => !test(slots) : test;
}

/** A field, or an object any of whose fields is there. A value too long to be indexed is none, but for `excluded`. */
function existsTest({ field: name, excluded }: FieldEntry, fields: FieldTable): SlotTest {
  const below = fields.all().filter((field) => field.name.startsWith(`${name}.`) && field.type !== 'nested');
  const targets = below.length > 0 ? below : [addField(name, fields)];
  const tests = targets.map((field) => {
    const { test } = existsPredicate(field);
    return anyValue(field.slot, (value) => excluded || test(value, 0));
  });
  return (slots) => tests.some((test) => test(slots));
}

function valueTest(entry: FieldEntry, fields: FieldTable): SlotTest {
  const field = addField(entry.field, fields);
  if (entry.type === 'wildcard') return anyValue(field.slot, wildcardTest(entry, field));
  const judged = entry.values.map((value) => isPredicate(field, { segments: [value], quoted: true, at: 0 }));
  const predicates = judged.map((one, i) => sound(one, entry, i));
  if (predicates.every(({ values }) => values !== undefined)) {
    const wanted = new Set(predicates.flatMap(({ values }) => values!));
    return anyValue(field.slot, (value) => wanted.has(value));
  }
  return anyValue(field.slot, (value) => predicates.some(({ test }) => test(value, 0)));
}

function sound(judged: Judged, { type, path, field }: FieldEntry, i: number) {
  const at = type === 'match_any' ? `${path}.value[${i}]` : `${path}.value`;
  if ('fault' in judged) throw new ForebearError('FB_EXCEPTION_VALUE', `${at}: ${field}: ${judged.fault}`);
  if (judged.relative) throw new ForebearError('FB_EXCEPTION_VALUE', `${at}: ${field}: expected a fixed date`);
  return judged;
}

/** Longer values of keyword fields are not seen, but where that would widen the item. */
function wildcardTest({ values, excluded, path }: FieldEntry, { name, type }: Field): (value: Scalar) => boolean {
  if (type !== 'keyword' && type !== 'wildcard') {
    throw new ForebearError('FB_EXCEPTION_VALUE', `${path}: wildcards need a keyword field, ${name} is ${type}`);
  }
  const matches = compileWildcard(values[0]!);
  if (matches === undefined) {
    const most = `${MOST_MARKED} characters, with a backslash in it ${MOST_MIXED}`;
    const message = `${path}.value: a pattern with ? has at most ${most}`;
    throw new ForebearError('FB_EXCEPTION_VALUE', message);
  }
  const limit = type === 'keyword' && !excluded ? KEYWORD_LIMIT : Number.POSITIVE_INFINITY;
  return (value) => typeof value === 'string' && value.length <= limit && matches(value);
}

function addField(name: string, fields: FieldTable): Field {
  return fields.add(name, ecsType(name) ?? 'keyword');
}

function anyValue(slot: number, test: (value: Scalar) => boolean): SlotTest {
  return (slots) => {
    const value = slots[slot];
    if (value === undefined) return false;
    return typeof value === 'object' ? (value as readonly Scalar[]).some(test) : test(value);
  };
}

/** A field, or any below it. */
function fillsBelow(name: string, abilities: HostAbilities): boolean {
  return abilities.fills(name) || abilities.fillsBelow(name);
}

/** Fields that lack their values when a parent or a session is not known. */
const UNKNOWN: Partial<Record<Gap['kind'], RegExp>> = {
  unknown_parent: /^(process\.parent|forebear\.ancestors|process\.Ext\.ancestry)(\.|$)/,
  unknown_session: /^process\.(session|entry|group)_leader\./,
};

/** What is missing may only not have been seen: then nobody knows that an excluded field has no such value. */
export function isDoubted(excludedFields: readonly string[], gaps: readonly Gap[]): boolean {
  return gaps.some(({ kind, detail }) => {
    const unknown = UNKNOWN[kind];
    if (unknown !== undefined) return excludedFields.some((field) => unknown.test(field));
    if (kind !== 'truncated' && kind !== 'unreadable') return false;
    return excludedFields.some((field) => field === detail || field === detail.replace(/\.args$/, '.command_line'));
  });
}
