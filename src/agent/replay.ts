// A recorded run again, from its raw bytes: the same decoder, enrichment and rules as live, on recorded time, with recorded
// answers from outside. In: frames (twice: facts first, then batches), a detector; out: alerts in order. Called by
// commands/replay.ts, by commands/query.ts for the events alone, and by tests.

import type { Alert } from '../detect/alert.ts';
import type { Detector } from '../detect/detector.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { Enricher } from '../enrich/enricher.ts';
import type { EntryLeaderMode } from '../enrich/entry-leader.ts';
import { factFromJson } from '../enrich/fact-json.ts';
import type { Amendment } from '../enrich/hash-desk.ts';
import type { News, PlacedFact } from '../enrich/surroundings.ts';
import { ReplaySurroundings } from '../enrich/surroundings-replay.ts';
import { ForebearError } from '../errors.ts';
import { type Frame, replayItems } from '../record/recording.ts';
import type { SensorRecord } from '../sensor/record.ts';
import { ReplaySensor } from '../sensor/replay-sensor.ts';
import type { SensorCounters } from '../sensor/sensor.ts';
import type { Counters } from '../stats.ts';
import { Pipeline } from './pipeline.ts';
import type { SelftestGrants } from './selftest.ts';

/** A recorded run, and what its events are made with. */
export interface RecordedRun {
  /** A fresh run through the recording at each call. */
  frames: () => Iterable<Frame>;
  version: string;
  fields: FieldTable;
  entryLeader: EntryLeaderMode;
  envNames: ReadonlySet<string>;
  counters: Counters;
  hashAll?: boolean;
  /** What became known of an alert that was made before. */
  onAmend?: (amendment: Amendment) => void;
  /** Waited for before each piece of the recording; default: a turn of the event loop. */
  turn?: () => Promise<void>;
  signal: AbortSignal;
}

export interface ReplayOptions extends RecordedRun {
  /** Over these fields. */
  detector: Detector;
  /** Where the self-tests of the recording are put: what the detector asks. */
  selftests?: SelftestGrants;
  onAlert: (alert: Alert) => void;
}

/** Who takes records and news, each at its place. */
export interface RecordConsumer {
  take(record: SensorRecord): void;
  apply(news: News): void;
  end(): void;
}

/** The sensor's counters at the end, and questions of enrichment that the recording has no answer to. */
export type ReplayCounters = SensorCounters & { unanswered: number };

/**
 * Throws FB_ENRICH_START_MISSING, FB_ENRICH_FACT_INVALID, FB_RECORD_*. What precedes damage is replayed before
 * FB_RECORD_DAMAGED is thrown.
 */
export function replayRecording(options: ReplayOptions): Promise<ReplayCounters> {
  const { detector, selftests, onAlert } = options;
  return runRecording(options, (enricher) => {
    const pipeline = new Pipeline(enricher, detector, onAlert);
    return {
      take: (record) => pipeline.take(record),
      apply: (news) => (news.kind === 'selftest' ? selftests?.add(news) : pipeline.apply(news)),
      // Of a recording that was cut off hashes may be missing.
      end: () => detector.useHashes(undefined).forEach(onAlert),
    };
  });
}

/** As replayRecording, for another who takes the records. */
export async function runRecording(
  run: RecordedRun,
  consumerOf: (enricher: Enricher) => RecordConsumer,
): Promise<ReplayCounters> {
  const { frames, fields, counters, version, entryLeader, envNames, signal } = run;
  const surroundings = new ReplaySurroundings(factsOf(frames()));
  const { start } = surroundings;
  const hashing = { all: run.hashAll === true, onAmend: run.onAmend };
  const enricher = new Enricher({ fields, surroundings, start, counters, agent: { version }, entryLeader, hashing });
  const consumer = consumerOf(enricher);
  const applyNews = () => {
    for (const news of surroundings.newsBefore(enricher.records)) consumer.apply(news);
  };
  const { turn } = run;
  const sensor = new ReplaySensor(replayItems(frames()), { envNames, ...(turn && { turn }) });
  const ended = Promise.withResolvers<void>();
  if (signal.aborted) ended.resolve();
  signal.addEventListener('abort', () => ended.resolve(), { once: true });
  await sensor.start({
    onBatch: (records) => {
      for (const record of records) {
        applyNews();
        consumer.take(record);
      }
    },
    onEnd: (error) => (error === undefined ? ended.resolve() : ended.reject(error)),
  });
  await ended.promise.finally(async () => {
    await sensor.stop();
    // What came after the last record.
    applyNews();
    consumer.end();
  });
  const { unanswered } = surroundings;
  counters.add('replay_questions_unanswered_total', unanswered);
  return { ...sensor.counters(), unanswered };
}

/** Up to the damage, if there is any: the batches before it come first, then the same damage is met again and thrown. */
function* factsOf(frames: Iterable<Frame>): Generator<PlacedFact> {
  let facts = 0;
  try {
    for (const frame of frames) {
      if (frame.kind === 'fact') {
        facts++;
        yield factFromJson(JSON.stringify(frame.fact));
      }
    }
  } catch (error) {
    const damaged = error instanceof ForebearError && error.code === 'FB_RECORD_DAMAGED';
    if (!damaged || facts === 0) throw error;
  }
}
