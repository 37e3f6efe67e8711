// Sequences of EQL on a stream, with the answers of Elasticsearch's SequenceMatcher and TumblingWindow, which go stage by stage
// over stored events. In: events in order with the probes they match; out: sequences in the order in which they are decided.
//
// For each key and stage the latest sequence in progress is kept: the later one replaces the earlier, as the next event would
// take it anyway and drop all before it. (Where a later stage speaks of events before, in a rule of Elastic Defend, the latest
// hundred.) An event goes through the stages from the last to the first, so that it takes no place twice in one sequence, but may
// complete one and begin another. What must be missing is judged of a whole sequence: a sequence that saw such an event keeps its
// place in the race until it is complete, and is then nothing.

import type { EcsEvent } from '../ecs/event.ts';
import { type EventTime, elapsedMs, laterBy, sameInstant, timeOf, wentBack } from '../ecs/event-time.ts';
import type { EqlProgram, StageKey, StageProgram } from '../query/eql-program.ts';
import { work } from '../query/work.ts';
import type { Correlator, CorrelatorLimits, Joined } from './correlator.ts';
import { type Due, DueHeap } from './due-heap.ts';
import { type JoinKey, joinKeys } from './join-keys.ts';
import { keptEvent } from './kept-event.ts';
import { LeadMemory } from './lead-memory.ts';
import type { Losses } from './losses.ts';
import { LEADING, type MissingStage, planSequence, type SequencePlan } from './sequence-plan.ts';

/** A sequence in progress. `since`: its first event; once all events are there: from when nothing may follow. */
interface Join extends Due {
  readonly state: KeyState;
  readonly events: EcsEvent[];
  /** The latest event that must not come before the first one. */
  readonly leading: EventTime | undefined;
  /** The first event since the last one that must not come between that and the next. */
  missed: EventTime | undefined;
  spoilt: boolean;
}

interface KeyState extends JoinKey {
  /** By number of the positive stage that was reached: one, but where a later one confirms (sequence-plan.ts); the latest last. */
  readonly joins: Join[][];
  /** All events are there; something must not follow. */
  readonly waiting: Set<Join>;
  /** Joins in progress, waiting ones too. */
  count: number;
}

const NONE: readonly Joined[] = [];

export class SequenceCorrelator implements Correlator {
  readonly #plan: SequencePlan;
  readonly #maxspanMs: number | undefined;
  readonly #limits: CorrelatorLimits;
  readonly #losses: Losses;
  readonly #states = new Map<string, KeyState>();
  readonly #joins = new DueHeap<Join>();
  readonly #leads: LeadMemory;
  /** The event that is looked at, once it is to be kept. */
  #kept: EcsEvent | undefined;
  /** Keys of the event, for the stage that was asked last. */
  #keysOf: readonly StageKey[] | undefined;
  #keysFound: readonly JoinKey[] = [];
  #done: Joined[] = [];

  constructor(program: EqlProgram, limits: CorrelatorLimits, losses: Losses) {
    this.#plan = planSequence(program);
    this.#maxspanMs = program.maxspanMs;
    this.#limits = limits;
    this.#losses = losses;
    this.#leads = new LeadMemory(limits.maxPending, losses);
  }

  get pending(): number {
    return this.#joins.size;
  }

  /** Only what must be missing at the end makes time complete anything. */
  get due(): EventTime | undefined {
    const since = this.#plan.trailing ? this.#joins.first?.since : undefined;
    return since === undefined || this.#maxspanMs === undefined ? undefined : laterBy(since, this.#maxspanMs);
  }

  /** Keys that anything is known of: of joins, and of what must not come before them. */
  get keys(): number {
    return this.#states.size + this.#leads.size;
  }

  push(event: EcsEvent, probes: readonly number[]): readonly Joined[] {
    const { positives, missing, until } = this.#plan;
    this.#kept = undefined;
    this.#keysOf = undefined;
    this.#advanceTime(event);
    for (let p = positives.length - 1; p >= 0; p--) {
      if (probes.includes(positives[p]!.probe)) this.#reach(p, event);
    }
    for (const stage of missing) if (probes.includes(stage.stage.probe)) this.#miss(stage, event);
    if (until !== undefined && probes.includes(until.probe)) this.#until(until, event);
    return this.#taken();
  }

