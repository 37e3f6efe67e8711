// How far events got in a sequence or sample, for `why-not`: of which stages there were joins, which was the first that none reached,
// and what kept it: no event that matches it, or none in time, with the same keys, in that order. Found by running the first stages
// alone, and those without maxspan, keys and until. In: a program, the events that match its probes; out: the reach. Pure.

import { DEFAULT_LIMITS, type Joined } from '../correlate/correlator.ts';
import { createCorrelator } from '../correlate/create-correlator.ts';
import type { EcsEvent } from '../ecs/event.ts';
import type { EqlProgram } from '../query/eql-program.ts';
import { Counters } from '../stats.ts';

export interface Candidate {
  readonly event: EcsEvent;
  /** Ascending. */
  readonly probes: readonly number[];
}

export interface StageReach {
  /** Of the stages, runs counted one by one: how many events match each. */
  readonly matching: readonly number[];
  /** Stages of which there was a join. */
  readonly reached: number;
  /** The last join of those. */
  readonly events: readonly EcsEvent[];
  /** What kept the next one; undefined: all were reached. */
  readonly obstacle?: 'no_event' | 'maxspan' | 'keys' | 'until' | 'missing_event_came' | 'order';
}

/** in: events in order; how many match a probe, where these are not all. */
export function stageReach(
  program: EqlProgram,
  candidates: readonly Candidate[],
  countOf = (probe: number) => candidates.filter(({ probes }) => probes.includes(probe)).length,
): StageReach {
  const { stages } = program;
  const matching = stages.map(({ probe }) => countOf(probe));
  let events: readonly EcsEvent[] = [];
  for (let count = 1; count <= stages.length; count++) {
    // Whether something is missing shows with what comes after it, or at the end.
    if (stages[count - 1]!.missing && count < stages.length) continue;
    const joined = joinsOf(firstStages(program, count), candidates).at(-1);
    if (joined === undefined) {
      return { matching, reached: count - 1, events, obstacle: obstacleTo(program, count, matching, candidates) };
    }
    events = joined.events;
  }
  return { matching, reached: stages.length, events };
}

function obstacleTo(
  program: EqlProgram,
  count: number,
  matching: readonly number[],
  candidates: readonly Candidate[],
): NonNullable<StageReach['obstacle']> {
  const stage = program.stages[count - 1]!;
  if (!stage.missing && matching[count - 1] === 0) return 'no_event';
  const first = firstStages(program, count);
  const { maxspanMs: _span, ...unhurried } = first;
  const { until: _until, ...unbroken } = first;
  const without = { ...first, stages: first.stages.filter(({ missing }) => !missing) };
  const keyless = { ...first, stages: first.stages.map((one) => ({ ...one, keys: [] })) };
  const completes = (variant: EqlProgram) => joinsOf(variant, candidates).length > 0;
  if (first.maxspanMs !== undefined && first.stages.every(({ missing }) => !missing) && completes(unhurried))
    return 'maxspan';
  if (first.until !== undefined && completes(unbroken)) return 'until';
  if (without.stages.length < first.stages.length && without.stages.length > 0 && completes(without)) {
    return 'missing_event_came';
  }
  return stage.keys.length > 0 && completes(keyless) ? 'keys' : 'order';
}

function firstStages(program: EqlProgram, count: number): EqlProgram {
  return { ...program, stages: program.stages.slice(0, count) };
}

function joinsOf(program: EqlProgram, candidates: readonly Candidate[]): readonly Joined[] {
  if (program.stages.length < 2) {
    const [stage] = program.stages;
    const first = candidates.filter(({ probes }) => probes.includes(stage!.probe));
    return first.slice(-1).map(({ event }) => ({ events: [event], keys: [] }));
  }
  const correlator = createCorrelator(program, DEFAULT_LIMITS, new Counters(), 'why-not');
  const joined = candidates.flatMap(({ event, probes }) => correlator.push(event, probes));
  return [...joined, ...correlator.end()];
}
