// Reads the records of an unsealed last segment at open and says what they are worth: durable, unsure, damaged, torn.
// In: the open file, its facts, the commit mark; out: findings. Writes nothing: recover.ts acts on them.

import { inLastBlock, type PlacedRecord, type StoredRecord } from './active-segment.ts';
import { KIND_FOOTER, nextLink } from './format.ts';
import type { JournalDamage } from './journal.ts';
import type { JournalFile } from './journal-io.ts';
import { payloadOf, type Scanned, scanRecords } from './scan.ts';
import type { SegmentInfo } from './segment.ts';
import { addToTotals, emptyTotals, type SegmentTotals } from './segment-header.ts';

/** What the commit mark says about this segment. */
export interface Trust {
  /** Acknowledged up to here, 0 when nobody can tell: what is missing of it is damage, not a torn tail. */
  ackedSeq: number;
  /** Records behind this seq may never have reached the disk; Infinity when all that can be read came from there. */
  trustedSeq: number;
}

export interface Findings {
  /** Of the durable records. */
  totals: SegmentTotals;
  /** Where the last durable record ends. */
  goodEnd: number;
  lastBlock: StoredRecord[];
  /** Intact, dense from the durable ones on, but behind trustedSeq. */
  unsure: PlacedRecord[];
  damage: JournalDamage[];
  /** Bytes behind the last good record that were never acknowledged; 0 when there are none. */
  tornBytes: number;
  /** A footer stands in it, though not at the end. */
  closed: boolean;
}

type Found = Extract<Scanned, { type: 'record' }>;

/** in: an unsealed segment. Throws FB_JOURNAL_IO when reading fails. */
export async function examineLast(file: JournalFile, info: SegmentInfo, trust: Trust): Promise<Findings> {
  const exam = new Examination(info, trust);
  for await (const item of scanRecords(file, info.header.salt, info.header.recordsStart, info.bytes)) {
    if (item.type !== 'record') exam.bad = { offset: item.offset, bytes: item.end - item.offset };
    else if (!exam.take(item)) break;
  }
  return exam.finish();
}

class Examination {
  readonly #info: SegmentInfo;
  readonly #trust: Trust;
  readonly #found: Findings;
  #expected: number;
  /** Bytes that are no record, before the next one. */
  bad: { offset: number; bytes: number } | undefined;

  constructor(info: SegmentInfo, trust: Trust) {
    this.#info = info;
    this.#trust = trust;
    this.#expected = info.firstSeq;
    this.#found = {
      totals: emptyTotals(info.firstSeq, info.header.previousLink),
      goodEnd: info.header.recordsStart,
      lastBlock: [],
      unsure: [],
      damage: [],
      tornBytes: 0,
      closed: false,
    };
  }

  /** out: false when nothing behind this record counts. */
  take(item: Found): boolean {
    if (item.head.kind === KIND_FOOTER) {
      this.#found.closed = true;
      return true;
    }
    if (item.head.seq < this.#expected) return true;
    const dense = item.head.seq === this.#expected && this.bad === undefined;
    if (item.head.seq > this.#trust.trustedSeq) return dense && this.#takeUnsure(item);
    if (!dense) this.#damaged(item.head.seq - 1, item.offset);
    this.#takeDurable(item);
    return true;
  }

  #takeDurable(item: Found): void {
    const found = this.#found;
    const record = place(item, found.totals.link);
    addToTotals(found.totals, item.head, item.bytes.length, record.link);
    found.goodEnd = item.end;
    found.lastBlock = inLastBlock([...found.lastBlock, { record, end: item.end }], item.end);
    this.#expected = item.head.seq + 1;
  }

  #takeUnsure(item: Found): boolean {
    this.#found.unsure.push(place(item, this.#found.unsure.at(-1)?.link ?? this.#found.totals.link));
    this.#expected++;
    return true;
  }

  /** Seqs from the expected one to toSeq are missing; `bad`, when set, is where they were. */
  #damaged(toSeq: number, offset: number): void {
    const at = this.bad ?? { offset, bytes: 0 };
    this.#found.damage.push({ segment: this.#info.name, ...at, fromSeq: this.#expected, toSeq });
    this.bad = undefined;
  }

  finish(): Findings {
    const found = this.#found;
    if (this.#trust.ackedSeq >= this.#expected) this.#damaged(this.#trust.ackedSeq, this.#info.bytes);
    else if (this.bad !== undefined) found.tornBytes = this.#info.bytes - this.bad.offset;
    return found;
  }
}

/** A record read from disk, ready to be written again. */
function place(item: Found, before: Buffer): PlacedRecord {
  const payload = payloadOf(item);
  return { facts: item.head, payload, before, link: nextLink(before, item.head, payload) };
}
