// The contract of the journal: durable, append-only records of opaque bytes. It knows nothing of alerts: kinds are
// numbers that it carries in the record head, so that readers can skip and retention can rank without decoding.

import type { Fork } from './fork-marker-io.ts';

/** Kinds of records (invariants.md); a reader skips kinds it does not know and counts them. */
export const RECORD_KINDS = {
  alert: 1,
  amend: 2,
  gap: 3,
  heartbeat: 4,
  lifecycle: 5,
  clock: 6,
} as const;
export type RecordKindName = keyof typeof RECORD_KINDS;

export interface AppendOptions {
  kind: RecordKindName;
  /** 0 low .. 3 critical: retention reserves space by it. */
  rank: number;
  /** Milliseconds since 1970. */
  wallMs: number;
}

export interface JournalRecord {
  /** From 1, without holes, unique in one journal id. */
  seq: number;
  /** The number as stored; kindName is undefined for a kind unknown to this version. */
  kind: number;
  kindName?: RecordKindName;
  rank: number;
  wallMs: number;
  payload: Uint8Array;
  /** Of the segment that holds it, as the host's id is. */
  journalId: string;
  hostId?: string;
  /** Chain link (format.ts), where asked for and known: not behind a hole. With it the record's flags, which go into it. */
  link?: Buffer;
  flags?: number;
}

export interface JournalStatus {
  journalId: string;
  directory: string;
  firstSeq: number;
  /** Seq that the next record gets. */
  nextSeq: number;
  /** Newest seq whose sync returned; 0 when none. */
  durableSeq: number;
  segments: number;
  bytes: number;
  /** Records dropped by retention since the writer opened. */
  expired: number;
  /** Bytes cut from a torn tail at open. */
  tornBytes: number;
  /** Link of durableSeq, hexadecimal: the chain head that heartbeats carry (format.ts). */
  link: string;
}

/** Seqs that cannot be read, and where they were. The agent writes a gap record for each that the writer reports. */
export interface JournalDamage {
  /** File name; "" when a segment is missing altogether. */
  segment: string;
  /** Damaged bytes in it. */
  offset: number;
  bytes: number;
  /** Both inclusive; toSeq < fromSeq when no seq is missing. */
  fromSeq: number;
  toSeq: number;
}

/** Records that retention dropped. Undelivered ones ask for a gap record. */
export interface JournalExpiry {
  fromSeq: number;
  toSeq: number;
  /** Records dropped in that range (high ranks may have been kept), and those of them that no cursor had passed. */
  records: number;
  undelivered: number;
  /** Smallest and largest time of the segments concerned; undefined when not known. */
  minMs?: number;
  maxMs?: number;
}

export interface RetentionLimits {
  /** All segments together. */
  maxBytes: number;
  /** Age of a segment's newest record; undefined: no limit. */
  maxAgeMs?: number;
  /** Of maxBytes, kept for records of reservedRank and above: a flood of lower ones does not push them out. */
  reservedBytes: number;
  /** 2: high and critical. */
  reservedRank: number;
}

export interface JournalWriter {
  /** What was found damaged at open; append its gap records before anything else, until then each open finds it again. */
  readonly damage: readonly JournalDamage[];
  /** Resolves with the seq once the record is durable (pwrite and fdatasync returned). Rejects with FB_JOURNAL_*. */
  append(payload: Uint8Array, options: AppendOptions): Promise<number>;
  /** Resolves when nothing is queued, and retention has done what the last commits asked for. */
  idle(): Promise<void>;
  status(): JournalStatus;
  /**
   * When the id in use is the one that a hub refused, the next record begins a segment under a new id; seqs go on. out: whether.
   * Rejects with FB_JOURNAL_*: nothing has changed then.
   */
  fork(fork: Fork): Promise<boolean>;
  /** Commits what is queued, then releases the lock. Idempotent. */
  close(): Promise<void>;
}

export interface ReadOptions {
  fromSeq?: number;
  sinceMs?: number;
  /** Wait for more at the end until the signal aborts. */
  follow?: boolean;
  signal?: AbortSignal;
  /** Records of kinds that this version does not know are skipped and counted, unless asked for. */
  unknownKinds?: boolean;
  /** Compute the links: reads the first segment from its beginning. */
  links?: boolean;
  /** Called where records are missing or damaged; reading goes on behind. */
  onDamage?: (damage: JournalDamage) => void;
}
