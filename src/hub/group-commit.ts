// One sync for the batches of many hosts: what has come while the disk was busy is stored together. In: batches; out: a promise
// for each, which resolves when it is durable. A group is bounded, so that no host waits long for those that came with it.
// Between endpoint.ts and ingest-io.ts.

import type { IngestBatch } from '../proto/ingest-codec.ts';
import type { Outcome, Stored } from './ingest-io.ts';

interface Waiting {
  batch: IngestBatch;
  bytes: number;
  done(outcome: Outcome): void;
}

/** Of payloads in one group; a larger batch is one by itself. */
const GROUP_BYTES = 4 * 2 ** 20;

export class GroupCommit {
  readonly #storeAll: (batches: readonly IngestBatch[], nowMs: number) => readonly Outcome[];
  readonly #waiting: Waiting[] = [];

  constructor(storeAll: (batches: readonly IngestBatch[], nowMs: number) => readonly Outcome[]) {
    this.#storeAll = storeAll;
  }

  /** Resolves when it is durable. Rejects with SQLite's errors, and nothing of it is stored then. */
  async store(batch: IngestBatch, nowMs: number): Promise<Stored> {
    const bytes = batch.records.reduce((sum, { payload }) => sum + payload.length, 0);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#waiting.push({ batch, bytes, done: resolve });
    if (this.#waiting.length === 1) setImmediate(() => this.#flush(nowMs));
    const outcome = await promise;
    if (outcome.is === 'failed') throw outcome.error;
    return outcome.stored;
  }

  #flush(nowMs: number): void {
    const group = this.#waiting.splice(0, this.#fitting());
    if (group.length === 0) return;
    const outcomes = this.#storeAll(
      group.map(({ batch }) => batch),
      nowMs,
    );
    for (const [i, { done }] of group.entries()) done(outcomes[i]!);
    if (this.#waiting.length > 0) setImmediate(() => this.#flush(nowMs));
  }

  /** At least one. */
  #fitting(): number {
    let bytes = 0;
    const beyond = this.#waiting.findIndex((waiting) => {
      bytes += waiting.bytes;
      return bytes > GROUP_BYTES;
    });
    return beyond < 0 ? this.#waiting.length : Math.max(1, beyond);
  }
}
