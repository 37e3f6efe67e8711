// Checks a journal from end to end: every record of every segment, and the chain of hashes that binds them (format.ts). In: a
// directory; out: what was found, faults in order. Reads only. Used by `forebear journal check` and `repair`, by doctor and tests.

import { unlessUnreadable } from './bad-blocks.ts';
import { COMMIT_FILE, readMark } from './commit-mark.ts';
import { KIND_FOOTER, nextLink, type RecordFacts } from './format.ts';
import { type JournalFile, nodeJournalIo, systemCode } from './journal-io.ts';
import type { JournalSource } from './reader.ts';
import { payloadOf, type Scanned, scanRecords } from './scan.ts';
import { inspectSegment, type SegmentInfo, type SegmentName, sortNames } from './segment.ts';

type Found = Extract<Scanned, { type: 'record' }>;

export interface JournalFault {
  segment: string;
  /** damaged: bytes that are no record; missing: seqs; chain: intact records that are not those that were written. */
  what: 'damaged' | 'missing' | 'chain' | 'header';
  /** The first seq concerned. */
  seq: number;
  /** The last one that is gone; less than seq: none is. Absent where nothing is. */
  toSeq?: number;
  /** damaged: where in the segment. */
  offset?: number;
  bytes?: number;
}

export interface JournalCheck {
  segments: number;
  records: number;
  faults: JournalFault[];
}

/** An intact record, with its link in the chain (undefined: something before it is not there, or was thinned out). */
export interface CheckedRecord extends RecordFacts {
  payload: Buffer;
  link: Buffer | undefined;
}

export interface CheckOptions {
  /** How many of the newest segments; default: all. */
  newest?: number;
  onRecord?: (record: CheckedRecord) => void;
  /** After each segment: how many are done, of how many. */
  onProgress?: (done: number, of: number) => void;
  /** Aborted: the check ends behind the segment that it is in. */
  signal?: AbortSignal;
}

/** Throws FB_JOURNAL_VERSION, FB_JOURNAL_IO, the file system's errors. */
export async function checkJournal(source: JournalSource, options: CheckOptions = {}): Promise<JournalCheck> {
  const { io = nodeJournalIo, directory } = source;
  const { newest = Number.POSITIVE_INFINITY, onRecord, onProgress, signal } = options;
  const segments = sortNames(await io.readdir(directory)).segments.slice(-newest);
  const mark = await readMark(io, directory);
  const check = new Check(mark?.seq ?? 0, onRecord);
  for (const [i, name] of segments.entries()) {
    const file = await io.open(`${directory}/${name.name}`, 'read').catch(undefinedIfGone);
    if (file === undefined) {
      check.gone(name.firstSeq);
      continue;
    }
    try {
      const info = await unlessUnreadable(() => inspectSegment(file, name));
      if (info === undefined) check.unreadable(name, segments[i + 1]);
      else await check.segment(file, info, segments[i + 1]);
    } finally {
      await file.close();
    }
    onProgress?.(i + 1, segments.length);
    if (signal?.aborted === true) return check.result;
  }
  if (mark !== undefined) check.end(mark.seq, mark.link);
  return check.result;
}

/** Retention goes on while a journal is checked. */
function undefinedIfGone(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error;
  return undefined;
}

class Check {
  readonly result: JournalCheck = { segments: 0, records: 0, faults: [] };
  readonly #ackedSeq: number;
  readonly #onRecord: ((record: CheckedRecord) => void) | undefined;
  /** Of the last record read; undefined when it cannot be computed: something before it is missing. */
  #link: Buffer | undefined;
  #seq = 0;
  /** What is missing next has expired: the segment before was thinned out, or removed while this looked. */
  #mayMiss = false;
  /** Bytes that are no record, before the next one. */
  #bad: { segment: string; offset: number; bytes: number } | undefined;

  /** in: newest seq that the commit mark tells of; who is told of each record. */
  constructor(ackedSeq: number, onRecord: ((record: CheckedRecord) => void) | undefined) {
    this.#ackedSeq = ackedSeq;
    this.#onRecord = onRecord;
  }

  /** A segment has expired since the names were read. */
  gone(firstSeq: number): void {
    this.#link = undefined;
    this.#seq = Math.max(this.#seq, firstSeq - 1);
    this.#mayMiss = true;
  }

