// What has to go when the journal is too large or too old. Pure: facts of the sealed segments in, what to do with which out;
// expire.ts does it. Order: delivered before undelivered, oldest first; records of high rank are kept out of undelivered
// segments (thinned) as long as all of them together fit the reserve. One exception to age: what an output still waits for.

import type { RetentionLimits } from './journal.ts';
import type { SegmentInfo } from './segment.ts';

export type RetentionStep =
  | { action: 'delete'; segment: SegmentInfo }
  /** Keep only what the reserve protects; into: a thinned neighbour before it that takes it in. */
  | { action: 'thin'; segment: SegmentInfo; into?: SegmentInfo };

export interface RetentionFacts {
  /** Oldest first, without the one being written. */
  segments: readonly SegmentInfo[];
  /** Bytes that count against the limit besides them. */
  activeBytes: number;
  /** Seq up to which each output has got. None: nothing counts as delivered, and age applies to everything. */
  cursors: readonly number[];
  nowMs: number;
  /** A thinned segment grows no larger than this. */
  maxSegmentBytes: number;
}

/** Newest seq that every output has; 0 without outputs. */
export function deliveredSeq(cursors: readonly number[]): number {
  return cursors.length === 0 ? 0 : Math.min(...cursors);
}

/** out: steps in the order in which to take them; empty when all is within the limits. */
export function planRetention(facts: RetentionFacts, limits: RetentionLimits): RetentionStep[] {
  return new Plan(facts, limits).make();
}

/** Segments whose records every output has, oldest first: what may go when the disk is full. */
export function deliveredSegments(segments: readonly SegmentInfo[], nextSeq: number, cursors: readonly number[]) {
  const delivered = deliveredSeq(cursors);
  return segments.filter((_segment, i) => lastSeqOf(segments, i, nextSeq) <= delivered);
}

/** Last seq that a segment counts for: up to the next one's first. */
export function lastSeqOf(segments: readonly SegmentInfo[], i: number, nextSeq: number): number {
  return (segments[i + 1]?.firstSeq ?? nextSeq) - 1;
}

class Plan {
  readonly #facts: RetentionFacts;
  readonly #limits: RetentionLimits;
  readonly #steps: RetentionStep[] = [];
  #left: SegmentInfo[];
  #bytes: number;

  constructor(facts: RetentionFacts, limits: RetentionLimits) {
    this.#facts = facts;
    this.#limits = limits;
    this.#left = [...facts.segments];
    this.#bytes = facts.activeBytes + facts.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  make(): RetentionStep[] {
    for (const segment of this.#tooOld()) this.#delete(segment);
    while (this.#bytes > this.#limits.maxBytes && this.#left.length > 0) this.#shrink();
    return this.#steps;
  }

  /**
   * From the oldest on, and none behind one that stays. A clock may have been wrong: a segment is taken to be no older than
   * what lies before it, so times of 1970 in the midst expire nothing that is fresh.
   */
  #tooOld(): SegmentInfo[] {
    const { nowMs, cursors } = this.#facts;
    const bound = nowMs - (this.#limits.maxAgeMs ?? Infinity);
    let newestMs = 0;
    const stays = this.#left.findIndex((segment, i) => {
      newestMs = Math.max(newestMs, segment.totals?.maxMs ?? this.#left[i + 1]?.header.createdMs ?? Infinity);
      return newestMs >= bound || (cursors.length > 0 && !this.#isDelivered(segment));
    });
    return stays < 0 ? [...this.#left] : this.#left.slice(0, stays);
  }

  #isDelivered(segment: SegmentInfo): boolean {
    const { segments, cursors } = this.#facts;
    const next = segments[segments.indexOf(segment) + 1];
    const last = segment.totals?.lastSeq ?? (next === undefined ? Infinity : next.firstSeq - 1);
    return last <= deliveredSeq(cursors);
  }

  #shrink(): void {
    const delivered = this.#left.find((segment) => this.#isDelivered(segment));
    const reserved = this.#left.reduce((sum, segment) => sum + this.#reservedBytes(segment), 0);
    const thinnable = this.#left.find((segment) => !segment.header.thinned && !this.#isThinned(segment));
    if (delivered !== undefined) this.#delete(delivered);
    else if (thinnable !== undefined && reserved <= this.#limits.reservedBytes) this.#thin(thinnable);
    else this.#delete(this.#left[0]!);
  }

  #delete(segment: SegmentInfo): void {
    this.#left = this.#left.filter((each) => each !== segment);
    this.#bytes -= segment.bytes;
    this.#steps.push({ action: 'delete', segment });
  }

  #thin(segment: SegmentInfo): void {
    const kept = this.#reservedBytes(segment);
    if (kept === 0) {
      this.#delete(segment);
      return;
    }
    const before = this.#left[this.#left.indexOf(segment) - 1];
    const fits = before !== undefined && before.bytes + kept <= this.#facts.maxSegmentBytes;
    const into = fits && before.header.thinned && !this.#isThinned(before) ? before : undefined;
    this.#bytes -= segment.bytes - kept;
    this.#steps.push({ action: 'thin', segment, ...(into && { into }) });
  }

  #isThinned(segment: SegmentInfo): boolean {
    return this.#steps.some((step) => step.segment === segment || (step.action === 'thin' && step.into === segment));
  }

  /** Bytes of records that the reserve protects. Unknown (no footer): the whole segment, thinning will tell. */
  #reservedBytes({ bytes, totals }: SegmentInfo): number {
    if (totals === undefined) return bytes;
    return totals.ranks.slice(this.#limits.reservedRank).reduce((sum, rank) => sum + rank.bytes, 0);
  }
}
