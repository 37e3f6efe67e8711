// Which predicates of an explained query decided its verdict: all that hold where it matches, those that do not where it does not.
// In: Explained; out: predicates, each with what it was. Pure; called by detect/explain-rule.ts for `why` and `why-not`.

import type { Explained } from './explain.ts';

export interface Decider {
  readonly leaf: Explained;
  /**
   * missing: the event has no value there. exclusion: it holds, under a `not`, and so hides the event. value: what the event has is
   * another. holds: it is part of a match.
   */
  readonly role: 'missing' | 'exclusion' | 'value' | 'holds';
}

/** in: the explanation of a whole query; out: in the order of the query. */
export function decidersOf(explained: Explained): Decider[] {
  const deciders: Decider[] = [];
  visit(explained, explained.matches, false, deciders);
  return deciders;
}

/** Where the parts of an `or` all fail, all of them decided; of an `and` those that failed. negated: below an odd number of nots. */
function visit(node: Explained, whole: boolean, negated: boolean, into: Decider[]): void {
  switch (node.kind) {
    case 'leaf':
      into.push({ leaf: node, role: whole ? 'holds' : roleOf(node, negated) });
      return;
    case 'not':
      for (const part of node.parts) visit(part, whole, !negated, into);
      return;
    default: {
      const allCount = (node.kind === 'and') === node.matches;
      for (const part of node.parts) if (allCount || part.matches === node.matches) visit(part, whole, negated, into);
    }
  }
}

function roleOf({ values, matches }: Explained, negated: boolean): Decider['role'] {
  if (negated) return matches ? 'exclusion' : 'value';
  return values.length > 0 && values.every(({ value }) => value === undefined) ? 'missing' : 'value';
}

/** How far an event is from a match: predicates that would have to turn out otherwise, the cheapest way. 0: it matches. */
export function distanceOf(node: Explained, wanted = true): number {
  if (node.kind === 'leaf') return node.matches === wanted ? 0 : 1;
  if (node.kind === 'not') return node.parts.reduce((sum, part) => sum + distanceOf(part, !wanted), 0);
  const parts = node.parts.map((part) => distanceOf(part, wanted));
  const all = (node.kind === 'and') === wanted;
  return all ? parts.reduce((sum, part) => sum + part, 0) : Math.min(...parts, Number.MAX_SAFE_INTEGER);
}
