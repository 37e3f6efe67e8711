// Where the hashes of executables come from: later than their events (enrich/hash-desk.ts). And which fields are meant, for
// rules and exceptions that name them. Types and names only; used by detector.ts, hash-waits.ts and the exceptions.

import type { EcsEvent } from '../ecs/event.ts';

/** Whose executable: the process's own, or its parent's at the time of the event. */
export type HashOf = 'process' | 'parent';

export interface HashSource {
  /**
   * in: the newest event, or one that was asked about while it was; asks for its hash and fills the event's slots.
   * out: known: the slots have it. doubted: they have it, not proven. coming: it will be told of. absent: it will not.
   */
  look(event: EcsEvent, of: HashOf): 'known' | 'doubted' | 'coming' | 'absent';
  /** An alert was made of the event: what comes later amends it. */
  made(event: EcsEvent, alert: { uuid: string; severity: string }): void;
}

const FIELDS: readonly (readonly [HashOf, RegExp])[] = [
  ['process', /^process\.hash(\.|$)/],
  ['parent', /^process\.parent\.hash(\.|$)/],
];

/** in: names of fields; out: whose hashes they are, each once. */
export function hashesNamed(fields: readonly string[]): readonly HashOf[] {
  return FIELDS.flatMap(([of, form]) => (fields.some((field) => form.test(field)) ? [of] : []));
}
