// Turns the sensor's growing totals into news: what was lost since the last look goes to enrichment (what is unknown from
// now on may be for that reason), into the recording and, collected, into the journal as a gap record. Built by agent.ts.

import type { Enricher } from '../enrich/enricher.ts';
import { type LossReport, RECORD_KINDS, type RecordKind } from '../sensor/sensor.ts';
import type { Notices } from './notices.ts';
import type { Recorder } from './recorder.ts';

export interface Loss {
  record: RecordKind | 'unknown';
  count: number;
}

export class LossWatch {
  readonly #enricher: Enricher;
  readonly #recorder: Recorder;
  readonly #notices: Notices;
  #before: LossReport | undefined;

  constructor(enricher: Enricher, recorder: Recorder, notices: Notices) {
    this.#enricher = enricher;
    this.#recorder = recorder;
    this.#notices = notices;
  }

  /** in: totals since start, as they are now. */
  look({ lost, recursionMisses }: LossReport): void {
    const losses = lossBetween(this.#before, { lost, recursionMisses });
    this.#before = { lost: { ...lost }, recursionMisses };
    if (losses.length === 0) return;
    this.#recorder.lost(this.#before);
    this.#notices.lost(losses);
    for (const { record, count } of losses) this.#enricher.noteLoss(record, count);
  }
}

/** What was lost between two reports. in: totals since start; out: one entry per kind that grew. */
export function lossBetween(before: LossReport | undefined, after: LossReport): Loss[] {
  const losses: Loss[] = RECORD_KINDS.map((kind) => ({
    record: kind,
    count: after.lost[kind] - (before?.lost[kind] ?? 0),
  }));
  losses.push({ record: 'unknown', count: after.recursionMisses - (before?.recursionMisses ?? 0) });
  return losses.filter(({ count }) => count > 0);
}
