// How state/terms.db (schema 1) is opened: made where there is none, set aside where it is damaged, refused where it is newer.
// Called by term-store-io.ts and, for `forebear learn`, by term-history-io.ts; the statements are term-tables-io.ts.
// If the schema changes, raise SCHEMA and convert in `open`: an older agent then refuses the file (FB_TERMS_NEWER).

import { closeSync, existsSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ForebearError, reasonOf } from '../errors.ts';
import { KEPT_TABLE, KeptRows } from './kept-rows-io.ts';
import { LEARNING_SQL, TermTables } from './term-tables-io.ts';

const SCHEMA = 1;

const TABLES = `
  CREATE TABLE rules (
    rule_id TEXT PRIMARY KEY, fields TEXT NOT NULL, query_hash TEXT NOT NULL,
    start_boot TEXT NOT NULL, start_ns INTEGER NOT NULL, start_ms REAL NOT NULL,
    changed_boot TEXT, changed_ns INTEGER, changed_ms REAL) STRICT;
  CREATE TABLE terms (
    rule_id TEXT NOT NULL, term BLOB NOT NULL, boot TEXT NOT NULL, ns INTEGER NOT NULL, ms REAL NOT NULL,
    PRIMARY KEY (rule_id, term)) STRICT, WITHOUT ROWID;
  CREATE TABLE caps (
    rule_id TEXT PRIMARY KEY, boot TEXT NOT NULL, ns INTEGER NOT NULL, ms REAL NOT NULL,
    count INTEGER NOT NULL, capped INTEGER NOT NULL) STRICT;
  CREATE TABLE checkpoint (only INTEGER PRIMARY KEY CHECK (only = 1), journal TEXT NOT NULL, seq INTEGER NOT NULL) STRICT;
`;

/** Came later, beside the others: an agent that does not know it leaves it alone and alerts. Absent in older files. */
const LEARNING_TABLE = `
  CREATE TABLE IF NOT EXISTS learning (
    rule_id TEXT PRIMARY KEY, boot TEXT NOT NULL, ns INTEGER NOT NULL, ms REAL NOT NULL,
    length_ms REAL NOT NULL, over INTEGER NOT NULL) STRICT;
`;

/** SQLITE_ERROR (a table is not as expected), SQLITE_CORRUPT, SQLITE_NOTADB: the file, not the world. */
const DAMAGE = new Set([1, 11, 26]);

export interface OpenedDatabase {
  database: DatabaseSync;
  /** Where a damaged database was put, and what was wrong; absent: it was fine, or new. */
  damaged?: { file: string; reason: string };
}

/**
 * Opens or makes the database. Throws FB_TERMS_NEWER (made by a newer version; untouched) and FB_TERMS_OPEN. A damaged
 * one is set aside as FILE.damaged (the one before it is given up) and a new one begun: its checkpoint is 0.
 */
export function openTermDatabase(path: string): OpenedDatabase {
  refuseNewer(path, headerVersion(path));
  try {
    return { database: open(path) };
  } catch (error) {
    if (!isDamage(error)) throw openError(path, error);
    const file = setAside(path);
    return { database: open(path), damaged: { file, reason: reasonOf(error) } };
  }
}

/**
 * For reading alone, beside an agent that writes; undefined: there is none. Throws FB_TERMS_NEWER and FB_TERMS_OPEN.
 */
export function readTermDatabase(path: string): TermTables | undefined {
  if (!existsSync(path)) return undefined;
  refuseNewer(path, headerVersion(path));
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 2000 });
    return new TermTables(database);
  } catch (error) {
    database?.close();
    throw openError(path, error);
  }
}

/**
 * The schema of a database, as far as its file tells, beside the newest known; undefined: no file. Locks and makes nothing.
 * Throws FB_TERMS_OPEN, the file system's errors.
 */
export function termSchema(path: string): { version: number; known: number } | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  return { version: headerVersion(path), known: SCHEMA };
}

function open(path: string): DatabaseSync {
  closeSync(openSync(path, 'a', 0o640));
  const database = new DatabaseSync(path);
  try {
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
    refuseNewer(path, version);
    if (version !== 0) check(database);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000');
    if (version === 0) database.exec(`BEGIN; ${TABLES} PRAGMA user_version = ${SCHEMA}; COMMIT`);
    database.exec(LEARNING_TABLE);
    database.exec(KEPT_TABLE);
    new KeptRows(database);
    for (const sql of Object.values(LEARNING_SQL)) database.prepare(sql);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Before anything is written: a damaged file is set aside as it was found. */
function check(database: DatabaseSync): void {
  const row = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
  if (row.quick_check !== 'ok') throw Object.assign(new Error(row.quick_check), { errcode: 11 });
  new TermTables(database);
}

/** user_version out of the file's header (bytes 60..63, big-endian), without opening it as a database. */
function headerVersion(path: string): number {
  if (!existsSync(path)) return 0;
  const header = Buffer.alloc(100);
  try {
    const file = openSync(path, 'r');
    const size = readSync(file, header, 0, header.length, 0);
    closeSync(file);
    return size === 100 && header.toString('latin1', 0, 15) === 'SQLite format 3' ? header.readUInt32BE(60) : 0;
  } catch (error) {
    throw openError(path, error);
  }
}

function refuseNewer(path: string, version: number): void {
  if (version <= SCHEMA) return;
  throw new ForebearError('FB_TERMS_NEWER', `${path} has schema ${version}, this version knows ${SCHEMA}`, {
    hint: 'run the newer version of forebear, or move the file away to begin a new history',
  });
}

function isDamage(error: unknown): boolean {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === 'number' && DAMAGE.has(code & 0xff);
}

function openError(path: string, error: unknown): ForebearError {
  if (error instanceof ForebearError) return error;
  return new ForebearError('FB_TERMS_OPEN', `${path}: ${reasonOf(error)}`, { cause: error });
}

function setAside(path: string): string {
  const file = `${path}.damaged`;
  for (const part of ['-wal', '-shm', '']) {
    rmSync(`${file}${part}`, { force: true });
    if (existsSync(`${path}${part}`)) renameSync(`${path}${part}`, `${file}${part}`);
  }
  return file;
}
