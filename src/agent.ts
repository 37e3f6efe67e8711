// THE MAP of a live run: the stages, opened right to left (journal first, sensor last), closed left to right (agent/run.ts).
// One exec goes sensor (native/, sensor/) -> enrich -> detect -> outbox -> journal -> onAlert. Called by commands/agent.ts.

import { Amends } from './agent/amends.ts';
import type { Canary, CanaryProgram } from './agent/canary.ts';
import type { CappedRules } from './agent/capped.ts';
import { settingsOf } from './agent/configuration-change.ts';
import { fileFilter } from './agent/file-filter.ts';
import { ForkWatch } from './agent/fork-watch.ts';
import { Heartbeats } from './agent/heartbeats.ts';
import { openJournalFor } from './agent/journal-for-io.ts';
import { LeaderKeeper } from './agent/leader-keeper.ts';
import { LearningWatch, warnOfUnknown } from './agent/learning-watch.ts';
import { LossWatch } from './agent/loss-watch.ts';
import { Notices } from './agent/notices.ts';
import { type GivenUp, Outbox } from './agent/outbox.ts';
import type { OutputCursors } from './agent/output-cursors-io.ts';
import { Pipeline } from './agent/pipeline.ts';
import type { OwnUnit, Protection, ProtectionHost } from './agent/protection.ts';
import { Recorder } from './agent/recorder.ts';
import type { Reload } from './agent/reload.ts';
import { restoreTerms } from './agent/restore-terms.ts';
import { ruleSetHash } from './agent/rule-set-hash.ts';
import { endRun, run } from './agent/run.ts';
import { goneAlert, openSelfWatch } from './agent/self-watch.ts';
import { SelftestWatch } from './agent/selftest-io.ts';
import type { SnapshotParts } from './agent/snapshot.ts';
import { type AgentSummary, summaryOf } from './agent/summary.ts';
import { ticksIn } from './agent/ticks.ts';
import { Troubles } from './agent/troubles.ts';
import { wantedKinds } from './agent/wanted-kinds.ts';
import type { WatchedRoot } from './agent/watched-files-io.ts';
import { namedPaths, Witness } from './agent/witness.ts';
import type { AgentStatus, LearningReport, SourceSnapshot } from './agent-status.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Alert } from './detect/alert.ts';
import { Detector } from './detect/detector.ts';
import { environmentNames } from './detect/environment-names.ts';
import { type HashNames, hashNames } from './detect/hash-names.ts';
import { isJoined } from './detect/kinds/make-kind.ts';
import type { RuleSet } from './detect/load-rules-io.ts';
import { costClock } from './detect/rule-costs.ts';
import { type DurableTermStore, openTermStore } from './detect/term-store-io.ts';
import { wakeHints } from './detect/wake-hints.ts';
import type { EventTime } from './ecs/event-time.ts';
import type { FieldTable } from './ecs/fields.ts';
import { Enricher } from './enrich/enricher.ts';
import { type LiveOptions, LiveSurroundings } from './enrich/surroundings-io.ts';
import { reasonOf } from './errors.ts';
import { readForkMarker } from './journal/fork-marker-io.ts';
import type { JournalStatus } from './journal/journal.ts';
import type { Logger } from './log.ts';
import { ProcessWatch } from './metrics/process-watch.ts';
import type { FileFilter } from './sensor/file-filter.ts';
import type { Sensor, SensorStatus, WantedKind } from './sensor/sensor.ts';
import { Counters } from './stats.ts';

export interface AgentOptions {
  config: Config;
  version: string;
  /** The table of the events, and the rules that were compiled against it. */
  fields: FieldTable;
  rules: RuleSet;
  clock: Clock;
  /** in: the environment variables that may leave decode, the kinds of records to attach beside those that always are. */
  makeSensor: (envNames: ReadonlySet<string>, wanted: ReadonlySet<WantedKind>, files: FileFilter) => Sensor;
  /** Default: this machine's. */
  makeSurroundings?: (options: LiveOptions) => HostSurroundings;
  /** Files that decide what it does. Default: none. */
  watched?: readonly WatchedRoot[];
  /** The unit that it runs as; undefined: whoever ends it is not asked after. */
  unit?: OwnUnit;
  /** What it asks of the host to look after itself. Default: this machine's. */
  protectionHost?: ProtectionHost;
  /** What the canary runs. Default: true. */
  canary?: CanaryProgram;
  log: Logger;
  /** File for a recording of the run. */
  recordTo?: string;
  /** Attached, journal open: what the first lines of a run say. */
  onReady: (ready: Ready) => void;
  /** A new snapshot, each second. */
  onStatus?: (status: AgentStatus) => void;
  /** Who loads rules anew while it runs: one after the other. What rejects ends the run. */
  reloads?: (listener: (perform: (reload: Reload) => Promise<void>) => void) => void;
  /** An alert is durable. What it throws costs the showing of that alert (agent_alerts_unshown_total). */
  onAlert: (alert: Alert, seq: number) => void;
  /** Aborted: the run ends in order. */
  signal: AbortSignal;
}

