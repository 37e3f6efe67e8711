// The contract of `why` and `why-not`: a query on one event, each predicate with the values it saw and its verdict. Made by the
// reference interpreters (kql-explain.ts, eql-explain.ts), read by commands/.

import type { SlotValue } from '../ecs/event.ts';

export interface Explained {
  readonly kind: 'and' | 'or' | 'not' | 'leaf';
  /** The predicate as the language writes it, on one line; of and/or/not the word alone. */
  readonly text: string;
  /** Where it begins in the query, UTF-16 units. */
  readonly at: number;
  readonly matches: boolean;
  /** Of a leaf: what it read; undefined: the event has no value there. */
  readonly values: readonly { readonly field: string; readonly value: SlotValue }[];
  readonly parts: readonly Explained[];
}

/** What the verdicts of its parts make of the whole. */
export function verdictOf(kind: 'and' | 'or' | 'not', parts: readonly Explained[]): boolean {
  if (kind === 'and') return parts.every(({ matches }) => matches);
  return kind === 'or' ? parts.some(({ matches }) => matches) : !parts[0]!.matches;
}
