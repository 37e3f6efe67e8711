// A batch of a host into the database: all of it durable, or nothing. Idempotent by (host, journal id, seq). What is known
// of the chain must fit: a clone of the host, or a snapshot of it that was restored, writes other records under seqs that
// are taken, which is a fork; what comes before it is stored, it and what follows are not. Called by endpoint.ts.

import type { DatabaseSync } from 'node:sqlite';
import { nextLink } from '../journal/format.ts';
import type { IngestBatch, IngestRecord } from '../proto/ingest-codec.ts';
import type { Counters } from '../stats.ts';
import { inTransaction, RECORD_BYTES } from './database-io.ts';
import { type Derived, derive } from './derive.ts';
import { statementsOf } from './ingest-sql-io.ts';

export interface Stored {
  /** Records that were new. */
  stored: number;
  /** Highest of the journal that is durable; 0: none. */
  durableSeq: number;
  /** First seq at which the batch and what is known part. */
  forkSeq?: number;
}

export type Outcome =
  | { is: 'stored'; stored: Stored; counts: ReadonlyMap<string, number> }
  | { is: 'failed'; error: unknown };

interface Known {
  kind: number;
  rank: number;
  wall_ms: number;
  link: Uint8Array | null;
  payload: Uint8Array | null;
}

interface Journal {
  hostId: string;
  host: number;
  journal: number;
  topSeq: number;
}

/** Where the chain stands, as far as it is known. */
interface Previous {
  seq: number;
  link: Uint8Array | undefined;
}

export class Ingest {
  readonly #sql: DatabaseSync;
  readonly #counters: Counters;
  readonly #run: ReturnType<typeof statementsOf>;

  constructor(sql: DatabaseSync, counters: Counters) {
    this.#sql = sql;
    this.#counters = counters;
    this.#run = statementsOf(sql);
  }

  /** Durable when it returns. Throws SQLite's errors (a full disk), and nothing is stored then. */
  store(batch: IngestBatch, nowMs: number): Stored {
    const [outcome] = this.storeAll([batch], nowMs);
    if (outcome!.is === 'failed') throw outcome!.error;
    return outcome!.stored;
  }

  /** The same with one sync for all; each is stored, or fails, by itself, or all fail. out: in their order. Never throws. */
  storeAll(batches: readonly IngestBatch[], nowMs: number): Outcome[] {
    // Outside the transaction: what costs time.
    const derived = batches.map(({ records }) => records.map(derive));
    try {
      const outcomes = inTransaction(this.#sql, () =>
        batches.map((batch, i) => this.#attempt(batch, derived[i]!, nowMs)),
      );
      for (const outcome of outcomes) this.#count(outcome);
      return outcomes;
    } catch (error) {
      return batches.map(() => ({ is: 'failed', error }));
    }
  }

  /** Throws where SQLite has given up the transaction. */
  #attempt(batch: IngestBatch, derived: readonly Derived[], nowMs: number): Outcome {
    const counts = new Map<string, number>();
    this.#sql.exec('SAVEPOINT batch');
    try {
      const stored = this.#store(batch, derived, nowMs, counts);
      this.#sql.exec('RELEASE batch');
      return { is: 'stored', stored, counts };
    } catch (error) {
      if (!this.#sql.isTransaction) throw error;
      this.#sql.exec('ROLLBACK TO batch; RELEASE batch');
      return { is: 'failed', error };
    }
  }

  #count(outcome: Outcome): void {
    if (outcome.is === 'failed') return;
    for (const [name, count] of outcome.counts) this.#counters.add(name, count);
    this.#counters.add('hub_records_stored_total', outcome.stored.stored);
  }

