// new_terms: which tuples of an event that matched a rule are new. In: the event's slots and the term store; out: the new
// tuples with how long they had not been seen. Pure logic, called by detector.ts for events that matched.

import type { EcsEvent } from '../ecs/event.ts';
import { elapsedMs, inWords } from '../ecs/event-time.ts';
import type { Field } from '../ecs/fields.ts';
import type { Counters } from '../stats.ts';
import { combination, MAX_COMBINATIONS, textsOf } from './combinations.ts';
import { termKey } from './term-key.ts';
import type { TermStore } from './term-store.ts';

export interface NewTermsRule {
  readonly rule_id: string;
  /** In the order of the rule's new_terms_fields. */
  readonly fields: readonly Field[];
  readonly historyMs: number;
}

/** One tuple that was not seen within the window. */
export interface NewTuple {
  readonly values: readonly string[];
  /** `first time in 47 days`, `never seen in 12 days of history`. */
  readonly history: string;
  /** Milliseconds since 1970; absent: never seen. */
  readonly lastSeenMs?: number;
}

export interface NewTermsResult {
  readonly tuples: readonly NewTuple[];
  /** Combinations beyond the bound. */
  readonly skipped: number;
}

/** What is asked of the history. */
export type Seen = Pick<TermStore, 'see' | 'history'>;

const NONE: NewTermsResult = { tuples: [], skipped: 0 };

/**
 * Every tuple of the event counts as seen from here on; those not seen within historyMs before the event come back.
 * An event that lacks one of the fields has no tuple. Arrays give every combination (cross product).
 */
export function findNewTerms(rule: NewTermsRule, event: EcsEvent, store: Seen, counters: Counters): NewTermsResult {
  const lists = rule.fields.map((field) => textsOf(event.slots[field.slot], field.type));
  if (lists.some((list) => list.length === 0)) {
    counters.add('detect_events_skipped_total', 1, 'no_term');
    return NONE;
  }
  const total = lists.reduce((product, list) => product * list.length, 1);
  const skipped = Math.max(0, total - MAX_COMBINATIONS);
  if (skipped > 0) counters.add('detect_combinations_skipped_total', skipped);
  const tuples: NewTuple[] = [];
  for (let i = 0; i < total - skipped; i++) {
    const tuple = look(rule, combination(lists, i), event, store);
    if (tuple !== undefined) tuples.push(tuple);
  }
  return { tuples, skipped };
}

function look(rule: NewTermsRule, values: readonly string[], event: EcsEvent, store: Seen): NewTuple | undefined {
  const last = store.see(rule.rule_id, termKey(values), event);
  if (last === undefined) return { values, history: neverSeen(rule, event, store) };
  const agoMs = elapsedMs(last, event);
  if (agoMs <= rule.historyMs) return undefined;
  return { values, history: `first time in ${inWords(agoMs)}`, lastSeenMs: last.wallMs };
}

function neverSeen(rule: NewTermsRule, event: EcsEvent, store: Seen): string {
  const history = store.history(rule.rule_id);
  if (history === undefined) return 'never seen';
  const text = `never seen in ${inWords(elapsedMs(history.start, event))} of history`;
  if (history.changed === undefined) return text;
  return `${text} (the rule's query or exceptions were changed ${inWords(elapsedMs(history.changed, event))} ago)`;
}
