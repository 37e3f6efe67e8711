// The contract of a query language: text in, predicate over slots out. KQL is one; each probe of EQL is another (eql-program.ts).

import type { SlotValue } from '../ecs/event.ts';
import type { Field, FieldTable } from '../ecs/fields.ts';

export interface CompiledQuery {
  /** True when the event matches. Never throws, whatever the slots hold. */
  matches(slots: readonly SlotValue[]): boolean;
  /** Every field that the query reads (wildcard names expanded): what the host must be able to fill. */
  readonly fields: readonly Field[];
  /** True when it reads fields that may be added to the table later: a pattern in a name, an object, free text. */
  readonly open?: true;
  /** The syntax tree, for why, cover extraction and the reference interpreter. */
  readonly tree: unknown;
  /**
   * Terms of which at least one must hold for the query to match, the cheapest cover of the tree; undefined
   * when there is none (ranges, not, exists only). Used for the index over rules and for wake hints.
   */
  readonly cover?: readonly CoverTerm[];
  /**
   * The cover that weighs least where `weigh` says how often a term is in an event (Infinity: not to be used). Optional: without
   * it there is `cover` alone.
   */
  readonly coverBy?: (weigh: (term: CoverTerm) => number) => readonly CoverTerm[] | undefined;
  /**
   * Partial evaluation: the query once some slots are known (undefined: the event has no value there). Undefined when
   * nothing can match then; else a query for events that agree with `fixed`, with a cover over the other fields.
   * Optional: without it the detector evaluates the whole query for every class of events.
   */
  readonly given?: (fixed: ReadonlyMap<number, SlotValue>) => CompiledQuery | undefined;
  /**
   * A query that reads no other slots than these, and matches every event that this one could match, whatever is in the
   * others. Optional: without it any event could match.
   */
  readonly within?: (slots: ReadonlySet<number>) => CompiledQuery;
}

export interface CoverTerm {
  readonly field: Field;
  readonly value: string | number | bigint | boolean;
  /** Default equals: that very value. folded: but for the case of ASCII letters. contains: as a part, case as in folded. */
  readonly how?: 'equals' | 'folded' | 'contains';
}

export interface CompileOptions {
  /**
   * Reference time of date math (`now/d`), milliseconds since 1970, asked for each event; default: the event's own
   * @timestamp, so that replay gives what the live run gave.
   */
  now?: (slots: readonly SlotValue[]) => number;
  /** Type of fields that neither the table nor ECS knows; `dynamic` (documents of any kind) follows each value. */
  unknown?: 'keyword' | 'dynamic';
}

/**
 * Throws FB_QUERY_SYNTAX, FB_QUERY_VALUE ... with line and column. Unknown fields are added to the table, with their ECS
 * type (ecs/known-types.ts) or as keyword.
 */
export type CompileQuery = (text: string, fields: FieldTable, options?: CompileOptions) => CompiledQuery;
