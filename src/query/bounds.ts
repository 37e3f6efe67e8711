// What a query may cost on one event. Called by the compilers.

import { queryError } from './kql-parse.ts';
import { leavesOf, type Plan } from './plan.ts';

/**
 * Searches through texts that all predicates of a query may make together, so that a text of 32 KiB takes it a few milliseconds at
 * most. The dearest of Elastic's rules makes about 130.
 */
export const MAX_SEARCHES = 1000;

/** in: a plan as the compiler made it, its query. Throws FB_QUERY_TOO_LARGE. */
export function assertBounded(plan: Plan, text: string): void {
  const searches = leavesOf(plan).reduce((sum, leaf) => sum + (leaf.searches ?? 0), 0);
  if (searches <= MAX_SEARCHES) return;
  const message = `the query searches texts for ${searches} patterns, at most ${MAX_SEARCHES} are taken`;
  throw queryError('FB_QUERY_TOO_LARGE', message, text, 0, 'make several rules of it');
}
