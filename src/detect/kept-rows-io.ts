// KeptState in state/terms.db, beside the terms and written with them: a row for each group. The table came later: an agent that
// does not know it leaves it alone. Opened by term-store-io.ts, whose transactions write it.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { KeptPart, KeptRow, KeptSource, KeptState } from './kept-state.ts';

export const KEPT_TABLE = `
  CREATE TABLE IF NOT EXISTS kept (
    part TEXT NOT NULL, rule_id TEXT NOT NULL, key TEXT NOT NULL, turn INTEGER NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (part, rule_id, key)) STRICT, WITHOUT ROWID;
`;

/** Of one flush on the event path. */
const FLUSH_CHARACTERS = 256 * 1024;

interface Place {
  readonly part: KeptPart;
  readonly rule_id: string;
  readonly key: string;
}

/** What one flush writes. */
export interface KeptBatch {
  readonly rows: readonly (Place & { readonly state: string | undefined })[];
  /** Nothing that may be written is left. */
  readonly complete: boolean;
}

export class KeptRows implements KeptState {
  readonly #load: StatementSync;
  readonly #save: StatementSync;
  readonly #drop: StatementSync;
  readonly #sources = new Map<KeptPart, KeptSource>();
  readonly #dirty = new Map<string, Place>();
  /** Alerts of a group that are not durable yet. */
  readonly #held = new Map<string, number>();
  #turn: number;

  /** Throws what SQLite throws. */
  constructor(database: DatabaseSync) {
    this.#load = database.prepare('SELECT key, state FROM kept WHERE part = ? AND rule_id = ? ORDER BY turn');
    this.#save = database.prepare('INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)');
    this.#drop = database.prepare('DELETE FROM kept WHERE part = ? AND rule_id = ? AND key = ?');
    const { newest } = database.prepare('SELECT max(turn) AS newest FROM kept').get() as { newest: number | null };
    this.#turn = newest ?? 0;
  }

  restore(part: KeptPart, rule_id: string): readonly KeptRow[] {
    const rows = this.#load.all(part, rule_id) as unknown as { key: string; state: string }[];
    return rows.map(({ key, state }) => ({ rule_id, key, state }));
  }

  keep(part: KeptPart, source: KeptSource): void {
    this.#sources.set(part, source);
  }

  changed(part: KeptPart, rule_id: string, key: string): void {
    const id = idOf(part, rule_id, key);
    this.#dirty.delete(id);
    this.#dirty.set(id, { part, rule_id, key });
  }

  hold(part: KeptPart, rule_id: string, key: string): void {
    const id = idOf(part, rule_id, key);
    this.#held.set(id, (this.#held.get(id) ?? 0) + 1);
  }

  release(part: KeptPart, rule_id: string, key: string): void {
    const id = idOf(part, rule_id, key);
    const left = (this.#held.get(id) ?? 0) - 1;
    if (left > 0) this.#held.set(id, left);
    else this.#held.delete(id);
  }

  /** in: rows at most; out: what is dirty and not held, as it is now, the longest dirty first. */
  take(most: number): KeptBatch {
    const rows: (Place & { state: string | undefined })[] = [];
    let left = Number.isFinite(most) ? FLUSH_CHARACTERS : most;
    for (const [id, place] of this.#dirty) {
      if (this.#held.has(id)) continue;
      if (rows.length >= most || left <= 0) return { rows, complete: false };
      const state = this.#sources.get(place.part)?.(place.rule_id, place.key);
      left -= state?.length ?? 0;
      rows.push({ ...place, state });
    }
    return { rows, complete: true };
  }

  /** Within a transaction. */
  write({ rows }: KeptBatch): void {
    for (const { part, rule_id, key, state } of rows) {
      if (state === undefined) this.#drop.run(part, rule_id, key);
      else this.#save.run(part, rule_id, key, ++this.#turn, state);
    }
  }

  /** It was written. */
  settle({ rows }: KeptBatch): void {
    for (const { part, rule_id, key } of rows) this.#dirty.delete(idOf(part, rule_id, key));
  }
}

function idOf(part: KeptPart, rule_id: string, key: string): string {
  return `${part}\n${rule_id}\n${key}`;
}
