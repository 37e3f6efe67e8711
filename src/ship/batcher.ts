// Items of a source -> batches, bounded in bytes and count. A batch goes when it is full, or when nothing more has come for a
// moment: a fresh alert waits for no company. Called by the lane.

import type { Output, Parcel } from './output.ts';
import type { Item, Position } from './source.ts';
import { Pulling, type Waiting } from './wait.ts';

/** How long the source may take for one item more. */
const LINGER_MS = 20;
/** Bytes around a document: action line, envelope. */
const OVERHEAD = 200;
/** Records that are passed over before the position is saved. */
const MOST_PASSED = 10_000;

export interface Batch {
  parcels: readonly Parcel[];
  /** Reached once all of them are settled; absent when they move nothing. */
  position?: Position;
  /** To be called then. */
  settled: readonly (() => Promise<void>)[];
  /** Records passed over for the output does not want them, or they went with an alert before. */
  passed: number;
}

export interface BatchLimits {
  bytes: number;
  count: number;
}

/**
 * in: a source's items; limits are asked for each batch. out: batches in order, never empty of both parcels and progress.
 * Throws what the source throws, once what it gave before is a batch: a fault that stays must not keep that back for ever.
 */
export async function* batches(
  items: AsyncIterator<Item>,
  limits: () => BatchLimits,
  sizeOf: NonNullable<Output['sizeOf']>,
  waiting: Waiting,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  const pulling = new Pulling(items, waiting);
  let filling = new Filling();
  for (;;) {
    const found = await pulling.pull(filling.isEmpty ? undefined : LINGER_MS, signal).catch((error) => ({ error }));
    if (found !== undefined && 'error' in found) {
      if (!filling.isEmpty) yield filling.batch();
      throw found.error;
    }
    if (found === undefined || found.done === true) {
      if (!filling.isEmpty) yield filling.batch();
      if (found?.done === true) return;
      filling = new Filling();
      continue;
    }
    const { parcel } = found.value;
    const size = parcel === undefined ? 0 : sizeOf(parcel);
    if (!filling.hasRoom(size, limits())) {
      yield filling.batch();
      filling = new Filling();
    }
    filling.add(found.value, size);
  }
}

export function defaultSize({ document }: Parcel): number {
  return document.length + OVERHEAD;
}

class Filling {
  #parcels: Parcel[] = [];
  #position: Position | undefined;
  readonly #settled: (() => Promise<void>)[] = [];
  #bytes = 0;
  #passed = 0;

  get isEmpty(): boolean {
    return this.#parcels.length === 0 && this.#passed === 0;
  }

  hasRoom(size: number, { bytes, count }: BatchLimits): boolean {
    if (this.#passed >= MOST_PASSED) return false;
    return this.#parcels.length === 0 || size === 0 || (this.#parcels.length < count && this.#bytes + size <= bytes);
  }

  add({ parcel, position, settled }: Item, size: number): void {
    this.#position = position ?? this.#position;
    if (settled !== undefined) this.#settled.push(settled);
    this.#bytes += size;
    if (parcel === undefined) this.#passed++;
    else this.#parcels.push(parcel);
  }

  batch(): Batch {
    const position = this.#position;
    return { parcels: this.#parcels, ...(position && { position }), settled: this.#settled, passed: this.#passed };
  }
}
