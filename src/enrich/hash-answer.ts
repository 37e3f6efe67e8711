// What is told of the hash of an executed file, and why where it is not: types of the desk, the queue and the recorded
// facts. The reasons are a closed list; they stand in alerts as forebear.hash_reason; show-alert.ts has them in words.

/** Hexadecimal. md5 and sha1 only where a rule or an exception names them: they cost as much again. */
export interface Hashes {
  sha256: string;
  sha1?: string;
  md5?: string;
}

export const HASH_REASONS = [
  // Beside a hash: true of the file as it was found, not proven to be what was executed. Rules see it, exceptions do not.
  'metadata_changed',
  'fresh_file',
  // Without a hash, for good.
  'too_large',
  'untrusted_filesystem',
  'unknown_file',
  // Without a hash, this time.
  'gone',
  'other_file',
  'changed',
  'not_regular',
  'unreadable',
  'busy',
  'stalled',
  'stopping',
  'unrecorded',
] as const;

export type HashReason = (typeof HASH_REASONS)[number];

/** One of the two is there; both: a doubt. */
export interface HashAnswer {
  hashes?: Hashes;
  reason?: HashReason;
}

/** The same for each process that executes a file of this key. */
export function isLasting({ reason }: HashAnswer): boolean {
  return reason === undefined || reason === 'too_large' || reason === 'untrusted_filesystem';
}

/** For what comes out of a recording. */
export function isHashAnswer({ hashes, reason }: { hashes?: unknown; reason?: unknown }): boolean {
  const told = hashes === undefined || isHashes(hashes);
  const known = reason === undefined || (HASH_REASONS as readonly unknown[]).includes(reason);
  return told && known && (hashes !== undefined || reason !== undefined);
}

function isHashes(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('sha256' in value)) return false;
  const hex = (text: unknown) => typeof text === 'string' && /^[0-9a-f]{32,64}$/.test(text);
  return Object.entries(value).every(([name, text]) => /^(sha256|sha1|md5)$/.test(name) && hex(text));
}

/** A file that somebody waits for: where it may be found. */
export interface HashRequest {
  /** Key of executable-file.ts. */
  file: string;
  /** A process that executes it, or did. */
  pid: number;
  /** From the root of that process. */
  path?: string;
  /** That root is the host's, as far as its mount namespace tells. */
  inHost: boolean;
  /** Milliseconds since 1970: executed then, or later. */
  executedMs: number;
  /** Any process that is in the same mount namespace now; asked only where the process itself is gone. */
  member(): number | undefined;
}