  tick(at: EventTime): readonly Joined[] {
    this.#advanceTime(at);
    return this.#taken();
  }

  end(): readonly Joined[] {
    for (let join = this.#joins.first; join !== undefined; join = this.#joins.first) this.#come(join);
    this.#leads.expire(() => true);
    return this.#taken();
  }

  shed(count: number): void {
    for (let i = 0; i < count && this.#joins.first !== undefined; i++) {
      this.#losses.evicted('full');
      this.#release(this.#joins.first);
    }
  }

  #taken(): readonly Joined[] {
    if (this.#done.length === 0) return NONE;
    const done = this.#done;
    this.#done = [];
    return done;
  }

  /** What waits long enough is complete, what is too old goes: all that is left is within maxspan. */
  #advanceTime(at: EventTime): void {
    const spanMs = this.#maxspanMs ?? this.#limits.maxAgeMs;
    for (let join = this.#joins.first; join !== undefined && isOver(join.since, at, spanMs); join = this.#joins.first) {
      if (this.#maxspanMs === undefined) this.#losses.evicted('age');
      this.#come(join);
    }
    this.#leads.expire((since) => isOver(since, at, spanMs));
  }

  /** The time of a join is over: complete where all its events are there, else gone. */
  #come(join: Join): void {
    const { waiting } = join.state;
    if (waiting.has(join)) this.#emit(join);
    this.#release(join);
  }

