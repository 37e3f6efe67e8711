// The statements by which ingest-io.ts stores, prepared once. Parameters in the order of the question marks.

import type { DatabaseSync } from 'node:sqlite';

export function statementsOf(sql: DatabaseSync) {
  return {
    host: sql.prepare(
      `INSERT INTO hosts (host_id, name, version, first_ms, seen_ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (host_id) DO UPDATE SET name = excluded.name, version = excluded.version, seen_ms = excluded.seen_ms
       RETURNING host`,
    ),
    journal: sql.prepare(
      `INSERT INTO journals (host, journal_id, first_ms, seen_ms, top_seq) VALUES (?, ?, ?, ?, 0)
       ON CONFLICT (host, journal_id) DO UPDATE SET seen_ms = excluded.seen_ms RETURNING journal, top_seq`,
    ),
    findJournal: sql.prepare('SELECT top_seq FROM journals WHERE host = ? AND journal_id = ?'),
    moveTop: sql.prepare('UPDATE journals SET top_seq = ? WHERE journal = ?'),
    /** A record that is there, or what is left of it. */
    known: sql.prepare(
      `SELECT kind, rank, wall_ms, link, payload FROM records WHERE journal = ? AND seq = ?
       UNION ALL SELECT kind, 0, 0, link, NULL FROM links WHERE journal = ? AND seq = ?`,
    ),
    record: sql.prepare(
      `INSERT INTO records (journal, seq, kind, rank, wall_ms, flags, link, arrived_ms, payload)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    /** Time of the newest record, bytes that were added, host. */
    grown: sql.prepare('UPDATE hosts SET record_ms = max(coalesce(record_ms, 0), ?), bytes = bytes + ? WHERE host = ?'),
    alert: sql.prepare('INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    amend: sql.prepare('INSERT INTO amends VALUES (?, ?, ?, ?)'),
    gap: sql.prepare('INSERT INTO gaps VALUES (?, ?, ?, ?, ?)'),
    beat: sql.prepare('UPDATE hosts SET beat_ms = ?, beat_wall_ms = ?, stopped_ms = NULL WHERE host = ?'),
    lifecycle: sql.prepare('UPDATE hosts SET stopped_ms = ? WHERE host = ?'),
    fork: sql.prepare(
      `INSERT INTO forks VALUES (?, ?, ?, ?, 1)
       ON CONFLICT (journal, seq) DO UPDATE SET seen_ms = excluded.seen_ms, count = count + 1`,
    ),
  };
}
