// A journal in memory for the tests of commands: payloads are JSON instead of protobuf.

import type { JournalView } from '../../src/commands/journal-records.ts';
import type { Alert } from '../../src/detect/alert.ts';
import { type JournalRecord, RECORD_KINDS, type RecordKindName } from '../../src/journal/journal.ts';
import { sampleAlert } from './sample-alert.ts';

const RANKS = { low: 0, medium: 1, high: 2, critical: 3 };

export class FakeJournal implements JournalView {
  readonly all: JournalRecord[] = [];
  /** Called when a follower has read everything: may add records, or stop. */
  onIdle: () => void = () => {};

  alertRecord(part: Partial<Alert> = {}): this {
    const alert = sampleAlert(part);
    const json = JSON.stringify({ ...alert, eventBootNs: String(alert.eventBootNs) });
    return this.add('alert', json, RANKS[alert.severity], alert.eventWallMs);
  }

  notice(kind: RecordKindName, payload: unknown, wallMs = Date.UTC(2026, 10, 24, 9)): this {
    return this.add(kind, JSON.stringify(payload), 0, wallMs);
  }

  add(kindName: RecordKindName, text: string, rank = 0, wallMs = 0): this {
    const seq = this.all.length + 1;
    const kind = RECORD_KINDS[kindName];
    this.all.push({ seq, kind, kindName, rank, wallMs, payload: Buffer.from(text), journalId: 'j' });
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

  envelope(payload: Uint8Array): Alert {
    return JSON.parse(Buffer.from(payload).toString());
  }

  alert(payload: Uint8Array): Alert {
    return this.envelope(payload);
  }

  documentText(payload: Uint8Array): string {
    return JSON.stringify(this.envelope(payload).document);
  }
}
