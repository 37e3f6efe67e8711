// The flat event: an array of slots. Made by enrich/ (live and replay) or by ecs/flatten.ts (documents).

import type { Field, FieldTable } from './fields.ts';

/**
 * keyword, wildcard, text, ip: string. long: number, or bigint beyond 2^53. double: number. boolean: boolean.
 * date: milliseconds since 1970 (fraction allowed). Several values: an array. nested: sub-events.
 */
export type Scalar = string | number | bigint | boolean;
export type SlotValue = undefined | Scalar | readonly Scalar[] | readonly EcsEvent[];

/** What touches this event that a reader of its alert has to know. Closed list; proto/ has the same. */
export interface Gap {
  kind:
    | 'lost_records'
    | 'truncated'
    | 'unreadable'
    | 'unknown_parent'
    | 'unknown_session'
    | 'capped_alerts'
    | 'document_cut';
  /** What exactly: a field name, or a sentence. */
  detail: string;
  count: number;
}

/** One ancestor in an alert's process tree. Text is cut (args to 1 KiB in all). */
export interface LineageEntry {
  pid: number;
  entity_id?: string;
  name?: string;
  executable?: string;
  command_line?: string;
  user_id?: string;
  /** Milliseconds since 1970. */
  startMs?: number;
  /** Where it is known from. */
  source: 'kernel' | 'procfs' | 'fork' | 'unknown';
}

export class EcsEvent {
  /** hash(boot id, boot ns, tgid, action): the same event has the same id for ever. */
  id = '';
  /** Boot the event belongs to; windows run on boot time within one boot, on wall time across boots. */
  bootId = '';
  bootNs = 0n;
  /** Milliseconds since 1970. */
  wallMs = 0;
  readonly table: FieldTable;
  readonly slots: SlotValue[];
  gaps: Gap[] = [];
  /** Oldest known ancestor first, the process itself last. Live events only; call it before the next record is enriched. */
  lineage?: () => readonly LineageEntry[];
  /** The document this event was read from (query, replay over NDJSON): kept so that output is what came in. */
  source?: Readonly<Record<string, unknown>>;

  /** slots: filled in part, owned by the event from now on (a copied template is faster than a fresh array). */
  constructor(table: FieldTable, slots: SlotValue[] = new Array(table.size)) {
    this.table = table;
    this.slots = slots;
  }

  get(name: string): SlotValue {
    const field = this.table.get(name);
    return field === undefined ? undefined : this.slots[field.slot];
  }

  set(field: Field | number, value: SlotValue): void {
    this.slots[typeof field === 'number' ? field : field.slot] = value;
  }
}
