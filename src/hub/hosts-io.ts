// The hosts of a hub: when each was last heard of, whether it is silent, how far behind, where its journals forked. In: the
// database, the time, how long a host may say nothing; out: facts per host. A host lives by its heartbeats as they
// arrive, by the hub's clock; how old they are when they come is its lag. Called by `forebear hub hosts`.

import type { DatabaseSync } from 'node:sqlite';

export interface HubFork {
  journalId: string;
  /** First seq at which two journals of one id part. */
  seq: number;
  firstMs: number;
  /** When the other branch was last refused. */
  seenMs: number;
  count: number;
}

export interface HubHost {
  hostId: string;
  name: string;
  version: string;
  /**
   * silent: no heartbeat for longer than allowed; stopped: the same, and its agent said before that it stops; fork: what it
   * sends is refused; revoked: its credentials are; ok: none of these.
   */
  state: 'ok' | 'silent' | 'stopped' | 'fork' | 'revoked';
  /** Milliseconds since 1970; the last heartbeat, or the first contact where none ever came. Set unless it is ok. */
  sinceMs?: number;
  firstMs: number;
  seenMs: number;
  heartbeatMs?: number;
  /** How old its newest heartbeat was when it came: a backlog, or a clock that is off. */
  lagMs?: number;
  records: number;
  alerts: number;
  journals: number;
  /** Gap records: things that its agent did not see, or that were lost. */
  gaps: number;
  forks: HubFork[];
}

interface Row {
  host: number;
  host_id: string;
  name: string;
  version: string;
  first_ms: number;
  seen_ms: number;
  beat_ms: number | null;
  beat_wall_ms: number | null;
  stopped_ms: number | null;
  revoked_ms: number | null;
  records: number;
  alerts: number;
  journals: number;
  gaps: number;
}

type StateRow = Pick<Row, 'host' | 'first_ms' | 'beat_ms' | 'stopped_ms' | 'revoked_ms'>;

const HOSTS = `
  SELECT hosts.*, (SELECT at_ms FROM revoked WHERE revoked.host_id = hosts.host_id) AS revoked_ms,
    (SELECT count(*) FROM journals WHERE journals.host = hosts.host) AS journals,
    (SELECT count(*) FROM journals JOIN records USING (journal) WHERE journals.host = hosts.host) AS records,
    (SELECT count(*) FROM alerts WHERE alerts.host = hosts.host) AS alerts,
    (SELECT count(*) FROM gaps WHERE gaps.host = hosts.host) AS gaps
  FROM hosts ORDER BY name, host_id`;

const FORKS = `
  SELECT journal_id AS journalId, seq, forks.first_ms AS firstMs, forks.seen_ms AS seenMs, count
  FROM forks JOIN journals USING (journal) WHERE host = ? ORDER BY forks.first_ms`;

/** In order of their names. Throws SQLite's errors. */
export function listHosts(sql: DatabaseSync, silentAfterMs: number, nowMs: number): HubHost[] {
  const forksOf = sql.prepare(FORKS);
  const rows = sql.prepare(HOSTS).all() as unknown as Row[];
  return rows.map((row) => {
    const forks = forksOf.all(row.host) as unknown as HubFork[];
    return { ...factsOf(row), ...stateOf(row, forks, silentAfterMs, nowMs), forks: forks.map((fork) => ({ ...fork })) };
  });
}

const STATES = `
  SELECT hosts.*, (SELECT at_ms FROM revoked WHERE revoked.host_id = hosts.host_id) AS revoked_ms FROM hosts`;

const FRESH_FORKS = `
  SELECT host, forks.first_ms AS firstMs, forks.seen_ms AS seenMs FROM forks JOIN journals USING (journal)
  WHERE forks.seen_ms >= ?`;

type ForkTimes = Pick<HubFork, 'firstMs' | 'seenMs'>;

/** How many hosts are in each state, without counting what they have. Throws SQLite's errors. */
export function countHosts(sql: DatabaseSync, silentAfterMs: number, nowMs: number): Record<HubHost['state'], number> {
  const rows = sql.prepare(STATES).all() as unknown as StateRow[];
  const forks = sql.prepare(FRESH_FORKS).all(nowMs - silentAfterMs) as unknown as (ForkTimes & { host: number })[];
  const byHost = Map.groupBy(forks, ({ host }) => host);
  const counts = { ok: 0, silent: 0, stopped: 0, fork: 0, revoked: 0 };
  for (const row of rows) counts[stateOf(row, byHost.get(row.host) ?? [], silentAfterMs, nowMs).state]++;
  return counts;
}

function factsOf(row: Row) {
  const { beat_ms, beat_wall_ms } = row;
  return {
    hostId: row.host_id,
    name: row.name,
    version: row.version,
    firstMs: row.first_ms,
    seenMs: row.seen_ms,
    ...(beat_ms !== null && { heartbeatMs: beat_ms, lagMs: Math.max(0, beat_ms - (beat_wall_ms ?? beat_ms)) }),
    records: row.records,
    alerts: row.alerts,
    journals: row.journals,
    gaps: row.gaps,
  };
}

function stateOf(
  row: StateRow,
  forks: readonly ForkTimes[],
  silentAfterMs: number,
  nowMs: number,
): Pick<HubHost, 'state' | 'sinceMs'> {
  const { revoked_ms, stopped_ms } = row;
  const aliveMs = row.beat_ms ?? row.first_ms;
  if (revoked_ms !== null) return { state: 'revoked', sinceMs: revoked_ms };
  const forked = forks.find(({ seenMs }) => nowMs - seenMs <= silentAfterMs);
  if (forked !== undefined) return { state: 'fork', sinceMs: forked.firstMs };
  if (nowMs - aliveMs <= silentAfterMs) return { state: 'ok' };
  return { state: stopped_ms === null ? 'silent' : 'stopped', sinceMs: aliveMs };
}
