// What several events have in common: the event that a sequence's alert tells of (Kibana's shell alert). In: events in order;
// out: an event with the fields that all of them have with the same value; times, ids of the boot and ancestors are the last one's.
// Pure; used by kinds/joined.ts.

import { EcsEvent, type SlotValue } from '../ecs/event.ts';
import { isRawNumber } from '../ecs/json.ts';

type Table = Readonly<Record<string, unknown>>;

/** in: one event or more. */
export function commonEvent(events: readonly EcsEvent[]): EcsEvent {
  const last = events.at(-1)!;
  const slots: SlotValue[] = new Array(last.table.size);
  for (const [slot, value] of last.slots.entries()) {
    if (value !== undefined && events.every((event) => isSame(event.slots[slot], value))) slots[slot] = value;
  }
  const common = new EcsEvent(last.table, slots);
  const time = last.table.get('@timestamp');
  if (time !== undefined) common.set(time, last.slots[time.slot]);
  const { bootId, bootNs, wallMs, lineage } = last;
  const gaps = events.flatMap((event) => event.gaps);
  return Object.assign(common, { bootId, bootNs, wallMs, gaps, ...(lineage && { lineage }) });
}

function isSame(a: SlotValue, b: SlotValue): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

/** in: one document or more; out: what is the same in all of them, tables within tables. */
export function commonDocument(documents: readonly Table[]): Table {
  return documents.reduce(commonTable);
}

function commonTable(a: Table, b: Table): Table {
  const common: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(a)) {
    if (!Object.hasOwn(b, key)) continue;
    const other = b[key];
    if (isTable(value) && isTable(other)) {
      const below = commonTable(value, other);
      if (Object.keys(below).length > 0) define(common, key, below);
    } else if (JSON.stringify(value) === JSON.stringify(other)) define(common, key, value);
  }
  return common;
}

/** `__proto__` from a hostile document is a key like any other. */
function define(table: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(table, key, { value, enumerable: true, writable: true, configurable: true });
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);
}
