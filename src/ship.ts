// THE MAP of the shipper: journal -> source -> lane -> output -> endpoint, one lane for each output of the configuration, each with
// a cursor and dead letters of its own. Reads the journal without a lock and writes only its own directory. Called by
// commands/ship.ts. A lane that ends with an error begins again at its cursor; no lane waits for another.

import type { OutputConfig, ShippedKind } from './config/outputs.ts';
import type { Config } from './config.ts';
import { reasonOf } from './errors.ts';
import type { Logger } from './log.ts';
import { ProcessWatch } from './metrics/process-watch.ts';
import { Lanes } from './ship/lanes.ts';
import type { Output } from './ship/output.ts';
import { serveMetrics } from './ship/serve-metrics-io.ts';
import { lockShipDirectory, writeShipStatus } from './ship/ship-files-io.ts';
import { SHIP_STATUS_SCHEMA, type ShipStatus, withLag } from './ship/ship-status.ts';
import type { Source } from './ship/source.ts';
import { realWaiting, type Waiting } from './ship/wait.ts';
import type { Counters } from './stats.ts';

export interface ShipOptions {
  config: Pick<Config, 'state' | 'ship' | 'outputs'>;
  version: string;
  counters: Counters;
  log: Logger;
  makeOutput: (config: OutputConfig) => Promise<Output>;
  /** Where an output's parcels come from. Default: the journal of config.state. */
  makeSource?: (settings: OutputConfig, wanted: ReadonlySet<ShippedKind>, waiting: Waiting) => Source;
  /** Deliver what the journal has now, each batch tried once, then end. */
  once: boolean;
  /** The lanes run. */
  onReady?: () => void;
  /** A new snapshot, each second. */
  onStatus?: (status: ShipStatus) => void;
  /** Who changes the lanes while they run: one change after the other. One that rejects ends the run. */
  reloads?: (listener: (reload: (lanes: Pick<Lanes, 'become' | 'running'>) => Promise<void>) => void) => void;
  waiting?: Waiting;
  random?: () => number;
  signal: AbortSignal;
}

const STATUS_EVERY_MS = 1000;

/**
 * Runs until the signal; once: until every lane has reached the end, or given up. out: the names of those that gave up.
 * Throws FB_SHIP_LOCKED, FB_SHIP_DIRECTORY, FB_SHIP_OUTPUT, FB_SHIP_METRICS_LISTEN.
 */
export async function runShip(options: ShipOptions): Promise<string[]> {
  await using closing = new AsyncDisposableStack();
  const { config, counters, log, once, waiting = realWaiting } = options;
  const { directory, metricsListen } = config.ship;
  closing.defer(lockShipDirectory(directory));
  const lanes = new Lanes(options);
  closing.defer(() => lanes.close());
  await lanes.become(config.outputs);
  const reporting = report(lanes, options);
  closing.defer(() => reporting.stop());
  if (metricsListen !== 'off' && !once) {
    const nowMs = () => waiting.nowMs();
    closing.use(await serveMetrics({ config, status: reporting.newest, nowMs, counters, log }));
  }
  options.onReady?.();
  if (!once) await follow(lanes, options);
  const gaveUp = await Promise.all(lanes.running.map(({ ended }) => ended));
  return gaveUp.filter((name) => name !== undefined);
}

/** Until the signal, or a reload that could not be ended. */
async function follow(lanes: Lanes, { reloads, signal }: ShipOptions): Promise<void> {
  const ended = Promise.withResolvers<void>();
  const end = () => ended.resolve();
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  let reloading = Promise.resolve();
  reloads?.((reload) => {
    reloading = reloading.then(() => (signal.aborted ? undefined : reload(lanes))).catch(ended.reject);
  });
  await ended.promise.finally(() => reloading);
}

/** Writes status.json each second, and when it is stopped. */
function report(lanes: Lanes, options: ShipOptions) {
  const { config, version, counters, log, waiting = realWaiting } = options;
  const startedMs = waiting.nowMs();
  const watch = new ProcessWatch();
  let newest: ShipStatus['newest'];
  let told: ShipStatus | undefined;
  let failing = false;
  const write = (stoppedMs?: number) => {
    const outputs = lanes.running.map(({ state, dead }) =>
      withLag(state.report, newest, dead.count(), waiting.nowMs()),
    );
    const status: ShipStatus = {
      ...{ schema: SHIP_STATUS_SCHEMA, version, pid: process.pid, startedMs, nowMs: waiting.nowMs(), outputs },
      ...{ ...(newest && { newest }), ...(stoppedMs !== undefined && { stoppedMs }) },
      counters: Object.fromEntries(counters.entries()),
      process: watch.report(),
    };
    told = status;
    options.onStatus?.(status);
    writeShipStatus(config.ship.directory, status);
  };
  const attempt = async (stoppedMs?: number) => {
    try {
      newest = (await lanes.running[0]?.source.newest().catch(() => undefined)) ?? newest;
      write(stoppedMs);
      failing = false;
    } catch (error) {
      counters.add('ship_snapshots_failed_total');
      if (!failing) log.error({ error }, `cannot write status.json: ${reasonOf(error)}`);
      failing = true;
    }
  };
  let running: Promise<void> | undefined;
  const begin = () => {
    // A journal on a slow disk may take longer than that to say where it ends.
    running ??= attempt().finally(() => {
      running = undefined;
    });
  };
  begin();
  const timer = setInterval(begin, STATUS_EVERY_MS);
  return {
    newest: () => told,
    stop: async () => {
      clearInterval(timer);
      await running;
      await attempt(waiting.nowMs());
      watch[Symbol.dispose]();
    },
  };
}
