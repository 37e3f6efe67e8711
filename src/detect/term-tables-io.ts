// The statements over the tables of state/terms.db (term-database-io.ts makes and opens it). Called by term-store-io.ts and
// term-history-io.ts. Terms are stored as the bytes of src/text.ts, so that /\xff and /\xfe stay apart.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { EventTime } from '../ecs/event-time.ts';
import { decodeText, encodeText } from '../text.ts';
import type { Learning } from './learning.ts';
import type { CapState } from './signal-caps.ts';
import type { RuleTerms } from './term-store.ts';

interface TimeRow {
  boot: string;
  ns: bigint;
  ms: number;
}

/** Prepared statements over an open database; each method is one of them. Throws what SQLite throws. */
export class TermTables {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();
  readonly #hasLearning: boolean;

  constructor(database: DatabaseSync) {
    this.#database = database;
    for (const sql of Object.values(SQL)) this.#prepare(sql);
    this.#hasLearning = this.#prepare("SELECT 1 FROM sqlite_schema WHERE name = 'learning'").get() !== undefined;
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

  /** Whose history there is, sorted. */
  ruleIds(): string[] {
    const rows = this.#prepare(SQL.ruleIds).all() as unknown as { rule_id: string }[];
    return rows.map(({ rule_id }) => rule_id);
  }

  load(rule_id: string): RuleTerms | undefined {
    const rule = this.loadRule(rule_id);
    if (rule === undefined) return undefined;
    for (const term of this.#prepare(SQL.loadTerms).iterate(rule_id) as Iterable<unknown>) {
      const { term: bytes, ...time } = term as TimeRow & { term: Uint8Array };
      rule.seen.set(decodeText(bytes), asTime(time));
    }
    return rule;
  }

  /** Without its terms. */
  loadRule(rule_id: string): RuleTerms | undefined {
    const row = this.#prepare(SQL.loadRule).get(rule_id) as unknown as RuleRow | undefined;
    if (row === undefined) return undefined;
    const start = { bootId: row.start_boot, bootNs: row.start_ns, wallMs: row.start_ms };
    const rule: RuleTerms = { rule_id, fields: row.fields, queryHash: row.query_hash, start, seen: new Map() };
    if (row.changed_boot !== null) {
      rule.changed = { bootId: row.changed_boot, bootNs: row.changed_ns, wallMs: row.changed_ms };
    }
    const learning = this.#loadLearning(rule_id);
    return learning === undefined ? rule : { ...rule, learning };
  }

  saveRule({ rule_id, fields, queryHash, start, changed, learning }: RuleTerms): void {
    const since = changed === undefined ? [null, null, null] : [changed.bootId, changed.bootNs, changed.wallMs];
    const values = [rule_id, fields, queryHash, start.bootId, start.bootNs, start.wallMs, ...since];
    this.#prepare(SQL.saveRule).run(...values);
    if (learning === undefined) this.#prepare(LEARNING_SQL.drop).run(rule_id);
    else {
      const { begin, ms, over } = learning;
      this.#prepare(LEARNING_SQL.save).run(rule_id, begin.bootId, begin.bootNs, begin.wallMs, ms, over ? 1 : 0);
    }
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

  #loadLearning(rule_id: string): Learning | undefined {
    if (!this.#hasLearning) return undefined;
    const row = this.#prepare(LEARNING_SQL.load).get(rule_id) as unknown as LearningRow | undefined;
    return row && { begin: asTime(row), ms: row.length_ms, over: row.over !== 0n };
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

interface LearningRow extends TimeRow {
  length_ms: number;
  over: bigint;
}

interface CapRow {
  rule_id: string;
  count: bigint;
  capped: bigint;
}

const SQL = {
  ruleIds: 'SELECT rule_id FROM rules ORDER BY rule_id',
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

/** Of the table that older files lack. */
export const LEARNING_SQL = {
  load: 'SELECT boot, ns, ms, length_ms, over FROM learning WHERE rule_id = ?',
  save: 'INSERT OR REPLACE INTO learning VALUES (?, ?, ?, ?, ?, ?)',
  drop: 'DELETE FROM learning WHERE rule_id = ?',
} as const;

function asTime({ boot, ns, ms }: TimeRow): EventTime {
  return { bootId: boot, bootNs: ns, wallMs: ms };
}
