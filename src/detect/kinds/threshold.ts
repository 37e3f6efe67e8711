// threshold: an alert for a group of matching events once there are so many of them, with so many different values, within the
// rule's window. Kibana asks this at each run of the rule; here the window slides over the events' own time, and what made an
// alert is not counted again: the group begins anew. Called by detector.ts through the contract of kind.ts.
//
// Several values of a field put the event into as many groups, and an event without one of the fields is in none, as Elasticsearch's
// aggregations do. Bounded: groups, and what all groups hold; beyond, those that had no event for longest go, counted
// (detect_groups_evicted_total). Kept over a restart: kept-state.ts; what the last minute before a crash counted may be lost.

import { EcsEvent, type Scalar } from '../../ecs/event.ts';
import { type EventTime, elapsedMs, isoText, wentBack } from '../../ecs/event-time.ts';
import type { Field, FieldTable } from '../../ecs/fields.ts';
import { ecsType } from '../../ecs/known-types.ts';
import type { Counters } from '../../stats.ts';
import { eventIdOf, idOf } from '../alert-id.ts';
import { cappedGaps } from '../alert-limits.ts';
import { combination, groupKey, MAX_COMBINATIONS, shownValue, textsOf, valuesOf } from '../combinations.ts';
import { GroupTally } from '../group-tally.ts';
import type { KeptState } from '../kept-state.ts';
import type { Threshold } from '../rule.ts';
import type { Draft, Occurrence, RuleKind } from './kind.ts';
import { type Holder, TallyBudget } from './tally-budget.ts';
import { thresholdShape } from './threshold-shape.ts';

export interface ThresholdOptions {
  readonly rule_id: string;
  readonly threshold: Threshold;
  readonly windowMs: number;
  /** Of what is counted: changes when the rule's query, exceptions or threshold do. */
  readonly signature: string;
  readonly fields: FieldTable;
  readonly kept: KeptState;
  readonly counters: Counters;
  /** Of all threshold rules together. */
  readonly all?: TallyBudget;
  readonly maxGroups?: number;
  /** Moments and values, all groups together. */
  readonly maxHeld?: number;
}

/** An event, the values of it whose number counts, combinations that were not looked at. */
interface Counting {
  readonly event: EcsEvent;
  readonly counted: readonly (readonly string[])[];
  readonly skipped: number;
}

/** Groups that one event may make fall out of the map: so much work at most. */
const EXPIRED_AT_ONCE = 8;
const PART = 'threshold';

export class ThresholdKind implements RuleKind, Holder {
  readonly joins = false;
  readonly #options: ThresholdOptions & { all: TallyBudget; maxGroups: number; maxHeld: number };
  readonly #fields: readonly Field[];
  readonly #counted: readonly Field[];
  /** The one that had no event for longest first. */
  readonly #groups = new Map<string, GroupTally>();
  #held = 0;

