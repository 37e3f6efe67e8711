// What a query may cost on one event. Called by the compilers.

import type { EqlValue } from './eql-tree.ts';
import { queryError } from './kql-parse.ts';
import { type Leaf, leavesOf, type Plan } from './plan.ts';

/**
 * Searches through texts that all predicates of a query may make together, so that a text of 32 KiB takes it a few milliseconds at
 * most. The dearest of Elastic's rules makes about 190.
 */
export const MAX_SEARCHES = 1000;

/** Combinations of values that one predicate looks at; more are not looked at (work.skipped). */
export const MAX_COMBINATIONS = 10_000;
/** Parts of expressions that a query computes for an event, which its predicates share: those with many look at fewer combinations. */
export const MAX_COMPUTED = 100_000;
const LONG_TEXT = 1024;

/** How many combinations one with this value counts for: a long text counts for several. */
export function combinationsOf(value: EqlValue): number {
  return typeof value === 'string' ? Math.floor(value.length / LONG_TEXT) : 0;
}

/** in: the plans of a query as the compiler made them (of a sequence one for each stage), its text. Throws FB_QUERY_TOO_LARGE. */
export function assertBounded(plans: readonly Plan[], text: string): void {
  const searches = plans.reduce((sum, plan) => sum + searchesOf(plan), 0);
  if (searches <= MAX_SEARCHES) return;
  const message = `an event would cost this query ${searches} searches through texts, at most ${MAX_SEARCHES} are taken`;
  throw queryError('FB_QUERY_TOO_LARGE', message, text, 0, 'make several rules of it');
}

/** Of a whole plan. */
export function searchesOf(plan: Plan): number {
  return leavesOf(plan).reduce((sum, leaf) => sum + leafSearches(leaf), 0);
}

/** Looks into sets cost next to nothing; ranges and the like about a search where there are very many values. */
function leafSearches({ searches, equals, folded }: Leaf): number {
  return searches ?? (equals === undefined && folded === undefined ? 1 : 0);
}
