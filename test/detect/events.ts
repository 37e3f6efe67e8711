// Events for detection tests.

import { EcsEvent, type SlotValue } from '../../src/ecs/event.ts';
import type { FieldTable } from '../../src/ecs/fields.ts';

export const DAY = 86_400_000;

export interface When {
  id?: string;
  wallMs?: number;
  bootId?: string;
  bootMs?: number;
}

let serial = 0;

/** An exec event with those slots; time and id as given, boot time equal to wall time unless said. */
export function execEvent(table: FieldTable, values: Record<string, SlotValue> = {}, when: When = {}): EcsEvent {
  const { wallMs = 0, bootId = 'boot-1', bootMs = wallMs, id = `event-${++serial}` } = when;
  const event = new EcsEvent(table);
  const slots: Record<string, SlotValue> = {
    '@timestamp': wallMs,
    'event.kind': 'event',
    'event.category': 'process',
    'event.type': 'start',
    'event.action': 'exec',
    'host.os.type': 'linux',
    'host.name': 'web-1',
    'host.id': 'host-id-1',
    'user.name': 'root',
    ...values,
  };
  for (const [name, value] of Object.entries(slots)) event.set(table.add(name, 'keyword'), value);
  return Object.assign(event, { id, wallMs, bootId, bootNs: BigInt(Math.round(bootMs * 1e6)) });
}
