// The contract of the journal: durable, append-only records of opaque bytes. It knows nothing of alerts: kinds are
// numbers that it carries in the record head, so that readers can skip and retention can rank without decoding.

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
}

export interface JournalWriter {
  /** Resolves with the seq once the record is durable (pwrite and fdatasync returned). Rejects with FB_JOURNAL_*. */
  append(payload: Uint8Array, options: AppendOptions): Promise<number>;
  status(): JournalStatus;
  /** Commits what is queued, then releases the lock. Idempotent. */
  close(): Promise<void>;
}

export interface ReadOptions {
  fromSeq?: number;
  sinceMs?: number;
  /** Wait for more at the end until the signal aborts. */
  follow?: boolean;
  signal?: AbortSignal;
}