/** LiveSurroundings as the agent uses it. */
export type HostSurroundings = Pick<LiveSurroundings, keyof LiveSurroundings>;

export interface Ready {
  sensor: SensorStatus;
  /** Of the kinds of records that are attached on demand. */
  sources: readonly SourceSnapshot[];
  journal: JournalStatus;
  /** Terms known, and alerts of the journal that an unclean stop had kept from them. */
  terms: number;
  restored: number;
  /** Absent: every rule alerts. */
  learning?: LearningReport;
}

/** What runs; SnapshotParts are those of them that `status` tells of. */
export interface Stages extends SnapshotParts {
  terms: DurableTermStore;
  learning: LearningWatch;
  surroundings: HostSurroundings;
  recorder: Recorder;
  losses: LossWatch;
  leaders: LeaderKeeper;
  heartbeats: Heartbeats;
  forks: ForkWatch;
  canary: Canary;
  protection: Protection;
  pipeline: Pipeline;
  outbox: Outbox;
  amends: Amends;
  notices: Notices;
  troubles: Troubles;
  now: () => EventTime;
  /** What leaves the kernel of files, what leaves the decoder, and what is hashed: fixed at the start. */
  files: FileFilter;
  envNames: ReadonlySet<string>;
  hashes: HashNames;
  /** Kept over from earlier runs. */
  cappedBefore: CappedRules;
  delivered: OutputCursors;
  restored: number;
}

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
  const kept = await openKept(options, closing);
  const detection = await openDetection(options, kept);
  const live = openLive(options, kept, detection);
  const { config, version, clock } = options;
  if (kept.lastRun?.unclean === true && options.rules.rules.some(isJoined)) kept.notices.joinsLost(0);
  await kept.notices.started(kept.lastRun);
  if (kept.gone > 0) {
    kept.notices.journalGone(kept.gone);
    detection.outbox.put(goneAlert(options, kept, kept.gone));
  }
  kept.onExpired((expiry) => kept.notices.expired(expiry));
  const { processTableBytes: maxTableBytes } = config.enrich;
  const facts = { version, startedMs: clock.wallMs(), hostId: kept.start.host.id ?? '', maxTableBytes };
  return { ...facts, rules: options.rules, ...kept, ...detection, ...live, process: closing.use(new ProcessWatch()) };
}

/** What outlives the run (journal, terms, a recording), and what it is told of the host. */
async function openKept(options: AgentOptions, closing: AsyncDisposableStack) {
  const { config, version, rules, clock, log } = options;
  const counters = new Counters();
  const envNames = new Set([...config.sensor.environment, ...environmentNames(rules)]);
  const makeSurroundings = options.makeSurroundings ?? ((live: LiveOptions) => new LiveSurroundings(live));
  const hashes = hashNames(rules);
  const hash = hashOptions(config, hashes);
  const surroundings = makeSurroundings({ clock, counters, stateDirectory: config.state.directory, hash });
  closing.defer(() => surroundings.stop());
  const start = await surroundings.start();
  const opened = await openJournalFor({ config, start, counters, clock });
  const { journal } = opened;
  closing.defer(() => journal.close());
  const terms = openTerms(config, counters, log, journal.status().journalId);
  closing.defer(() => terms.close());
  const recorder = new Recorder(options.recordTo, version, counters, log);
  closing.defer(() => recorder.close());
  const facts = { version, bootId: start.bootId, ruleSetHash: ruleSetHash(rules), settings: settingsOf(config) };
  const notices = new Notices(journal, { ...facts, clock, log, counters });
  const troubles = new Troubles(log);
  const marker = () => readForkMarker(config.ship.directory);
  const forks = new ForkWatch({ journal, marker, notices, troubles });
  return {
    ...opened,
    forks,
    counters,
    envNames,
    hashes,
    surroundings,
    start,
    terms,
    recorder,
    notices,
    facts,
    troubles,
  };
}

