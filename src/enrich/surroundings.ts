// All that enrichment takes from outside the records: answers to its questions (Surroundings), and news that come by
// themselves (apply of enricher.ts). Both are facts. A live run hands each fact, with the number of records before it, to
// a listener that records it; a replay feeds the same facts at the same places, so that it ends with the same events.

import type { TaskState } from '../sensor/record.ts';
import type { RecordKind } from '../sensor/sensor.ts';
import type { HashAnswer, HashRequest } from './hash-answer.ts';
import type { EntryType } from './process-entry.ts';
import type { SavedLeaders } from './saved-leaders.ts';

/** What /proc tells of one process whose start time is that of the key. */
export interface ProcessReading {
  task: TaskState;
  executable?: string;
  args: readonly string[];
  argsCut: boolean;
  cwd?: string;
  cgroup?: string;
  groups: readonly number[];
}

/** Asked by the enricher, answered at once. The live one reads (surroundings-io.ts), the replay looks up. */
export interface Surroundings {
  /** undefined: gone, unreadable, or another process has the pid by now. */
  readProcess(pid: number, startNs: bigint): ProcessReading | undefined;
  isAlive(pid: number, startNs: bigint): boolean;
  /** How the login session of systemd-logind entered; undefined when there is no such session any more. */
  loginSession(id: string): EntryType | undefined;
  /** A name is wanted that is not known; it may come later, as a fact. Must not block. */
  wantName(of: 'user' | 'group', id: number): void;
  /** At most once a second of record time: time to look whether names have changed. Must not block. */
  tick(): void;
  /** A hash is wanted; one fact `hash` answers it later, never at once. Asked again for the same file: one more process
   * that runs it. Without it no hash is known. Must not block. */
  wantHash?(request: HashRequest): void;
}

/** Inode numbers of pid 1's namespaces (the agent's own where pid 1's are not readable); 0: not known. */
export interface HostNamespaces {
  pid: number;
  mnt: number;
  user: number;
  net: number;
}

/** What the host says of itself; names are those of ECS below `host.`. */
export interface HostFacts {
  id?: string;
  name: string;
  architecture?: string;
  ip: readonly string[];
  mac: readonly string[];
  os: { family?: string; full?: string; kernel?: string; name?: string; platform?: string; version?: string };
}

export type Names = readonly (readonly [number, string])[];

/** What is known before the first record. */
export interface StartFact {
  kind: 'start';
  bootId: string;
  host: HostFacts;
  namespaces: HostNamespaces;
  /** wall clock (ms since 1970) minus boot clock (ms). */
  wallOffsetMs: number;
  users: Names;
  groups: Names;
  /** What an earlier run on this boot has left; checked where it is used. */
  leaders?: SavedLeaders;
}

/** News: whoever learns them calls Enricher.apply. */
export type News =
  | { kind: 'names'; users: Names; groups: Names }
  | { kind: 'name'; of: 'user' | 'group'; id: number; name: string }
  | { kind: 'wall_offset'; ms: number }
  | { kind: 'loss'; record: RecordKind | 'unknown'; count: number }
  /** The agent lets the enricher read old processes, or look for lost exits, at most so many. */
  | { kind: 'backfill'; max: number }
  | { kind: 'expire'; max: number }
  /** What became of a file that was asked for; hash_late: rules wait no longer for it. */
  | ({ kind: 'hash'; file: string } & HashAnswer)
  | { kind: 'hash_late'; file: string }
  /** The next record is of the agent's own canary: rules do not see it (agent/canary.ts); nothing to the enricher. */
  | { kind: 'canary' }
  /** A self-test was found genuine by the next record (agent/selftest.ts); nothing to the enricher. */
  | { kind: 'selftest'; id: string; directory: string; fromNs: bigint; untilNs: bigint; uid: number };

/** Answers, null where the world had none. Of `alive` only the deaths are told. */
export type Answer =
  | { kind: 'process'; pid: number; startNs: bigint; reading: ProcessReading | null }
  | { kind: 'alive'; pid: number; startNs: bigint; alive: boolean }
  | { kind: 'login_session'; id: string; type: EntryType | null };

export type Fact = StartFact | News | Answer;

export interface PlacedFact {
  /** Records enriched before it. */
  at: number;
  fact: Fact;
}
