// THE MAP of a live run: the stages, opened right to left (journal first, sensor last), closed left to right.
// One exec goes sensor (native/, sensor/) -> enrich -> detect -> outbox -> journal -> onAlert. Once a second the agent looks
// after itself: snapshot, clock, old processes, lost exits, refused alerts. Called by commands/agent.ts.

import { openJournalFor } from './agent/journal-for-io.ts';
import { LossWatch } from './agent/loss-watch.ts';
import { Notices } from './agent/notices.ts';
import { Outbox } from './agent/outbox.ts';
import { Pipeline } from './agent/pipeline.ts';
import { Recorder } from './agent/recorder.ts';
import { restoreTerms } from './agent/restore-terms.ts';
import { ruleSetHash } from './agent/rule-set-hash.ts';
import { type SnapshotParts, snapshotOf } from './agent/snapshot.ts';
import { writeStatus } from './agent/status-io.ts';
import { type AgentSummary, summaryOf } from './agent/summary.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Alert } from './detect/alert.ts';
import { Detector } from './detect/detector.ts';
import type { RuleSet } from './detect/load-rules-io.ts';
import { type DurableTermStore, openTermStore } from './detect/term-store-io.ts';
import { wakeHints } from './detect/wake-hints.ts';
import type { FieldTable } from './ecs/fields.ts';
import { Enricher } from './enrich/enricher.ts';
import { LiveSurroundings } from './enrich/surroundings-io.ts';
import { reasonOf } from './errors.ts';
import type { JournalExpiry, JournalStatus } from './journal/journal.ts';
import type { Logger } from './log.ts';
import type { Sensor, SensorStatus } from './sensor/sensor.ts';
import { Counters } from './stats.ts';

export interface AgentOptions {
  config: Config;
  version: string;
  /** The table of the events, and the rules that were compiled against it. */
  fields: FieldTable;
  rules: RuleSet;
  clock: Clock;
  /** in: the environment variables that may leave decode. */
  makeSensor: (envNames: ReadonlySet<string>) => Sensor;
  log: Logger;
  /** File for a recording of the run. */
  recordTo?: string;
  /** Attached, journal open: what the first lines of a run say. */
  onReady: (ready: Ready) => void;
  /** An alert is durable. */
  onAlert: (alert: Alert, seq: number) => void;
  /** Aborted: the run ends in order. */
  signal: AbortSignal;
}

export interface Ready {
  sensor: SensorStatus;
  journal: JournalStatus;
  /** Terms known, and alerts of the journal that an unclean stop had kept from them. */
  terms: number;
  restored: number;
}

/** What runs; SnapshotParts are those of them that `status` tells of. */
interface Stages extends SnapshotParts {
  surroundings: LiveSurroundings;
  recorder: Recorder;
  losses: LossWatch;
  pipeline: Pipeline;
  outbox: Outbox;
  notices: Notices;
  restored: number;
}

const TICK_MS = 1000;
/** Per tick; a process read from /proc takes about 0.3 ms. */
const BACKFILL = 64;
const EXPIRE = 64;

/** Runs until the signal, or a fault of the sensor, which it throws when all is closed. Throws FB_*. */
export async function runAgent(options: AgentOptions): Promise<AgentSummary> {
  await using closing = new AsyncDisposableStack();
  const stages = await openStages(options, closing);
  const ended = Promise.withResolvers<void>();
  options.signal.addEventListener('abort', () => ended.resolve(), { once: true });
  try {
    await startSensor(stages, (error) => (error === undefined ? ended.resolve() : ended.reject(error)));
    using _timer = every(TICK_MS, () => lookAfter(stages, options));
    options.onReady(readyOf(stages));
    if (!options.signal.aborted) await ended.promise;
  } finally {
    await stages.sensor.stop();
    stages.losses.look(stages.sensor.counters());
    stages.surroundings.stop();
    await stages.outbox.drain();
    for (const { rule_id, count } of stages.detector.capped()) stages.notices.capped(rule_id, count);
    await stages.notices.stopped();
  }
  saveSnapshot(stages, options, true);
  return summaryOf(stages.sensor.counters(), stages.counters, stages.journal.status().durableSeq);
}

