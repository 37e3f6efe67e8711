// Which events of this host a query can match at all, by partial evaluation for each kind of event with the fields that
// are never filled fixed to "no value". In: a compiled query; out: sensors and limits, or the error that refuses the
// rule. Pure; called by compile-rule.ts.

import type { SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { ForebearError } from '../errors.ts';
import type { CompiledQuery } from '../query/language.ts';
import { type EventKind, FOREIGN_CATEGORIES, FOREIGN_KINDS, type HostAbilities } from './host-abilities.ts';

export interface Reach {
  sensors: readonly string[];
  limits?: readonly string[];
}

/**
 * in: query, fields that new_terms needs besides, the table that it was compiled with.
 * out: kinds of events that can match. Sets `said.sensors` also when it throws FB_RULE_SENSOR or FB_RULE_FIELD.
 */
export function judgeReach(
  query: CompiledQuery,
  terms: readonly string[],
  fields: FieldTable,
  abilities: HostAbilities,
  said: { sensors: readonly string[] },
): Reach {
  const missing = query.fields.map(({ name }) => name).filter((name) => !abilities.fills(name));
  const can = (kind: EventKind, absent: readonly string[]) => canMatch(query, kind, absent, fields);
  const seen = abilities.kinds.filter((kind) => can(kind, []));
  if (seen.length === 0) refuseSensor(query, fields, abilities, said);
  const matched = seen.filter((kind) => can(kind, missing));
  said.sensors = names(matched.length > 0 ? matched : seen);
  if (matched.length === 0)
    refuseFields(
      missing.filter((name) => !seen.some((kind) => can(kind, [name]))),
      missing,
    );
  refuseFields(terms.filter((name) => !abilities.fills(name)));
  const limits = [...unseenKinds(query, fields), ...missing.map((name) => `${name} is never filled on this host`)];
  return { sensors: said.sensors, ...(limits.length > 0 ? { limits } : {}) };
}

/** Whether any event of that kind can match, when it has no value in the `absent` fields. */
function canMatch(query: CompiledQuery, kind: EventKind, absent: readonly string[], fields: FieldTable): boolean {
  if (query.given === undefined) return true;
  const fixed = new Map<number, SlotValue>();
  for (const name of absent) fix(fixed, fields, name, undefined);
  for (const [name, value] of Object.entries(kind.fixed)) fix(fixed, fields, name, value);
  return query.given(fixed) !== undefined;
}

function fix(fixed: Map<number, SlotValue>, fields: FieldTable, name: string, value: SlotValue): void {
  const field = fields.get(name);
  if (field !== undefined) fixed.set(field.slot, value);
}

function names(kinds: readonly EventKind[]): string[] {
  return [...new Set(kinds.map(({ sensor }) => sensor))];
}

/** Foreign kinds that the query asks for by event.category and that can match. */
function unseenKinds(query: CompiledQuery, fields: FieldTable): string[] {
  if (!query.fields.some(({ name }) => name === 'event.category')) return [];
  return foreignSensors(query, fields).map((sensor) => `its ${sensor} events are not seen on this host`);
}

function foreignSensors(query: CompiledQuery, fields: FieldTable): string[] {
  const matched = (kinds: readonly EventKind[]) => names(kinds.filter((kind) => canMatch(query, kind, [], fields)));
  const known = matched(FOREIGN_KINDS);
  return known.length > 0 ? known : matched(FOREIGN_CATEGORIES);
}

function refuseSensor(
  query: CompiledQuery,
  fields: FieldTable,
  abilities: HostAbilities,
  said: { sensors: readonly string[] },
): never {
  const os: EventKind = { sensor: '', fixed: { 'host.os.type': 'linux' } };
  if (!canMatch(query, os, [], fields)) {
    throw new ForebearError('FB_RULE_SENSOR', 'rule.query: no event of a Linux host can match');
  }
  said.sensors = foreignSensors(query, fields);
  const have = names(abilities.kinds).join(', ');
  const needs = said.sensors.length === 0 ? 'events of another kind' : `${said.sensors.join(' or ')} events`;
  throw new ForebearError('FB_RULE_SENSOR', `rule.query: needs ${needs}; this host has ${have}`);
}

/** Refuses when there is a field to name: `blamed`, or where no single one is to blame, all of `missing`. */
function refuseFields(blamed: readonly string[], missing: readonly string[] = []): void {
  const fields = blamed.length > 0 ? blamed : missing;
  if (fields.length === 0) return;
  throw new ForebearError('FB_RULE_FIELD', `needs ${fields.join(', ')}, which this host never fills`);
}
