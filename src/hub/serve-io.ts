// THE MAP of the hub: HTTPS -> endpoint -> ingest -> database -> (forward) -> outputs. Opened from right to left, closed from left
// to right. In: its configuration; out: it runs until the signal. Called by commands/hub-serve.ts.

import { setImmediate } from 'node:timers/promises';
import type { HubConfig } from '../config/hub.ts';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { ShipStatus } from '../ship/ship-status.ts';
import { realWaiting } from '../ship/wait.ts';
import type { Counters } from '../stats.ts';
import { Credentials } from './credentials-io.ts';
import { type HubDatabase, openToServe } from './database-io.ts';
import { Endpoint } from './endpoint.ts';
import { GroupCommit } from './group-commit.ts';
import { Ingest } from './ingest-io.ts';
import { Budget } from './request-body.ts';
import { forgetJournals, Retention } from './retention-io.ts';
import { serveMetrics } from './serve-metrics-io.ts';
import { HubServer } from './server-io.ts';

export interface ServeOptions {
  config: HubConfig;
  version: string;
  counters: Counters;
  log: Logger;
  nowMs?: () => number;
  /** It listens. */
  onReady: (ready: { host: string; port: number }) => void;
  /** Starts passing on what arrives; out: stops that, and up to which row everything has been passed on. */
  forward?: (database: HubDatabase) => Forwarding;
  signal: AbortSignal;
}

export interface Forwarding {
  /** undefined: there is no output. */
  forwarded(): number | undefined;
  /** Of the outputs; undefined: there is none, or not yet. */
  status(): ShipStatus | undefined;
  stop(): Promise<void>;
}

/** A flood of 50 MB a second must not get far beyond the size that is allowed. */
const LOOK_AFTER_MS = 5_000;
const UNFORWARDED = 'hub_records_expired_unforwarded_total';
/** As much as a sender's batch_bytes may be, and some. */
const MOST_SENT = 80 * 2 ** 20;

/** Throws FB_HUB_LOCKED, FB_HUB_NEWER, FB_HUB_DATABASE, FB_HUB_TLS, FB_HUB_LISTEN, FB_SHIP_METRICS_LISTEN, FB_SHIP_KEY. */
export async function serveHub(options: ServeOptions): Promise<void> {
  const { config, counters, log, signal, nowMs = Date.now } = options;
  await using closing = new AsyncDisposableStack();
  const database = closing.use(openToServe(config.directory));
  const forwarding = options.forward?.(database);
  if (forwarding !== undefined) closing.defer(() => forwarding.stop());
  const budget = new Budget(config.ingest.maxWaitingBytes, config.ingest.maxBodyBytes);
  const ingest = new Ingest(database.sql, counters);
  const endpoint = new Endpoint({
    required: config.require,
    credentials: new Credentials(database.sql),
    ingest: new GroupCommit((batches, now) => ingest.storeAll(batches, now)),
    limits: { maxBytes: config.ingest.maxBodyBytes, budget },
    ...{ counters, log, nowMs },
  });
  const server = await HubServer.start(endpoint, { ...config.listen, ...config.tls, ...limitsOf(config), log });
  closing.defer(() => server.stop());
  if (config.metricsListen !== 'off') {
    const told = { waitingBytes: () => budget.taken, unstored: () => endpoint.problem };
    await serveMetrics(
      { ...options, ...told, nowMs, sql: database.sql, forwarding: () => forwarding?.status() },
      closing,
    );
  }
  options.onReady({ host: config.listen.host, port: server.port });
  const limits = { ...config.retention, forwarded: () => forwarding?.forwarded() };
  const retention = new Retention(database.sql, limits, counters);
  while (!signal.aborted) {
    await realWaiting.wait(LOOK_AFTER_MS, signal);
    server.reloadChanged();
    const before = counters.get(UNFORWARDED);
    try {
      while (!signal.aborted && retention.step(nowMs())) await setImmediate();
      forgetJournals(database.sql, nowMs() - config.retention.maxAgeMs);
    } catch (error) {
      counters.add('hub_retentions_failed_total');
      log.error({ error }, `old records could not be dropped: ${reasonOf(error)}`);
    }
    const lost = counters.get(UNFORWARDED) - before;
    if (lost > 0) log.error(`${lost} records had to go (hub.toml: retention) before every output had them`);
  }
}

function limitsOf({ ingest }: HubConfig) {
  const { headersTimeoutMs, requestTimeoutMs, maxConnections } = ingest;
  return { headersTimeoutMs, requestTimeoutMs, maxConnections, maxDrainBytes: MOST_SENT };
}
