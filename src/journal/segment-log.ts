// The row of segments as something to commit batches to, whatever fails underneath: rotation, poison, a full disk, retention.
// In: records that have their seq and link; out: durable, or a ForebearError and nothing changed for the caller. The rules are
// at the top of writer.ts, which is the only user.

import type { Counters } from '../stats.ts';
import { ActiveSegment, type PlacedRecord } from './active-segment.ts';
import { expireStep } from './expire.ts';
import { isFull, journalError } from './failure.ts';
import { recordSize } from './format.ts';
import type { JournalExpiry, RetentionLimits } from './journal.ts';
import type { JournalIo } from './journal-io.ts';
import type { Recovered, WriterIdentity } from './recover.ts';
import type { Reserve } from './reserve.ts';
import { deliveredSegments, planRetention, type RetentionStep } from './retention.ts';
import type { SegmentInfo } from './segment.ts';
import { FOOTER_SIZE, RECORDS_START, type SegmentHeader } from './segment-header.ts';

export interface LogContext {
  io: JournalIo;
  directory: string;
  self: WriterIdentity;
  counters: Counters;
  reserve: Reserve;
  limits: RetentionLimits;
  maxSegmentBytes: number;
  /** Seq up to which each output has got. */
  cursors: () => readonly number[];
  nowMs: () => number;
  newSalt: () => number;
  onExpired: (expiry: JournalExpiry) => void;
  /** Makes the commit mark durable. out: whether it is. */
  syncMark: () => Promise<boolean>;
}

/** Failures other than "full" in a row that one batch may meet before it is refused. */
const MAX_ATTEMPTS = 3;
const RETENTION_EVERY_MS = 3_600_000;
/** While the reserve is missing: whether there is room for it again is asked more often. */
const REFILL_EVERY_MS = 60_000;

export class SegmentLog {
  readonly #context: LogContext;
  readonly #sealed: SegmentInfo[];
  #active: ActiveSegment | undefined;
  /** To be written at the beginning of the next segment: what a failed sync or a dead writer left in doubt. */
  #redo: readonly PlacedRecord[];
  #generations: Map<number, number>;
  /** Place of the record after the last committed one. */
  #next: { firstSeq: number; previousLink: Buffer };
  #retainedMs = Number.NEGATIVE_INFINITY;
  #expired = 0;
  /** The active segment takes no more. */
  #isOver = false;

  constructor(context: LogContext, recovered: Recovered) {
    this.#context = context;
    this.#sealed = [...recovered.segments];
    this.#redo = recovered.unsure;
    this.#next = { firstSeq: recovered.durableSeq + 1, previousLink: recovered.link };
    this.#generations = new Map(recovered.segments.map(({ firstSeq, generation }) => [firstSeq, generation]));
    if (recovered.tail !== undefined) {
      this.#active = new ActiveSegment(recovered.tail.file, recovered.tail.state);
      this.#sealed.pop();
    }
  }

  get firstSeq(): number | undefined {
    return this.#sealed[0]?.firstSeq ?? this.#active?.header.firstSeq;
  }

  get segments(): number {
    return this.#sealed.length + (this.#active === undefined ? 0 : 1);
  }

  get bytes(): number {
    return this.#sealed.reduce((sum, segment) => sum + segment.bytes, this.#active?.bytes ?? 0);
  }

  get expired(): number {
    return this.#expired;
  }

  /** More would make a segment larger than it may be, and retention could not keep the journal within its size. */
  get maxBatchBytes(): number {
    return this.#context.maxSegmentBytes - RECORDS_START - FOOTER_SIZE;
  }

  /** The next record begins a segment. */
  endSegment(): void {
    this.#isOver = true;
  }

  /** in: records that follow the last committed one; out: resolves when durable. Throws FB_JOURNAL_FULL, _IO, _ACCESS. */
  async commit(batch: readonly PlacedRecord[]): Promise<void> {
    for (let failures = 0; ; ) {
      try {
        await this.#write(batch);
        const last = batch.at(-1)!;
        this.#next = { firstSeq: last.facts.seq + 1, previousLink: last.link };
        return;
      } catch (error) {
        if (this.#active?.poisoned) await this.#abandon(this.#active);
        const goOn = isFull(error) ? await this.#makeRoom() : ++failures < MAX_ATTEMPTS;
        this.#context.counters.add('journal_writes_failed_total', 1, isFull(error) ? 'full' : 'fault');
        if (!goOn) throw journalError(error, 'cannot write to the journal');
      }
    }
  }

  async #write(batch: readonly PlacedRecord[]): Promise<void> {
    const size = batch.reduce((sum, { payload }) => sum + recordSize(payload.length), 0);
    const active = this.#active;
    const hasRoom = active !== undefined && active.bytes + size + FOOTER_SIZE <= this.#context.maxSegmentBytes;
    if (hasRoom && !this.#isOver) {
      await active.extend(batch);
      return;
    }
    if (active !== undefined) await this.#seal(active);
    await this.#begin([...this.#redo, ...batch]);
  }

  async #seal(active: ActiveSegment): Promise<void> {
    await active.seal(this.#context.nowMs());
    await active.close();
    this.#sealed.push({ ...infoOf(active), totals: active.totals });
    this.#active = undefined;
  }

