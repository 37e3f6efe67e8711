// What the hub no longer keeps: the records that came first go when the database is larger or older than it may be. What is
// left of them are their links, so that forks of their journals are still told, and a record that is sent again is known.
// In: limits; out: how many went, counted. Called once a minute by serve-io.ts, in small steps: hosts are answered between them.

import type { DatabaseSync } from 'node:sqlite';
import type { Counters } from '../stats.ts';
import { inTransaction } from './database-io.ts';

export interface RetentionOptions {
  maxBytes: number;
  /** By the hub's clock. */
  maxAgeMs: number;
  /** Row up to which every output has got; undefined: there is none. */
  forwarded: () => number | undefined;
}

/** Records of one step. */
const STEP = 500;
/** Links kept of each journal beyond its records: of the last seqs, and of the last heartbeats. */
export const LINKS_KEPT = 10_000;
const HEARTBEAT = 4;
/** What a Date can hold. */
const LATEST_MS = 8.64e15;

/** One step. out: whether there is more to do. Throws SQLite's errors. */
export function expireStep(sql: DatabaseSync, options: RetentionOptions, counters: Counters, nowMs: number): boolean {
  const reason = whyExpire(sql, options, nowMs);
  if (reason === undefined) return false;
  const { count, last } = inTransaction(sql, () =>
    dropOldest(sql, reason === 'age' ? nowMs - options.maxAgeMs : LATEST_MS),
  );
  counters.add('hub_records_expired_total', count, reason);
  const forwarded = options.forwarded();
  if (forwarded !== undefined && last > forwarded) {
    counters.add('hub_records_expired_unforwarded_total', Math.min(count, last - forwarded));
  }
  return count === STEP;
}

function whyExpire(sql: DatabaseSync, { maxBytes, maxAgeMs }: RetentionOptions, nowMs: number) {
  const oldest = sql.prepare('SELECT arrived_ms FROM records ORDER BY row LIMIT 1').get();
  if (oldest === undefined) return undefined;
  if (bytesIn(sql) > maxBytes) return 'size';
  return (oldest as { arrived_ms: number }).arrived_ms < nowMs - maxAgeMs ? 'age' : undefined;
}

/** Of the file, what is in use: pages that were freed are filled again. */
export function bytesIn(sql: DatabaseSync): number {
  const pragma = (name: string) => Object.values(sql.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[0]!;
  return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size');
}

function dropOldest(sql: DatabaseSync, beforeMs: number): { count: number; last: number } {
  const { last } = sql
    .prepare('SELECT max(row) AS last FROM (SELECT row FROM records WHERE arrived_ms <= ? ORDER BY row LIMIT ?)')
    .get(beforeMs, STEP) as { last: number | null };
  if (last === null) return { count: 0, last: 0 };
  const journals = sql.prepare('SELECT DISTINCT journal FROM records WHERE row <= ?').all(last);
  sql.prepare('INSERT OR IGNORE INTO links SELECT journal, seq, kind, link FROM records WHERE row <= ?').run(last);
  for (const table of ['alerts', 'amends', 'gaps']) sql.prepare(`DELETE FROM ${table} WHERE row <= ?`).run(last);
  const { changes } = sql.prepare('DELETE FROM records WHERE row <= ?').run(last);
  for (const { journal } of journals as { journal: number }[]) trimLinks(sql, journal);
  return { count: Number(changes), last };
}

function trimLinks(sql: DatabaseSync, journal: number): void {
  const nth = (kind: string) =>
    `SELECT seq FROM links WHERE journal = ?1 ${kind} ORDER BY seq DESC LIMIT 1 OFFSET ${LINKS_KEPT}`;
  sql.prepare(`DELETE FROM links WHERE journal = ?1 AND kind != ${HEARTBEAT} AND seq <= (${nth('')})`).run(journal);
  sql
    .prepare(
      `DELETE FROM links WHERE journal = ?1 AND kind = ${HEARTBEAT} AND seq <= (${nth(`AND kind = ${HEARTBEAT}`)})`,
    )
    .run(journal);
}

/** Journals that have nothing here any more and have not been heard of for so long: a host may have begun any number of them. */
export function forgetJournals(sql: DatabaseSync, beforeMs: number): void {
  const gone = `SELECT journal FROM journals WHERE seen_ms < ?1
    AND NOT EXISTS (SELECT 1 FROM records WHERE records.journal = journals.journal)`;
  inTransaction(sql, () => {
    for (const table of ['links', 'forks', 'journals']) {
      sql.prepare(`DELETE FROM ${table} WHERE journal IN (${gone})`).run(beforeMs);
    }
  });
}