  /** Its records are out of reach up to the next segment's first. */
  unreadable({ name, firstSeq }: SegmentName, next: SegmentName | undefined): void {
    const toSeq = (next?.firstSeq ?? Math.max(this.#ackedSeq, firstSeq - 1) + 1) - 1;
    this.#fault({ segment: name, what: 'header', seq: firstSeq, toSeq });
    this.#seq = Math.max(this.#seq, toSeq);
  }

  #fault(fault: JournalFault): void {
    this.result.faults.push(fault);
    this.#link = undefined;
  }

  async segment(file: JournalFile, info: SegmentInfo, next: SegmentName | undefined): Promise<void> {
    const { header, name, bytes, totals } = info;
    this.result.segments++;
    if (this.#seq > 0) this.#expectSeq(name, header.firstSeq, header.thinned || this.#mayMiss);
    this.#mayMiss = header.thinned;
    this.#expectLink(name, header.firstSeq - 1, header.previousLink);
    this.#link = header.previousLink;
    this.#seq = header.firstSeq - 1;
    const bound = next?.firstSeq ?? Number.POSITIVE_INFINITY;
    for await (const item of scanRecords(file, header.salt, header.recordsStart, bytes)) {
      if (this.#seq + 1 >= bound) break;
      // Behind the last record nothing was acknowledged, unless the mark says so.
      if (item.type === 'torn' && next === undefined && this.#seq >= this.#ackedSeq) break;
      if (item.type !== 'record') this.#bad = { segment: name, offset: item.offset, bytes: item.end - item.offset };
      else if (item.head.kind !== KIND_FOOTER) this.#record(name, header.thinned, item);
    }
    if (this.#bad !== undefined) this.#expectSeq(name, this.#endOf(info, next) + 1, header.thinned);
    // A footer whose sync failed: the next segment supersedes what it speaks of.
    if (totals === undefined || totals.lastSeq >= bound) return;
    if (header.thinned) this.#link = undefined;
    else this.#expectSeq(name, totals.lastSeq + 1, false);
    this.#expectLink(name, totals.lastSeq, totals.link);
    this.#link = totals.link;
    this.#seq = totals.lastSeq;
  }

  /** The last seq that the segment is known to have had. */
  #endOf({ totals }: SegmentInfo, next: SegmentName | undefined): number {
    const end = totals?.lastSeq ?? (next === undefined ? this.#ackedSeq : next.firstSeq - 1);
    return Math.max(this.#seq, Math.min(end, (next?.firstSeq ?? Number.POSITIVE_INFINITY) - 1));
  }

  #record(name: string, thinned: boolean, item: Found): void {
    const { head } = item;
    this.#expectSeq(name, head.seq, thinned);
    if (head.seq !== this.#seq + 1) this.#link = undefined;
    this.result.records++;
    this.#seq = head.seq;
    const payload = payloadOf(item);
    if (this.#link !== undefined) this.#link = nextLink(this.#link, head, payload);
    const { seq, wallMs, kind, rank, flags } = head;
    this.#onRecord?.({ seq, wallMs, kind, rank, flags, payload, link: this.#link });
  }

  /** Up to before seq everything must have been met; what was damaged explains what was not. */
  #expectSeq(segment: string, seq: number, thinned: boolean): void {
    const bad = this.#bad;
    const gone = { seq: this.#seq + 1, toSeq: seq - 1 };
    this.#bad = undefined;
    if (bad !== undefined) this.#fault({ what: 'damaged', ...bad, ...gone });
    else if (gone.toSeq >= gone.seq && !thinned) this.#fault({ segment, what: 'missing', ...gone });
    else return;
    this.#seq = Math.max(this.#seq, gone.toSeq);
  }

  /** in: what the commit mark says of the last record. */
  end(seq: number, link: Buffer): void {
    this.#expectSeq(COMMIT_FILE, seq + 1, false);
    this.#expectLink(COMMIT_FILE, seq, link);
  }

  /** What a header, footer or mark says the link of a seq is, against the one computed. */
  #expectLink(name: string, seq: number, link: Buffer): void {
    if (this.#link === undefined || seq !== this.#seq || this.#link.equals(link)) return;
    this.#fault({ segment: name, what: 'chain', seq });
  }
}
