// The hub's database, hub.db (schema 2), in the hub's directory: SQLite, WAL, every commit synced. One `hub serve` has the lock
// and writes what hosts send; `hub enrol` and `hub revoke` write credentials beside it; `hub alerts` and `hub hosts` read.
// If the schema changes, raise SCHEMA and convert in `prepare`: an older hub then refuses the file (FB_HUB_NEWER).

import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ForebearError, plainReason } from '../errors.ts';
import { sqliteLock } from '../journal/lock-io.ts';

const SCHEMA = 2;
const BUSY_MS = 5000;
/**
 * Alerts of 4 to 11 KiB take fewer pages, and the log is written back half as often, than by default: 9,300 alerts a second
 * instead of 6,500. Of a database that is made anew.
 */
const PAGE_BYTES = 8192;
const LOG_PAGES = 2000;
/** What SQLite's log keeps of its room when it begins again: a long read may have made it large. */
const LOG_BYTES = 64 * 2 ** 20;
/** What a record takes beside its payload, about: in its table, in indices, in its alert. */
export const RECORD_BYTES = 500;

// records: as the journals have them, in order of arrival; a number is never used twice, so that forwarding can count on it.
// alerts, amends, gaps: what of them is asked for, each with the row of its record. links: what is known of records that have
// expired here, by which a fork of their journal is told. Times are milliseconds since 1970, by the hub's clock where named
// first_ms, seen_ms, arrived_ms and beat_ms, else by the host's. hosts.bytes: what its records take here, about (retention-io.ts).
const TABLES = `
  CREATE TABLE hub (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL) STRICT;
  CREATE TABLE hosts (
    host INTEGER PRIMARY KEY, host_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, version TEXT NOT NULL,
    first_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, record_ms INTEGER, beat_ms INTEGER, beat_wall_ms INTEGER,
    stopped_ms INTEGER, bytes INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE TABLE journals (
    journal INTEGER PRIMARY KEY, host INTEGER NOT NULL, journal_id TEXT NOT NULL, first_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL, top_seq INTEGER NOT NULL, UNIQUE (host, journal_id)) STRICT;
  CREATE INDEX journals_by_host ON journals (host);
  CREATE TABLE records (
    row INTEGER PRIMARY KEY AUTOINCREMENT, journal INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL,
    rank INTEGER NOT NULL, wall_ms INTEGER NOT NULL, flags INTEGER, link BLOB, arrived_ms INTEGER NOT NULL,
    payload BLOB NOT NULL, UNIQUE (journal, seq)) STRICT;
  CREATE TABLE links (
    journal INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL, link BLOB,
    PRIMARY KEY (journal, seq)) STRICT, WITHOUT ROWID;
  CREATE TABLE alerts (
    row INTEGER PRIMARY KEY, host INTEGER NOT NULL, uuid TEXT NOT NULL, event_ms REAL NOT NULL, rule_id TEXT NOT NULL,
    rule_name TEXT NOT NULL, rank INTEGER NOT NULL, user TEXT, selftest INTEGER NOT NULL, UNIQUE (host, uuid)) STRICT;
  CREATE INDEX alerts_by_time ON alerts (event_ms, row);
  CREATE TABLE amends (
    row INTEGER PRIMARY KEY, host INTEGER NOT NULL, uuid TEXT NOT NULL, number INTEGER NOT NULL) STRICT;
  CREATE INDEX amends_by_alert ON amends (host, uuid);
  CREATE TABLE gaps (
    row INTEGER PRIMARY KEY, host INTEGER NOT NULL, kind TEXT NOT NULL, count REAL NOT NULL, detail TEXT NOT NULL) STRICT;
  CREATE INDEX gaps_by_host ON gaps (host);
  CREATE TABLE forks (
    journal INTEGER NOT NULL, seq INTEGER NOT NULL, first_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL,
    count INTEGER NOT NULL, PRIMARY KEY (journal, seq)) STRICT, WITHOUT ROWID;
  CREATE TABLE tokens (hash BLOB PRIMARY KEY, host_id TEXT NOT NULL, made_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX tokens_by_host ON tokens (host_id);
  CREATE TABLE revoked (host_id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** A database that is open; id: of this hub, 32 hexadecimal digits, for whoever remembers rows of it. */
export interface HubDatabase extends Disposable {
  readonly sql: DatabaseSync;
  readonly id: string;
}

/** For `hub serve`: made if need be, no second one. Throws FB_HUB_LOCKED, FB_HUB_NEWER, FB_HUB_DATABASE. */
export function openToServe(directory: string): HubDatabase {
  return attempt(directory, () => {
    makeFolder(directory);
    const release = sqliteLock(join(directory, 'lock'));
    if (release === undefined) {
      throw new ForebearError('FB_HUB_LOCKED', `another forebear hub serves from ${directory}`, {
        hint: 'stop it, or give this one a directory of its own (hub.directory)',
      });
    }
    try {
      return open(directory, release);
    } catch (error) {
      release();
      throw error;
    }
  });
}

/** Beside a server: for credentials. Made if need be. Throws FB_HUB_NEWER, FB_HUB_DATABASE. */
export function openToEnrol(directory: string): HubDatabase {
  return attempt(directory, () => {
    makeFolder(directory);
    return open(directory, () => {});
  });
}

/** The same where there is one already. Throws FB_HUB_ABSENT, FB_HUB_NEWER, FB_HUB_DATABASE. */
export function openToRevoke(directory: string): HubDatabase {
  return attempt(directory, () => {
    assertThere(fileOf(directory), directory);
    return open(directory, () => {});
  });
}

/** For reading alone. Throws FB_HUB_ABSENT, FB_HUB_NEWER, FB_HUB_DATABASE. */
export function openToRead(directory: string): HubDatabase {
  return attempt(directory, () => {
    const path = fileOf(directory);
    assertThere(path, directory);
    const sql = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
    return opened(sql, path, () => {});
  });
}

function assertThere(path: string, directory: string): void {
  if (existsSync(path)) return;
  const hint = 'start "forebear hub serve" once, or name its configuration with --config';
  throw new ForebearError('FB_HUB_ABSENT', `there is no hub in ${directory}`, { hint });
}

/** With its parents. mkdir's own `recursive` never returns for a dangling link, or below /proc. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o750 });
}

function fileOf(directory: string): string {
  return join(directory, 'hub.db');
}

function open(directory: string, release: () => void): HubDatabase {
  const path = fileOf(directory);
  // SQLite would make it readable by all.
  closeSync(openSync(path, 'a', 0o640));
  const sql = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    refuseNewer(path, versionOf(sql));
    sql.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`);
    sql.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}; PRAGMA journal_size_limit = ${LOG_BYTES}`);
    inTransaction(sql, () => prepare(sql));
  } catch (error) {
    sql.close();
    throw error;
  }
  return opened(sql, path, release);
}

const FROM_1_TO_2 = `
  ALTER TABLE hosts ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX journals_by_host ON journals (host);
  UPDATE hosts SET bytes = coalesce((SELECT sum(length(payload) + ${RECORD_BYTES})
    FROM journals JOIN records USING (journal) WHERE journals.host = hosts.host), 0);
