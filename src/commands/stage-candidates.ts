// Events that match a part of a sequence, for how far it got (detect/stage-reach.ts): all are counted, the last ones are kept, as many as
// memory allows. Called by why-not.ts.

import type { Candidate } from '../detect/stage-reach.ts';
import type { EcsEvent } from '../ecs/event.ts';
import { eventBytes } from './event-bytes.ts';

const MAX_BYTES = 96 << 20;

export class StageCandidates {
  /** Matching events that were not kept: they came before the others. */
  left = 0;
  readonly #maxBytes: number;
  readonly #counts = new Map<number, number>();
  #kept: (Candidate & { readonly bytes: number })[] = [];
  #bytes = 0;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  add(event: EcsEvent, probes: readonly number[]): void {
    if (probes.length === 0) return;
    for (const probe of probes) this.#counts.set(probe, this.countOf(probe) + 1);
    const bytes = eventBytes(event);
    this.#kept.push({ event, probes, bytes });
    this.#bytes += bytes;
    if (this.#bytes > this.#maxBytes) this.#makeRoom();
  }

  countOf(probe: number): number {
    return this.#counts.get(probe) ?? 0;
  }

  get kept(): readonly Candidate[] {
    return this.#kept;
  }

  /** A quarter goes at once, the last one stays. */
  #makeRoom(): void {
    let first = 0;
    while (first < this.#kept.length - 1 && this.#bytes > 0.75 * this.#maxBytes)
      this.#bytes -= this.#kept[first++]!.bytes;
    this.#kept = this.#kept.slice(first);
    this.left += first;
  }
}
