// What `forebear ship` serves at ship.metrics_listen: its own metrics, and the agent's out of its snapshot, which is read at each
// scrape: the agent itself has no network. Called by ship.ts.

import type { Config } from '../config.ts';
import { agentMetrics } from '../metrics/agent.ts';
import { readAgent } from '../metrics/agent-snapshot-io.ts';
import { Page } from '../metrics/prometheus.ts';
import { outputProblems, shipMetrics } from '../metrics/ship.ts';
import { MetricsServer, type MetricsServerOptions } from './metrics-server-io.ts';
import type { ShipStatus } from './ship-status.ts';

export interface ServedShip extends Pick<MetricsServerOptions, 'counters' | 'log'> {
  config: Pick<Config, 'state' | 'ship'>;
  /** The newest, at most a second old; undefined: there is none yet. */
  status: () => ShipStatus | undefined;
  nowMs: () => number;
}

/** Throws FB_SHIP_METRICS_LISTEN. */
export function serveMetrics({ config, status, nowMs, counters, log }: ServedShip): Promise<MetricsServer> {
  const agent = () => readAgent(config.state.directory, nowMs());
  const metrics = () => {
    const page = new Page();
    agentMetrics(page, agent(), nowMs());
    const own = status();
    if (own !== undefined) shipMetrics(page, own);
    return page.text();
  };
  const problems = () => {
    const { problem } = agent();
    const own = status();
    return [...(problem === undefined ? [] : [problem]), ...(own === undefined ? [] : outputProblems(own))];
  };
  return MetricsServer.start({ listen: config.ship.metricsListen, metrics, problems, counters, log });
}
