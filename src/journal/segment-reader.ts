// The records of one segment after the other for a reader: filters them, remembers where it stopped, reports what is missing.
// In: segments in order, each with the first seq that the next one supplies, and the durable end; out: records.

import type { Counters } from '../stats.ts';
import { flagsAreKnown, KIND_FOOTER, nextLink } from './format.ts';
import { type JournalRecord, RECORD_KINDS, type ReadOptions, type RecordKindName } from './journal.ts';
import type { JournalIo } from './journal-io.ts';
import { payloadOf, type Scanned, scanRecords } from './scan.ts';
import { inspectSegment, type SegmentInfo, type SegmentName } from './segment.ts';

const KIND_NAMES = new Map<number, RecordKindName>(
  Object.entries(RECORD_KINDS).map(([name, kind]) => [kind, name as RecordKindName]),
);

/** link: of `seen`, undefined where it is not known. */
interface Place {
  name: string;
  offset: number;
  seen: number;
  link: Buffer | undefined;
}

type Found = Extract<Scanned, { type: 'record' }>;

export class SegmentReader {
  readonly #source: { io: JournalIo; directory: string; counters: Counters };
  readonly #options: ReadOptions;
  /** First seq that is still wanted. */
  nextSeq: number;
  /** Behind the last record read: a follower goes on here. */
  #place: Place = { name: '', offset: 0, seen: 0, link: undefined };

  constructor(source: { io: JournalIo; directory: string; counters: Counters }, options: ReadOptions) {
    this.#source = source;
    this.#options = options;
    this.nextSeq = options.fromSeq ?? 1;
  }

  /** in: bound: first seq that is not this segment's; limit: last durable seq. Throws ENOENT, FB_JOURNAL_*. */
  async *read(name: SegmentName, bound: number, limit: number): AsyncGenerator<JournalRecord> {
    const { io, directory } = this.#source;
    const file = await io.open(`${directory}/${name.name}`, 'read');
    try {
      const info = await inspectSegment(file, name);
      const last = Math.min(bound - 1, limit);
      if (info === undefined) this.#missing(name.name, name.firstSeq, last, 0, await file.size());
      else if (!this.#isTooOld(info)) {
        this.#enter(info);
        const items = scanRecords(file, info.header.salt, this.#place.offset, info.bytes);
        yield* this.#records(items, info, last);
      }
      if (Number.isFinite(last)) this.nextSeq = Math.max(this.nextSeq, last + 1);
    } finally {
      await file.close();
    }
  }

  #isTooOld({ totals }: SegmentInfo): boolean {
    return totals !== undefined && totals.maxMs < (this.#options.sinceMs ?? 0);
  }

  #enter({ name, firstSeq, header }: SegmentInfo): void {
    if (this.#place.name === name) return;
    const link = this.#options.links === true ? header.previousLink : undefined;
    this.#place = { name, offset: header.recordsStart, seen: firstSeq - 1, link };
  }

  async *#records(items: AsyncGenerator<Scanned>, info: SegmentInfo, last: number): AsyncGenerator<JournalRecord> {
    let bad = { offset: this.#place.offset, bytes: 0 };
    if (this.#place.seen < last) {
      for await (const item of items) {
        if (item.type !== 'record') bad = { offset: item.offset, bytes: item.end - item.offset };
        else if (item.head.seq > last) break;
        else if (item.head.kind !== KIND_FOOTER) {
          this.#account(info, item, bad);
          bad = { offset: item.end, bytes: 0 };
          yield* this.#accept(item, info);
        }
        if (this.#place.seen >= last) return;
      }
    }
    if (Number.isFinite(last)) this.#hole(info, last, bad);
  }

  /** Notes that the record was reached, and what is missing before it. */
  #account(info: SegmentInfo, item: Found, bad: { offset: number; bytes: number }): void {
    const { head, end } = item;
    const { seen, link: before } = this.#place;
    this.#hole(info, head.seq - 1, bad);
    const link = before === undefined || head.seq !== seen + 1 ? undefined : nextLink(before, head, payloadOf(item));
    this.#place = { name: info.name, offset: end, seen: Math.max(seen, head.seq), link };
  }

  /** Seqs up to toSeq that were not seen are missing, unless they have expired. */
  #hole(info: SegmentInfo, toSeq: number, bad: { offset: number; bytes: number }): void {
    const fromSeq = Math.max(this.#place.seen + 1, this.nextSeq);
    if (info.header.thinned || toSeq < fromSeq) return;
    this.#missing(info.name, fromSeq, toSeq, bad.offset, bad.bytes);
  }

  #missing(segment: string, fromSeq: number, toSeq: number, offset: number, bytes: number): void {
    this.#source.counters.add('journal_damages_read_total');
    this.#options.onDamage?.({ segment, offset, bytes, fromSeq, toSeq });
  }

  *#accept(item: Found, info: SegmentInfo): Generator<JournalRecord> {
    const { head } = item;
    if (head.seq < this.nextSeq) return;
    this.nextSeq = head.seq + 1;
    if (head.wallMs < (this.#options.sinceMs ?? 0)) return;
    const kindName = flagsAreKnown(head.flags) ? KIND_NAMES.get(head.kind) : undefined;
    if (kindName === undefined && !this.#options.unknownKinds) {
      this.#source.counters.add('journal_records_skipped_total', 1, 'unknown_kind');
      return;
    }
    yield {
      seq: head.seq,
      kind: head.kind,
      ...(kindName && { kindName }),
      rank: head.rank,
      wallMs: head.wallMs,
      // A copy: a view would keep the whole window alive.
      payload: Uint8Array.from(payloadOf(item)),
      journalId: info.header.journalId,
      hostId: info.header.hostId,
      ...(this.#place.link && { link: this.#place.link, flags: head.flags }),
    };
  }
}
