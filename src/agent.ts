// THE MAP of a live run: the stages, opened right to left (journal first, sensor last), closed left to right.
// One exec goes sensor (native/, sensor/) -> enrich -> detect -> outbox -> journal -> onAlert. Once a second the agent looks
// after itself: snapshot, clock, old processes, lost exits, refused alerts. Called by commands/agent.ts.

import { type CappedRules, cappedBetween } from './agent/capped.ts';
import { openJournalFor } from './agent/journal-for-io.ts';
import { LeaderKeeper } from './agent/leader-keeper.ts';
import { LossWatch } from './agent/loss-watch.ts';
import { Notices } from './agent/notices.ts';
import { Outbox } from './agent/outbox.ts';
import { Pipeline } from './agent/pipeline.ts';
import { Recorder } from './agent/recorder.ts';
import { restoreTerms } from './agent/restore-terms.ts';
import { ruleSetHash } from './agent/rule-set-hash.ts';
import { SelftestWatch } from './agent/selftest-io.ts';
import { type SnapshotParts, snapshotOf } from './agent/snapshot.ts';
import { writeStatus } from './agent/status-io.ts';
import { type AgentSummary, summaryOf } from './agent/summary.ts';
import { Troubles } from './agent/troubles.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Alert } from './detect/alert.ts';
import { Detector } from './detect/detector.ts';
import { environmentNames } from './detect/environment-names.ts';
import type { RuleSet } from './detect/load-rules-io.ts';
import { type DurableTermStore, openTermStore } from './detect/term-store-io.ts';
import { wakeHints } from './detect/wake-hints.ts';
import type { FieldTable } from './ecs/fields.ts';
import { Enricher } from './enrich/enricher.ts';
import { type LiveOptions, LiveSurroundings } from './enrich/surroundings-io.ts';
import { ForebearError, reasonOf } from './errors.ts';
import type { JournalStatus } from './journal/journal.ts';
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
  /** Default: this machine's. */
  makeSurroundings?: (options: LiveOptions) => HostSurroundings;
  log: Logger;
  /** File for a recording of the run. */
  recordTo?: string;
  /** Attached, journal open: what the first lines of a run say. */
  onReady: (ready: Ready) => void;
  /** An alert is durable. What it throws costs the showing of that alert (agent_alerts_unshown_total). */
  onAlert: (alert: Alert, seq: number) => void;
  /** Aborted: the run ends in order. */
  signal: AbortSignal;
}

/** LiveSurroundings as the agent uses it. */
export type HostSurroundings = Pick<LiveSurroundings, keyof LiveSurroundings>;

export interface Ready {
  sensor: SensorStatus;
  journal: JournalStatus;
  /** Terms known, and alerts of the journal that an unclean stop had kept from them. */
  terms: number;
  restored: number;
}

/** What runs; SnapshotParts are those of them that `status` tells of. */
interface Stages extends SnapshotParts {
  terms: DurableTermStore;
  surroundings: HostSurroundings;
  recorder: Recorder;
  losses: LossWatch;
  leaders: LeaderKeeper;
  pipeline: Pipeline;
  outbox: Outbox;
  notices: Notices;
  troubles: Troubles;
  /** Kept over from earlier runs. */
  cappedBefore: CappedRules;
  restored: number;
}

const TICK_MS = 1000;
/** Per tick; a process read from /proc takes about 0.3 ms. */
const BACKFILL = 64;
const EXPIRE = 16;

/**
 * Runs until the signal, or a fault, which it throws when all is closed. Throws FB_JOURNAL_*, FB_TERMS_*, FB_RECORD_WRITE
 * before anything is written (FB_JOURNAL_LOCKED: another agent has this state), FB_SENSOR_* and others after a stop record.
 */
