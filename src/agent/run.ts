// The life of a run once its stages are open: records flow until the signal or a fault, once a second the agent looks after
// itself, and at the end every step is taken whatever became of the one before. Called by agent.ts.

import type { AgentOptions, Ready, Stages } from '../agent.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import { cappedBetween } from './capped.ts';
import { JournalThere } from './journal-there-io.ts';
import { Reload } from './reload.ts';
import { snapshotOf } from './snapshot.ts';
import { writeStatus } from './status-io.ts';
import { BACKFILL, EXPIRE, everyTick } from './ticks.ts';
import { withAsked } from './wanted-kinds.ts';

/** From the sensor's start to the signal. Throws what the sensor or a handler of its records threw. */
export async function run(stages: Stages, options: AgentOptions): Promise<void> {
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
  const there = new JournalThere();
  using _timer = everyTick(() => lookAfter(stages, options, there), ended.reject);
  saveSnapshot(stages, options, false);
  if (!signal.aborted) options.onReady(readyOf(stages));
  const reload = new Reload(stages, options);
  let reloading = Promise.resolve();
  options.reloads?.((perform) => {
    reloading = reloading.then(() => (signal.aborted ? undefined : perform(reload))).catch(ended.reject);
  });
  await ended.promise.finally(() => reloading);
}

/** in: where its end is told. From here on records arrive. */
async function startSensor(stages: Stages, onEnd: (error?: Error) => void): Promise<void> {
  const { sensor, recorder, pipeline, losses, canary } = stages;
  await sensor.start({
    onBatch: (records) => {
      for (const record of records) {
        if (canary.isOwn(record)) pipeline.apply({ kind: 'canary' });
        pipeline.take(record);
      }
    },
    onRaw: (bytes, kind) => recorder.batch(bytes, kind),
    onLost: (totals) => losses.look(totals),
    onEnd,
  });
}

/** Left to right, each step whatever became of the one before it. in: faults so far; those of the steps are added. */
export async function endRun(stages: Stages, options: AgentOptions, faults: unknown[]): Promise<void> {
  const { sensor, losses, surroundings, outbox, amends, notices, detector, terms, cappedBefore } = stages;
  let reason = '';
  const steps: readonly (() => void | Promise<void>)[] = [
    async () => {
      if (faults.length === 0) reason = await stages.protection.stopping();
      stages.protection.close();
    },
    () => sensor.stop(),
    () => losses.look(sensor.counters()),
    () => surroundings.finish(),
    () => surroundings.stop(),
    () => detector.flush(),
    () => outbox.drain(),
    () => amends.drain(),
    () => terms.flush(),
    () => noteHistory(stages),
    () => {
      for (const { rule_id, count } of cappedBetween(cappedBefore, detector.capped())) notices.capped(rule_id, count);
    },
    () => {
      for (const { rule_id, count } of detector.heldBack()) notices.heldBack(rule_id, count);
    },
    () => {
      const pending = detector.pendingJoins();
      if (pending > 0) notices.joinsLost(pending);
    },
    () => stages.leaders.save(),
    () => stages.heartbeats.settled(),
    () => notices.stopped(faults.length > 0 ? faultText(faults[0]) : reason),
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

function lookAfter(stages: Stages, options: AgentOptions, there: JournalThere): void {
  const { surroundings, enricher, sensor, losses, leaders, outbox, notices, terms, heartbeats, canary, now } = stages;
  void stages.delivered.refresh();
  there.assert(stages.journal.status());
  surroundings.checkClock();
  losses.look(sensor.counters());
  if (enricher.backfill(BACKFILL) === 0) enricher.expire(EXPIRE);
  outbox.retry();
  stages.pipeline.tick(now());
  stages.amends.retry();
  notices.flushLosses();
  terms.tick(now());
  noteHistory(stages);
  leaders.tick();
  heartbeats.tick();
  stages.forks.tick();
  canary.tick();
  stages.protection.tick();
  saveSnapshot(stages, options, false);
}

function noteHistory({ troubles, terms }: Stages): void {
  troubles.note('saving the history of new_terms rules', terms.lastError);
}

/** A snapshot that cannot be written is counted; the run goes on. */
function saveSnapshot(stages: Stages, { config, clock, onStatus }: AgentOptions, stopped: boolean): void {
  const nowMs = clock.wallMs();
  let fault: unknown;
  try {
    const status = { ...snapshotOf(stages, nowMs), ...(stopped && { stoppedMs: nowMs }) };
    onStatus?.(status);
    writeStatus(config.state.directory, status);
  } catch (error) {
    fault = error;
    stages.counters.add('agent_snapshots_failed_total');
  }
  stages.troubles.note('writing the status snapshot', fault);
}

function readyOf({ sensor, asked, journal, terms, learning, restored }: Stages): Ready {
  const report = learning.report();
  const status = sensor.status();
  const sources = withAsked(status.sources, asked);
  const ready = { sensor: status, sources, journal: journal.status(), terms: terms.size, restored };
  return { ...ready, ...(report && { learning: report }) };
}
