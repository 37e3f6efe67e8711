// What outlives the agent of the sessions on this host: who leads the entry of which process. Table -> plain data (state
// file, start fact of a recording) here; leader-memory.ts goes the other way. Bounded: LEADERS_MAX and MEMBERS_MAX.
// If the form changes, raise SCHEMA: an older agent then refuses the file (leaders-io.ts).

import { cut } from './argument-views.ts';
import { execToText } from './entity-id.ts';
import type { EntryType, ProcessEntry } from './process-entry.ts';

/** 2: members without a leader, guessed creators. Both are read. */
export const SCHEMA = 2;
const LEADERS_MAX = 4096;
const MEMBERS_MAX = 16_384;

/**
 * Who forked a process: pid, start (ns since boot, 0: not known), the end of its entity id, basename of its executable at
 * the fork. guessed: the fork was not seen, it is the parent that the process had when it was first seen.
 */
export type SavedCreator = readonly [pid: number, start: string, exec: string, name: string | null, guessed?: boolean];

export interface SavedLeader {
  pid: number;
  /** Nanoseconds since boot, decimal. */
  start: string;
  /** The end of its entity id: which exec. */
  exec: string;
  type: EntryType;
  evidence?: readonly string[];
  ppid: number;
  pgid: number;
  sid: number;
  creator?: SavedCreator;
  image: { executable?: string; name?: string; args: readonly string[]; argc: number; argsCut: boolean; cwd?: string };
  /** Real and effective; major and minor; pid, mount, user, network. */
  uids: readonly number[];
  gids: readonly number[];
  groups: readonly number[];
  tty: readonly number[];
  namespaces: readonly number[];
  /** Permitted and effective, hexadecimal. */
  capabilities: readonly string[];
  cgroup?: string;
}

/**
 * A live process that another one leads, or nobody (null): index into leaders, who forked it; with which exec, of what, for
 * its entity id.
 */
export type SavedMember = readonly [
  pid: number,
  start: string,
  leader: number | null,
  creator: SavedCreator | null,
  exec: string,
  executable: string | null,
];

export interface SavedLeaders {
  schema: 1 | typeof SCHEMA;
  bootId: string;
  leaders: readonly SavedLeader[];
  members: readonly SavedMember[];
}

/** Of persons and containers: kept first where not all have room. */
const FIRST: ReadonlySet<EntryType | undefined> = new Set(['sshd', 'ssm', 'terminal', 'console', 'container']);

/**
 * in: live processes, their leaders decided; out: plain data, and of how many processes it does not tell because
 * there is no more room.
 */
export function saveLeaders(living: Iterable<ProcessEntry>, bootId: string): { saved: SavedLeaders; left: number } {
  const telling = [...living].filter((entry) => entry.leader !== undefined || isUnled(entry));
  const sorted = telling.length > MEMBERS_MAX ? telling.sort((a, b) => rank(a) - rank(b)) : telling;
  const leaders = new Map<ProcessEntry, number>();
  const members: SavedMember[] = [];
  let left = 0;
  for (const entry of sorted) {
    const { leader } = entry;
    const fits = leader === undefined || leaders.has(leader) || leaders.size < LEADERS_MAX;
    if (leader !== undefined && fits && !leaders.has(leader)) leaders.set(leader, leaders.size);
    if (!fits || (leader !== entry && members.length >= MEMBERS_MAX)) left++;
    else if (leader !== entry) members.push(memberOf(entry, leader === undefined ? null : leaders.get(leader)!));
  }
  return { saved: { schema: SCHEMA, bootId, leaders: [...leaders.keys()].map(savedLeader), members }, left };
}

function rank({ leader }: ProcessEntry): number {
  if (leader === undefined) return 2;
  return FIRST.has(leader.entryType) ? 0 : 1;
}

/** Led by nobody (sid 0, as whatever a pid 1 without setsid starts), but there is more to tell than the kernel would. */
function isUnled({ leader, context, hasExecd, creatorTgid }: ProcessEntry): boolean {
  if (leader !== undefined || context.kernelThread) return false;
  return creatorTgid !== 0 || hasExecd;
}

function memberOf(entry: ProcessEntry, leader: number | null): SavedMember {
  const { tgid, startNs, execNs, image } = entry;
  const creator = creatorOf(entry) ?? null;
  return [tgid, String(startNs), leader, creator, execToText(execNs), image.executable ?? null];
}

function creatorOf({ origin, originName, creatorTgid }: ProcessEntry): SavedCreator | undefined {
  if (origin === undefined) return creatorTgid === 0 ? undefined : [creatorTgid, '0', '0', originName ?? null];
  const name = originName ?? origin.image.name ?? null;
  return [origin.tgid, String(origin.startNs), execToText(origin.execNs), name, creatorTgid === 0];
}

function savedLeader(entry: ProcessEntry): SavedLeader {
  const { image, context } = entry;
  const args = cut(image.args());
  const creator = creatorOf(entry);
  return {
    pid: entry.tgid,
    start: String(entry.startNs),
    exec: execToText(entry.execNs),
    type: entry.entryType ?? 'unknown',
    ppid: entry.ppid,
    pgid: entry.pgid,
    sid: entry.sid,
    image: {
      args,
      argc: image.argc,
      argsCut: image.argsCut,
      ...(image.executable === undefined ? {} : { executable: image.executable }),
      ...(image.name === undefined ? {} : { name: image.name }),
      ...(image.cwd === undefined ? {} : { cwd: image.cwd }),
    },
    uids: [context.uid, context.euid],
    gids: [context.gid, context.egid],
    groups: context.groups,
    tty: [context.ttyMajor, context.ttyMinor],
    namespaces: [context.pidNs, context.mntNs, context.userNs, context.netNs],
    capabilities: [context.capPermitted.toString(16), context.capEffective.toString(16)],
    ...(entry.evidence === undefined ? {} : { evidence: entry.evidence }),
    ...(creator === undefined ? {} : { creator }),
    ...(context.cgroup === undefined ? {} : { cgroup: context.cgroup }),
  };
}
