// Learning mode of a new_terms rule: for a time that begins with its history, what is new is remembered and makes no alert.
// The begin is kept in the term store, so that no restart prolongs it; once over, it stays over. Pure; all on event time.

import { type EventTime, elapsedMs, timeOf, wentBack } from '../ecs/event-time.ts';

export interface Learning {
  /** First event that the rule was there for. */
  readonly begin: EventTime;
  /** How long, as configured last; 0: switched off. */
  readonly ms: number;
  /** An event came after the end. */
  readonly over: boolean;
}

/** The queryHash of a history that was imported and that no agent has used yet. */
export const IMPORTED = '';

export interface KnownHistory {
  readonly queryHash: string;
  readonly start: EventTime;
  readonly learning?: Learning;
}

/**
 * in: the rule's history if there is one, the configured length (0: none), the first event from now on;
 * out: the learning that holds from then on; undefined: the rule never learned.
 * It begins with the history that this host's agent has, even where learning was configured later.
 */
export function learningOf(known: KnownHistory | undefined, ms: number, at: EventTime): Learning | undefined {
  const kept = known?.learning;
  if (kept !== undefined) return kept.over || kept.ms === ms ? kept : { ...kept, ms };
  if (ms === 0) return undefined;
  const own = known !== undefined && known.queryHash !== IMPORTED;
  return { begin: timeOf(own ? known.start : at), ms, over: false };
}

/**
 * Milliseconds that are left at that time; 0: the rule alerts. A wall clock that stands before the begin after a reboot
 * ends it: an alert too many rather than a silence without end.
 */
export function remainingMs({ begin, ms, over }: Learning, at: EventTime): number {
  if (over || wentBack(begin, at)) return 0;
  return Math.max(0, ms - elapsedMs(begin, at));
}
