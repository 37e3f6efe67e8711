// What the hub no longer keeps. By age the records that came first go; by size those of the host that takes most room, oldest
// first: one host that floods pushes out what is its own. What is left of records are their links, so that forks of their
// journals are still told, and a record that is sent again is known. In: limits; out: how many went, counted. Called every few
// seconds by serve-io.ts, in small steps: hosts are answered between them, so no step may look at more than it drops.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Counters } from '../stats.ts';
import { inTransaction, RECORD_BYTES } from './database-io.ts';

export interface RetentionOptions {
  maxBytes: number;
  /** By the hub's clock. */
  maxAgeMs: number;
  /** Row up to which every output has got; undefined: there is none. */
  forwarded: () => number | undefined;
}

/** Records of one step. */
const STEP = 500;
/** Links kept of each journal beyond its records: of the last seqs, and of the last heartbeats; fewer where all would not fit. */
export const LINKS_KEPT = 10_000;
const FEWEST_LINKS = 100;
/** All links together may take this part of the database; one takes so many bytes. */
const LINKS_SHARE = 1 / 4;
const LINK_BYTES = 64;
/** A journal's links are trimmed when so many have come. */
const TRIM_EVERY = 1000;
/** Of one host's, without records: a host may begin any number of them. */
const JOURNALS_KEPT = 100;
const HEARTBEAT = 4;
/** What a Date can hold. */
const LATEST_MS = 8.64e15;

interface Old {
  row: number;
  journal: number;
}

export class Retention {
  readonly #sql: DatabaseSync;
  readonly #options: RetentionOptions;
  readonly #counters: Counters;
  readonly #first: StatementSync;
  readonly #byAge: StatementSync;
  readonly #bySize: StatementSync;
  readonly #drop: readonly StatementSync[];
  /** Links that have come of a journal since its were trimmed. */
  readonly #untrimmed = new Map<number, number>();

