// The slow, obvious reading of Elasticsearch: every stage over the whole list of events, one after the other, then each whole
// sequence against all events that must be missing. Quadratic; compared with the correlators in correlate.property.test.ts.
// Written after what SequenceMatcher, TumblingWindow and SampleIterator of Elasticsearch do with one page that holds all.

import type { Joined } from '../../src/correlate/correlator.ts';
import { compareKeys, joinKeys } from '../../src/correlate/join-keys.ts';
import type { EcsEvent } from '../../src/ecs/event.ts';
import type { EqlProgram, StageProgram } from '../../src/query/eql-program.ts';

/** An event with one of its keys, and its place in the list. */
interface Hit {
  readonly event: EcsEvent;
  readonly at: number;
  readonly order: number;
  readonly id: string;
  readonly values: Joined['keys'];
}

/** Sequences in the order of their last events. */
export function referenceSequences(program: EqlProgram, events: readonly EcsEvent[]): Joined[] {
  const { stages, until, maxspanMs = Number.POSITIVE_INFINITY } = program;
  const hits = (stage: StageProgram) => hitsOf(program, stage, events);
  const positives = stages.filter(({ missing }) => !missing);
  const untils = until === undefined ? [] : hits(until);
  let running: Hit[][] = hits(positives[0]!).map((hit) => [hit]);
  for (const stage of positives.slice(1)) {
    const next: Hit[][] = [];
    for (const hit of hits(stage)) {
      const before = running.filter((run) => run[0]!.id === hit.id && run.at(-1)!.order < hit.order);
      const latest = before.at(-1);
      if (latest === undefined) continue;
      running = running.filter((run) => !before.includes(run));
      const last = latest.at(-1)!;
      const over = hit.at - latest[0]!.at > maxspanMs;
      const ended = untils.some(({ id, order }) => id === hit.id && order >= last.order && order < hit.order);
      if (!over && !ended) next.push([...latest, hit]);
    }
    running = next;
  }
  const whole = running.filter((run) => nothingThere(program, run, hits, maxspanMs));
  whole.sort((a, b) => a.at(-1)!.order - b.at(-1)!.order);
  return whole.map((run) => ({ events: run.map(({ event }) => event), keys: run[0]!.values }));
}

function nothingThere(
  program: EqlProgram,
  run: readonly Hit[],
  hits: (stage: StageProgram) => Hit[],
  maxspanMs: number,
) {
  const { stages } = program;
  const [first, last] = [run[0]!, run.at(-1)!];
  const firstPositive = stages.findIndex(({ missing }) => !missing);
  const lastPositive = stages.findLastIndex(({ missing }) => !missing);
  const times = (from: number, to: number) =>
    stages.slice(from, to).flatMap((stage) => hits(stage).flatMap(({ id, at }) => (id === first.id ? [at] : [])));
  let reached = -1;
  for (const [i, stage] of stages.entries()) {
    if (!stage.missing) reached++;
    else if (i > firstPositive && i < lastPositive) {
      const [left, right] = [run[reached]!.at, run[reached + 1]!.at];
      if (hits(stage).some(({ id, at }) => id === first.id && at > left && at < right)) return false;
    }
  }
  const leading = Math.max(...times(0, firstPositive).filter((at) => at < first.at), Number.NEGATIVE_INFINITY);
  const trailing = Math.min(
    ...times(lastPositive + 1, stages.length).filter((at) => at > last.at),
    Number.POSITIVE_INFINITY,
  );
  const from = firstPositive === 0 ? first.at : leading;
  const to = lastPositive === stages.length - 1 ? last.at : trailing;
  // Where nothing may be missing at either end, that end was judged with maxspan before.
  return firstPositive === 0 && lastPositive === stages.length - 1 ? true : to - from > maxspanMs;
}

/** One sample of each key, in the order of the keys: the first way of taking different events. */
export function referenceSamples(program: EqlProgram, events: readonly EcsEvent[]): Joined[] {
  const lists = program.stages.map((stage) => hitsOf(program, stage, events));
  const keys = new Map(lists.flat().map(({ id, values }) => [id, values]));
  const ordered = [...keys].sort(([, a], [, b]) => compareKeys(a, b));
  return ordered.flatMap(([wanted, values]) => {
    const chosen = firstWay(lists.map((list) => list.filter(({ id }) => id === wanted).map(({ event }) => event)));
    return chosen === undefined ? [] : [{ events: chosen, keys: values }];
  });
}

function firstWay(lists: readonly (readonly EcsEvent[])[], taken: readonly EcsEvent[] = []): EcsEvent[] | undefined {
  const list = lists[taken.length];
  if (list === undefined) return [...taken];
  for (const event of list) {
    const way = taken.includes(event) ? undefined : firstWay(lists, [...taken, event]);
    if (way !== undefined) return way;
  }
  return undefined;
}

function hitsOf({ probes }: EqlProgram, { probe, keys }: StageProgram, events: readonly EcsEvent[]): Hit[] {
  return events.flatMap((event, order) =>
    probes[probe]!.matches(event.slots)
      ? joinKeys(event.slots, keys, () => {}).map((key) => ({ event, at: event.wallMs, order, ...key }))
      : [],
  );
}