export async function runAgent(options: AgentOptions): Promise<AgentSummary> {
  await using closing = new AsyncDisposableStack();
  const stages = await openStages(options, closing);
  const faults: unknown[] = [];
  await run(stages, options).catch((error: unknown) => faults.push(error));
  await endRun(stages, options, faults);
  if (faults.length > 0) throw faults[0];
  return summaryOf(stages.sensor.counters(), stages.counters, stages.journal.status().durableSeq);
}

/** Right to left: the journal's lock first, what the journal says of this run last. */
async function openStages(options: AgentOptions, closing: AsyncDisposableStack): Promise<Stages> {
  const { config, version, fields, rules, clock, log } = options;
  const counters = new Counters();
  const envNames = new Set([...config.sensor.environment, ...environmentNames(rules)]);
  const makeSurroundings = options.makeSurroundings ?? ((live: LiveOptions) => new LiveSurroundings(live));
  const surroundings = makeSurroundings({ clock, counters, envNames, stateDirectory: config.state.directory });
  closing.defer(() => surroundings.stop());
  const start = await surroundings.start();

  const { journal, read, afterUncleanStop, onExpired } = await openJournalFor({ config, start, counters, clock });
  closing.defer(() => journal.close());
  const terms = openTerms(config, counters, log, journal.status().journalId);
  closing.defer(() => terms.close());
  const recorder = new Recorder(options.recordTo, version, counters, log);
  closing.defer(() => recorder.close());

  const { bootId } = start;
  const notices = new Notices(journal, { version, bootId, ruleSetHash: ruleSetHash(rules), clock, log, counters });
  const selftest = new SelftestWatch({
    stateDirectory: config.state.directory,
    fields,
    bootId,
    clock,
    // Found by the record that is being looked at: a replay must know before it.
    onGrant: (grant) => recorder.fact({ at: enricher.records - 1, fact: { kind: 'selftest', ...grant } }),
  });
  const isSelftest = selftest.isSelftest.bind(selftest);
  const detectedMs = () => clock.wallMs();
  const detector = new Detector({ ...rules, fields, counters, terms, detectedMs, isSelftest });
  const restored = await restoreTerms({ read, terms, detector, counters, log });
  const cappedBefore = detector.capped();
  const onDurable = (alert: Alert, seq: number) => {
    detector.durable(alert, seq);
    selftest.durable(alert, seq);
    show(alert, seq, options, counters);
  };
  const outbox = new Outbox({ journal, counters, log, onDurable, onDropped: (count) => notices.dropped(count) });

  const maxTableBytes = config.enrich.processTableBytes;
  const { entryLeader } = config.enrich;
  const agent = { version };
  const onFact = recorder.fact.bind(recorder);
  const enricher = new Enricher({ fields, surroundings, start, counters, agent, entryLeader, maxTableBytes, onFact });
  surroundings.onNews((news) => {
    if (news.kind === 'wall_offset') notices.clockMoved(news.ms);
    enricher.apply(news);
  });
  notices.clockMoved(start.wallOffsetMs);

  const losses = new LossWatch(enricher, recorder, notices);
  const pipeline = new Pipeline(enricher, detector, (alert) => {
    selftest.made(alert);
    outbox.put(alert);
  });
  const sensor = options.makeSensor(envNames);
  sensor.setWakeHints(wakeHints(rules.rules));
  const facts = { version, startedMs: clock.wallMs(), hostId: start.host.id ?? '', maxTableBytes, restored };
  const troubles = new Troubles(log);
  const shared = {
    rules,
    counters,
    surroundings,
    recorder,
    notices,
    losses,
    selftest,
    troubles,
    leaders: new LeaderKeeper({ directory: config.state.directory, enricher, counters, troubles }),
    cappedBefore,
  };
  await notices.started(afterUncleanStop);
  onExpired((expiry) => notices.expired(expiry));
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

/** From the sensor's start to the signal. Throws what the sensor or a handler of its records threw. */
async function run(stages: Stages, options: AgentOptions): Promise<void> {
  const { signal, log } = options;
  if (signal.aborted) return;
  const ended = Promise.withResolvers<void>();
  // A fault may come when nobody waits any more.
  ended.promise.catch((error: unknown) => log.debug({ error }, 'the run ended by a fault'));
  signal.addEventListener('abort', () => ended.resolve(), { once: true });
  await startSensor(stages, (error) => {
    if (error !== undefined && signal.aborted) log.error({ error }, `while stopping: ${reasonOf(error)}`);
    if (error === undefined) ended.resolve();
    else ended.reject(error);
  });
  using _timer = every(TICK_MS, () => lookAfter(stages, options), ended.reject);
  saveSnapshot(stages, options, false);
  if (!signal.aborted) options.onReady(readyOf(stages));
  await ended.promise;
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

/** Left to right, each step whatever became of the one before it. in: faults so far; those of the steps are added. */
async function endRun(stages: Stages, options: AgentOptions, faults: unknown[]): Promise<void> {
  const { sensor, losses, surroundings, outbox, notices, detector, terms, cappedBefore } = stages;
  const steps: readonly (() => void | Promise<void>)[] = [
    () => sensor.stop(),
    () => losses.look(sensor.counters()),
    () => surroundings.stop(),
    () => outbox.drain(),
    () => terms.flush(),
    () => noteHistory(stages),
    () => {
      for (const { rule_id, count } of cappedBetween(cappedBefore, detector.capped())) notices.capped(rule_id, count);
    },
    () => stages.leaders.save(),
    () => notices.stopped(faults.length > 0 ? faultText(faults[0]) : ''),
    () => saveSnapshot(stages, options, true),
  ];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      options.log.error({ error }, `while stopping: ${reasonOf(error)}`);
      faults.push(error);
    }
  }
}

