// All events that a record stands for, as the pipeline makes them for rules. Called by whoever wants every event of a recording:
// query, record, why-not.

import type { EcsEvent } from '../ecs/event.ts';
import { ID_CHANGES } from '../enrich/change-events.ts';
import type { Enricher } from '../enrich/enricher.ts';
import type { SensorRecord } from '../sensor/record.ts';

const CHANGES = new Set(ID_CHANGES);

export function eventsOf(enricher: Enricher, record: SensorRecord): readonly EcsEvent[] {
  if (record.kind === 'credentials') return enricher.changes.ofCredentials(record, CHANGES);
  const changes = record.kind === 'exec' ? enricher.changes.ofExec(record, CHANGES) : [];
  const event = enricher.enrich(record);
  return event === undefined ? changes : [...changes, event];
}
