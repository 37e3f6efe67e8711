// Checks a journal from end to end: every record of every segment, and the chain of hashes that binds them (format.ts). In: a
// directory; out: what was found, faults in order. Reads only. Used by tests and `forebear doctor`, by `forebear journal check` later.

import { COMMIT_FILE, readMark } from './commit-mark.ts';
import { KIND_FOOTER, nextLink } from './format.ts';
import { nodeJournalIo, systemCode } from './journal-io.ts';
import type { JournalSource } from './reader.ts';
import { payloadOf, scanRecords } from './scan.ts';
import { inspectSegment, type SegmentName, sortNames } from './segment.ts';

export interface JournalFault {
  segment: string;
  /** damaged: bytes that are no record; missing: seqs; chain: intact records that are not those that were written. */
  what: 'damaged' | 'missing' | 'chain' | 'header';
  /** The first seq concerned. */
  seq: number;
}

export interface JournalCheck {
  segments: number;
  records: number;
  faults: JournalFault[];
}

/** in: where; of how many of the newest segments (all). Throws FB_JOURNAL_VERSION, FB_JOURNAL_IO, the file system's errors. */
export async function checkJournal(source: JournalSource, newest = Number.POSITIVE_INFINITY): Promise<JournalCheck> {
  const { io = nodeJournalIo, directory } = source;
  const segments = sortNames(await io.readdir(directory)).segments.slice(-newest);
  const mark = await readMark(io, directory);
  const check = new Check(mark?.seq ?? 0);
  for (const [i, name] of segments.entries()) {
    const file = await io.open(`${directory}/${name.name}`, 'read').catch(undefinedIfGone);
    if (file === undefined) {
      check.gone(name.firstSeq);
      continue;
    }
    try {
      const info = await inspectSegment(file, name);
      if (info === undefined) check.fault(name.name, 'header', name.firstSeq);
      else await check.segment(file, info, segments[i + 1]);
    } finally {
      await file.close();
    }
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
  /** Of the last record read; undefined when it cannot be computed: something before it is missing. */
  #link: Buffer | undefined;
  #seq = 0;
  /** What is missing next has expired: the segment before was thinned out, or removed while this looked. */
  #mayMiss = false;

  /** in: newest seq that the commit mark tells of. */
  constructor(ackedSeq: number) {
    this.#ackedSeq = ackedSeq;
  }

  /** A segment has expired since the names were read. */
  gone(firstSeq: number): void {
    this.#link = undefined;
    this.#seq = Math.max(this.#seq, firstSeq - 1);
    this.#mayMiss = true;
  }

  fault(segment: string, what: JournalFault['what'], seq: number): void {
    this.result.faults.push({ segment, what, seq });
    this.#link = undefined;
  }

  async segment(
    file: Parameters<typeof inspectSegment>[0],
    info: NonNullable<Awaited<ReturnType<typeof inspectSegment>>>,
    next: SegmentName | undefined,
  ): Promise<void> {
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
      if (item.type !== 'record') this.fault(name, 'damaged', this.#seq + 1);
      else if (item.head.kind !== KIND_FOOTER) this.#record(name, header.thinned, item);
    }
    // A footer whose sync failed: the next segment supersedes what it speaks of.
    if (totals === undefined || totals.lastSeq >= bound) return;
    if (header.thinned) this.#link = undefined;
    else this.#expectSeq(name, totals.lastSeq + 1, false);
    this.#expectLink(name, totals.lastSeq, totals.link);
    this.#link = totals.link;
    this.#seq = totals.lastSeq;
  }

  #record(name: string, thinned: boolean, item: Parameters<typeof payloadOf>[0]): void {
    this.#expectSeq(name, item.head.seq, thinned);
    this.result.records++;
    this.#seq = item.head.seq;
    if (this.#link !== undefined) this.#link = nextLink(this.#link, item.head, payloadOf(item));
  }

  #expectSeq(name: string, seq: number, thinned: boolean): void {
    if (seq > this.#seq + 1 && !thinned) this.fault(name, 'missing', this.#seq + 1);
  }

  /** in: what the commit mark says of the last record. */
  end(seq: number, link: Buffer): void {
    this.#expectSeq(COMMIT_FILE, seq + 1, false);
    this.#expectLink(COMMIT_FILE, seq, link);
  }

  /** What a header, footer or mark says the link of a seq is, against the one computed. */
  #expectLink(name: string, seq: number, link: Buffer): void {
    if (this.#link === undefined || seq !== this.#seq || this.#link.equals(link)) return;
    this.fault(name, 'chain', seq);
  }
}
