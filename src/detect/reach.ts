// Which events of this host a query can match at all, by partial evaluation for each kind of event with the fields that are
// never filled fixed to "no value". In: a compiled query; out: sensors and limits, or the error that refuses the rule. Pure;
// called by compile-rule.ts, and for the stages of a sequence by reach-program.ts.

import type { SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { ForebearError } from '../errors.ts';
import type { CompiledQuery } from '../query/language.ts';
import {
  type EventKind,
  FOREIGN_CATEGORIES,
  FOREIGN_KINDS,
  type HostAbilities,
  reachesOneOf,
} from './host-abilities.ts';

export interface Reach {
  sensors: readonly string[];
  limits?: readonly string[];
}

/** Where a query is judged: the table that it was compiled with, the host, the rule's index patterns. */
export interface ReachContext {
  readonly fields: FieldTable;
  readonly abilities: HostAbilities;
  /** Kinds of events that the rule's index patterns take in. */
  readonly kinds: readonly EventKind[];
  /** Where the rule has the fields that have to be there besides: for messages. */
  readonly neededBy: string;
  /** Of whoever reports: set also when the rule is refused. */
  readonly said: { sensors: readonly string[] };
}

/** in: index patterns of a rule; out: the kinds whose data streams they match. */
export function kindsIn(index: readonly string[], { kinds, dataStreams }: HostAbilities): readonly EventKind[] {
  return kinds.filter(({ streams }) => reachesOneOf(index, streams ?? dataStreams));
}

/**
 * in: query, fields that have to be there besides (of new terms, of thresholds).
 * out: kinds of events that can match. Throws FB_RULE_SENSOR, FB_RULE_FIELD.
 */
export function judgeReach(query: CompiledQuery, needed: readonly string[], context: ReachContext): Reach {
  const { abilities, said } = context;
  const matched = reachableKinds(query, 'rule.query', context);
  said.sensors = sensorsOf(matched);
  refuseFields(
    needed.filter((name) => !abilities.fills(name)),
    context.neededBy,
  );
  const limits = limitsOn(query, matched, context);
  return { sensors: said.sensors, ...(limits.length > 0 ? { limits } : {}) };
}

/**
 * The kinds of events of this host that the query can match, one or more. where: for messages, e.g. `rule.query: stage 2`.
 * Throws FB_RULE_SENSOR, FB_RULE_FIELD.
 */
export function reachableKinds(query: CompiledQuery, where: string, context: ReachContext): readonly EventKind[] {
  const { abilities, kinds, said } = context;
  const can = (kind: EventKind, absent: readonly string[]) => canMatch(query, kind, absent, context.fields);
  const seen = kinds.filter((kind) => can(kind, []));
  if (seen.length === 0) refuseSensor(query, where, context);
  const lacked = (kind: EventKind) => namesIn(query).filter((name) => !abilities.fills(name, kind));
  const matched = seen.filter((kind) => can(kind, lacked(kind)));
  if (matched.length > 0) return matched;
  said.sensors = sensorsOf(seen);
  const missing = [...new Set(seen.flatMap(lacked))];
  const alone = missing.filter((name) => !seen.some((kind) => lacked(kind).includes(name) && can(kind, [name])));
  const blamed = alone.length > 0 ? alone : missing;
  return refuseFields(blamed, where) ?? matched;
}

/** What a query that can match events of those kinds asks for besides: other events, and fields that none of them ever has. */
export function limitsOn(query: CompiledQuery, kinds: readonly EventKind[], context: ReachContext): string[] {
  const missing = namesIn(query).filter((name) => !kinds.some((kind) => context.abilities.fills(name, kind)));
  return [...unseenKinds(query, context), ...missing.map((name) => `${name} is never filled on this host`)];
}

export function sensorsOf(kinds: readonly EventKind[]): string[] {
  return [...new Set(kinds.map(({ sensor }) => sensor))];
}

/** What delivers the events that the query asks for, where this host has no such sensor. */
export function foreignSensors(query: CompiledQuery, fields: FieldTable): string[] {
  const matched = (kinds: readonly EventKind[]) => sensorsOf(kinds.filter((kind) => canMatch(query, kind, [], fields)));
  return [FOREIGN_KINDS, FOREIGN_CATEGORIES].map(matched).find(({ length }) => length > 0) ?? [];
}

/** in: kinds that sensor.events leaves out. Throws FB_RULE_SENSOR when there is one to name. */
export function refuseLeftOut(kinds: readonly EventKind[], where: string): void {
  if (kinds.length === 0) return;
  const needs = sensorsOf(kinds).join(' or ');
  throw new ForebearError('FB_RULE_SENSOR', `${where}: needs ${needs} events, which sensor.events leaves out`, {
    hint: 'name them in sensor.events, or set it to "auto"',
  });
}

/** Throws FB_RULE_FIELD when there is a field to name. */
export function refuseFields(names: readonly string[], where: string): void {
  if (names.length === 0) return;
  throw new ForebearError('FB_RULE_FIELD', `${where}: needs ${names.join(', ')}, which this host never fills`);
}

function namesIn(query: CompiledQuery): string[] {
  return query.fields.map(({ name }) => name);
}

/** Whether any event of that kind can match, when it has no value in the `absent` fields. */
function canMatch(query: CompiledQuery, kind: EventKind, absent: readonly string[], fields: FieldTable): boolean {
  return leftOf(query, kind, absent, fields) !== undefined;
}

/** What the query still asks of events of that kind; undefined: none can match. */
function leftOf(query: CompiledQuery, kind: EventKind, absent: readonly string[], fields: FieldTable) {
  if (query.given === undefined) return query;
  const fixed = new Map<number, SlotValue>();
  for (const name of absent) fix(fixed, fields, name, undefined);
  for (const [name, value] of Object.entries(kind.fixed)) fix(fixed, fields, name, value);
  return query.given(fixed);
}

function fix(fixed: Map<number, SlotValue>, fields: FieldTable, name: string, value: SlotValue): void {
  const field = fields.get(name);
  if (field !== undefined) fixed.set(field.slot, value);
}

/** Of the events that the query asks for by event.category those that no sensor here delivers. */
function unseenKinds(query: CompiledQuery, context: ReachContext): string[] {
  if (!query.fields.some(({ name }) => name === 'event.category')) return [];
  const unseen = (kinds: readonly EventKind[]) => [...new Set(kinds.flatMap((kind) => unseenOf(query, kind, context)))];
  const known = unseen(FOREIGN_KINDS);
  return (known.length > 0 ? known : unseen(FOREIGN_CATEGORIES)).map(
    (what) => `its ${what} events are not seen on this host`,
  );
}

/** Of a category that has kinds here too, what the query asks for by event.action and they do not have. */
function unseenOf(query: CompiledQuery, foreign: EventKind, { abilities, fields }: ReachContext): string[] {
  const left = leftOf(query, foreign, [], fields);
  if (left === undefined) return [];
  const { 'event.category': category, 'event.action': action } = foreign.fixed;
  if (typeof action === 'string') return [action];
  const own = abilities.kinds.filter(({ fixed }) => [fixed['event.category']].flat().includes(category as string));
  if (own.length === 0) return [foreign.sensor];
  const named = left.coverBy?.(({ field, how }) =>
    field.name === 'event.action' && how !== 'contains' ? 1 : Infinity,
  );
  if (named === undefined) return canMatch(query, foreign, ['event.action'], fields) ? [foreign.sensor] : [];
  const seen = new Set(own.map(({ fixed }) => fixed['event.action']));
  return named.map(({ value }) => String(value)).filter((value) => !seen.has(value.toLowerCase()));
}

function refuseSensor(query: CompiledQuery, where: string, { fields, abilities, said }: ReachContext): never {
  const runsOn = (type: string) => canMatch(query, { sensor: '', fixed: { 'host.os.type': type } }, [], fields);
  if (!runsOn('linux')) {
    const others = ['windows', 'macos'].filter(runsOn);
    const only = others.length === 0 ? '' : `, it is for ${others.join(' and ')} (host.os.type)`;
    throw new ForebearError('FB_RULE_SENSOR', `${where}: no event of a Linux host can match${only}`);
  }
  const off = (abilities.off ?? []).filter((kind) => canMatch(query, kind, [], fields));
  said.sensors = off.length > 0 ? sensorsOf(off) : foreignSensors(query, fields);
  refuseLeftOut(off, where);
  const have = sensorsOf(abilities.kinds).join(', ');
  const needs = said.sensors.length === 0 ? 'events of another kind' : `${said.sensors.join(' or ')} events`;
  throw new ForebearError('FB_RULE_SENSOR', `${where}: needs ${needs}; this host has ${have}`);
}