  async #begin(records: readonly PlacedRecord[]): Promise<void> {
    const { io, directory, counters, reserve } = this.#context;
    const header = this.#header(records[0]!);
    this.#active = await ActiveSegment.create(io, directory, header, records);
    this.#isOver = false;
    counters.add('journal_segments_begun_total');
    counters.add('journal_records_rewritten_total', this.#redo.length);
    this.#redo = [];
    this.#retainedMs = Number.NEGATIVE_INFINITY;
    const replaced = this.#sealed.at(-1);
    if (replaced?.firstSeq === header.firstSeq) {
      this.#sealed.pop();
      await io.unlink(`${directory}/${replaced.name}`).catch(() => counters.add('journal_removals_failed_total'));
    }
    await reserve.refill();
  }

  #header(first: PlacedRecord): SegmentHeader {
    const { self, nowMs, newSalt } = this.#context;
    const firstSeq = first.facts.seq;
    const generation = (this.#generations.get(firstSeq) ?? -1) + 1;
    // Taken even if making it fails: nobody knows how far it got.
    this.#generations = new Map([[firstSeq, generation]]);
    return {
      ...self,
      firstSeq,
      generation,
      createdMs: nowMs(),
      previousLink: first.before,
      salt: newSalt(),
      thinned: false,
      recordsStart: RECORDS_START,
    };
  }

  /** Leaves a poisoned segment as it is; what its failed write could have hit is written again. */
  async #abandon(active: ActiveSegment): Promise<void> {
    this.#context.counters.add('journal_segments_poisoned_total');
    this.#redo = active.lastBlock.map(({ record }) => record);
    this.#sealed.push(infoOf(active));
    this.#generations.set(active.header.firstSeq, active.header.generation);
    this.#active = undefined;
    await active.close();
  }

  /** One step: what every output has goes first, then the reserve. out: whether anything was freed. */
  async #makeRoom(): Promise<boolean> {
    const { cursors, reserve } = this.#context;
    const passed = cursors();
    const [segment] = deliveredSegments(this.#sealed, this.#following().firstSeq, passed);
    const isEnd = this.#active === undefined && segment === this.#sealed.at(-1);
    if (segment !== undefined && !isEnd && (await this.#expire({ action: 'delete', segment }, passed))) return true;
    if (await reserve.free()) return true;
    return segment !== undefined && isEnd && (await this.#giveUpEnd(segment, passed));
  }

  /** The newest segment is where a later start learns which seqs are taken: it may go once the commit mark is sure to say so. */
  async #giveUpEnd(segment: SegmentInfo, cursors: readonly number[]): Promise<boolean> {
    if (this.#redo.length > 0 || !(await this.#context.syncMark())) return false;
    return this.#expire({ action: 'delete', segment }, cursors);
  }

  get retentionIsDue(): boolean {
    const since = this.#context.nowMs() - this.#retainedMs;
    return since > (this.#context.reserve.isMissing ? REFILL_EVERY_MS : RETENTION_EVERY_MS) || since < 0;
  }

  /** Brings the journal back within its limits; what fails is tried again next time. */
  async retain(): Promise<void> {
    const { cursors, limits, maxSegmentBytes, nowMs, reserve } = this.#context;
    this.#retainedMs = nowMs();
    const passed = cursors();
    const activeBytes = Math.max(maxSegmentBytes, this.#active?.bytes ?? 0);
    // The seqs go on from the newest segment: while none is being written, the last of them stays, whatever its age and size.
    const segments = this.#active === undefined ? this.#sealed.slice(0, -1) : this.#sealed;
    const facts = { segments, activeBytes, cursors: passed, nowMs: nowMs(), maxSegmentBytes };
    for (const step of planRetention(facts, limits)) {
      if (!(await this.#expire(step, passed))) break;
    }
    await reserve.refill();
  }

  async #expire(step: RetentionStep, cursors: readonly number[]): Promise<boolean> {
    const { io, directory, limits, nowMs, counters, onExpired } = this.#context;
    try {
      const context = { io, directory, segments: this.#sealed, following: () => this.#following(), nowMs, counters };
      const expiry = await expireStep({ ...context, reservedRank: limits.reservedRank }, step, cursors);
      this.#expired += expiry.records;
      counters.add('journal_records_expired_total', expiry.records - expiry.undelivered, 'delivered');
      counters.add('journal_records_expired_total', expiry.undelivered, 'undelivered');
      if (expiry.records > 0) onExpired(expiry);
      return true;
    } catch {
      counters.add('journal_removals_failed_total');
      return false;
    }
  }

  /** What follows the sealed segments: the one being written, or where the next one will begin. */
  #following(): { firstSeq: number; previousLink: Buffer } {
    if (this.#active !== undefined) return this.#active.header;
    const [redo] = this.#redo;
    return redo === undefined ? this.#next : { firstSeq: redo.facts.seq, previousLink: redo.before };
  }

  async close(): Promise<void> {
    await this.#active?.close();
    this.#active = undefined;
  }
}

function infoOf({ name, header, bytes }: ActiveSegment): SegmentInfo {
  return { name, firstSeq: header.firstSeq, generation: header.generation, header, bytes };
}
