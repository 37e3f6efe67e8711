// Appends records durably. In: payloads with kind, rank and time; out: their seqs, once pwrite and fdatasync have returned.
// Called by the agent, on its event loop.
//
// Commit: when idle, a record is written and synced at once; what arrives meanwhile is the next batch. A batch that does not
// fit the segment seals it and begins the next. When the disk is full: cut to the last good offset, remove delivered segments,
// free the reserve, and if that was not enough refuse the batch with FB_JOURNAL_FULL. Any other failure of a write or sync
// poisons the segment, for a second fdatasync would lie: a new segment is begun and gets all that the failed write could have
// hit, the last good block included, once more. A refused record is not promised; it may still be there after a crash.

import { ForebearError } from '../errors.ts';
import type { Counters } from '../stats.ts';
import type { PlacedRecord } from './active-segment.ts';
import { journalError } from './failure.ts';
import type { Fork } from './fork-marker-io.ts';
import { MAX_PAYLOAD, nextLink, recordSize } from './format.ts';
import {
  type AppendOptions,
  type JournalDamage,
  type JournalStatus,
  type JournalWriter,
  RECORD_KINDS,
} from './journal.ts';
import type { MarkWriter } from './mark-writer.ts';
import type { Recovered, WriterIdentity } from './recover.ts';
import type { SegmentLog } from './segment-log.ts';

export interface WriterContext {
  log: SegmentLog;
  recovered: Recovered;
  directory: string;
  self: WriterIdentity;
  counters: Counters;
  mark: MarkWriter;
  maxBatchBytes: number;
  maxQueueBytes: number;
  /** Durably under which id to go on. */
  renew: (fork: Fork) => Promise<string>;
  releaseLock: () => void;
}

interface Asked {
  fork: Fork;
  resolve: (isNew: boolean) => void;
  reject: (error: unknown) => void;
}

interface Pending {
  payload: Uint8Array;
  options: AppendOptions;
  resolve: (seq: number) => void;
  reject: (error: unknown) => void;
}

export class Writer implements JournalWriter {
  readonly damage: readonly JournalDamage[];
  readonly #context: WriterContext;
  #queue: Pending[] = [];
  /** Forks to go on behind, between two batches. */
  readonly #asked: Asked[] = [];
  /** Bytes queued or being committed. */
  #pendingBytes = 0;
  #pending = 0;
  #durableSeq: number;
  #durableLink: Buffer;
  /** Last place that is taken: differs from the durable one while unsure records wait to be written again. */
  #last: { seq: number; link: Buffer };
  #running: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(context: WriterContext) {
    const { durableSeq, link, unsure, damage } = context.recovered;
    this.#context = context;
    this.damage = damage;
    this.#durableSeq = durableSeq;
    this.#durableLink = link;
    const last = unsure.at(-1);
    this.#last = last === undefined ? { seq: durableSeq, link } : { seq: last.facts.seq, link: last.link };
  }

  append(payload: Uint8Array, options: AppendOptions): Promise<number> {
    const refusal = this.#refusal(payload);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#pendingBytes += recordSize(payload.length);
    this.#pending++;
    return new Promise((resolve, reject) => {
      this.#queue.push({ payload, options, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  fork(fork: Fork): Promise<boolean> {
    if (this.#closing !== undefined) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      this.#asked.push({ fork, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  #refusal(payload: Uint8Array): ForebearError | undefined {
    if (this.#closing !== undefined) return new ForebearError('FB_JOURNAL_CLOSED', 'the journal is closed');
    if (payload.length > MAX_PAYLOAD) {
      const message = `a record of ${payload.length} bytes is larger than ${MAX_PAYLOAD}`;
      return new ForebearError('FB_JOURNAL_RECORD_SIZE', message);
    }
    if (this.#pendingBytes + payload.length <= this.#context.maxQueueBytes) return undefined;
    this.#context.counters.add('journal_records_refused_total', 1, 'queue');
    return new ForebearError('FB_JOURNAL_QUEUE', 'the disk does not keep up: too many records wait to be written');
  }

  /** Commits batches until nothing waits. */
  async #run(): Promise<void> {
    while (this.#queue.length + this.#asked.length > 0) {
      const asked = this.#asked.shift();
      if (asked !== undefined) await this.#renew(asked);
      if (this.#queue.length === 0) continue;
      const batch = this.#take();
      await this.#commit(batch);
      if (this.#context.log.retentionIsDue) await this.#context.log.retain();
    }
    this.#running = undefined;
  }

  async #renew({ fork, resolve, reject }: Asked): Promise<void> {
    const { renew, self, log } = this.#context;
    try {
      const journalId = await renew(fork);
      const isNew = journalId !== self.journalId;
      if (isNew) {
        self.journalId = journalId;
        log.endSegment();
      }
      resolve(isNew);
    } catch (error) {
      reject(journalError(error, 'cannot begin a new journal id'));
    }
  }

  #take(): Pending[] {
    let bytes = 0;
    let count = 0;
    for (const { payload } of this.#queue) {
      bytes += recordSize(payload.length);
      if (count > 0 && bytes > this.#context.maxBatchBytes) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const { counters, log } = this.#context;
    const placed = this.#place(batch);
    try {
      await log.commit(placed);
      const last = placed.at(-1)!;
      this.#last = { seq: last.facts.seq, link: last.link };
      this.#durableSeq = last.facts.seq;
      this.#durableLink = last.link;
      await this.publish();
      counters.add('journal_records_committed_total', batch.length);
      counters.add('journal_batches_committed_total');
      batch.forEach(({ resolve }, i) => {
        resolve(placed[i]!.facts.seq);
      });
    } catch (error) {
      counters.add('journal_records_refused_total', batch.length, 'write');
      for (const { reject } of batch) reject(error);
    } finally {
      this.#pending -= batch.length;
      this.#pendingBytes -= batch.reduce((sum, { payload }) => sum + recordSize(payload.length), 0);
    }
  }

  /** Gives the batch its seqs and links. Nothing is taken until it is committed: a refused batch leaves no hole. */
  #place(batch: readonly Pending[]): PlacedRecord[] {
    let { seq, link } = this.#last;
    return batch.map(({ payload, options }) => {
      seq++;
      const wallMs = Math.min(Math.max(0, Math.trunc(options.wallMs) || 0), Number.MAX_SAFE_INTEGER);
      const rank = Math.min(Math.max(Math.trunc(options.rank) || 0, 0), 3);
      const facts = { seq, wallMs, kind: RECORD_KINDS[options.kind], rank, flags: 0 };
      const before = link;
      link = nextLink(before, facts, payload);
      return { facts, payload, before, link };
    });
  }

  /** Tells readers the durable end. Failing costs them only delay: the next mark covers it. */
  publish(): Promise<void> {
    return this.#context.mark.write(this.#durableSeq, this.#durableLink);
  }

  status(): JournalStatus {
    const { log, recovered, self, directory } = this.#context;
    const nextSeq = this.#last.seq + this.#pending + 1;
    return {
      journalId: self.journalId,
      directory,
      firstSeq: log.firstSeq ?? nextSeq,
      nextSeq,
      durableSeq: this.#durableSeq,
      segments: log.segments,
      bytes: log.bytes,
      expired: log.expired,
      tornBytes: recovered.tornBytes,
      link: this.#durableLink.toString('hex'),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#running;
    await this.#context.log.close();
    await this.#context.mark.close();
    this.#context.releaseLock();
  }
}
