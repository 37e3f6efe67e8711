// What a query found and has to keep until all is read: texts outside the heap of objects, which is small, and where each stands, in
// columns. In: texts, or events of recordings, with their places; out: their order, and each again. Called by query-eql.ts.

import type { EcsEvent } from '../ecs/event.ts';
import { ForebearError } from '../errors.ts';
import { eventBytes } from './event-bytes.ts';
import { comparePlaces, type Place } from './event-place.ts';

export interface Found {
  readonly place: Place;
  /** Which parts of the query it matches. */
  readonly probes: readonly number[];
  /** As it came; undefined: the event is kept itself, and its document is made where it is printed. */
  readonly text: string | undefined;
  readonly event?: EcsEvent;
}

/** Of events that are kept themselves: what the heap (bin/forebear) has room for. */
const MAX_EVENT_BYTES = 192 << 20;

const SLAB_BYTES = 4 << 20;
const NS_PER_MS = 1_000_000n;

export class FoundStore {
  /** Of the time: whole milliseconds and nanoseconds of one, both towards zero; NaN where there is none. */
  readonly #ms: number[] = [];
  readonly #ns: number[] = [];
  readonly #tiebreakers: Place['tiebreaker'][] = [];
  readonly #probes: (readonly number[])[] = [];
  readonly #sameProbes = new Map<string, readonly number[]>();
  readonly #slabs: Buffer[] = [];
  #used = SLAB_BYTES;
  /** Slab, first byte and length of each text. */
  readonly #slab: number[] = [];
  readonly #first: number[] = [];
  readonly #bytes: number[] = [];
  readonly #events = new Map<number, EcsEvent>();
  #eventBytes = 0;
  readonly #maxEventBytes: number;

  constructor(maxEventBytes = MAX_EVENT_BYTES) {
    this.#maxEventBytes = maxEventBytes;
  }

  get length(): number {
    return this.#ms.length;
  }

  /** Throws FB_QUERY_MEMORY. */
  add({ place: { ns, tiebreaker }, probes, text, event }: Found): void {
    const i = this.length;
    if (text === undefined) this.#keepEvent(i, event!);
    this.#ms.push(ns === undefined ? Number.NaN : Number(ns / NS_PER_MS));
    this.#ns.push(ns === undefined ? Number.NaN : Number(ns % NS_PER_MS));
    if (tiebreaker !== undefined) this.#tiebreakers[i] = tiebreaker;
    this.#probes.push(this.#interned(probes));
    this.#keepText(text ?? '');
  }

  placeOf(i: number): Place {
    const ms = this.#ms[i]!;
    const ns = Number.isNaN(ms) ? undefined : BigInt(ms) * NS_PER_MS + BigInt(this.#ns[i]!);
    return { ns, tiebreaker: this.#tiebreakers[i] };
  }

  probesOf(i: number): readonly number[] {
    return this.#probes[i]!;
  }

  textOf(i: number): string | undefined {
    if (this.#events.has(i)) return undefined;
    const first = this.#first[i]!;
    return this.#slabs[this.#slab[i]!]!.toString('utf8', first, first + this.#bytes[i]!);
  }

  /** Of a recording. */
  eventOf(i: number): EcsEvent | undefined {
    return this.#events.get(i);
  }

  /** By place, as they came among equals; or as they came. */
  order(byPlace: boolean): Uint32Array {
    const order = Uint32Array.from({ length: this.length }, (_, i) => i);
    return byPlace && !this.#isOrdered() ? order.sort((a, b) => this.#compare(a, b)) : order;
  }

  /** A store with these alone, in this order. */
  only(kept: Uint32Array): FoundStore {
    const store = new FoundStore(this.#maxEventBytes);
    for (const i of kept) {
      const event = this.#events.get(i);
      const found = { place: this.placeOf(i), probes: this.probesOf(i), text: this.textOf(i) };
      store.add(event === undefined ? found : { ...found, event });
    }
    return store;
  }

  #keepEvent(i: number, event: EcsEvent): void {
    this.#eventBytes += eventBytes(event);
    if (this.#eventBytes > this.#maxEventBytes) {
      const message = `${i} events match a part of the query, and there is no memory for more`;
      const hint = 'narrow the parts of the query, or search less at a time';
      throw new ForebearError('FB_QUERY_MEMORY', message, { hint });
    }
    this.#events.set(i, event);
  }

  #interned(probes: readonly number[]): readonly number[] {
    const key = probes.join();
    const known = this.#sameProbes.get(key);
    if (known === undefined) this.#sameProbes.set(key, probes);
    return known ?? probes;
  }

  #keepText(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (this.#slabs.length === 0 || this.#used + bytes > this.#slabs.at(-1)!.length) {
      this.#slabs.push(Buffer.allocUnsafe(Math.max(SLAB_BYTES, bytes)));
      this.#used = 0;
    }
    this.#slabs.at(-1)!.write(text, this.#used, 'utf8');
    this.#slab.push(this.#slabs.length - 1);
    this.#first.push(this.#used);
    this.#bytes.push(bytes);
    this.#used += bytes;
  }

  #isOrdered(): boolean {
    for (let i = 1; i < this.length; i++) if (this.#compare(i - 1, i) > 0) return false;
    return true;
  }

  #compare(a: number, b: number): number {
    const [ms, other] = [this.#ms[a]!, this.#ms[b]!];
    if (ms !== other && !(Number.isNaN(ms) && Number.isNaN(other))) {
      if (Number.isNaN(ms) || Number.isNaN(other)) return Number.isNaN(ms) ? 1 : -1;
      return ms - other;
    }
    const rest = this.#ns[a]! - this.#ns[b]! || 0;
    if (rest !== 0) return rest;
    const order = comparePlaces(
      { ns: undefined, tiebreaker: this.#tiebreakers[a] },
      { ns: undefined, tiebreaker: this.#tiebreakers[b] },
    );
    return order || a - b;
  }
}
