// The hub's database as a lane's source: records of all hosts in order of arrival, amends folded, behind a cursor that counts rows
// (its journal id is the hub's own). A cursor of another hub, or of a database that was restored
// from a copy, begins again at the first row: sent again, never skipped.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { foldedItems, type Wanted } from '../ship/folded-items.ts';
import { type KnownRecord, uuidOf } from '../ship/parcels.ts';
import type { Item, Position, Source } from '../ship/source.ts';
import type { Waiting } from '../ship/wait.ts';
import { kindName } from './derive.ts';

export interface ForwardOptions {
  sql: DatabaseSync;
  /** Of the hub. */
  id: string;
  wanted: Wanted;
  waiting: Waiting;
  /** The cursor was another hub's. */
  onReset: (reason: string) => void;
}

type Forwarded = KnownRecord & { row: number };

interface Row {
  row: number;
  seq: number;
  kind: number;
  rank: number;
  wallMs: number;
  payload: Uint8Array;
  journalId: string;
  hostId: string;
}

type Last = { last: number | null };

/** Between two looks for more. */
const POLL_MS = 250;
/** Rows of one look: they are in memory. */
const MOST_ROWS = 256;
const NO_LINK = Buffer.alloc(32);

export class ForwardSource implements Source {
  readonly #options: ForwardOptions;
  readonly #rows: StatementSync;
  readonly #newest: StatementSync;

  constructor(options: ForwardOptions) {
    this.#options = options;
    this.#rows = options.sql.prepare(
      `SELECT row, seq, kind, rank, wall_ms AS wallMs, payload, journal_id AS journalId, host_id AS hostId
       FROM records JOIN journals USING (journal) JOIN hosts USING (host) WHERE row > ? ORDER BY row LIMIT ${MOST_ROWS}`,
    );
    this.#newest = options.sql.prepare('SELECT row, arrived_ms FROM records ORDER BY row DESC LIMIT 1');
  }

  items(after: Position | undefined, signal: AbortSignal): AsyncGenerator<Item> {
    const { id, wanted, waiting } = this.#options;
    const positionOf = ({ row }: Forwarded) => ({ seq: row, journalId: id, link: NO_LINK });
    const records = this.#records(after !== undefined && this.#fits(after) ? after.seq : 0, signal);
    return foldedItems(records, { wanted, waiting, positionOf, keyOf }, signal);
  }

  /** A database that was restored from a copy gives rows again that the cursor has behind it. */
  #fits({ journalId, seq }: Position): boolean {
    const { id, sql, onReset } = this.#options;
    const { last } = sql.prepare("SELECT max(seq) AS last FROM sqlite_sequence WHERE name = 'records'").get() as Last;
    if (journalId !== id) onReset('the cursor is of another hub');
    else if (seq > (last ?? 0)) onReset(`the database ends at ${last ?? 0}, the cursor was at ${seq}`);
    else return true;
    return false;
  }

  async newest(): Promise<{ seq: number; wallMs: number } | undefined> {
    const found = this.#newest.get() as { row: number; arrived_ms: number } | undefined;
    return found && { seq: found.row, wallMs: found.arrived_ms };
  }

  /** Kinds of later versions have no document: they stay here. */
  async *#records(after: number, signal: AbortSignal): AsyncGenerator<Forwarded> {
    let last = after;
    while (!signal.aborted) {
      const rows = this.#rows.all(last) as unknown as Row[];
      for (const row of rows) {
        const name = kindName(row.kind);
        if (name !== undefined) yield { ...row, kindName: name };
        last = row.row;
      }
      if (rows.length < MOST_ROWS) await this.#options.waiting.wait(POLL_MS, signal);
    }
  }
}

/** An amend of one host's never goes into another's alert. */
function keyOf(record: KnownRecord): string | undefined {
  const uuid = uuidOf(record);
  return uuid && `${record.hostId}/${uuid}`;
}
