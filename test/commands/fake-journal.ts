// A journal in memory for the tests of commands; payloads are the real ones.

import type { JournalView } from '../../src/commands/journal-records.ts';
import type { Alert } from '../../src/detect/alert.ts';
import { type JournalRecord, RECORD_KINDS, type RecordKindName } from '../../src/journal/journal.ts';
import { decodeAlert, decodeEnvelope, documentText, encodeAlert, RANK_OF } from '../../src/proto/alert-codec.ts';
import {
  decodeAmend,
  encodeAmend,
  encodeGap,
  encodeLifecycle,
  type GapRecord,
  type Lifecycle,
} from '../../src/proto/record-codec.ts';
import { sampleAlert } from './sample-alert.ts';

const NINE = Date.UTC(2026, 10, 24, 9);
const LIFECYCLE: Lifecycle = {
  event: 'start',
  version: '0.1.0',
  detail: '',
  bootId: '',
  ruleSetHash: '',
  counters: [],
  afterUncleanStop: false,
};

export class FakeJournal implements JournalView {
  readonly all: JournalRecord[] = [];
  readonly envelope = decodeEnvelope;
  readonly alert = decodeAlert;
  readonly amend = decodeAmend;
  readonly documentText = documentText;
  /** Called when a follower has read everything: may add records, or stop. */
  onIdle: () => void = () => {};

  addAlert(part: Partial<Alert> = {}): this {
    const alert = sampleAlert(part);
    return this.add('alert', encodeAlert(alert), RANK_OF[alert.severity], alert.eventWallMs);
  }

  addGap(part: Partial<GapRecord>, wallMs = NINE): this {
    return this.add('gap', encodeGap({ kind: 'lost_records', detail: '', count: 0, ...part }), 0, wallMs);
  }

  addAmend(uuid: string, document: Record<string, unknown>, number = 1): this {
    return this.add('amend', encodeAmend({ uuid, number, document }), 1, NINE);
  }

  addLifecycle(part: Partial<Lifecycle> = {}, wallMs = NINE): this {
    return this.add('lifecycle', encodeLifecycle({ ...LIFECYCLE, ...part }), 0, wallMs);
  }

  add(kindName: RecordKindName, payload: Uint8Array, rank = 0, wallMs = NINE): this {
    const seq = this.all.length + 1;
    this.all.push({ seq, kind: RECORD_KINDS[kindName], kindName, rank, wallMs, payload, journalId: 'j' });
    return this;
  }

  async *records(options: Parameters<JournalView['records']>[0]): AsyncGenerator<JournalRecord> {
    for (let at = 0; options.signal?.aborted !== true; at++) {
      if (at >= this.all.length && options.follow === true) this.onIdle();
      const record = this.all[at];
      if (record === undefined) return;
      if (record.seq >= (options.fromSeq ?? 1) && record.wallMs >= (options.sinceMs ?? 0)) yield record;
    }
  }

  async last(count: number, accept: (record: JournalRecord) => boolean): Promise<JournalRecord[]> {
    return this.all.filter(accept).slice(-count);
  }
}