  constructor(options: ThresholdOptions) {
    this.#options = { all: new TallyBudget(), maxGroups: 10_000, maxHeld: 65_536, ...options };
    const { threshold, fields, kept, rule_id, signature } = options;
    const fieldOf = (name: string) => fields.add(name, ecsType(name) ?? 'keyword');
    this.#fields = threshold.fields.map(fieldOf);
    this.#counted = threshold.cardinality.map(({ field }) => fieldOf(field));
    for (const { key, state } of kept.restore(PART, rule_id)) {
      const tally = GroupTally.fromText(state, signature, this.#counted.length);
      if (tally?.last === undefined) kept.changed(PART, rule_id, key);
      else this.#put(key, tally);
    }
  }

  /** Moments and values, all groups together. */
  get held(): number {
    return this.#held;
  }

  /** Groups that are counted. */
  get size(): number {
    return this.#groups.size;
  }

  stateOf(key: string): string | undefined {
    return this.#groups.get(key)?.toText(this.#options.signature);
  }

  /** A self-test counts for no group: it must not bring an alert nearer. */
  matched({ event, selftest }: Occurrence): readonly Draft[] {
    if (selftest) return [];
    const { counters } = this.#options;
    this.#expire(event);
    const lists = this.#fields.map((field) => valuesOf(event.slots[field.slot], field.type));
    if (lists.some((list) => list.length === 0)) {
      counters.add('detect_events_skipped_total', 1, 'no_group');
      return [];
    }
    const total = lists.reduce((product, list) => product * list.length, 1);
    const skipped = Math.max(0, total - MAX_COMBINATIONS);
    if (skipped > 0) counters.add('detect_combinations_skipped_total', skipped);
    const counted = this.#counted.map(({ slot, type }) => textsOf(event.slots[slot], type).map(shortened));
    const drafts: Draft[] = [];
    for (let i = 0; i < total - skipped; i++) {
      const draft = this.#count({ event, counted, skipped }, combination(lists, i));
      if (draft !== undefined) drafts.push(draft);
    }
    return drafts;
  }

  applied(key: string, at: EventTime): void {
    const tally = this.#take(key);
    if (tally === undefined) return;
    tally.forget(at);
    if (tally.last !== undefined) this.#put(key, tally);
    this.#changed(key);
  }

  /** The group that had no event for longest goes, counted. */
  evict(): void {
    const [oldest] = this.#groups.keys();
    if (oldest === undefined) return;
    this.#drop(oldest);
    this.#options.counters.add('detect_groups_evicted_total', 1, PART);
  }

  dropped(): void {
    for (const key of [...this.#groups.keys()]) this.#drop(key);
  }

  #count({ event, counted, skipped }: Counting, values: readonly Scalar[]): Draft | undefined {
    const { windowMs, counters, threshold } = this.#options;
    const key = groupKey(values);
    const tally = this.#take(key) ?? new GroupTally(values, this.#counted.length);
    tally.expire(event, windowMs);
    const lost = tally.add(event, counted);
    if (lost > 0) counters.add('detect_values_skipped_total', lost);
    this.#changed(key);
    const enough = threshold.cardinality.every(({ value }, i) => tally.different(i) >= value);
    if (tally.count >= threshold.value && enough) return this.#draft(key, tally, event, skipped);
    this.#put(key, tally);
    this.#makeRoom();
    return undefined;
  }

  #draft(key: string, tally: GroupTally, event: EcsEvent, skipped: number): Draft {
    const { rule_id, threshold, kept } = this.#options;
    const begin = tally.first!;
    const start = begin.bootId === '' ? String(begin.wallMs) : `${begin.bootId} ${begin.bootNs}`;
    const result = {
      terms: this.#fields.map(({ name, type }, i) => ({ field: name, value: shownValue(tally.values[i]!, type) })),
      cardinality: threshold.cardinality.map(({ field }, i) => ({ field, value: tally.different(i) })),
      count: tally.count,
      from: isoText(begin.wallMs),
    };
    return {
      event: this.#common(event, tally.values),
      selftest: false,
      gaps: cappedGaps('combinations of the threshold’s fields not looked at', skipped),
      documents: tally.count,
      group: key,
      uuid: ({ version }) => idOf('threshold', [rule_id, String(version), key, start]),
      shape: () => thresholdShape(this.#common(event, tally.values), eventIdOf(event), result),
      made: () => kept.hold(PART, rule_id, key),
    };
  }

  /** What all events of the group have in common: the group's values, the host. */
  #common(event: EcsEvent, values: readonly Scalar[]): EcsEvent {
    const common = new EcsEvent(event.table);
    for (const { name, slot } of event.table.all()) if (OF_HOST.test(name)) common.slots[slot] = event.slots[slot];
    for (const [i, field] of this.#fields.entries()) common.set(field, values[i]!);
    const { bootId, bootNs, wallMs, gaps, lineage } = event;
    return Object.assign(common, { bootId, bootNs, wallMs, gaps, ...(lineage && { lineage }) });
  }

  #take(key: string): GroupTally | undefined {
    const tally = this.#groups.get(key);
    if (tally === undefined) return undefined;
    this.#groups.delete(key);
    this.#hold(-tally.size);
    return tally;
  }

  #put(key: string, tally: GroupTally): void {
    this.#groups.set(key, tally);
    this.#hold(tally.size);
  }

  #hold(size: number): void {
    this.#held += size;
    this.#options.all.note(this, size);
  }

  #drop(key: string): void {
    this.#take(key);
    this.#changed(key);
  }

  #changed(key: string): void {
    this.#options.kept.changed(PART, this.#options.rule_id, key);
  }

  #expire(now: EventTime): void {
    const { windowMs } = this.#options;
    let left = EXPIRED_AT_ONCE;
    for (const [key, { last }] of this.#groups) {
      const over = last === undefined || elapsedMs(last, now) > windowMs || wentBack(last, now);
      if (!over || left-- === 0) return;
      this.#drop(key);
    }
  }

  #makeRoom(): void {
    const { all, maxGroups, maxHeld } = this.#options;
    while (this.size > 1 && (this.size > maxGroups || this.#held > maxHeld)) this.evict();
    all.makeRoom();
  }
}

const OF_HOST = /^(@timestamp$|ecs\.|host\.|agent\.|data_stream\.)/;

/** Of a long value its hash is remembered. */
function shortened(text: string): string {
  return text.length <= 256 ? text : groupKey([text]);
}