`;

/** Under the write lock: another may have made it meanwhile. */
function prepare(sql: DatabaseSync): void {
  const version = versionOf(sql);
  if (version === 1) sql.exec(`${FROM_1_TO_2} PRAGMA user_version = ${SCHEMA}`);
  if (version !== 0) return;
  sql.exec(`${TABLES} PRAGMA user_version = ${SCHEMA}`);
  sql.prepare('INSERT INTO hub VALUES (1, ?)').run(randomBytes(16).toString('hex'));
}

function opened(sql: DatabaseSync, path: string, release: () => void): HubDatabase {
  try {
    refuseNewer(path, versionOf(sql));
    const { id } = sql.prepare('SELECT id FROM hub').get() as { id: string };
    const close = () => {
      sql.close();
      release();
    };
    return { sql, id, [Symbol.dispose]: close };
  } catch (error) {
    if (sql.isOpen) sql.close();
    throw error;
  }
}

function versionOf(sql: DatabaseSync): number {
  return (sql.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
}

function refuseNewer(path: string, version: number): void {
  if (version <= SCHEMA) return;
  throw new ForebearError('FB_HUB_NEWER', `${path} has schema ${version}, this version knows ${SCHEMA}`, {
    hint: 'run the newer version of forebear',
  });
}

/** All of it or nothing; durable when it returns. Throws what the action throws, and SQLite's errors. */
export function inTransaction<T>(sql: DatabaseSync, action: () => T): T {
  sql.exec('BEGIN IMMEDIATE');
  try {
    const result = action();
    sql.exec('COMMIT');
    return result;
  } catch (error) {
    if (sql.isTransaction) sql.exec('ROLLBACK');
    throw error;
  }
}

function attempt(directory: string, action: () => HubDatabase): HubDatabase {
  try {
    return action();
  } catch (error) {
    if (error instanceof ForebearError) throw error;
    throw new ForebearError('FB_HUB_DATABASE', `the hub's database in ${directory}: ${plainReason(error)}`, {
      cause: error,
    });
  }
}
