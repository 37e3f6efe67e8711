// Segments as files: names, order, and what can be told of one without reading its records. Used by recovery, readers and
// retention. Which segment counts for which seqs: "Generations" in format.ts.

import { readPart } from './bad-blocks.ts';
import type { JournalFile, JournalIo } from './journal-io.ts';
import {
  decodeFooter,
  decodeHeader,
  FOOTER_SIZE,
  RECORDS_START,
  type SegmentHeader,
  type SegmentTotals,
} from './segment-header.ts';

export interface SegmentName {
  name: string;
  firstSeq: number;
  generation: number;
}

export interface SegmentInfo extends SegmentName {
  bytes: number;
  header: SegmentHeader;
  /** From the footer; absent while it is written, and when it was left without one. */
  totals?: SegmentTotals;
}

export interface Listing {
  /** Oldest first. Each counts up to the first seq of the next. */
  segments: SegmentName[];
  /** Replaced as a whole by a higher generation. */
  superseded: SegmentName[];
  /** Left by a writer that died while it made a segment or file. */
  temporary: string[];
}

const NAME = /^(\d{16})-(\d{4,10})\.fbj$/;

export function segmentName(firstSeq: number, generation: number): string {
  return `${String(firstSeq).padStart(16, '0')}-${String(generation).padStart(4, '0')}.fbj`;
}

/** Sorts the names of a journal directory. Names that are not ours are ignored. */
export function sortNames(names: readonly string[]): Listing {
  const all = names.flatMap((name) => {
    const match = NAME.exec(name);
    const firstSeq = Number(match?.[1]);
    // No writer gets as far as 2^48: such a name is not ours, and going on behind it would leave no seqs.
    if (match === null || firstSeq < 1 || firstSeq > 2 ** 48) return [];
    return [{ name, firstSeq, generation: Number(match[2]) }];
  });
  all.sort((a, b) => a.firstSeq - b.firstSeq || a.generation - b.generation);
  const counts = (segment: SegmentName, i: number) => segment.firstSeq !== all[i + 1]?.firstSeq;
  return {
    segments: all.filter(counts),
    superseded: all.filter((segment, i) => !counts(segment, i)),
    temporary: names.filter((name) => name.endsWith('.tmp')),
  };
}

/** Header, size and footer of an open segment. out: undefined when its header is damaged or not that of this name. */
export async function inspectSegment(file: JournalFile, name: SegmentName): Promise<SegmentInfo | undefined> {
  const header = decodeHeader(await readPart(file, 0, RECORDS_START), name.name);
  if (header === undefined || header.firstSeq !== name.firstSeq) return undefined;
  const bytes = await file.size();
  const footerAt = bytes - FOOTER_SIZE;
  const totals =
    footerAt >= header.recordsStart
      ? decodeFooter(await readPart(file, footerAt, FOOTER_SIZE), header.salt)
      : undefined;
  return { ...name, header, bytes, ...(totals && { totals }) };
}

/** The same by name. Rejects with the file system's error. */
export async function readSegmentInfo(
  io: JournalIo,
  directory: string,
  name: SegmentName,
): Promise<SegmentInfo | undefined> {
  const file = await io.open(`${directory}/${name.name}`, 'read');
  try {
    return await inspectSegment(file, name);
  } finally {
    await file.close();
  }
}
