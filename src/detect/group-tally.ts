// The events of one group within the window of a threshold rule: when they were, and which values the fields had whose cardinality
// counts. Bounded: of many events neighbours are counted together, at the time of the later one. Pure; used by kinds/threshold.ts.

import type { Scalar } from '../ecs/event.ts';
import { type EventTime, elapsedMs, isBefore, timeOf, wentBack } from '../ecs/event-time.ts';
import { exact, inexact } from './combinations.ts';

/** Events counted for themselves; the window of a group with more is exact to its 1,024th part or so. */
const MAX_MOMENTS = 2_048;
/** Different values remembered of one field. */
export const MAX_VALUES = 10_000;

interface Moment {
  at: EventTime;
  n: number;
}

export class GroupTally {
  /** As the group's fields have them: for the alert. */
  readonly values: readonly Scalar[];
  #moments: Moment[] = [];
  /** For each field: value -> when it was seen last, the least recently seen first. */
  readonly #seen: readonly Map<string, EventTime>[];
  #count = 0;
  readonly #valuesSize: number;

  /** cardinalities: how many fields are looked at besides. */
  constructor(values: readonly Scalar[], cardinalities: number) {
    this.values = values;
    const characters = values.reduce((sum: number, value) => sum + (typeof value === 'string' ? value.length : 0), 0);
    this.#valuesSize = Math.ceil(characters / 64);
    this.#seen = Array.from({ length: cardinalities }, () => new Map<string, EventTime>());
  }

  get count(): number {
    return this.#count;
  }

  /** How much it holds: moments and values of up to 64 characters each. */
  get size(): number {
    return this.#seen.reduce((sum, seen) => sum + seen.size, this.#moments.length + this.#valuesSize);
  }

  get first(): EventTime | undefined {
    return this.#moments[0]?.at;
  }

  get last(): EventTime | undefined {
    return this.#moments.at(-1)?.at;
  }

  /** How many values of the i-th field. */
  different(i: number): number {
    return this.#seen[i]!.size;
  }

  /** in: an event's time, for each field its values. out: values that found no room. */
  add(event: EventTime, values: readonly (readonly string[])[]): number {
    const at = timeOf(event);
    this.#moments.push({ at, n: 1 });
    this.#count++;
    if (this.#moments.length > MAX_MOMENTS) this.#moments = halved(this.#moments);
    let lost = 0;
    for (const [i, seen] of this.#seen.entries()) lost += note(seen, values[i] ?? [], at);
    return lost;
  }

  /** What is older than the window goes. */
  expire(now: EventTime, windowMs: number): void {
    const isOver = (at: EventTime) => elapsedMs(at, now) > windowMs || wentBack(at, now);
    let gone = 0;
    while (gone < this.#moments.length && isOver(this.#moments[gone]!.at)) this.#count -= this.#moments[gone++]!.n;
    if (gone > 0) this.#moments.splice(0, gone);
    for (const seen of this.#seen) {
      for (const [value, at] of seen) {
        if (!isOver(at)) break;
        seen.delete(value);
      }
    }
  }

  /** An alert was made of what was up to that time: the rest counts anew. */
  forget(until: EventTime): void {
    this.#moments = this.#moments.filter(({ at }) => isBefore(until, at));
    this.#count = this.#moments.reduce((sum, { n }) => sum + n, 0);
    for (const seen of this.#seen) for (const [value, at] of seen) if (!isBefore(until, at)) seen.delete(value);
  }

  /** in: what the rule counts by, so that another rule does not go on from it. */
  toText(signature: string): string {
    const moments = this.#moments.map(({ at, n }) => [...toRow(at), n]);
    const seen = this.#seen.map((each) => [...each].map(([value, at]) => [...toRow(at), value]));
    return JSON.stringify({ signature, values: this.values, moments, seen }, exact);
  }

  /** undefined: it is of other rules, or cannot be read. */
  static fromText(text: string, signature: string, cardinalities: number): GroupTally | undefined {
    try {
      const state = JSON.parse(text, inexact) as Saved;
      if (state.signature !== signature || state.seen.length !== cardinalities) return undefined;
      const tally = new GroupTally(state.values, cardinalities);
      tally.#moments = state.moments.map(([boot, ns, ms, n]) => ({ at: fromRow([boot, ns, ms]), n }));
      tally.#count = tally.#moments.reduce((sum, { n }) => sum + n, 0);
      for (const [i, seen] of state.seen.entries()) {
        for (const [boot, ns, ms, value] of seen) tally.#seen[i]!.set(value, fromRow([boot, ns, ms]));
      }
      return tally;
    } catch {
      return undefined;
    }
  }
}

export type TimeRow = [boot: string, ns: string, ms: number];

interface Saved {
  signature: string;
  values: Scalar[];
  moments: [...TimeRow, number][];
  seen: [...TimeRow, string][][];
}

export function toRow({ bootId, bootNs, wallMs }: EventTime): TimeRow {
  return [bootId, String(bootNs), wallMs];
}

/** Throws where it is none. */
export function fromRow([bootId, ns, wallMs]: TimeRow): EventTime {
  if (typeof bootId !== 'string' || typeof wallMs !== 'number') throw new Error('not a time');
  return { bootId, bootNs: BigInt(ns), wallMs };
}

function note(seen: Map<string, EventTime>, values: readonly string[], at: EventTime): number {
  let lost = 0;
  for (const value of values) {
    seen.delete(value);
    if (seen.size < MAX_VALUES) seen.set(value, at);
    else lost++;
  }
  return lost;
}

/** Each two as one, at the time of the later. */
function halved(moments: readonly Moment[]): Moment[] {
  const half: Moment[] = [];
  for (let i = 0; i < moments.length; i += 2) {
    const [a, b] = [moments[i]!, moments[i + 1]];
    half.push(b === undefined ? a : { at: b.at, n: a.n + b.n });
  }
  return half;
}
