// A query on an event, whatever the event holds: an error costs that verdict and is counted, and so is what was not looked at
// to the end. Called by detector.ts.

import type { EcsEvent } from '../ecs/event.ts';
import type { CompiledQuery } from '../query/language.ts';
import { work } from '../query/work.ts';
import type { Counters } from '../stats.ts';

/** Counts detect_rule_errors_total (then it does not match) and detect_evaluations_cut_total. */
export function evaluateQuery(query: CompiledQuery, { slots }: EcsEvent, counters: Counters): boolean {
  try {
    const { skipped } = work;
    const matches = query.matches(slots);
    if (work.skipped > skipped) counters.add('detect_evaluations_cut_total', work.skipped - skipped);
    return matches;
  } catch {
    counters.add('detect_rule_errors_total');
    return false;
  }
}
