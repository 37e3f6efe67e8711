// A live host into a recording, without rules and without a journal: sensor and enrichment as the agent has them (what enrichment
// asks of the host is recorded too), bounded in time and size. In: sensor, surroundings, writer; out: what was recorded and what was
// lost. Called by commands/record.ts.

import type { FieldTable } from '../ecs/fields.ts';
import { Enricher } from '../enrich/enricher.ts';
import type { EntryLeaderMode } from '../enrich/entry-leader.ts';
import { factToJson } from '../enrich/fact-json.ts';
import type { PlacedFact } from '../enrich/surroundings.ts';
import type { LiveSurroundings } from '../enrich/surroundings-io.ts';
import { ForebearError } from '../errors.ts';
import type { Frame } from '../record/recording.ts';
import type { Redactor } from '../record/redact.ts';
import type { LossReport, Sensor, SensorCounters } from '../sensor/sensor.ts';
import type { Counters } from '../stats.ts';
import { eventsOf } from './events-of.ts';
import { lossBetween } from './loss-watch.ts';
import { BACKFILL, EXPIRE, everyTick } from './ticks.ts';

/** A crash costs so much of the recording. */
const FLUSH_TICKS = 5;

/** RecordingWriter as it is used here. */
export interface RecordTo {
  write(frame: Frame): void;
  flush(): void;
  close(): void;
  readonly bytes: number;
}

export interface RecordRunOptions {
  readonly sensor: Sensor;
  readonly surroundings: Pick<LiveSurroundings, keyof LiveSurroundings>;
  readonly fields: FieldTable;
  readonly version: string;
  readonly entryLeader: EntryLeaderMode;
  readonly hashAll: boolean;
  readonly counters: Counters;
  readonly redactor: Redactor;
  /** Called once the sensor could begin. */
  readonly openWriter: () => RecordTo;
  readonly maxMs: number;
  /** Of the file; what is on its way then is still written. */
  readonly maxBytes: number;
  readonly onReady: () => void;
  readonly onTick: (progress: RecordProgress) => void;
  readonly signal: AbortSignal;
}

export interface RecordProgress {
  readonly ms: number;
  readonly records: number;
  readonly bytes: number;
}

export interface RecordSummary extends RecordProgress {
  readonly ended: 'signal' | 'time' | 'size';
  readonly counters: SensorCounters;
}

/** Throws FB_SENSOR_*, FB_RECORD_WRITE. What was recorded until then is in the file. */
export async function recordRun(options: RecordRunOptions): Promise<RecordSummary> {
  const { sensor, surroundings, signal } = options;
  const run = new Run(options);
  const ended = Promise.withResolvers<RecordSummary['ended']>();
  // A sensor whose start fails may tell of it twice; the start's own error is the one that is thrown.
  ended.promise.catch(() => {});
  try {
    const enricher = await run.begin();
    surroundings.onNews((news) => enricher.apply(news));
    await sensor.start({
      onRaw: (bytes, kind) => run.write({ kind, bytes: options.redactor.batch(bytes) }),
      onBatch: (records) => {
        for (const record of records) eventsOf(enricher, record);
        if (run.isFull) ended.resolve('size');
      },
      onLost: (totals) => run.lost(totals),
      onEnd: (error) => ended.reject(error ?? new ForebearError('FB_SENSOR_STATE', 'the sensor ended by itself')),
    });
    const stop = () => ended.resolve('signal');
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    options.onReady();
    using _timer = everyTick(() => run.tick(ended.resolve), ended.reject);
    const why = await ended.promise;
    await sensor.stop();
    run.lost(sensor.counters());
    await surroundings.finish();
    surroundings.stop();
    run.close();
    return { ...run.progress(), ended: why, counters: sensor.counters() };
  } finally {
    await sensor.stop();
    surroundings.stop();
    run.close();
  }
}

class Run {
  readonly #options: RecordRunOptions;
  #writer: RecordTo | undefined;
  #enricher: Enricher | undefined;
  #before: LossReport | undefined;
  #ticks = 0;
  readonly #begun = performance.now();

  constructor(options: RecordRunOptions) {
    this.#options = options;
  }

  async begin(): Promise<Enricher> {
    const { fields, surroundings, counters, version, entryLeader, hashAll, openWriter } = this.#options;
    const start = await surroundings.start();
    this.#writer = openWriter();
    const hashing = { all: hashAll, onAmend: undefined };
    const onFact = (placed: PlacedFact) => this.#fact(placed);
    const agent = { version };
    this.#enricher = new Enricher({ fields, surroundings, start, counters, agent, entryLeader, hashing, onFact });
    return this.#enricher;
  }

  get isFull(): boolean {
    return this.#writer!.bytes >= this.#options.maxBytes;
  }

  write(frame: Frame): void {
    this.#writer?.write(frame);
  }

  lost({ lost, recursionMisses }: LossReport): void {
    const losses = lossBetween(this.#before, { lost, recursionMisses });
    this.#before = { lost: { ...lost }, recursionMisses };
    if (losses.length === 0) return;
    this.write({ kind: 'loss', ...this.#before });
    for (const { record, count } of losses) this.#enricher?.noteLoss(record, count);
  }

  tick(end: (why: 'time' | 'size') => void): void {
    const { surroundings, sensor, maxMs, onTick } = this.#options;
    surroundings.checkClock();
    this.lost(sensor.counters());
    if (this.#enricher!.backfill(BACKFILL) === 0) this.#enricher!.expire(EXPIRE);
    if (++this.#ticks % FLUSH_TICKS === 0) this.#writer!.flush();
    const progress = this.progress();
    onTick(progress);
    if (this.isFull) end('size');
    if (progress.ms >= maxMs) end('time');
  }

  progress(): RecordProgress {
    const ms = Math.round(performance.now() - this.#begun);
    return { ms, records: this.#enricher?.records ?? 0, bytes: this.#writer?.bytes ?? 0 };
  }

  close(): void {
    this.#writer?.close();
  }

  #fact(placed: PlacedFact): void {
    this.write({ kind: 'fact', fact: this.#options.redactor.fact(JSON.parse(factToJson(placed))) });
  }
}
