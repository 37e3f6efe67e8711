// Alerts out of the hub's database, over all hosts, with what became known of them later. In: what to look for; out: rows, oldest
// event first. Called by `forebear hub alerts`, which reads beside a server that writes.

import type { DatabaseSync } from 'node:sqlite';
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
  /** The journalled alert: proto/forebear/alert/v1. */
  payload: Uint8Array;
}

const COLUMNS = `
  SELECT alerts.row, alerts.host, host_id AS hostId, name AS hostName, uuid, rule_id AS ruleId, rule_name AS ruleName, payload
  FROM alerts JOIN hosts USING (host) JOIN records USING (row)
  WHERE event_ms >= ?1 AND alerts.rank >= ?2 AND (?3 IS NULL OR host_id = ?3 OR name = ?3)
    AND (?4 IS NULL OR user = ?4) AND (?5 IS NULL OR substr(uuid, 1, length(?5)) = ?5)`;

export class HubAlerts {
  readonly #sql: DatabaseSync;

  constructor(sql: DatabaseSync) {
    this.#sql = sql;
  }

  /** Newest event first; the caller stops when it has enough. */
  newest(query: AlertQuery): Iterable<HubAlert> {
    return this.#iterate(`${COLUMNS} ORDER BY event_ms DESC, alerts.row DESC`, query);
  }

  /** Oldest event first. */
  oldest(query: AlertQuery): Iterable<HubAlert> {
    return this.#iterate(`${COLUMNS} ORDER BY event_ms, alerts.row`, query);
  }

  /** What has arrived behind a row, in order of arrival. */
  after(row: number, query: AlertQuery): Iterable<HubAlert> {
    return this.#iterate(`${COLUMNS} AND alerts.row > ${Math.trunc(row)} ORDER BY alerts.row`, query);
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

  #iterate(sql: string, { sinceMs = -8.64e15, rank = 0, host, user, uuid }: AlertQuery) {
    return this.#sql
      .prepare(sql)
      .iterate(sinceMs, rank, host ?? null, user ?? null, uuid ?? null) as unknown as Iterable<HubAlert>;
  }
}
