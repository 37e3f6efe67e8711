// Opening a journal that someone left, in whatever state: which segments there are, where to go on, what is damaged. Reads
// headers and footers of all segments and the records of the last one, nothing else. Called by the writer, lock held.
// Torn, damaged, unsure: format.ts and commit-mark.ts.

import type { Counters } from '../stats.ts';
import type { ActiveState, PlacedRecord } from './active-segment.ts';
import { unlessUnreadable } from './bad-blocks.ts';
import { type CommitMark, readMark } from './commit-mark.ts';
import { CHAIN_START } from './format.ts';
import type { JournalDamage } from './journal.ts';
import { type JournalFile, type JournalIo, writeAll } from './journal-io.ts';
import { examineLast, type Findings } from './last-segment.ts';
import { Quarantine } from './quarantine.ts';
import { type SegmentInfo, sortNames } from './segment.ts';
import { encodeFooter, FOOTER_SIZE } from './segment-header.ts';
import { lostSegment, surveySegments } from './survey.ts';

export interface Recovered {
  /** Readable ones, oldest first, the last of them included. */
  segments: SegmentInfo[];
  /** Set when writing may go on in the last segment: its open file and state. */
  tail?: { file: JournalFile; state: ActiveState };
  /** To be written again before anything else: intact records behind the commit mark, with those that share a block with them. */
  unsure: PlacedRecord[];
  /** Newest seq that was acknowledged or can be read, those behind the mark excluded, and its link. */
  durableSeq: number;
  link: Buffer;
  damage: JournalDamage[];
  tornBytes: number;
}

/** Whom a segment has to belong to if writing is to go on in it. */
export interface WriterIdentity {
  journalId: string;
  hostId: string;
  bootId: string;
}

export interface RecoverOptions {
  io: JournalIo;
  directory: string;
  self: WriterIdentity;
  nowMs: number;
  counters: Counters;
}

/** in: an existing directory. Throws FB_JOURNAL_VERSION before anything is changed; the file system's errors as they are. */
export async function recoverJournal(options: RecoverOptions): Promise<Recovered> {
  const { io, directory, counters } = options;
  const listing = sortNames(await io.readdir(directory));
  const mark = await readMark(io, directory);
  const sameBoot = mark !== undefined && mark.bootId === options.self.bootId;
  const survey = await surveySegments(io, directory, listing, sameBoot ? mark.seq : undefined);
  await removeLeftovers(options, [...listing.temporary, ...survey.superseded]);
  const recovered: Recovered = {
    segments: survey.segments,
    unsure: [],
    durableSeq: 0,
    link: CHAIN_START,
    damage: survey.lost,
    tornBytes: 0,
  };
  const quarantine = new Quarantine(io, directory, counters);
  for (const name of survey.unreadable) await quarantine.move(name);
  const unreadable = await recoverLast(options, recovered, mark, sameBoot);
  if (unreadable !== undefined) await quarantine.move(unreadable);
  settleEnd(recovered, mark);
  await quarantine.keep(recovered.damage.filter((damage) => damage.offset > 0));
  count(recovered, counters);
  return recovered;
}

async function removeLeftovers({ io, directory, counters }: RecoverOptions, names: string[]): Promise<void> {
  for (const name of names) {
    await io.unlink(`${directory}/${name}`).catch(() => counters.add('journal_removals_failed_total'));
  }
}

/**
 * Takes up writing in the last segment, or settles what of it has to be written again.
 * out: its name when it cannot be read at all: then it is damage from its first seq on.
 */
