// From raw batches to handlers, for the live and the replay sensor alike: loss first, then the raw bytes, then the records.

import { reasonOf } from '../errors.ts';
import { Decoder } from './decode.ts';
import type { LossReport, RawKind, SensorCounters, SensorHandlers } from './sensor.ts';

export class Delivery {
  readonly #handlers: SensorHandlers;
  readonly #decoder: Decoder;
  #batches = 0;
  #bytes = 0;
  #failed = false;

  constructor(handlers: SensorHandlers, envNames: ReadonlySet<string>) {
    this.#handlers = handlers;
    this.#decoder = new Decoder(envNames);
  }

  /** Throws what a handler throws; after that, batches are counted but reach no handler. */
  batch(bytes: Uint8Array, kind: RawKind): void {
    this.#batches++;
    this.#bytes += bytes.length;
    const records = this.#decoder.decode(bytes);
    if (this.#failed) return;
    this.#call(() => {
      this.#handlers.onRaw?.(bytes, kind);
      this.#handlers.onBatch(records);
    });
  }

  lost(totals: LossReport): void {
    if (!this.#failed) this.#call(() => this.#handlers.onLost?.(totals));
  }

  /** The sensor ended by itself: of what was thrown, or with nothing at the end of a recording. */
  end(thrown?: unknown): void {
    if (thrown === undefined && !this.#failed) this.#handlers.onEnd();
    else this.#handlers.onEnd(thrown instanceof Error ? thrown : new Error(reasonOf(thrown), { cause: thrown }));
  }

  /** This side's share of the counters. */
  counts(): Pick<SensorCounters, 'decoded' | 'undecodable' | 'batches' | 'bytes'> {
    const { decoded, malformed, unknown } = this.#decoder.counts;
    return { decoded: { ...decoded }, undecodable: malformed + unknown, batches: this.#batches, bytes: this.#bytes };
  }

  #call(handler: () => void): void {
    try {
      handler();
    } catch (thrown) {
      this.#failed = true;
      throw thrown;
    }
  }
}
