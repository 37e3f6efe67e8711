// THE MAP of the shipper: journal -> source -> lane -> output -> endpoint, one lane for each output of the configuration, each with
// a cursor and dead letters of its own. Reads the journal without a lock and writes only its own directory. Called by
// commands/ship.ts. A lane that ends with an error begins again at its cursor; no lane waits for another.

import type { CommonSettings, OutputConfig, ShippedKind } from './config/outputs.ts';
import { type Config, journalDirectory } from './config.ts';
import { reasonOf } from './errors.ts';
import type { Cursor } from './journal/cursor.ts';
import type { Logger } from './log.ts';
import { ProcessWatch } from './metrics/process-watch.ts';
import { DeadLetterBox } from './ship/dead-letters-io.ts';
import { JournalSource } from './ship/journal-source-io.ts';
import { Lane } from './ship/lane.ts';
import { LaneState } from './ship/lane-state.ts';
import type { Output } from './ship/output.ts';
import { serveMetrics } from './ship/serve-metrics-io.ts';
import { lockShipDirectory, openCursor, writeShipStatus } from './ship/ship-files-io.ts';
import { SHIP_STATUS_SCHEMA, type ShipStatus, withLag } from './ship/ship-status.ts';
import type { Source } from './ship/source.ts';
import { realWaiting, type Waiting } from './ship/wait.ts';
import { withResends } from './ship/with-resends.ts';
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
  /** A new snapshot, each second. */
  onStatus?: (status: ShipStatus) => void;
  waiting?: Waiting;
  random?: () => number;
  signal: AbortSignal;
}

interface RunningLane {
  settings: OutputConfig;
  source: Source;
  output: Output;
  cursor: Cursor;
  dead: DeadLetterBox;
  state: LaneState;
}

const STATUS_EVERY_MS = 1000;

const ALL_KINDS: readonly ShippedKind[] = ['alert', 'amend', 'gap', 'lifecycle', 'clock', 'heartbeat'];

/** What an output gets: heartbeats only where they are asked for, or where silence is looked for (the hub). */
export function wantedBy({ records, type }: Pick<OutputConfig, 'records' | 'type'>): ReadonlySet<ShippedKind> {
  if (records !== 'auto') return new Set(records);
  return new Set(type === 'hub' ? ALL_KINDS : ALL_KINDS.filter((kind) => kind !== 'heartbeat'));
}

/**
 * Runs until the signal; once: until every lane has reached the end, or given up. out: the names of those that gave up.
 * Throws FB_SHIP_LOCKED, FB_SHIP_DIRECTORY, FB_SHIP_OUTPUT, FB_SHIP_METRICS_LISTEN, FB_JOURNAL_* of a cursor.
 */
export async function runShip(options: ShipOptions): Promise<string[]> {
  await using closing = new AsyncDisposableStack();
  const { config, counters, log, waiting = realWaiting } = options;
  const { directory, metricsListen } = config.ship;
  closing.defer(lockShipDirectory(directory));
  const lanes: RunningLane[] = [];
  for (const settings of config.outputs) lanes.push(await openLane(settings, options, closing));
  const reporting = report(lanes, options);
  closing.defer(() => reporting.stop());
  if (metricsListen !== 'off' && !options.once) {
    const nowMs = () => waiting.nowMs();
    closing.use(await serveMetrics({ config, status: reporting.newest, nowMs, counters, log }));
  }
  const gaveUp = await Promise.all(lanes.map((lane) => runLane(lane, options)));
  return gaveUp.filter((name) => name !== undefined);
}

async function openLane(
  settings: OutputConfig,
  options: ShipOptions,
  closing: AsyncDisposableStack,
): Promise<RunningLane> {
  const { config, log, waiting = realWaiting } = options;
  const { name, type } = settings;
  const cursor = await openCursor(config.ship.directory, name);
  closing.defer(() => cursor.close());
  const output = await options.makeOutput(settings);
  closing.defer(() => output.close());
  const nowMs = () => waiting.nowMs();
  const dead = new DeadLetterBox(config.ship.directory, name, nowMs);
  const state = new LaneState({ name, type, cursorSeq: cursor.position?.seq ?? 0 }, nowMs, log);
  const source = withResends(sourceOf(settings, options, waiting), () => dead.resends(), waiting);
  return { settings, source, output, cursor, dead, state };
}

function sourceOf(settings: OutputConfig, options: ShipOptions, waiting: Waiting): Source {
  return options.makeSource?.(settings, wantedBy(settings), waiting) ?? journalSource(settings, options, waiting);
}

function journalSource(settings: OutputConfig, { config, counters, log, once }: ShipOptions, waiting: Waiting): Source {
  const { name, severity, selftest } = settings;
  return new JournalSource({
    directory: journalDirectory(config.state.directory),
    wanted: { severity, selftest, kinds: wantedBy(settings) },
    ...{ follow: !once, fold: settings.type !== 'hub', counters, waiting },
    onDamage: ({ segment, offset, fromSeq, toSeq }) =>
      log.warn(`output ${name}: records ${fromSeq} to ${toSeq} cannot be read (${segment} at ${offset})`),
    onMissing: (fromSeq, toSeq) => {
      counters.add('ship_records_missing_total', toSeq - fromSeq + 1, settings.name);
      log.error(`output ${name}: records ${fromSeq} to ${toSeq} are gone from the journal, undelivered`);
    },
    onReset: (reason) => log.error(`output ${name} begins again at the first record: ${reason}`),
  });
}

/** out: its name when it gave up, which it does only `once`. */
async function runLane(lane: RunningLane, options: ShipOptions): Promise<string | undefined> {
  const { settings, state } = lane;
  const { counters, once, signal, log, waiting = realWaiting, random = Math.random } = options;
  while (!signal.aborted) {
    try {
      await new Lane({ ...lane, counters, waiting, random, giveUp: once }).run(signal);
      if (once) return undefined;
    } catch (error) {
      counters.add('ship_lanes_failed_total', 1, settings.name);
      if (once) {
        log.error({ error }, reasonOf(error));
        return settings.name;
      }
      const pause = pauseAfterFault(settings, random());
      state.stopped(reasonOf(error), waiting.nowMs() + pause);
      await waiting.wait(pause, signal);
    }
  }
  return undefined;
}

/** The journal may not be there yet: the agent has not run. */
function pauseAfterFault({ max_backoff }: CommonSettings, random: number): number {
  return Math.min(max_backoff, 5000) * (0.5 + random / 2);
}

/** Writes status.json each second, and when it is stopped. */
function report(lanes: readonly RunningLane[], options: ShipOptions) {
  const { config, version, counters, log, waiting = realWaiting } = options;
  const startedMs = waiting.nowMs();
  const watch = new ProcessWatch();
  let newest: ShipStatus['newest'];
  let told: ShipStatus | undefined;
  let failing = false;
  const write = (stoppedMs?: number) => {
    const outputs = lanes.map(({ state, dead }) => withLag(state.report, newest, dead.names().length, waiting.nowMs()));
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
      newest = (await lanes[0]?.source.newest().catch(() => undefined)) ?? newest;
      write(stoppedMs);
      failing = false;
    } catch (error) {
      counters.add('ship_snapshots_failed_total');
      if (!failing) log.error({ error }, `cannot write status.json: ${reasonOf(error)}`);
      failing = true;
    }
  };
  let running = attempt();
  const timer = setInterval(() => {
    running = running.then(() => attempt());
  }, STATUS_EVERY_MS);
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
