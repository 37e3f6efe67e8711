// Probes of a rule that only remember (`descendant of [...]`). Called by detector.ts.

import type { EcsEvent } from '../../ecs/event.ts';
import type { Tracked } from '../../query/eql-program.ts';
import type { Counters } from '../../stats.ts';

/** in: those probes, all that the event matches; out: the others of these. What found no room any more is counted. */
export function noteTracked(
  tracked: readonly Tracked[],
  matched: readonly number[],
  { slots }: EcsEvent,
  counters: Counters,
): readonly number[] {
  for (const each of tracked) {
    if (!matched.includes(each.probe)) continue;
    const { evicted } = each;
    each.note(slots);
    if (each.evicted > evicted) counters.add('detect_tracked_evicted_total', each.evicted - evicted);
  }
  return matched.filter((probe) => tracked.every((each) => each.probe !== probe));
}
