// The tables of state/terms.db (schema 1) and how it is opened. Called by term-store-io.ts. Terms are stored as the bytes of src/text.ts, so that /\xff and /\xfe stay apart.
// If the schema changes, raise SCHEMA and convert in `prepare`: an older agent then refuses the file (FB_TERMS_NEWER).

import { closeSync, existsSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { ForebearError, reasonOf } from '../errors.ts';
import { decodeText, encodeText } from '../text.ts';
import type { EventTime } from './event-time.ts';
import type { CapState } from './signal-caps.ts';
import type { RuleTerms } from './term-store.ts';

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

interface TimeRow {
  boot: string;
  ns: bigint;
  ms: number;
}

/** Prepared statements over an open database; each method is one of them. Throws what SQLite throws. */
export class TermTables {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
    for (const sql of Object.values(SQL)) this.#prepare(sql);
  }

  get isOpen(): boolean {
    return this.#database.isOpen;
  }

  close(): void {
    this.#database.close();
  }

  transaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  load(rule_id: string): RuleTerms | undefined {
    const row = this.#prepare(SQL.loadRule).get(rule_id) as unknown as RuleRow | undefined;
    if (row === undefined) return undefined;
    const start = { bootId: row.start_boot, bootNs: row.start_ns, wallMs: row.start_ms };
    const rule: RuleTerms = { rule_id, fields: row.fields, queryHash: row.query_hash, start, seen: new Map() };
    if (row.changed_boot !== null) {
      rule.changed = { bootId: row.changed_boot, bootNs: row.changed_ns, wallMs: row.changed_ms };
    }
    for (const term of this.#prepare(SQL.loadTerms).iterate(rule_id) as Iterable<unknown>) {
      const { term: bytes, ...time } = term as TimeRow & { term: Uint8Array };
      rule.seen.set(decodeText(bytes), asTime(time));
    }
    return rule;
  }

  saveRule({ rule_id, fields, queryHash, start, changed }: RuleTerms): void {
    const since = changed === undefined ? [null, null, null] : [changed.bootId, changed.bootNs, changed.wallMs];
    const values = [rule_id, fields, queryHash, start.bootId, start.bootNs, start.wallMs, ...since];
    this.#prepare(SQL.saveRule).run(...values);
  }

  /** at undefined: the term was evicted. */
  saveTerm(rule_id: string, term: string, at: EventTime | undefined): void {
    const key = encodeText(term);
    if (at === undefined) this.#prepare(SQL.dropTerm).run(rule_id, key);
    else this.#prepare(SQL.saveTerm).run(rule_id, key, at.bootId, at.bootNs, at.wallMs);
  }

  dropTerms(rule_id: string): void {
    this.#prepare(SQL.dropTerms).run(rule_id);
  }

  loadCaps(): CapState[] {
    const rows = this.#prepare(SQL.loadCaps).all() as unknown as (TimeRow & CapRow)[];
    return rows.map((row) => ({
      rule_id: row.rule_id,
      start: asTime(row),
      count: Number(row.count),
      capped: Number(row.capped),
    }));
  }

  saveCap({ rule_id, start, count, capped }: CapState): void {
    this.#prepare(SQL.saveCap).run(rule_id, start.bootId, start.bootNs, start.wallMs, count, capped);
  }

  /** Of that journal; 0 when the last checkpoint was of another one, or there is none. */
  checkpointSeq(journalId: string): number {
    const row = this.#prepare(SQL.loadCheckpoint).get() as { journal: string; seq: bigint } | undefined;
    return row?.journal === journalId ? Number(row.seq) : 0;
  }

  saveCheckpoint(journalId: string, seq: number): void {
    this.#prepare(SQL.saveCheckpoint).run(journalId, seq);
  }

  /** Terms stored, per rule. */
  counts(): Map<string, number> {
    const rows = this.#prepare(SQL.countTerms).all() as unknown as { rule_id: string; n: bigint }[];
    return new Map(rows.map(({ rule_id, n }) => [rule_id, Number(n)]));
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      statement.setReadBigInts(true);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}

interface RuleRow {
  fields: string;
  query_hash: string;
  start_boot: string;
  start_ns: bigint;
  start_ms: number;
  changed_boot: string | null;
  changed_ns: bigint;
  changed_ms: number;
}

interface CapRow {
  rule_id: string;
  count: bigint;
  capped: bigint;
}

const SQL = {
  loadRule: 'SELECT * FROM rules WHERE rule_id = ?',
  loadTerms: 'SELECT term, boot, ns, ms FROM terms WHERE rule_id = ? ORDER BY ms',
  loadCaps: 'SELECT rule_id, boot, ns, ms, count, capped FROM caps',
  loadCheckpoint: 'SELECT journal, seq FROM checkpoint',
  countTerms: 'SELECT rule_id, count(*) AS n FROM terms GROUP BY rule_id',
  saveRule: 'INSERT OR REPLACE INTO rules VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  saveTerm: 'INSERT OR REPLACE INTO terms VALUES (?, ?, ?, ?, ?)',
  saveCap: 'INSERT OR REPLACE INTO caps VALUES (?, ?, ?, ?, ?, ?)',
  saveCheckpoint: 'INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?)',
  dropTerm: 'DELETE FROM terms WHERE rule_id = ? AND term = ?',
  dropTerms: 'DELETE FROM terms WHERE rule_id = ?',
} as const;

function asTime({ boot, ns, ms }: TimeRow): EventTime {
  return { bootId: boot, bootNs: ns, wallMs: ms };
}
