// A recorded run again, from its raw bytes: the same decoder, enrichment and rules as live, on recorded time, with recorded
// answers from outside. In: frames (twice: facts first, then batches), rules; out: alerts in order. Called by
// commands/replay.ts and by tests.

import type { Alert } from '../detect/alert.ts';
import { Detector } from '../detect/detector.ts';
import type { Rule } from '../detect/rule.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { Enricher } from '../enrich/enricher.ts';
import type { EntryLeaderMode } from '../enrich/entry-leader.ts';
import { factFromJson } from '../enrich/fact-json.ts';
import type { PlacedFact } from '../enrich/surroundings.ts';
import { ReplaySurroundings } from '../enrich/surroundings-replay.ts';
import type { Frame } from '../record/recording.ts';
import { ReplaySensor } from '../sensor/replay-sensor.ts';
import type { SensorCounters } from '../sensor/sensor.ts';
import type { Counters } from '../stats.ts';
import { Pipeline } from './pipeline.ts';

export interface ReplayOptions {
  /** A fresh run through the recording at each call. */
  frames: () => Iterable<Frame>;
  version: string;
  fields: FieldTable;
  rules: readonly Rule[];
  entryLeader: EntryLeaderMode;
  envNames: ReadonlySet<string>;
  counters: Counters;
  onAlert: (alert: Alert) => void;
  signal: AbortSignal;
}

/** Throws FB_ENRICH_START_MISSING, FB_ENRICH_FACT_INVALID, FB_RECORD_*. out: the sensor's counters at the end. */
export async function replayRecording(options: ReplayOptions): Promise<SensorCounters> {
  const { frames, fields, rules, counters, version, entryLeader, envNames, signal } = options;
  const surroundings = new ReplaySurroundings(factsOf(frames()));
  const { start } = surroundings;
  const enricher = new Enricher({ fields, surroundings, start, counters, agent: { version }, entryLeader });
  const detector = new Detector({ rules, fields, counters });
  const pipeline = new Pipeline(enricher, detector, options.onAlert);
  const applyNews = () => {
    for (const news of surroundings.newsBefore(enricher.records)) enricher.apply(news);
  };
  const sensor = new ReplaySensor(batchesOf(frames()), { envNames });
  const ended = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => ended.resolve(), { once: true });
  await sensor.start({
    onBatch: (records) => {
      for (const record of records) {
        applyNews();
        pipeline.take(record);
      }
    },
    onEnd: (error) => (error === undefined ? ended.resolve() : ended.reject(error)),
  });
  await ended.promise;
  await sensor.stop();
  counters.add('replay_questions_unanswered_total', surroundings.unanswered);
  return sensor.counters();
}

function* factsOf(frames: Iterable<Frame>): Generator<PlacedFact> {
  for (const frame of frames) {
    if (frame.kind === 'fact') yield factFromJson(JSON.stringify(frame.fact));
  }
}

function* batchesOf(frames: Iterable<Frame>) {
  for (const frame of frames) {
    if (frame.kind !== 'fact') yield frame;
  }
}
