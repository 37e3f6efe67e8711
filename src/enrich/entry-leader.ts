// Which process leads the entry of a process into the host, and of which type that entry is
// (process.entry_leader.entry_meta.type). A pure function: facts about the process and its relatives in, decision out.
// Called by session-origin.ts at each exec and for processes found at start-up.
//
// "elastic": the order that Elastic published with Auditbeat (enrichment.md has it), which looks at the present parent.
// "lineage": decides by who forked the process (a parent that has left does not turn a session into a service), knows
// today's sshd and more serial terminals, wants evidence for a container, and lets no exec shed a session's type.

import type { EntryType } from './process-entry.ts';
import { isUart, ttyClass } from './tty.ts';

export type EntryLeaderMode = 'elastic' | 'lineage';

/** What sets a process apart from the host. */
export type Isolation = 'pid_namespace' | 'mount_namespace' | 'cgroup';

export type Relation = 'creator' | 'parent' | 'session' | 'group';

export interface LeaderSubject {
  pid: number;
  ppid: number;
  sid: number;
  /** It or its creator is a kernel thread. */
  kernel: boolean;
  /** Basename of its executable. */
  name: string;
  ttyMajor: number;
  ttyMinor: number;
  /** Basename of the present parent's executable; undefined: the parent is not known. */
  parentName: string | undefined;
  /** Who forked it: pid, and basename of the executable at that time. Undefined: the fork was not seen. */
  creator: { pid: number; name: string | undefined } | undefined;
  isolation: readonly Isolation[];
  /** Its type so far, where it is its own leader. */
  held: EntryType | undefined;
  /** Type of the login session that its cgroup names, asked only where its creator is not known. */
  loginSession: () => EntryType | undefined;
  /** Whether that relative is known and has an entry leader. */
  hasLeader: (relation: Relation) => boolean;
}

export type LeaderDecision =
  | { leader: 'self'; type: EntryType; evidence?: readonly string[] }
  | { leader: Relation }
  | { leader: 'none' };

const NONE: LeaderDecision = { leader: 'none' };
const SELF_UNKNOWN: LeaderDecision = { leader: 'self', type: 'unknown' };

/** in: a process and its relatives; out: who leads its entry. */
export function decideEntryLeader(subject: LeaderSubject, mode: EntryLeaderMode): LeaderDecision {
  return mode === 'elastic' ? decideAsElastic(subject) : decideByLineage(subject);
}

// Elastic's published order.

const CONTAINER_RUNTIMES = ['containerd-shim', 'runc', 'conmon'];
const NEVER_LEADERS = ['runc', 'containerd-shim', 'calico-node', 'check-status', 'conmon'];

function decideAsElastic(subject: LeaderSubject): LeaderDecision {
  if (subject.pid === 1 || subject.pid === 2 || subject.ppid === 2) return NONE;
  const type = subject.pid === subject.sid ? elasticType(subject) : undefined;
  if (type !== undefined) return { leader: 'self', type };
  return inherit(subject, ['parent', 'session', 'group']);
}

function elasticType(subject: LeaderSubject): EntryType | undefined {
  const { name, parentName, ttyMajor, ttyMinor } = subject;
  const tty = ttyClass(ttyMajor, ttyMinor);
  if (isUart(ttyMajor, ttyMinor)) return 'terminal';
  if (tty === 'console' && name === 'login') return 'console';
  if (subject.ppid === 1) return 'init';
  if (parentName === undefined || startsWithAny(name, NEVER_LEADERS)) return undefined;
  if (tty === 'pts' && parentName === 'ssm-session-worker') return 'ssm';
  if (parentName === 'sshd' && name !== 'sshd') return 'sshd';
  if (startsWithAny(parentName, CONTAINER_RUNTIMES)) return 'container';
  return undefined;
}

// Ours.

/** OpenSSH's own processes: the listener, one per connection (9.8), one before authentication (9.9). */
const SSHD_FAMILY: ReadonlySet<string> = new Set(['sshd', 'sshd-session', 'sshd-auth']);
const RUNTIMES = [...CONTAINER_RUNTIMES, 'crun'];
/** Once the leader of a person's session, always: a login shell that execs a program named sshd stays one. */
const SESSIONS: ReadonlySet<EntryType | undefined> = new Set<EntryType>(['sshd', 'ssm', 'terminal', 'console']);

function decideByLineage(subject: LeaderSubject): LeaderDecision {
  if (subject.pid === 1 || subject.kernel) return NONE;
  const own = subject.pid === subject.sid ? ownEntry(subject) : undefined;
  if (own !== undefined) return own;
  const inherited = inherit(subject, ['creator', 'parent', 'session', 'group']);
  return inherited.leader === 'none' ? (fromLogin(subject) ?? NONE) : inherited;
}

function ownEntry(subject: LeaderSubject): LeaderDecision | undefined {
  if (SESSIONS.has(subject.held)) return { leader: 'self', type: subject.held! };
  const type = terminalType(subject) ?? remoteType(subject);
  if (type !== undefined) return { leader: 'self', type };
  if (forkedBy(subject, isRuntime) && !isRuntime(subject.name) && subject.isolation.length > 0) {
    return { leader: 'self', type: 'container', evidence: subject.isolation };
  }
  return fromInit(subject);
}

function terminalType(subject: LeaderSubject): EntryType | undefined {
  const tty = ttyClass(subject.ttyMajor, subject.ttyMinor);
  if (tty === 'serial') return 'terminal';
  return tty === 'console' && subject.name === 'login' ? 'console' : undefined;
}

function remoteType(subject: LeaderSubject): EntryType | undefined {
  const pts = ttyClass(subject.ttyMajor, subject.ttyMinor) === 'pts';
  if (pts && forkedBy(subject, (name) => name === 'ssm-session-worker')) return 'ssm';
  if (!SSHD_FAMILY.has(subject.name) && forkedBy(subject, (name) => SSHD_FAMILY.has(name))) return 'sshd';
  return undefined;
}

/**
 * A service: forked by pid 1. A present parent 1 says so only where the fork was not seen, nobody is known to have led the
 * process before, and no login session objects.
 */
function fromInit(subject: LeaderSubject): LeaderDecision | undefined {
  if (subject.creator !== undefined) return subject.creator.pid === 1 ? { leader: 'self', type: 'init' } : undefined;
  if (subject.ppid !== 1 || subject.hasLeader('creator')) return undefined;
  return fromLogin(subject) ?? { leader: 'self', type: 'init' };
}

/** An orphan that no known process leads, in the cgroup of a login session. */
function fromLogin(subject: LeaderSubject): LeaderDecision | undefined {
  if (subject.creator !== undefined || subject.ppid !== 1) return undefined;
  const type = subject.loginSession();
  return type === undefined ? undefined : { leader: 'self', type, evidence: ['login_session'] };
}

/** The creator as it was at the fork, or the present parent (as it is now: the kernel's word beats a lost exec record). */
function forkedBy(subject: LeaderSubject, test: (name: string) => boolean): boolean {
  const { creator, parentName } = subject;
  return (creator?.name !== undefined && test(creator.name)) || (parentName !== undefined && test(parentName));
}

function isRuntime(name: string): boolean {
  return startsWithAny(name, RUNTIMES);
}

function inherit(subject: LeaderSubject, order: readonly Relation[]): LeaderDecision {
  const relation = order.find((candidate) => subject.hasLeader(candidate));
  if (relation !== undefined) return { leader: relation };
  return subject.pid === subject.sid ? SELF_UNKNOWN : NONE;
}

function startsWithAny(name: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => name.startsWith(prefix));
}
