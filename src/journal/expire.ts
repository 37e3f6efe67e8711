// Carries out what retention.ts planned: removes segments, thins others out, and says which records that cost.
// In: the sealed segments (this class owns the list); out: expiries for the caller to count and to write gap records of.
// A thinned segment is a new generation that appears complete (format.ts); a crash in between leaves both, which is fine.

import type { Counters } from '../stats.ts';
import { ActiveSegment, type PlacedRecord } from './active-segment.ts';
import { KIND_FOOTER, nextLink } from './format.ts';
import type { JournalExpiry } from './journal.ts';
import { type JournalIo, systemCode } from './journal-io.ts';
import { deliveredSeq, type RetentionStep } from './retention.ts';
import { payloadOf, scanRecords } from './scan.ts';
import type { SegmentInfo } from './segment.ts';

export interface ExpireContext {
  io: JournalIo;
  directory: string;
  /** Sealed segments, oldest first; changed in place. */
  segments: SegmentInfo[];
  /** First seq and link before it of the segment being written, which follows the last of them. */
  following: () => { firstSeq: number; previousLink: Buffer };
  reservedRank: number;
  nowMs: () => number;
  counters: Counters;
}

/** in: one step, the cursors it was planned with; out: what was dropped. Throws the file system's errors, list intact. */
export async function expireStep(
  context: ExpireContext,
  step: RetentionStep,
  cursors: readonly number[],
): Promise<JournalExpiry> {
  const segment = context.segments.find((each) => each.firstSeq === step.segment.firstSeq) ?? step.segment;
  const range = rangeOf(context, segment);
  const kept = step.action === 'thin' ? await thin(context, segment, range, step.into) : await remove(context, segment);
  // The end of an unsealed or poisoned segment may count elsewhere: not more than its range.
  const before = Math.min(segment.totals?.records ?? Infinity, range.toSeq - range.fromSeq + 1);
  const records = Math.max(0, before - kept);
  const waiting = Math.max(0, range.toSeq - Math.max(deliveredSeq(cursors), range.fromSeq - 1));
  const times = segment.totals && { minMs: segment.totals.minMs, maxMs: segment.totals.maxMs };
  return { ...range, records, undelivered: Math.min(records, waiting), ...times };
}

interface Range {
  fromSeq: number;
  toSeq: number;
}

function rangeOf({ segments, following }: ExpireContext, segment: SegmentInfo): Range {
  const next = segments[segments.indexOf(segment) + 1] ?? following();
  return { fromSeq: segment.firstSeq, toSeq: next.firstSeq - 1 };
}

/** out: records kept: none. */
async function remove({ io, directory, segments }: ExpireContext, segment: SegmentInfo): Promise<number> {
  await io.unlink(`${directory}/${segment.name}`).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
  });
  await io.fsyncDir(directory);
  segments.splice(segments.indexOf(segment), 1);
  return 0;
}

/** out: records kept of the segment, Infinity for all. */
async function thin(context: ExpireContext, segment: SegmentInfo, range: Range, target?: SegmentInfo): Promise<number> {
  const { io, directory, segments, nowMs } = context;
  const into = segments.find((each) => each.firstSeq === target?.firstSeq && each.name === target.name);
  const next = segments[segments.indexOf(segment) + 1]?.header ?? context.following();
  const kept = await survivors(context, segment, range);
  if (kept.length === 0) return remove(context, segment);
  const base = into ?? segment;
  const earlier = into === undefined ? [] : await survivors(context, into, rangeOf(context, into));
  const header = { ...base.header, generation: base.generation + 1, thinned: true };
  // Sealed before it gets its name: one that failed must not supersede what the list still holds.
  const made = await ActiveSegment.create(io, directory, header, [...earlier, ...kept], async (segment) => {
    // The range and the chain are those of what was there; only the counts are of what is left.
    segment.totals.lastSeq = range.toSeq;
    segment.totals.link = next.previousLink;
    await segment.seal(nowMs());
  });
  await made.close();
  const { name, bytes, totals } = made;
  const info = { name, firstSeq: header.firstSeq, generation: header.generation, header, bytes, totals };
  // Superseded: what cannot be removed now goes at the next start.
  await unlinkOrCount(context, base.name);
  // Not superseded, it has a first seq of its own: as long as it is there it counts, and has to stay on the list.
  const stays = into !== undefined && !(await unlinkOrCount(context, segment.name));
  const replaced = into === undefined || stays ? 1 : 2;
  segments.splice(segments.indexOf(base), replaced, info);
  await io.fsyncDir(directory).catch(() => {});
  return stays ? Infinity : kept.length;
}

/** out: whether it is gone. */
function unlinkOrCount({ io, directory, counters }: ExpireContext, name: string): Promise<boolean> {
  return io.unlink(`${directory}/${name}`).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return true;
      counters.add('journal_removals_failed_total');
      return false;
    },
  );
}

/** The records of a segment that the reserve protects. Memory: these, at most a segment. */
async function survivors(
  { io, directory, reservedRank }: ExpireContext,
  segment: SegmentInfo,
  range: Range,
): Promise<PlacedRecord[]> {
  const file = await io.open(`${directory}/${segment.name}`, 'read');
  const kept: PlacedRecord[] = [];
  try {
    let link = segment.header.previousLink;
    for await (const item of scanRecords(file, segment.header.salt, segment.header.recordsStart, segment.bytes)) {
      if (item.type !== 'record' || item.head.kind === KIND_FOOTER || item.head.seq > range.toSeq) continue;
      const payload = payloadOf(item);
      const before = link;
      link = nextLink(before, item.head, payload);
      if (item.head.rank >= reservedRank) kept.push({ facts: item.head, payload, before, link });
    }
  } finally {
    await file.close();
  }
  return kept;
}