async function openStages(options: AgentOptions, closing: AsyncDisposableStack): Promise<Stages> {
  const { config, version, fields, rules, clock, log } = options;
  const counters = new Counters();
  const envNames = new Set(config.sensor.environment);
  const surroundings = new LiveSurroundings({ clock, counters, envNames });
  const start = await surroundings.start();
  const { bootId, wallOffsetMs } = start;

  let onExpired: (expiry: JournalExpiry) => void = () => {};
  const opened = await openJournalFor({ config, start, counters, clock, onExpired: (expiry) => onExpired(expiry) });
  const { journal } = opened;
  closing.defer(() => journal.close());
  const notices = new Notices(journal, { version, bootId, ruleSetHash: ruleSetHash(rules), clock, log, counters });
  onExpired = (expiry) => notices.expired(expiry);
  await notices.started(opened.afterUncleanStop);

  const terms = openTerms(config, counters, log, journal.status().journalId);
  closing.defer(() => terms.close());
  const detector = new Detector({ rules: rules.rules, fields, counters, terms, detectedMs: () => clock.wallMs() });
  const restored = await restoreTerms({ read: opened.read, terms, detector, counters, log });
  const onDurable = (alert: Alert, seq: number) => {
    detector.durable(alert, seq);
    options.onAlert(alert, seq);
  };
  const outbox = new Outbox({ journal, counters, log, onDurable, onDropped: (count) => notices.dropped(count) });

  const recorder = new Recorder(options.recordTo, version, counters, log);
  closing.defer(() => recorder.close());
  const maxTableBytes = config.enrich.processTableBytes;
  const { entryLeader } = config.enrich;
  const agent = { version };
  const onFact = recorder.fact.bind(recorder);
  const enricher = new Enricher({ fields, surroundings, start, counters, agent, entryLeader, maxTableBytes, onFact });
  surroundings.onNews((news) => {
    if (news.kind === 'wall_offset') notices.clockMoved(news.ms);
    enricher.apply(news);
  });
  notices.clockMoved(wallOffsetMs);

  const losses = new LossWatch(enricher, recorder, notices);
  const pipeline = new Pipeline(enricher, detector, (alert) => outbox.put(alert));
  const sensor = options.makeSensor(envNames);
  sensor.setWakeHints(wakeHints(rules.rules));
  const facts = { version, startedMs: clock.wallMs(), hostId: start.host.id ?? '', maxTableBytes, restored };
  const shared = { rules, counters, surroundings, recorder, notices, losses };
  return { ...facts, ...shared, sensor, pipeline, enricher, detector, terms, outbox, journal };
}

function openTerms({ state, detect }: Config, counters: Counters, log: Logger, journalId: string): DurableTermStore {
  const terms = openTermStore(state.directory, counters, detect.maxTermsPerRule, journalId);
  const { damaged } = terms;
  if (damaged !== undefined) {
    log.warn(
      `the history of new_terms rules was damaged (${damaged.reason}): it is in ${damaged.file}, a new one begins`,
    );
  }
  return terms;
}

/** in: where its end is told. From here on records arrive. */
async function startSensor(stages: Stages, onEnd: (error?: Error) => void): Promise<void> {
  const { sensor, recorder, pipeline, losses } = stages;
  await sensor.start({
    onBatch: (records) => {
      for (const record of records) pipeline.take(record);
    },
    onRaw: (bytes, kind) => recorder.batch(bytes, kind),
    onLost: (totals) => losses.look(totals),
    onEnd,
  });
}

function lookAfter(stages: Stages, options: AgentOptions): void {
  const { surroundings, enricher, sensor, losses, outbox, notices } = stages;
  surroundings.checkClock();
  losses.look(sensor.counters());
  if (enricher.backfill(BACKFILL) === 0) enricher.expire(EXPIRE);
  outbox.retry();
  notices.flushLosses();
  saveSnapshot(stages, options, false);
}

/** A snapshot that cannot be written is counted; the run goes on. */
function saveSnapshot(stages: Stages, { config, clock, log }: AgentOptions, stopped: boolean): void {
  const nowMs = clock.wallMs();
  try {
    writeStatus(config.state.directory, { ...snapshotOf(stages, nowMs), ...(stopped && { stoppedMs: nowMs }) });
  } catch (error) {
    if (stages.counters.get('agent_snapshots_failed_total') === 0)
      log.warn({ error }, `no snapshot: ${reasonOf(error)}`);
    stages.counters.add('agent_snapshots_failed_total');
  }
}

function readyOf({ sensor, journal, terms, restored }: Stages): Ready {
  return { sensor: sensor.status(), journal: journal.status(), terms: terms.size, restored };
}

function every(ms: number, action: () => void): Disposable {
  const timer = setInterval(action, ms);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
