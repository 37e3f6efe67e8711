// What waits, the longest waiting first: a binary heap whose entries know their place, so that any of them leaves in
// O(log n). Used by sequence.ts and sample.ts, so that nothing is scanned to find what has become too old.

import { type EventTime, isBefore } from '../ecs/event-time.ts';

export interface Due {
  /** From when its time runs. Changed only while it is in no heap. */
  since: EventTime;
  /** Its index in the heap that it is in; -1: in none. Written by the heap. */
  place: number;
  /** `since` as one number among those of its boot: bigints would be compared often. Written by the heap. */
  ms?: number;
  /** Of its adding: what is due at the same time goes in this order. Written by the heap. */
  serial?: number;
}

export class DueHeap<T extends Due> {
  readonly #entries: T[] = [];
  #added = 0;

  get size(): number {
    return this.#entries.length;
  }

  /** The one that waits longest. */
  get first(): T | undefined {
    return this.#entries[0];
  }

  /** entry: in no heap. */
  add(entry: T): void {
    const { bootId, bootNs, wallMs } = entry.since;
    entry.ms = bootId === '' ? wallMs : Number(bootNs) / 1e6;
    entry.serial = this.#added++;
    this.#entries.push(entry);
    this.#up(entry, this.#entries.length - 1);
  }

  /** Nothing happens where the entry is in no heap. */
  remove(entry: T): void {
    const { place } = entry;
    if (place === -1) return;
    entry.place = -1;
    const last = this.#entries.pop()!;
    if (last === entry) return;
    this.#up(last, place);
    this.#down(last, last.place);
  }

  #up(entry: T, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#entries[above]!;
      if (!goesFirst(entry, parent)) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(entry, place);
  }

  #down(entry: T, from: number): void {
    let place = from;
    for (;;) {
      const child = this.#earlierChild(place);
      if (child === undefined || !goesFirst(child, entry)) break;
      const next = child.place;
      this.#put(child, place);
      place = next;
    }
    this.#put(entry, place);
  }

  #earlierChild(place: number): T | undefined {
    const left = this.#entries[2 * place + 1];
    const right = this.#entries[2 * place + 2];
    if (left === undefined || right === undefined) return left;
    return goesFirst(right, left) ? right : left;
  }

  #put(entry: T, place: number): void {
    this.#entries[place] = entry;
    entry.place = place;
  }
}

function goesFirst(a: Due, b: Due): boolean {
  if (a.since.bootId === b.since.bootId) return a.ms! < b.ms! || (a.ms === b.ms && a.serial! < b.serial!);
  return isBefore(a.since, b.since) || (!isBefore(b.since, a.since) && a.serial! < b.serial!);
}