  constructor(sql: DatabaseSync, options: RetentionOptions, counters: Counters) {
    this.#sql = sql;
    this.#options = options;
    this.#counters = counters;
    this.#first = sql.prepare('SELECT arrived_ms FROM records WHERE row > 0 ORDER BY row LIMIT 1');
    this.#byAge = sql.prepare(
      `SELECT row, journal FROM (SELECT row, journal, arrived_ms FROM records WHERE row > 0 ORDER BY row LIMIT ${STEP})
       WHERE arrived_ms < ?`,
    );
    this.#bySize = sql.prepare(OF_LARGEST);
    this.#drop = DROP.map((statement) => sql.prepare(statement));
  }

  /** One step. out: whether there may be more to do. Throws SQLite's errors. */
  step(nowMs: number): boolean {
    const reason = this.#why(nowMs);
    if (reason === undefined) return false;
    const old = inTransaction(this.#sql, () => {
      const found = this.#find(reason, nowMs);
      this.#dropAll(found);
      return found;
    });
    this.#counters.add('hub_records_expired_total', old.length, reason);
    const forwarded = this.#options.forwarded() ?? Number.POSITIVE_INFINITY;
    const unforwarded = old.filter(({ row }) => row > forwarded).length;
    if (unforwarded > 0) this.#counters.add('hub_records_expired_unforwarded_total', unforwarded);
    return old.length > 0;
  }

  #why(nowMs: number): 'size' | 'age' | undefined {
    const { maxBytes, maxAgeMs } = this.#options;
    const oldest = this.#first.get() as { arrived_ms: number } | undefined;
    if (oldest === undefined) return undefined;
    if (bytesIn(this.#sql) > maxBytes) return 'size';
    return oldest.arrived_ms < nowMs - maxAgeMs ? 'age' : undefined;
  }

  #find(reason: 'size' | 'age', nowMs: number): Old[] {
    const largest = reason === 'size' ? (this.#bySize.all() as unknown as Old[]) : [];
    if (largest.length > 0) return largest;
    return this.#byAge.all(reason === 'size' ? LATEST_MS : nowMs - this.#options.maxAgeMs) as unknown as Old[];
  }

  #dropAll(old: readonly Old[]): void {
    const rows = JSON.stringify(old.map(({ row }) => row));
    for (const statement of this.#drop) statement.run(rows);
    for (const [journal, of] of Map.groupBy(old, ({ journal }) => journal)) this.#trim(journal, of.length);
  }

  /** Not in each step: it looks at all that are kept. The first time differs from journal to journal, so that not all come at once. */
  #trim(journal: number, added: number): void {
    const untrimmed = (this.#untrimmed.get(journal) ?? journal % TRIM_EVERY) + added;
    this.#untrimmed.set(journal, untrimmed % TRIM_EVERY);
    if (untrimmed >= TRIM_EVERY) trimLinks(this.#sql, journal, this.#linksKept());
  }

  #linksKept(): number {
    const { journals } = this.#sql.prepare('SELECT count(*) AS journals FROM journals').get() as { journals: number };
    const each = (this.#options.maxBytes * LINKS_SHARE) / LINK_BYTES / 2 / Math.max(1, journals);
    return Math.trunc(Math.min(LINKS_KEPT, Math.max(FEWEST_LINKS, each)));
  }
}

/** The oldest journal with records of the host that takes most room. */
const OF_LARGEST = `
  SELECT row, journal FROM records WHERE journal = (
    SELECT journal FROM journals
    WHERE host = (SELECT host FROM hosts ORDER BY bytes DESC, host LIMIT 1)
      AND EXISTS (SELECT 1 FROM records WHERE records.journal = journals.journal)
    ORDER BY journal LIMIT 1)
  ORDER BY seq LIMIT ${STEP}`;

const ROWS = '(SELECT value FROM json_each(?))';
const DROP = [
  `INSERT OR IGNORE INTO links SELECT journal, seq, kind, link FROM records WHERE row IN ${ROWS}`,
  `UPDATE hosts SET bytes = max(0, hosts.bytes - gone.bytes) FROM (
     SELECT host, sum(length(payload) + ${RECORD_BYTES}) AS bytes FROM records JOIN journals USING (journal)
     WHERE row IN ${ROWS} GROUP BY host) AS gone WHERE hosts.host = gone.host`,
  ...['alerts', 'amends', 'gaps', 'records'].map((table) => `DELETE FROM ${table} WHERE row IN ${ROWS}`),
];

/** Of the file, what is in use: pages that were freed are filled again. */
export function bytesIn(sql: DatabaseSync): number {
  const pragma = (name: string) => Object.values(sql.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[0]!;
  return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size');
}

function trimLinks(sql: DatabaseSync, journal: number, kept: number): void {
  const nth = (kind: string) => `SELECT seq FROM links WHERE journal = ?1 ${kind} ORDER BY seq DESC LIMIT 1 OFFSET ?2`;
  sql
    .prepare(`DELETE FROM links WHERE journal = ?1 AND kind != ${HEARTBEAT} AND seq <= (${nth('')})`)
    .run(journal, kept);
  sql
    .prepare(
      `DELETE FROM links WHERE journal = ?1 AND kind = ${HEARTBEAT} AND seq <= (${nth(`AND kind = ${HEARTBEAT}`)})`,
    )
    .run(journal, kept);
}

/**
 * Journals that have nothing here any more: those that have not been heard of for so long, and of each host's all but the
 * last that were.
 */
export function forgetJournals(sql: DatabaseSync, beforeMs: number): void {
  const gone = `SELECT journal FROM (
      SELECT journal, seen_ms, row_number() OVER (PARTITION BY host ORDER BY seen_ms DESC, journal DESC) AS nth FROM journals
      WHERE NOT EXISTS (SELECT 1 FROM records WHERE records.journal = journals.journal))
    WHERE seen_ms < ? OR nth > ${JOURNALS_KEPT}`;
  const found = sql.prepare(gone).all(beforeMs) as { journal: number }[];
  if (found.length === 0) return;
  const journals = JSON.stringify(found.map(({ journal }) => journal));
  inTransaction(sql, () => {
    for (const table of ['links', 'forks', 'journals']) {
      sql.prepare(`DELETE FROM ${table} WHERE journal IN ${ROWS}`).run(journals);
    }
  });
}
