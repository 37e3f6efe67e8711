// Alerts out of the hub's database, over all hosts, with what became known of them later. In: what to look for; out: rows, oldest
// event first. Called by `forebear hub alerts`, which reads beside a server that writes.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type Amend, decodeAmend } from '../proto/record-codec.ts';

export interface AlertQuery {
  /** Milliseconds since 1970, by the events' hosts. */
  sinceMs?: number;
  /** Host id or name. */
  host?: string;
  user?: string;
  /** Or a beginning of it. */
  uuid?: string;
  /** 0 low .. 3 critical, the least. */
  rank?: number;
}

export interface HubAlert {
  /** Place in order of arrival. */
  row: number;
  host: number;
  /** As bound to the credential, and as the host calls itself. */
  hostId: string;
  hostName: string;
  uuid: string;
  ruleId: string;
  ruleName: string;
  /** Milliseconds since 1970. */
  eventMs: number;
}

/** Alerts of one look. */
const PAGE = 256;
const NEVER_MS = 1e300;

const COLUMNS = `
  SELECT alerts.row, alerts.host, host_id AS hostId, name AS hostName, uuid, rule_id AS ruleId, rule_name AS ruleName,
    event_ms AS eventMs
  FROM alerts JOIN hosts USING (host)
  WHERE alerts.rank >= ?2 AND (?3 IS NULL OR host_id = ?3 OR name = ?3)
    AND (?4 IS NULL OR user = ?4) AND (?5 IS NULL OR substr(uuid, 1, length(?5)) = ?5)`;

export class HubAlerts {
  readonly #sql: DatabaseSync;
  readonly #payload: StatementSync;

  constructor(sql: DatabaseSync) {
    this.#sql = sql;
    this.#payload = sql.prepare('SELECT payload FROM records WHERE row = ?');
  }

  /** Newest event first; the caller stops when it has enough. */
  newest(query: AlertQuery): Iterable<HubAlert> {
    const order = 'AND event_ms >= ?1 AND (event_ms, alerts.row) < (?6, ?7) ORDER BY event_ms DESC, alerts.row DESC';
    return this.#pages(order, query, [NEVER_MS, 0], ({ eventMs, row }) => [eventMs, row]);
  }

  /** Oldest event first. */
  oldest(query: AlertQuery): Iterable<HubAlert> {
    const order = 'AND (event_ms, alerts.row) > (?6, ?7) ORDER BY event_ms, alerts.row';
    return this.#pages(order, query, [query.sinceMs ?? -NEVER_MS, 0], ({ eventMs, row }) => [eventMs, row]);
  }

  /** What has arrived behind a row, up to another, in order of arrival. */
  after(row: number, query: AlertQuery, upTo: number = Number.MAX_SAFE_INTEGER): Iterable<HubAlert> {
    const order = 'AND event_ms >= ?1 AND alerts.row > ?6 AND alerts.row <= ?7 ORDER BY alerts.row';
    return this.#pages(order, query, [row, upTo], (last) => [last.row, upTo]);
  }

  /** The journalled alert: proto/forebear/alert/v1. undefined: it has expired meanwhile. */
  payloadOf({ row }: Pick<HubAlert, 'row'>): Uint8Array | undefined {
    const found = this.#payload.get(row) as { payload: Uint8Array } | undefined;
    return found?.payload;
  }

  /** The newest row there is. */
  top(): number {
    return (this.#sql.prepare('SELECT coalesce(max(row), 0) AS top FROM records').get() as { top: number }).top;
  }

  /** What amends an alert, in order. */
  amendsOf({ host, uuid }: Pick<HubAlert, 'host' | 'uuid'>): Amend['document'][] {
    const rows = this.#sql
      .prepare('SELECT payload FROM amends JOIN records USING (row) WHERE host = ? AND uuid = ? ORDER BY number, row')
      .all(host, uuid) as { payload: Uint8Array }[];
    return rows.map(({ payload }) => decodeAmend(payload).document);
  }

  /** Nothing is open between two pages: whoever reads slowly would keep all that is written meanwhile in SQLite's log. */
  *#pages(
    order: string,
    { sinceMs = -NEVER_MS, rank = 0, host, user, uuid }: AlertQuery,
    from: readonly [number, number],
    next: (last: HubAlert) => readonly [number, number],
  ): Generator<HubAlert> {
    const statement = this.#sql.prepare(`${COLUMNS} ${order} LIMIT ${PAGE}`);
    let bounds = from;
    for (;;) {
      const page = statement.all(sinceMs, rank, host ?? null, user ?? null, uuid ?? null, ...bounds);
      yield* page as unknown as HubAlert[];
      const last = page.at(-1) as HubAlert | undefined;
      if (last === undefined || page.length < PAGE) return;
      bounds = next(last);
    }
  }
}
