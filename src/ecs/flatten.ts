// A JSON document (nested objects, dotted keys, both mixed, any fields) -> a flat event, as Elasticsearch indexes it:
// arrays of objects merge field by field, `nested` fields keep their objects as sub-events. Called by the query and
// replay commands for each line of NDJSON. Hostile documents cost what they hold: depth and fields are bounded, keys are
// only ever looked up in Maps.
//
// A field that nobody declared follows each of its values (Field.dynamic): text is compared as keyword, numbers as
// numbers, so that documents that disagree about a field's type match as each of them says.

import { coerce } from './coerce.ts';
import { EcsEvent, type Scalar, type SlotValue } from './event.ts';
import type { Field, FieldTable } from './fields.ts';
import { isRawNumber } from './json.ts';
import { ecsType } from './known-types.ts';

export interface FlattenOptions {
  /** Fields that the table does not know: added as they come (default), or left out (a query that reads none of them). */
  unknown?: 'add' | 'skip';
  /** Fields that the table may have before unknown ones are dropped and counted. Default 10,000. */
  maxFields?: number;
}

/**
 * What a document held that the event does not: a value that is not of its field's type, that lies too deep, or whose
 * field would be one too many (or has a name beyond 1,000 characters).
 */
export interface Dropped {
  readonly field: string;
  readonly reason: 'type' | 'depth' | 'fields';
}

export interface Flattened {
  readonly event: EcsEvent;
  readonly dropped: readonly Dropped[];
}

type Json = Readonly<Record<string, unknown>>;

const MAX_NAME = 1000;
/** Objects and arrays within one another. Elasticsearch's default is 20. */
export const MAX_DEPTH = 200;

/**
 * in: document (of ecs/json.ts), table, options; out: its event with `source` and, from @timestamp, `wallMs` set, and
 * what was dropped. Never throws.
 */
export function flattenDocument(document: Json, table: FieldTable, options: FlattenOptions = {}): Flattened {
  const dropped: Dropped[] = [];
  const event = new EcsEvent(table);
  const { unknown = 'add', maxFields = 10_000 } = options;
  new Flattening(table, unknown, maxFields, dropped).object('', document, 0, event);
  event.source = document;
  const time = event.get('@timestamp');
  if (typeof time === 'number') event.wallMs = time;
  return { event, dropped };
}

class Flattening {
  readonly #table: FieldTable;
  readonly #unknown: 'add' | 'skip';
  readonly #maxFields: number;
  readonly #dropped: Dropped[];

  constructor(table: FieldTable, unknown: 'add' | 'skip', maxFields: number, dropped: Dropped[]) {
    this.#table = table;
    this.#unknown = unknown;
    this.#maxFields = maxFields;
    this.#dropped = dropped;
  }

  object(prefix: string, object: Json, depth: number, into: EcsEvent): void {
    for (const key of Object.keys(object)) {
      this.#value(prefix === '' ? key : `${prefix}.${key}`, prefix, object[key], depth, into);
    }
  }

  #value(name: string, parent: string, value: unknown, depth: number, into: EcsEvent): void {
    if (value === null || value === undefined) return;
    if (typeof value !== 'object') {
      this.#scalar(name, parent, value as Scalar, depth, into);
    } else if (isRawNumber(value)) {
      this.#scalar(name, parent, BigInt(value.rawJSON), depth, into);
    } else if (depth >= MAX_DEPTH) {
      this.#dropped.push({ field: name.slice(0, 200), reason: 'depth' });
    } else if (Array.isArray(value)) {
      for (const element of value) this.#value(name, parent, element, depth + 1, into);
    } else if (this.#table.get(name)?.type === 'nested') {
      this.#nested(this.#table.get(name)!, value as Json, depth, into);
    } else if (!this.#dotted(name, parent, value, depth, into)) {
      this.object(name, value as Json, depth + 1, into);
    }
  }

  #nested(field: Field, value: Json, depth: number, into: EcsEvent): void {
    const element = new EcsEvent(this.#table);
    this.object(field.name, value, depth + 1, element);
    const before = into.slots[field.slot] as EcsEvent[] | undefined;
    if (before === undefined) into.slots[field.slot] = [element];
    else before.push(element);
  }

  /** A dotted key that leads through a nested field: `{"n.k": 1}` is `{"n": {"k": 1}}`. */
  #dotted(name: string, parent: string, value: unknown, depth: number, into: EcsEvent): boolean {
    const field = this.#table.nestedAbove(name).find((above) => above.name.length > parent.length);
    if (field === undefined) return false;
    this.#nested(field, { [name.slice(field.name.length + 1)]: value }, depth, into);
    return true;
  }

  #scalar(name: string, parent: string, value: Scalar, depth: number, into: EcsEvent): void {
    if (this.#dotted(name, parent, value, depth, into)) return;
    const field = this.#table.get(name) ?? this.#add(name);
    if (field === undefined) return;
    const slotValue = coerce(field, value);
    if (slotValue === undefined) this.#dropped.push({ field: name, reason: 'type' });
    else if (slotValue !== null) append(into.slots, field.slot, slotValue);
  }

  #add(name: string): Field | undefined {
    if (this.#unknown === 'skip') return undefined;
    if (this.#table.size >= this.#maxFields || name.length > MAX_NAME) {
      this.#dropped.push({ field: name.slice(0, 200), reason: 'fields' });
      return undefined;
    }
    const type = ecsType(name);
    return type === undefined ? this.#table.addDynamic(name) : this.#table.add(name, type);
  }
}

/** The arrays are this event's own until it is handed out. */
function append(slots: SlotValue[], slot: number, value: Scalar): void {
  const before = slots[slot];
  if (before === undefined) slots[slot] = value;
  else if (typeof before === 'object') (before as Scalar[]).push(value);
  else slots[slot] = [before, value];
}