/** One line for the stop record. */
function faultText(fault: unknown): string {
  const [line] = reasonOf(fault).split('\n', 1);
  return fault instanceof ForebearError ? `${fault.code}: ${line}` : line!;
}

function lookAfter(stages: Stages, options: AgentOptions): void {
  const { surroundings, enricher, sensor, losses, leaders, outbox, notices } = stages;
  surroundings.checkClock();
  losses.look(sensor.counters());
  if (enricher.backfill(BACKFILL) === 0) enricher.expire(EXPIRE);
  outbox.retry();
  notices.flushLosses();
  noteHistory(stages);
  leaders.tick();
  saveSnapshot(stages, options, false);
}

function noteHistory({ troubles, terms }: Stages): void {
  troubles.note('saving the history of new_terms rules', terms.lastError);
}

/** The alert is safe in the journal: that it cannot be shown stops nothing. */
function show(alert: Alert, seq: number, { onAlert, log }: AgentOptions, counters: Counters): void {
  try {
    onAlert(alert, seq);
  } catch (error) {
    counters.add('agent_alerts_unshown_total');
    log.error({ error }, `alert ${seq} is in the journal, but cannot be shown: ${reasonOf(error)}`);
  }
}

/** A snapshot that cannot be written is counted; the run goes on. */
function saveSnapshot(stages: Stages, { config, clock }: AgentOptions, stopped: boolean): void {
  const nowMs = clock.wallMs();
  let fault: unknown;
  try {
    writeStatus(config.state.directory, { ...snapshotOf(stages, nowMs), ...(stopped && { stoppedMs: nowMs }) });
  } catch (error) {
    fault = error;
    stages.counters.add('agent_snapshots_failed_total');
  }
  stages.troubles.note('writing the status snapshot', fault);
}

function readyOf({ sensor, journal, terms, restored }: Stages): Ready {
  return { sensor: sensor.status(), journal: journal.status(), terms: terms.size, restored };
}

/** What the action throws goes to onFault, once: the run ends by it. */
function every(ms: number, action: () => void, onFault: (error: unknown) => void): Disposable {
  const timer = setInterval(() => {
    try {
      action();
    } catch (error) {
      onFault(error);
    }
  }, ms);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
