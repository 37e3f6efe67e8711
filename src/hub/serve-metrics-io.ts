// What the hub serves at hub.metrics_listen: its own metrics, and whether what arrives is passed on. In: the database, counters,
// what is passed on; out: a server that ends with the hub. Called by serve-io.ts.

import type { DatabaseSync } from 'node:sqlite';
import type { HubConfig } from '../config/hub.ts';
import type { Logger } from '../log.ts';
import { type HubFigures, hubMetrics } from '../metrics/hub.ts';
import { ProcessWatch } from '../metrics/process-watch.ts';
import { Page } from '../metrics/prometheus.ts';
import { outputProblems } from '../metrics/ship.ts';
import { MetricsServer } from '../ship/metrics-server-io.ts';
import type { ShipStatus } from '../ship/ship-status.ts';
import type { Counters } from '../stats.ts';
import { countHosts } from './hosts-io.ts';
import { bytesIn } from './retention-io.ts';

export interface ServedHub {
  config: Pick<HubConfig, 'metricsListen' | 'silentAfterMs'>;
  version: string;
  sql: DatabaseSync;
  counters: Counters;
  log: Logger;
  /** Bytes of bodies that are being read. */
  waitingBytes: () => number;
  forwarding: () => ShipStatus | undefined;
  /** Why nothing is stored; undefined: it is. */
  unstored: () => string | undefined;
  nowMs: () => number;
}

const LOOK_MS = 1000;

/** in: where what it opens is closed. Throws FB_SHIP_METRICS_LISTEN. */
export async function serveMetrics(hub: ServedHub, closing: AsyncDisposableStack): Promise<void> {
  const { config, version, sql, counters, log, forwarding, nowMs } = hub;
  const startedMs = nowMs();
  const watch = closing.use(new ProcessWatch());
  let process = watch.report();
  const timer = setInterval(() => {
    process = watch.report();
  }, LOOK_MS);
  closing.defer(() => clearInterval(timer));
  const figures = (): HubFigures => ({
    ...{ version, startedMs, process, counters: counters.entries(), forwarding: forwarding() },
    hosts: countHosts(sql, config.silentAfterMs, nowMs()),
    databaseBytes: bytesIn(sql),
    waitingBytes: hub.waitingBytes(),
  });
  const metrics = () => {
    const page = new Page();
    hubMetrics(page, figures());
    return page.text();
  };
  const problems = () => {
    const [status, unstored] = [forwarding(), hub.unstored()];
    return [...(unstored === undefined ? [] : [unstored]), ...(status === undefined ? [] : outputProblems(status))];
  };
  closing.use(await MetricsServer.start({ listen: config.metricsListen, metrics, problems, counters, log }));
}
