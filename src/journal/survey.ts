// Which segments a journal directory holds that can be read, and which are lost. In: the names; out: facts of headers and
// footers, one file at a time. Writes nothing: recover.ts acts on it.

import { unlessUnreadable } from './bad-blocks.ts';
import { RECORD_HEAD } from './format.ts';
import type { JournalDamage } from './journal.ts';
import type { JournalIo } from './journal-io.ts';
import { type Listing, readSegmentInfo, type SegmentInfo, type SegmentName } from './segment.ts';
import { RECORDS_START } from './segment-header.ts';

export interface Survey {
  /** Readable ones, oldest first. */
  segments: SegmentInfo[];
  /** Names of those whose header is gone. */
  unreadable: string[];
  /** Seqs that this costs: none where an earlier generation still holds them. */
  lost: JournalDamage[];
  /** Names of those that a readable one supersedes. */
  superseded: string[];
}

/** in: the newest seq in a journal of this boot, undefined when nobody can tell. Throws FB_JOURNAL_VERSION, the system's errors. */
export async function surveySegments(
  io: JournalIo,
  directory: string,
  { segments, superseded }: Listing,
  ackedSeq: number | undefined,
): Promise<Survey> {
  const survey: Survey = { segments: [], unreadable: [], lost: [], superseded: [] };
  for (const [i, name] of segments.entries()) {
    const older = superseded.filter(({ firstSeq }) => firstSeq === name.firstSeq).reverse();
    const tried: SegmentName[] = [];
    let info: SegmentInfo | undefined;
    for (const candidate of [name, ...older]) {
      if (info !== undefined) survey.superseded.push(candidate.name);
      else info = await unlessUnreadable(() => readSegmentInfo(io, directory, candidate));
      if (info === undefined) tried.push(candidate);
    }
    survey.unreadable.push(...tried.map((each) => each.name));
    if (info !== undefined) survey.segments.push(info);
    else survey.lost.push(lostSegment(name, await sizeOf(io, directory, name), segments[i + 1], ackedSeq));
  }
  return survey;
}

/** out: 0 when it cannot even be opened. */
async function sizeOf(io: JournalIo, directory: string, { name }: SegmentName): Promise<number> {
  const size = await unlessUnreadable(async () => {
    const file = await io.open(`${directory}/${name}`, 'read');
    try {
      return await file.size();
    } finally {
      await file.close();
    }
  });
  return size ?? 0;
}

/**
 * The damage that a segment without a header is. Its last seq is that before the next segment, or the newest that was
 * acknowledged; where neither is known, the last that a file of this size has room for: too many are given up rather than
 * one given twice.
 */
export function lostSegment(
  { name, firstSeq }: SegmentName,
  bytes: number,
  next: SegmentName | undefined,
  ackedSeq: number | undefined,
): JournalDamage {
  const room = Math.floor((bytes - RECORDS_START) / RECORD_HEAD);
  const toSeq = next === undefined ? Math.max(ackedSeq ?? firstSeq + room - 1, firstSeq) : next.firstSeq - 1;
  return { segment: name, offset: 0, bytes: 0, fromSeq: firstSeq, toSeq };
}
