// What a sequence's stages are to the one that runs them: the events that have to come, in order, and the events that must not
// come (`![ ]`), each with the gap between those that it watches. In: a program of eql-compile.ts; used by sequence.ts.

import type { EqlProgram, StageProgram } from '../query/eql-program.ts';

/** Gaps are numbered by the positive stage before them; before the first of these, and after the last: */
export const LEADING = -1;

export interface MissingStage {
  readonly stage: StageProgram;
  /** LEADING, or the number of the positive stage before it; that of the last: trailing. */
  readonly gap: number;
}

/**
 * Joins of one key that wait where a later stage speaks of the events before: that binds them as a key would, so one does not
 * replace another that it would not.
 */
export const MAX_UNCONFIRMED = 100;

export interface SequencePlan {
  readonly positives: readonly StageProgram[];
  /** How many joins of a key may wait at each of these: one, but where a later one confirms. */
  readonly room: readonly number[];
  readonly missing: readonly MissingStage[];
  /** Something must be missing before the first event, after the last. */
  readonly leading: boolean;
  readonly trailing: boolean;
  /** For each stage of the program the number of its event among the positive ones; undefined: it has none. */
  readonly eventOf: readonly (number | undefined)[];
  readonly until: StageProgram | undefined;
}

export function planSequence({ stages, until }: EqlProgram): SequencePlan {
  const positives: StageProgram[] = [];
  const missing: MissingStage[] = [];
  const eventOf: (number | undefined)[] = [];
  for (const stage of stages) {
    if (stage.missing) missing.push({ stage, gap: positives.length - 1 });
    eventOf.push(stage.missing ? undefined : positives.length);
    if (!stage.missing) positives.push(stage);
  }
  const leading = missing.some(({ gap }) => gap === LEADING);
  const trailing = missing.some(({ gap }) => gap === positives.length - 1);
  const lastConfirmed = positives.findLastIndex(({ confirm }) => confirm !== undefined);
  const room = positives.map((_, p) => (p < lastConfirmed ? MAX_UNCONFIRMED : 1));
  return { positives, room, missing, leading, trailing, eventOf, until };
}
