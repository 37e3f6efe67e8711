// A journal in memory that takes or refuses as the test says, each append answered in a later turn as on a disk.

import { ForebearError } from '../../src/errors.ts';
import type {
  AppendOptions,
  JournalDamage,
  JournalStatus,
  JournalWriter,
  RecordKindName,
} from '../../src/journal/journal.ts';

export interface Appended {
  seq: number;
  kind: RecordKindName;
  rank: number;
  wallMs: number;
  payload: Uint8Array;
}

export class FakeJournalWriter implements JournalWriter {
  readonly damage: JournalDamage[] = [];
  readonly records: Appended[] = [];
  /** Code that the next appends are refused with; undefined: they are taken. */
  refuseWith: string | undefined;
  /** Or for some payloads only. */
  refuses: (payload: Uint8Array) => string | undefined = () => this.refuseWith;
  appends = 0;
  link = '';

  async append(payload: Uint8Array, { kind, rank, wallMs }: AppendOptions): Promise<number> {
    this.appends++;
    await undefined;
    const code = this.refuses(payload);
    if (code !== undefined) throw new ForebearError(code, `refused with ${code}`);
    const seq = this.records.length + 1;
    this.records.push({ seq, kind, rank, wallMs, payload });
    return seq;
  }

  status(): JournalStatus {
    const durableSeq = this.records.length;
    const at = { journalId: 'j', directory: '/j', firstSeq: 1, nextSeq: durableSeq + 1, durableSeq, link: this.link };
    return { ...at, segments: 1, bytes: 0, expired: 0, tornBytes: 0 };
  }

  /** What retention does meanwhile. */
  async idle(): Promise<void> {}

  async fork(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {}
}
