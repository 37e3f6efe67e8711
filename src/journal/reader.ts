// Records out of a journal, in order of seq, past damage. Needs no lock and writes nothing; sees durable records only
// (commit-mark.ts says how). In: a directory, from where; out: records. Used by tail, show, ship and whoever asks.
// Memory: one window of one segment, whatever the backlog.

import { ForebearError } from '../errors.ts';
import type { Counters } from '../stats.ts';
import { isUnreadable } from './bad-blocks.ts';
import { readMark } from './commit-mark.ts';
import { journalError } from './failure.ts';
import { Changes } from './follow.ts';
import type { JournalRecord, JournalStatus, ReadOptions } from './journal.ts';
import { type JournalIo, nodeJournalIo, systemCode } from './journal-io.ts';
import { readSegmentInfo, type SegmentInfo, type SegmentName, sortNames } from './segment.ts';
import { SegmentReader } from './segment-reader.ts';

export interface JournalSource {
  directory: string;
  counters: Counters;
  io?: JournalIo;
}

/**
 * The records from fromSeq or sinceMs on; with `follow` it waits for more until the signal aborts, then ends.
 * Throws FB_JOURNAL_ABSENT (no such directory), FB_JOURNAL_VERSION, FB_JOURNAL_IO, _ACCESS; FB_JOURNAL_REPLACED where another
 * journal came in its place meanwhile, whose first records would never be reached.
 */
export async function* readJournal(source: JournalSource, options: ReadOptions = {}): AsyncGenerator<JournalRecord> {
  const { io = nodeJournalIo, directory } = source;
  const reader = new SegmentReader({ ...source, io }, options);
  const changes = options.follow ? new Changes(io, directory, options.signal) : undefined;
  let reached = 0;
  try {
    do {
      const limit = await durableLimit(io, directory);
      if (limit < reached) throw replaced(directory, `its end was at ${reached}, and is at ${limit} now`);
      if (Number.isFinite(limit)) reached = limit;
      yield* allSegments(io, directory, reader, limit);
    } while (changes !== undefined && (await changes.next()));
  } catch (error) {
    throw readError(error, directory);
  } finally {
    changes?.stop();
  }
}

/** Seq up to which records are known to be on disk; Infinity when whatever can be read came from there. */
async function durableLimit(io: JournalIo, directory: string): Promise<number> {
  const mark = await readMark(io, directory);
  return mark !== undefined && mark.bootId === (await io.bootId()) ? mark.seq : Number.POSITIVE_INFINITY;
}

async function* allSegments(
  io: JournalIo,
  directory: string,
  reader: SegmentReader,
  limit: number,
): AsyncGenerator<JournalRecord> {
  let gone = '';
  while (reader.nextSeq <= limit) {
    const { segments } = sortNames(await io.readdir(directory));
    const i = segments.findIndex((_segment, at) => boundOf(segments, at) > reader.nextSeq);
    const segment = segments[i];
    if (segment === undefined || segment.firstSeq > limit) return;
    const bound = boundOf(segments, i);
    const read = yield* unlessGone(reader.read(segment, bound, limit));
    // A segment that has gone meanwhile was removed or replaced: look again, once.
    if (read ? bound === Number.POSITIVE_INFINITY : gone === segment.name) return;
    gone = segment.name;
  }
}

/** out: false when the segment's file is no longer there. */
async function* unlessGone(records: AsyncGenerator<JournalRecord>): AsyncGenerator<JournalRecord, boolean> {
  try {
    yield* records;
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** First seq that is not this segment's to supply. */
function boundOf(segments: readonly SegmentName[], i: number): number {
  return segments[i + 1]?.firstSeq ?? Number.POSITIVE_INFINITY;
}

/**
 * The newest records that are accepted, oldest of them first. Reads segments from the newest back, no more than it needs.
 * in: how many at most; of how many of the newest segments (all). Throws as readJournal does.
 */
export async function readLast(
  source: JournalSource,
  count: number,
  accept: (record: JournalRecord) => boolean,
  options: Pick<ReadOptions, 'onDamage' | 'unknownKinds'> & { segments?: number } = {},
): Promise<JournalRecord[]> {
  const { io = nodeJournalIo, directory } = source;
  const { segments: most = Number.POSITIVE_INFINITY } = options;
  try {
    const limit = await durableLimit(io, directory);
    const { segments } = sortNames(await io.readdir(directory));
    const oldest = Math.max(0, segments.length - most);
    let found: JournalRecord[] = [];
    for (let i = segments.length - 1; i >= oldest && found.length < count; i--) {
      const reader = new SegmentReader({ ...source, io }, options);
      const part: JournalRecord[] = [];
      for await (const record of unlessGone(reader.read(segments[i]!, boundOf(segments, i), limit))) {
        if (accept(record)) part.push(record);
        if (part.length > count - found.length) part.shift();
      }
      found = [...part, ...found];
    }
    return found;
  } catch (error) {
    throw readError(error, directory);
  }
}

/** What can be told of a journal without being its writer; seqs of records that are being written may be missing. */
export async function readStatus(source: JournalSource): Promise<JournalStatus> {
  const { io = nodeJournalIo, directory } = source;
  try {
    const { segments } = sortNames(await io.readdir(directory));
    const mark = await readMark(io, directory);
    const infos: (SegmentInfo | undefined)[] = [];
    for (const segment of segments) infos.push(await infoUnlessGone(io, directory, segment));
    const last = infos.at(-1);
    const durableSeq = Math.max(mark?.seq ?? 0, last?.totals?.lastSeq ?? (last?.firstSeq ?? 1) - 1);
    return {
      journalId: last?.header.journalId ?? mark?.journalId ?? '',
      directory,
      firstSeq: segments[0]?.firstSeq ?? durableSeq + 1,
      nextSeq: durableSeq + 1,
      durableSeq,
      segments: segments.length,
      bytes: infos.reduce((sum, info) => sum + (info?.bytes ?? 0), 0),
      expired: 0,
      tornBytes: 0,
      link: mark?.seq === durableSeq ? mark.link.toString('hex') : '',
    };
  } catch (error) {
    throw readError(error, directory);
  }
}

/** out: undefined when it was removed meanwhile, or cannot be read. */
function infoUnlessGone(io: JournalIo, directory: string, name: SegmentName): Promise<SegmentInfo | undefined> {
  return readSegmentInfo(io, directory, name).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT' && !isUnreadable(error)) throw error;
    return undefined;
  });
}

/** in: what tells it from the journal that was read until now. */
export function replaced(directory: string, how: string): ForebearError {
  return new ForebearError('FB_JOURNAL_REPLACED', `another journal lies in ${directory} now: ${how}`, {
    hint: 'Begin to read it anew.',
  });
}

function readError(error: unknown, directory: string): ForebearError {
  if (systemCode(error) !== 'ENOENT') return journalError(error, `cannot read the journal in ${directory}`);
  const hint = 'Start the agent once, or name its state directory with --state.';
  return new ForebearError('FB_JOURNAL_ABSENT', `there is no journal in ${directory}`, { hint });
}