/** Rules over events, and the way of their alerts into the journal. */
async function openDetection(options: AgentOptions, { start, recorder, notices, ...kept }: Kept) {
  const { config, fields, rules, clock, log } = options;
  const { counters, terms, journal, read } = kept;
  // Where in the recording: the enricher, which counts, comes later.
  const place = { records: () => 0 };
  const selftest = new SelftestWatch({
    stateDirectory: config.state.directory,
    fields,
    bootId: start.bootId,
    clock,
    // Found by the record that is being looked at: a replay must know before it.
    onGrant: (grant) => recorder.fact({ at: place.records() - 1, fact: { kind: 'selftest', ...grant } }),
  });
  const isSelftest = selftest.isSelftest.bind(selftest);
  const detectedMs = () => clock.wallMs();
  const { learnMs: learnAll, learnRulesMs } = config.detect;
  const learnMs = (rule_id: string) => learnRulesMs.get(rule_id) ?? learnAll;
  const { limits: byteLimits } = config;
  const timing = { detectedMs, costClock: costClock(() => performance.now()) };
  const amends = new Amends({ journal, counters, log, wallMs: () => clock.wallMs() });
  const onAmend = amends.put.bind(amends);
  const how = { learnMs, byteLimits, ...timing, isSelftest, onAmend };
  const detector = new Detector({ ...rules, fields, counters, terms, ...how });
  const now = () => ({ bootId: start.bootId, bootNs: clock.bootNs(), wallMs: clock.wallMs() });
  const learning = new LearningWatch({ detector, terms, now, log });
  warnOfUnknown(detector, learnRulesMs, log);
  const restored = await restoreTerms({ read, terms, detector, counters, log });
  const onDurable = (alert: Alert, seq: number) => {
    amends.durable(alert);
    detector.durable(alert, seq);
    selftest.durable(alert, seq);
    show(alert, seq, options, counters);
  };
  const onDropped = (count: number) => notices.dropped(count);
  const onGivenUp = (alert: GivenUp) => {
    amends.givenUp(alert);
    detector.givenUp(alert);
  };
  const outbox = new Outbox({ journal, counters, log, onDurable, onDropped, onGivenUp });
  return { place, selftest, detector, learning, now, restored, cappedBefore: detector.capped(), outbox, amends };
}

/** From the kernel to the rules. */
function openLive(options: AgentOptions, kept: Kept, { place, selftest, detector, ...out }: Detection) {
  const { config, version, fields, rules, clock } = options;
  const { surroundings, start, journal, counters, recorder, notices, envNames, facts, troubles } = kept;
  const { entryLeader, processTableBytes: maxTableBytes } = config.enrich;
  const agent = { version };
  const onFact = recorder.fact.bind(recorder);
  const { amends } = out;
  const hashing = { all: config.enrich.hash === 'all', onAmend: amends.put.bind(amends) };
  const table = { entryLeader, maxTableBytes };
  const enricher = new Enricher({ fields, surroundings, start, counters, agent, onFact, hashing, ...table });
  place.records = () => enricher.records;
  const onAlert = (alert: Alert) => {
    selftest.made(alert);
    amends.made(alert);
    out.outbox.put(alert);
  };
  const witness = new Witness(namedPaths(options.watched ?? []), options.unit?.name ?? 'forebear.service');
  const pipeline = new Pipeline(enricher, detector, onAlert, witness);
  surroundings.onNews((news) => {
    if (news.kind === 'wall_offset') notices.clockMoved(news.ms);
    pipeline.apply(news);
  });
  notices.clockMoved(start.wallOffsetMs);
  const { wanted, asked } = wantedKinds(detector, config.sensor.events);
  const files = fileFilter(config, detector, rules.rules);
  const sensor = options.makeSensor(envNames, wanted, files);
  sensor.setWakeHints(wakeHints(rules.rules));
  const losses = new LossWatch(enricher, recorder, notices);
  const leaders = new LeaderKeeper({ directory: config.state.directory, enricher, counters, troubles });
  const everyTicks = ticksIn(config.journal.heartbeatMs);
  const proof = { ...facts, journal, everyTicks, clock, counters, sensor: () => sensor.counters(), troubles };
  const heartbeats = new Heartbeats(proof);
  const itself = openSelfWatch(options, kept, { sensor, witness, onAlert });
  return { enricher, pipeline, sensor, asked, files, losses, leaders, heartbeats, ...itself };
}

type Kept = Awaited<ReturnType<typeof openKept>>;
type Detection = Awaited<ReturnType<typeof openDetection>>;

/** Rules that name no hash wait for none. */
function hashOptions({ enrich, detect }: Config, { also, waits }: HashNames): NonNullable<LiveOptions['hash']> {
  return { maxBytes: enrich.hashMaxBytes, also, ...(waits && { waitMs: detect.hashWaitMs }) };
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

/** The alert is safe in the journal: that it cannot be shown stops nothing. */
function show(alert: Alert, seq: number, { onAlert, log }: AgentOptions, counters: Counters): void {
  try {
    onAlert(alert, seq);
  } catch (error) {
    counters.add('agent_alerts_unshown_total');
    log.error({ error }, `alert ${seq} is in the journal, but cannot be shown: ${reasonOf(error)}`);
  }
}