async function recoverLast(
  options: RecoverOptions,
  recovered: Recovered,
  mark: CommitMark | undefined,
  sameBoot: boolean,
): Promise<string | undefined> {
  const last = recovered.segments.at(-1);
  if (last === undefined) return undefined;
  if (last.totals !== undefined) {
    recovered.durableSeq = last.totals.lastSeq;
    recovered.link = last.totals.link;
    // Nothing behind it: whoever sealed it died there, and the sync of its footer may have failed.
  }
  const file = await options.io.open(`${options.directory}/${last.name}`, 'write');
  try {
    // What stands before a footer was synced before it was written.
    const trustedSeq = sameBoot && last.totals === undefined ? mark?.seq : undefined;
    const trust = { ackedSeq: mark?.seq ?? 0, trustedSeq: trustedSeq ?? Number.POSITIVE_INFINITY };
    const findings = await unlessUnreadable(() => examineLast(file, last, trust));
    if (findings !== undefined) {
      await takeUp(options, recovered, file, last, findings);
      return undefined;
    }
    recovered.segments.pop();
    recovered.damage.push(lostSegment(last, last.bytes, undefined, sameBoot ? mark?.seq : undefined));
    return last.name;
  } finally {
    if (recovered.tail === undefined) await file.close();
  }
}

async function takeUp(
  options: RecoverOptions,
  recovered: Recovered,
  file: JournalFile,
  last: SegmentInfo,
  findings: Findings,
): Promise<void> {
  // A sync that failed may have cost the block that it shared with records before it.
  const inDoubt = findings.lastBlock.map(({ record }) => record);
  if (last.totals !== undefined) {
    if (findings.totals.lastSeq === last.totals.lastSeq) recovered.unsure = inDoubt;
    return;
  }
  recovered.durableSeq = findings.totals.lastSeq;
  recovered.link = findings.totals.link;
  recovered.unsure = findings.unsure.length > 0 ? [...inDoubt, ...findings.unsure] : [];
  recovered.damage.push(...findings.damage);
  recovered.tornBytes = findings.tornBytes;
  if (findings.damage.length > 0 || findings.unsure.length > 0 || findings.closed) return;
  const { header, name } = last;
  const end = await finishLast(options, file, last, findings);
  if (end === 'open') recovered.tail = { file, state: { ...findings, name, header, bytes: findings.goodEnd } };
  if (end === 'in doubt') recovered.unsure = inDoubt;
}

/**
 * Cuts a torn tail; seals a segment that is clean but not ours to go on with. out: whether writing may go on in it, or that
 * a write failed and may have hit the records that end in the last block.
 */
async function finishLast(
  { self, nowMs, counters }: RecoverOptions,
  file: JournalFile,
  last: SegmentInfo,
  findings: Findings,
): Promise<'open' | 'sealed' | 'in doubt'> {
  try {
    if (findings.tornBytes > 0) {
      await file.truncate(findings.goodEnd);
      await file.datasync();
      last.bytes = findings.goodEnd;
    }
    const { journalId, hostId, bootId } = last.header;
    if (journalId === self.journalId && hostId === self.hostId && bootId === self.bootId) return 'open';
    await writeAll(file, encodeFooter(findings.totals, nowMs, last.header.salt), findings.goodEnd);
    await file.datasync();
    last.totals = findings.totals;
    last.bytes = findings.goodEnd + FOOTER_SIZE;
    return 'sealed';
  } catch {
    counters.add('journal_seals_failed_total');
    return 'in doubt';
  }
}

/** A seq that was acknowledged or may have been is never given again: those missing at the end are damage. */
function settleEnd(recovered: Recovered, mark: CommitMark | undefined): void {
  const reported = Math.max(0, ...recovered.damage.map((damage) => damage.toSeq));
  const known = Math.max(recovered.durableSeq, reported);
  if (mark !== undefined && mark.seq > known) {
    recovered.damage.push({ segment: '', offset: 0, bytes: 0, fromSeq: known + 1, toSeq: mark.seq });
  }
  const taken = Math.max(known, mark?.seq ?? 0);
  if (taken === recovered.durableSeq) return;
  recovered.durableSeq = taken;
  // Something was written behind them: they were settled then.
  if ((recovered.unsure.at(-1)?.facts.seq ?? 0) <= taken) recovered.unsure = [];
  if (mark?.seq === taken) recovered.link = mark.link;
}

function count({ damage, tornBytes, unsure, durableSeq }: Recovered, counters: Counters): void {
  counters.add('journal_damages_found_total', damage.length);
  counters.add('journal_torn_bytes_cut_total', tornBytes);
  counters.add('journal_records_unsure_total', unsure.filter(({ facts }) => facts.seq > durableSeq).length);
}
