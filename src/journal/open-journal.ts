// Opens a journal for writing: directory, lock, journal id, recovery, commit mark, reserve, retention, in this order.
// In: where, for whom, limits; out: a JournalWriter. Called by agent.ts; tests pass their own io, lock, clock and randomness.

import { randomBytes } from 'node:crypto';
import type { Counters } from '../stats.ts';
import { journalError } from './failure.ts';
import type { Fork } from './fork-marker-io.ts';
import type { JournalExpiry, JournalWriter, RetentionLimits } from './journal.ts';
import { type JournalIo, nodeJournalIo } from './journal-io.ts';
import { type LockFile, sqliteLock, takeLock } from './lock-io.ts';
import { MarkWriter } from './mark-writer.ts';
import { chooseMeta, saveMeta } from './meta.ts';
import { type Recovered, recoverJournal } from './recover.ts';
import { Reserve } from './reserve.ts';
import { SegmentLog } from './segment-log.ts';
import { Writer } from './writer.ts';

export interface OpenJournalOptions {
  directory: string;
  /** machine-id and the hypervisor's product uuid, as one text: when it changes, the journal gets a new id.
   * undefined: it keeps its own. */
  hostIdentity: string | undefined;
  /** What a hub refused (fork-marker-io.ts): when it is the journal id in use, a new one begins. */
  fork?: Fork | undefined;
  /** ECS host.id, at most 64 bytes of it are kept in segment headers. */
  hostId: string;
  /** /proc/sys/kernel/random/boot_id, with or without dashes. Default: this boot's. */
  bootId?: string;
  counters: Counters;
  nowMs: () => number;
  limits?: Partial<RetentionLimits>;
  /** Default 16 MiB, or an eighth of limits.maxBytes when that is less. */
  maxSegmentBytes?: number;
  /** Default 4 MiB; 0: none. */
  reserveBytes?: number;
  /** Records waiting to be written; beyond, append rejects with FB_JOURNAL_QUEUE. Default 32 MiB. */
  maxQueueBytes?: number;
  /** Seq up to which each configured output has got. Default: no outputs. */
  cursors?: () => readonly number[];
  /** Retention dropped something: the caller writes a gap record when `undelivered` is not 0. */
  onExpired?: (expiry: JournalExpiry) => void;
  io?: JournalIo;
  lock?: LockFile;
  random?: (bytes: number) => Buffer;
}

const MIB = 1 << 20;

/** The limits when nothing is said. Ages are in milliseconds. */
export const DEFAULT_LIMITS: RetentionLimits = {
  maxBytes: 1024 * MIB,
  maxAgeMs: 30 * 86_400_000,
  reservedBytes: 512 * MIB,
  reservedRank: 2,
};

/** Throws FB_JOURNAL_LOCKED, FB_JOURNAL_VERSION (nothing was changed), FB_JOURNAL_FULL, _ACCESS, _IO. */
export async function openJournal(options: OpenJournalOptions): Promise<JournalWriter> {
  const { io = nodeJournalIo, lock = sqliteLock, directory } = options;
  try {
    await io.mkdir(directory);
  } catch (error) {
    throw journalError(error, `cannot make ${directory}`);
  }
  const releaseLock = takeLock(lock, directory);
  const opened: { close(): Promise<void> }[] = [];
  try {
    return await openLocked(options, io, releaseLock, opened);
  } catch (error) {
    for (const file of opened) await file.close().catch(() => {});
    releaseLock();
    throw journalError(error, `cannot open the journal in ${directory}`);
  }
}

async function openLocked(
  options: OpenJournalOptions,
  io: JournalIo,
  releaseLock: () => void,
  opened: { close(): Promise<void> }[],
): Promise<JournalWriter> {
  const { directory, counters, random = randomBytes } = options;
  const newId = () => random(16).toString('hex');
  const choose = (fork: Fork | undefined) => chooseMeta(io, directory, options.hostIdentity, newId, fork);
  const { meta, isNew } = await choose(options.fork);
  const bootId = (options.bootId ?? (await io.bootId())).replaceAll('-', '').toLowerCase();
  const self = { journalId: meta.journal_id, hostId: fitHostId(options.hostId), bootId };
  const recovered = await recoverJournal({ io, directory, self, nowMs: options.nowMs(), counters });
  if (recovered.tail !== undefined) opened.push(recovered.tail.file);
  if (isNew) await saveMeta(io, directory, meta);
  const mark = new MarkWriter(io, directory, self, counters);
  opened.push(mark);
  const log = await makeLog(options, io, self, recovered, mark);
  const maxQueueBytes = options.maxQueueBytes ?? 32 * MIB;
  const renew = async (fork: Fork) => {
    const chosen = await choose(fork);
    if (chosen.isNew) await saveMeta(io, directory, chosen.meta);
    return chosen.meta.journal_id;
  };
  const shared = { renew, log, recovered, directory, self, counters, mark, releaseLock };
  const writer = new Writer({ ...shared, maxQueueBytes, maxBatchBytes: Math.min(4 * MIB, log.maxBatchBytes) });
  await writer.publish();
  await log.retain();
  return writer;
}

async function makeLog(
  options: OpenJournalOptions,
  io: JournalIo,
  self: { journalId: string; hostId: string; bootId: string },
  recovered: Recovered,
  mark: MarkWriter,
): Promise<SegmentLog> {
  const { directory, counters, nowMs, random = randomBytes } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const reserve = new Reserve(io, directory, options.reserveBytes ?? 4 * MIB);
  await reserve.refill();
  const context = {
    io,
    directory,
    self,
    counters,
    reserve,
    limits,
    nowMs,
    maxSegmentBytes: options.maxSegmentBytes ?? Math.min(16 * MIB, Math.floor(limits.maxBytes / 8)),
    cursors: options.cursors ?? (() => []),
    newSalt: () => random(4).readUInt32LE(0),
    onExpired: options.onExpired ?? (() => {}),
    syncMark: () => mark.sync(),
  };
  return new SegmentLog(context, recovered);
}

/** What a header can hold of it, whole characters only. */
function fitHostId(hostId: string): string {
  let fit = hostId;
  while (Buffer.byteLength(fit) > 64) fit = fit.slice(0, -1);
  return fit;
}