  #store(batch: IngestBatch, derived: readonly Derived[], nowMs: number, counts: Map<string, number>): Stored {
    const count = (name: string) => void counts.set(name, (counts.get(name) ?? 0) + 1);
    if (batch.records.length === 0) return this.#look(batch, nowMs);
    const journal = this.#journal(batch, nowMs);
    const added: IngestRecord[] = [];
    let previous: Previous | undefined;
    let fork: IngestRecord | undefined;
    for (const [i, record] of batch.records.entries()) {
      const verdict = this.#judge(journal, record, previous);
      if (verdict === 'fork') {
        fork = record;
        break;
      }
      if (verdict === 'new') {
        this.#insert(journal, record, derived[i]!, nowMs, count);
        added.push(record);
      } else {
        count('hub_records_repeated_total');
      }
      previous = { seq: record.seq, link: record.link };
    }
    if (fork !== undefined) {
      this.#run.fork.run(journal.journal, fork.seq, nowMs, nowMs);
      count('hub_forks_seen_total');
    }
    const durableSeq = this.#moveOn(journal, added);
    return { stored: added.length, durableSeq, ...(fork && { forkSeq: fork.seq }) };
  }

  /** out: the journal's highest seq. */
  #moveOn({ journal, host, topSeq }: Journal, added: readonly IngestRecord[]): number {
    const last = added.at(-1);
    if (last === undefined) return topSeq;
    const durableSeq = Math.max(topSeq, last.seq);
    this.#run.moveTop.run(durableSeq, journal);
    const bytes = added.reduce((sum, { payload }) => sum + payload.length + RECORD_BYTES, 0);
    this.#run.grown.run(Math.max(...added.map(({ wallMs }) => wallMs)), bytes, host);
    return durableSeq;
  }

  /** A question makes no journal. */
  #look({ hostId, hostName, journalId, agentVersion }: IngestBatch, nowMs: number): Stored {
    const { host } = this.#run.host.get(hostId, hostName, agentVersion, nowMs, nowMs) as { host: number };
    const found = this.#run.findJournal.get(host, journalId) as { top_seq: number } | undefined;
    return { stored: 0, durableSeq: found?.top_seq ?? 0 };
  }

  #journal({ hostId, hostName, journalId, agentVersion }: IngestBatch, nowMs: number): Journal {
    const { host } = this.#run.host.get(hostId, hostName, agentVersion, nowMs, nowMs) as { host: number };
    const found = this.#run.journal.get(host, journalId, nowMs, nowMs) as { journal: number; top_seq: number };
    return { hostId, host, journal: found.journal, topSeq: found.top_seq };
  }

  #judge(journal: Journal, record: IngestRecord, previous: Previous | undefined): 'new' | 'known' | 'fork' {
    const known = this.#known(journal, record.seq);
    if (known !== undefined) return isSame(known, record) ? 'known' : 'fork';
    return this.#fitsChain(journal, record, previous) ? 'new' : 'fork';
  }

  #known({ journal, topSeq }: Journal, seq: number): Known | undefined {
    if (seq > topSeq) return undefined;
    return this.#run.known.get(journal, seq, journal, seq) as Known | undefined;
  }

  /** Whether the record's link follows from the one before it, where that and all that goes into it are known. */
  #fitsChain(journal: Journal, record: IngestRecord, previous: Previous | undefined): boolean {
    const { seq, link, flags } = record;
    if (link === undefined || flags === undefined || seq === 1) return true;
    const before = previous?.seq === seq - 1 ? previous.link : this.#known(journal, seq - 1)?.link;
    if (before === undefined || before === null) return true;
    return nextLink(Buffer.from(before), { ...record, flags }, record.payload).equals(link);
  }

  #insert(
    { host, journal, hostId }: Journal,
    record: IngestRecord,
    derived: Derived,
    nowMs: number,
    count: (name: string) => void,
  ): void {
    const { seq, kind, rank, wallMs, flags = null, link = null, payload } = record;
    const inserted = this.#run.record.run(journal, seq, kind, rank, wallMs, flags, link, nowMs, payload);
    if (derived.of === 'alert' && derived.hostId !== hostId) count('hub_alerts_foreign_total');
    this.#keep(Number(inserted.lastInsertRowid), host, derived, { wallMs, nowMs }, count);
  }

  #keep(
    row: number,
    host: number,
    derived: Derived,
    { wallMs, nowMs }: { wallMs: number; nowMs: number },
    count: (name: string) => void,
  ): void {
    switch (derived.of) {
      case 'alert': {
        const { uuid, eventMs, ruleId, ruleName, rank, user, selftest } = derived;
        // No event is later than its arrival: a host whose clock is ahead would stay the newest for years.
        const atMs = Math.min(eventMs, nowMs);
        const kept = this.#run.alert.run(row, host, uuid, atMs, ruleId, ruleName, rank, user, selftest ? 1 : 0);
        if (Number(kept.changes) === 0) count('hub_alerts_repeated_total');
        break;
      }
      case 'amend':
        this.#run.amend.run(row, host, derived.uuid, derived.number);
        break;
      case 'gap':
        this.#run.gap.run(row, host, derived.kind, derived.count, derived.detail);
        break;
      case 'heartbeat':
        this.#run.beat.run(nowMs, wallMs, host);
        break;
      case 'lifecycle':
        this.#run.lifecycle.run(derived.stopped ? wallMs : null, host);
        break;
      case 'undecodable':
        count('hub_records_undecodable_total');
        break;
      default:
    }
  }
}

/** By the links where both are known: they stand for all that came before, too. An expired record without one is taken for it. */
function isSame(known: Known, record: IngestRecord): boolean {
  if (known.link !== null && record.link !== undefined) return equal(known.link, record.link);
  if (known.payload === null) return true;
  const { kind, rank, wallMs, payload } = record;
  return known.kind === kind && known.rank === rank && known.wall_ms === wallMs && equal(known.payload, payload);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
