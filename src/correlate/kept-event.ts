// An event as it waits for others. Called by sequence.ts and sample.ts.

import { EcsEvent } from '../ecs/event.ts';

/** The same event without what is only good before the next record (lineage), which holds the process table; slots are shared. */
export function keptEvent(event: EcsEvent): EcsEvent {
  const kept = new EcsEvent(event.table, event.slots);
  kept.id = event.id;
  kept.bootId = event.bootId;
  kept.bootNs = event.bootNs;
  kept.wallMs = event.wallMs;
  kept.gaps = event.gaps;
  if (event.source !== undefined) kept.source = event.source;
  return kept;
}
