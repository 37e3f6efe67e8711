// Samples of EQL: one event of each stage with the same keys, in any order, no event twice. In: events with the probes they
// match; out: on a stream a sample when its last event comes, and its key begins anew; over stored events (`query`) one of each
// key at the end, in the order of the keys, which is what Elasticsearch's SampleIterator answers (max_samples_per_key 1).

import type { EcsEvent } from '../ecs/event.ts';
import { type EventTime, elapsedMs, wentBack } from '../ecs/event-time.ts';
import type { EqlProgram, StageProgram } from '../query/eql-program.ts';
import type { Correlator, CorrelatorLimits, Joined } from './correlator.ts';
import { chooseDistinct } from './distinct-choice.ts';
import { type Due, DueHeap } from './due-heap.ts';
import { compareKeys, type JoinKey, joinKeys } from './join-keys.ts';
import { keptEvent } from './kept-event.ts';
import type { Losses } from './losses.ts';

/** The events of a key. `since`: the first of them. */
interface Group extends Due, JoinKey {
  /** The first of each stage, as many as there are stages: more could not be needed to find all different ones. */
  readonly candidates: readonly EcsEvent[][];
}

const NONE: readonly Joined[] = [];

export class SampleCorrelator implements Correlator {
  readonly #stages: readonly StageProgram[];
  readonly #stored: boolean;
  readonly #limits: CorrelatorLimits;
  readonly #losses: Losses;
  readonly #groups = new Map<string, Group>();
  readonly #byAge = new DueHeap<Group>();

  /** stored: answer at the end only. */
  constructor(program: EqlProgram, limits: CorrelatorLimits, losses: Losses, stored: boolean) {
    this.#stages = program.stages;
    this.#limits = limits;
    this.#losses = losses;
    this.#stored = stored;
  }

  get pending(): number {
    return this.#groups.size;
  }

  push(event: EcsEvent, probes: readonly number[]): readonly Joined[] {
    this.tick(event);
    const kept = keptEvent(event);
    const touched = new Set<Group>();
    for (const [i, { probe, keys }] of this.#stages.entries()) {
      if (!probes.includes(probe)) continue;
      for (const key of joinKeys(event.slots, keys, this.#losses.skipped)) {
        const group = this.#groupOf(key, kept);
        const candidates = group.candidates[i]!;
        if (candidates.length === this.#stages.length) continue;
        candidates.push(kept);
        touched.add(group);
      }
    }
    const done = this.#stored ? NONE : [...touched].flatMap((group) => this.#completed(group, kept, event));
    this.#makeRoom();
    return done;
  }

  /** Samples have no span: what is too old goes. */
  tick(at: EventTime): readonly Joined[] {
    const { maxAgeMs } = this.#limits;
    for (let group = this.#byAge.first; group !== undefined; group = this.#byAge.first) {
      if (elapsedMs(group.since, at) <= maxAgeMs && !(Number.isFinite(maxAgeMs) && wentBack(group.since, at))) break;
      this.#losses.evicted('age');
      this.#release(group);
    }
    return NONE;
  }

  end(): readonly Joined[] {
    const groups = this.#stored ? [...this.#groups.values()].sort((a, b) => compareKeys(a.values, b.values)) : [];
    for (const group of [...this.#groups.values()]) this.#release(group);
    return groups.flatMap((group) => sampleOf(group));
  }

  #completed(group: Group, kept: EcsEvent, event: EcsEvent): readonly Joined[] {
    const samples = sampleOf(group);
    if (samples.length > 0) this.#release(group);
    // The event at hand as it came: its lineage is good now.
    return samples.map(({ events, keys }) => ({ keys, events: events.map((one) => (one === kept ? event : one)) }));
  }

  #groupOf({ id, values }: JoinKey, first: EcsEvent): Group {
    const known = this.#groups.get(id);
    if (known !== undefined) return known;
    const group: Group = { id, values, candidates: this.#stages.map(() => []), since: first, place: -1 };
    this.#groups.set(id, group);
    this.#byAge.add(group);
    return group;
  }

  #makeRoom(): void {
    this.shed(this.#groups.size - this.#limits.maxPending);
  }

  shed(count: number): void {
    for (let i = 0; i < count && this.#byAge.first !== undefined; i++) {
      this.#losses.evicted('full');
      this.#release(this.#byAge.first);
    }
  }

  #release(group: Group): void {
    this.#byAge.remove(group);
    this.#groups.delete(group.id);
  }
}

function sampleOf({ candidates, values }: Group): readonly Joined[] {
  if (candidates.some((list) => list.length === 0)) return NONE;
  const events = chooseDistinct(candidates);
  return events === undefined ? NONE : [{ events, keys: values }];
}
