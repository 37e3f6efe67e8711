// What EQL text compiles to: one query per stage for the index, and what binds the stages together. Made by eql-compile.ts,
// run by correlate/ (sequences, samples) and by detect/ and the query command (single events).
//
// Every query of a program is a probe: the detector asks the index which probes of which rules could match an event, evaluates
// those, and hands the numbers of those that match to the rule's Correlator.

import type { SlotValue } from '../ecs/event.ts';
import type { Field, FieldTable } from '../ecs/fields.ts';
import type { EqlPipe, EqlQuery } from './eql-tree.ts';
import type { CompiledQuery, CompileOptions } from './language.ts';

export interface EqlProgram {
  readonly kind: 'event' | 'sequence' | 'sample';
  /** In this order: the stages, `until`, the tracked queries. Where a stage asks for runs, it is one probe here. */
  readonly probes: readonly CompiledQuery[];
  /** One for an event query. `with runs=n` is n stages of the same probe. */
  readonly stages: readonly StageProgram[];
  readonly until?: StageProgram;
  /** Milliseconds; sequences only. */
  readonly maxspanMs?: number;
  readonly tracked: readonly Tracked[];
  readonly pipes: readonly EqlPipe[];
  /** What any of the probes, keys and references reads. */
  readonly fields: readonly Field[];
  readonly tree: EqlQuery;
}

export interface StageProgram {
  /** Index into probes. */
  readonly probe: number;
  /** `by` of the sequence, then of the stage: as many in each stage; those of the same keys have one list, looked at once. */
  readonly keys: readonly StageKey[];
  readonly missing: boolean;
  readonly name?: string;
  /**
   * What the stage says of earlier stages (`event0.process.name`), which its probe takes for true. earlier: the events of
   * the stages before, in stage order, undefined for a missing one.
   */
  readonly confirm?: (slots: readonly SlotValue[], earlier: readonly (readonly SlotValue[] | undefined)[]) => boolean;
}

export interface StageKey {
  readonly field: Field;
  /** `?field`: no value is a value of its own; else an event without it takes no part. */
  readonly optional: boolean;
}

/**
 * Endpoint's `descendant of [...]`: the detector calls `note` with each event that its probe matches; the predicate asks for
 * the event's ancestors. State, so a program belongs to one run.
 */
export interface Tracked {
  readonly probe: number;
  note(slots: readonly SlotValue[]): void;
  /** Whether an ancestor of the event's process was noted. */
  holds(slots: readonly SlotValue[]): boolean;
  /** Processes remembered; bounded, the oldest go first and are counted here. */
  readonly size: number;
  readonly evicted: number;
}

export interface EqlOptions extends CompileOptions {
  /** Where `process where` is looked for; default event.category. */
  categoryField?: string;
  /** Take Elastic Defend's behaviour dialect too (`as`, `descendant of`). */
  endpoint?: boolean;
  /** Refuse pipes (FB_QUERY_PIPE): rules run on a stream. */
  stream?: boolean;
}

/**
 * Errors, all with line, column and caret: FB_QUERY_SYNTAX, FB_QUERY_VALUE (types), FB_QUERY_FUNCTION (unknown, or its
 * arguments), FB_QUERY_REGEX (what a linear engine cannot run), FB_QUERY_TOO_LARGE, FB_QUERY_PIPE.
 */
export type CompileEql = (text: string, fields: FieldTable, options?: EqlOptions) => EqlProgram;