  #keys(stage: StageProgram, event: EcsEvent): readonly JoinKey[] {
    // Stages of the same keys, as most are, have one list of them.
    if (stage.keys !== this.#keysOf) {
      this.#keysOf = stage.keys;
      this.#keysFound = joinKeys(event.slots, stage.keys, this.#losses.skipped);
    }
    return this.#keysFound;
  }

  /** The event is one of positive stage p. */
  #reach(p: number, event: EcsEvent): void {
    const stage = this.#plan.positives[p]!;
    for (const key of this.#keys(stage, event)) {
      if (p === 0) this.#begin(this.#stateOf(key), event);
      else this.#continue(p, this.#states.get(key.id)?.joins[p - 1] ?? [], event);
    }
  }

  #begin(state: KeyState, event: EcsEvent): void {
    this.#kept ??= keptEvent(event);
    const join: Join = {
      ...{ state, events: [this.#kept], leading: this.#leads.before(state.id, event) },
      ...{ missed: undefined, spoilt: false, since: this.#kept, place: -1 },
    };
    state.count++;
    this.#settle(0, join, event);
  }

  /** The latest of these goes on; what it leaves behind would have been replaced by it, but where a later stage tells them apart. */
  #continue(p: number, waiting: readonly Join[], event: EcsEvent): void {
    const stage = this.#plan.positives[p]!;
    // Where boots and clocks that were set have no one order, one that is over may still wait behind one that is not.
    const fitting = waiting.filter((join) => !this.#isOver(join.since, event) && this.#confirms(stage, event, join));
    const [replaced, going] = this.#plan.room[p] === 1 ? [fitting.slice(0, -1), fitting.slice(-1)] : [[], fitting];
    for (const join of replaced) this.#release(join);
    for (const join of going) this.#advance(p, join, event);
  }

  #advance(p: number, join: Join, event: EcsEvent): void {
    this.#leave(join);
    this.#kept ??= keptEvent(event);
    join.events.push(this.#kept);
    if (join.missed !== undefined && !sameInstant(join.missed, event)) join.spoilt = true;
    join.missed = undefined;
    this.#settle(p, join, event);
  }

  /** A join that has just reached stage p: it waits for the next stage, replacing another, or all its events are there. */
  #settle(p: number, join: Join, event: EcsEvent): void {
    if (p === this.#plan.positives.length - 1) {
      this.#finish(join, event);
      return;
    }
    join.state.joins[p] ??= [];
    const there = join.state.joins[p];
    there.push(join);
    const room = this.#plan.room[p]!;
    if (there.length > room) {
      if (room > 1) this.#losses.evicted('full');
      this.#release(there[0]!);
    }
    this.#wait(join);
  }

  #finish(join: Join, event: EcsEvent): void {
    const { leading, trailing } = this.#plan;
    const first = join.since;
    // Nothing of the kind may be within maxspan of an event: before the last, after the first, or around them all.
    const from = leading ? join.leading : first;
    const blocked = leading && !trailing && from !== undefined && !this.#isOver(from, event);
    if (join.spoilt || blocked) {
      this.#release(join);
    } else if (trailing && from !== undefined) {
      join.since = from;
      join.state.waiting.add(join);
      this.#wait(join);
    } else {
      join.events[join.events.length - 1] = event;
      this.#emit(join);
      this.#release(join);
    }
  }

  #isOver(from: EventTime, at: EventTime): boolean {
    return isOver(from, at, this.#maxspanMs ?? Number.POSITIVE_INFINITY);
  }

  #wait(join: Join): void {
    this.#joins.add(join);
    this.shed(this.#joins.size - this.#limits.maxPending);
  }

  #emit({ events, state }: Join): void {
    this.#done.push({ events, keys: state.values });
  }

  /** Takes a join out of everything that holds it. */
  #release(join: Join): void {
    this.#leave(join);
    const { state } = join;
    if (--state.count === 0) this.#states.delete(state.id);
  }

  /** It waits no more for what it waited for. */
  #leave(join: Join): void {
    const { state, events } = join;
    this.#joins.remove(join);
    if (state.waiting.delete(join)) return;
    const there = state.joins[events.length - 1];
    const at = there?.indexOf(join) ?? -1;
    if (at !== -1) there!.splice(at, 1);
  }

  /** The event is one of those that must be missing in a gap. */
  #miss({ stage, gap }: MissingStage, event: EcsEvent): void {
    for (const key of this.#keys(stage, event)) {
      if (gap === LEADING) {
        this.#leads.note(key.id, event);
        continue;
      }
      const state = this.#states.get(key.id);
      if (state === undefined) continue;
      if (gap === this.#plan.positives.length - 1) this.#refute(stage, state.waiting, event);
      else for (const join of state.joins[gap] ?? []) this.#mark(stage, join, event);
    }
  }

  #mark(stage: StageProgram, join: Join, event: EcsEvent): void {
    if (join.missed !== undefined || !follows(event, join)) return;
    if (this.#confirms(stage, event, join)) join.missed = timeOf(event);
  }

  /** All that wait are within their time: what is not has been completed before. */
  #refute(stage: StageProgram, waiting: ReadonlySet<Join>, event: EcsEvent): void {
    for (const join of waiting) {
      if (follows(event, join) && this.#confirms(stage, event, join)) this.#release(join);
    }
  }

  /** Also what this very event has begun or continued ends; what has all its events stays. */
  #until(stage: StageProgram, event: EcsEvent): void {
    for (const key of this.#keys(stage, event)) {
      for (const join of this.#states.get(key.id)?.joins.flat() ?? []) {
        if (this.#confirms(stage, event, join)) this.#release(join);
      }
    }
  }

  #confirms({ confirm }: StageProgram, event: EcsEvent, { events }: Join): boolean {
    if (confirm === undefined) return true;
    const earlier = this.#plan.eventOf.map((n) => (n === undefined ? undefined : events[n]?.slots));
    const { skipped } = work;
    const confirmed = confirm(event.slots, earlier);
    if (work.skipped > skipped) this.#losses.skipped(work.skipped - skipped);
    return confirmed;
  }

  #stateOf({ id, values }: JoinKey): KeyState {
    const known = this.#states.get(id);
    if (known !== undefined) return known;
    const state: KeyState = { id, values, joins: [], waiting: new Set(), count: 0 };
    this.#states.set(id, state);
    return state;
  }
}

/** Elasticsearch looks for missing events strictly between times: one of the same instant, and the last event itself, are none. */
function follows(event: EcsEvent, { events }: Join): boolean {
  return !sameInstant(events.at(-1)!, event);
}

/** Whether more than that long lies between two times. A clock that was set back over a boot ends it too. */
function isOver(from: EventTime, to: EventTime, spanMs: number): boolean {
  return elapsedMs(from, to) > spanMs || (Number.isFinite(spanMs) && wentBack(from, to));
}
