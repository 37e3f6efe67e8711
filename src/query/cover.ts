// The cover of a query: terms of which at least one must hold for it to match, as a percolator finds them: AND takes its
// lightest part, OR the union of its parts, `not` and ranges have none. In: a plan and what a term weighs; out: the terms.
// Used by plan.ts, and through CompiledQuery.coverBy by the index over rules, which weighs by what it has seen.

import type { CoverTerm } from './language.ts';
import type { Leaf, Plan } from './plan.ts';

/** In: a term; out: how often it is in an event, in any unit that is the same for all; Infinity: it cannot be looked up. */
export type Weigh = (term: CoverTerm) => number;

interface Cover {
  readonly terms: readonly CoverTerm[];
  readonly weight: number;
}

/** out: the cover that weighs least; undefined: there is none, any event could match; no terms: none can. */
export function coverOf(plan: Plan, weigh: Weigh): readonly CoverTerm[] | undefined {
  return lightest(plan, weigh)?.terms;
}

function lightest(plan: Plan, weigh: Weigh): Cover | undefined {
  switch (plan.kind) {
    case 'constant':
      return plan.value ? undefined : { terms: [], weight: 0 };
    case 'not':
      return undefined;
    case 'leaf':
      return lighter(weighed(exactTerms(plan), weigh), weighed(partTerms(plan), weigh));
    case 'or':
      return union(plan.parts.map((part) => lightest(part, weigh)));
    case 'and':
      return plan.parts.map((part) => lightest(part, weigh)).reduce(lighter, undefined);
  }
}

function exactTerms({ equals, folded }: Leaf): readonly CoverTerm[] | undefined {
  if (equals !== undefined) return equals.values.map((value) => ({ field: equals.field, value }));
  return folded?.values.map((value) => ({ field: folded.field, value, how: 'folded' }));
}

function partTerms({ contains }: Leaf): readonly CoverTerm[] | undefined {
  return contains?.parts.map((value) => ({ field: contains.field, value, how: 'contains' }));
}

function weighed(terms: readonly CoverTerm[] | undefined, weigh: Weigh): Cover | undefined {
  if (terms === undefined) return undefined;
  const weight = terms.reduce((sum, term) => sum + weigh(term), 0);
  return weight === Infinity ? undefined : { terms, weight };
}

function lighter(a: Cover | undefined, b: Cover | undefined): Cover | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.weight < a.weight ? b : a;
}

function union(covers: readonly (Cover | undefined)[]): Cover | undefined {
  const all = covers.filter((cover) => cover !== undefined);
  if (all.length < covers.length) return undefined;
  return { terms: all.flatMap(({ terms }) => terms), weight: all.reduce((sum, { weight }) => sum + weight, 0) };
}

/** Nearly every event has these values: a cover of them is hardly better than none. */
const UNSELECTIVE = /^(host\.os\.|event\.(kind|category|type|action|module|dataset)$|data_stream\.|agent\.|ecs\.)/;
/** Where one value is common to many programs: an argument (`-c`), a parent (`bash`), a user. */
const COMMON = /^(process\.(args|command_line|parent\.|(session|group|entry)_leader\.)|user\.|group\.)/;

/** What a term weighs before any event was seen. */
export function guessedWeight({ field, value, how }: CoverTerm): number {
  const base = UNSELECTIVE.test(field.name) ? 1000 : COMMON.test(field.name) ? 8 : 1;
  if (how !== 'contains') return base;
  const { length } = value as string;
  return base * (length >= 6 ? 3 : length >= 4 ? 10 : length >= 3 ? 30 : length >= 2 ? 200 : 2000);
}
