// Several compiled queries as one: any of them (what a sequence's probes are together), or all of them (a rule's query and its
// filters). In: queries over the same table; out: a query. Used by detect/compile-rule.ts.

import type { SlotValue } from '../ecs/event.ts';
import type { CompiledQuery, CoverTerm } from './language.ts';

type Weigh = (term: CoverTerm) => number;

/** Matches what any of them matches; none: nothing. Its tree is the list of theirs. */
export function anyQuery(queries: readonly CompiledQuery[]): CompiledQuery {
  if (queries.length === 1) return queries[0]!;
  const union = (covers: readonly (readonly CoverTerm[] | undefined)[]) =>
    covers.every((cover) => cover !== undefined) ? [...new Set(covers.flat())] : undefined;
  const cover = union(queries.map((query) => query.cover));
  return {
    matches: (slots) => queries.some((query) => query.matches(slots)),
    get fields() {
      return [...new Set(queries.flatMap(({ fields }) => fields))];
    },
    get tree() {
      return queries.map(({ tree }) => tree);
    },
    ...openness(queries),
    ...(cover !== undefined && { cover }),
    coverBy: (weigh) => union(queries.map((query) => coverOf(query, weigh))),
    given: (fixed) => {
      const left = queries.flatMap((query) => givenOf(query, fixed) ?? []);
      return left.length === 0 ? undefined : anyQuery(left);
    },
    within: (slots) => anyQuery(queries.map((query) => withinOf(query, slots))),
  };
}

/** Matches what all of them match. in: one or more, the chief one first: its tree is that of the whole. */
export function allQueries(queries: readonly CompiledQuery[]): CompiledQuery {
  const [first] = queries;
  if (queries.length === 1) return first!;
  const cover = queries.find((query) => query.cover !== undefined)?.cover;
  return {
    matches: (slots) => queries.every((query) => query.matches(slots)),
    get fields() {
      return [...new Set(queries.flatMap(({ fields }) => fields))];
    },
    get tree() {
      return first!.tree;
    },
    ...openness(queries),
    ...(cover !== undefined && { cover }),
    coverBy: (weigh) => lightest(queries, weigh),
    given: (fixed) => {
      const left = queries.map((query) => givenOf(query, fixed));
      return left.every((query) => query !== undefined) ? allQueries(left) : undefined;
    },
    within: (slots) => allQueries(queries.map((query) => withinOf(query, slots))),
  };
}

function openness(queries: readonly CompiledQuery[]): { open?: true } {
  return queries.some(({ open }) => open) ? { open: true } : {};
}

function coverOf(query: CompiledQuery, weigh: Weigh): readonly CoverTerm[] | undefined {
  return query.coverBy === undefined ? query.cover : query.coverBy(weigh);
}

function lightest(queries: readonly CompiledQuery[], weigh: Weigh): readonly CoverTerm[] | undefined {
  const weightOf = (cover: readonly CoverTerm[]) => cover.reduce((sum, term) => sum + weigh(term), 0);
  const covers = queries.flatMap((query) => {
    const cover = coverOf(query, weigh);
    return cover === undefined ? [] : [cover];
  });
  return covers.length === 0 ? undefined : covers.reduce((best, one) => (weightOf(one) < weightOf(best) ? one : best));
}

function givenOf(query: CompiledQuery, fixed: ReadonlyMap<number, SlotValue>): CompiledQuery | undefined {
  return query.given === undefined ? query : query.given(fixed);
}

const EVERYTHING: CompiledQuery = { matches: () => true, fields: [], tree: undefined };

function withinOf(query: CompiledQuery, slots: ReadonlySet<number>): CompiledQuery {
  return query.within?.(slots) ?? EVERYTHING;
}
