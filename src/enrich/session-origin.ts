// Applies the entry leader's decision to the process table: gathers the facts about a process and its relatives, asks
// entry-leader.ts, and keeps the answer at the entry. Decided at each exec; a fork takes over its creator's; a process
// found at start-up is decided when first asked for, because its ancestors may be found after it.

import { containerIdOf, loginSessionOf } from './container.ts';
import {
  decideEntryLeader,
  type EntryLeaderMode,
  type Isolation,
  type LeaderSubject,
  type Relation,
} from './entry-leader.ts';
import type { Context, EntryType, ProcessEntry } from './process-entry.ts';
import type { ProcessTable } from './process-table.ts';
import type { HostNamespaces } from './surroundings.ts';

/** Ancestors that were found at start-up and are decided for the sake of one descendant. */
const MAX_DEPTH = 64;
const NO_ISOLATION: readonly Isolation[] = [];

export interface SessionOriginOptions {
  table: ProcessTable;
  mode: EntryLeaderMode;
  namespaces: HostNamespaces;
  loginSession: (id: string) => EntryType | undefined;
}

export class SessionOrigin {
  readonly #table: ProcessTable;
  readonly #mode: EntryLeaderMode;
  readonly #namespaces: HostNamespaces;
  readonly #loginSession: (id: string) => EntryType | undefined;

  constructor(options: SessionOriginOptions) {
    this.#table = options.table;
    this.#mode = options.mode;
    this.#namespaces = options.namespaces;
    this.#loginSession = options.loginSession;
  }

  /** The entry leader of a process; undefined for pid 1, kernel threads, and where no relative is known. */
  leaderOf(entry: ProcessEntry): ProcessEntry | undefined {
    return this.#leaderOf(entry, 0);
  }

  /** A new process takes over the leader of its creator (elastic: of its parent) until it execs. */
  fork(child: ProcessEntry, from: ProcessEntry | undefined): void {
    this.#table.point(child, 'leader', from === undefined ? undefined : this.leaderOf(from));
    child.decided = from?.decided ?? false;
  }

  /** After an exec. parentName: basename of what the kernel says that the parent runs. */
  exec(entry: ProcessEntry, parentName: string | undefined): ProcessEntry | undefined {
    this.#decide(entry, parentName, 0);
    entry.decided = true;
    return entry.leader;
  }

  /** Who forked it; else its parent, as far as that is known by now. */
  originOf(entry: ProcessEntry): ProcessEntry | undefined {
    if (entry.origin === undefined && entry.creatorTgid === 0 && entry.ppid > 0 && !entry.dropped) {
      const parent = this.#table.before(entry.ppid, entry.startNs);
      if (parent !== entry) this.#table.point(entry, 'origin', parent);
    }
    return entry.origin;
  }

  #leaderOf(entry: ProcessEntry, depth: number): ProcessEntry | undefined {
    if (entry.decided || entry.dropped || depth > MAX_DEPTH) return entry.leader;
    this.#decide(entry, undefined, depth);
    const origin = this.originOf(entry);
    entry.decided = entry.ppid === 0 || (origin !== undefined && (origin.decided || origin.tgid === 1));
    return entry.leader;
  }

  #decide(entry: ProcessEntry, parentName: string | undefined, depth: number): void {
    const relatives = this.#relatives(entry, depth);
    const decision = decideEntryLeader(this.#subject(entry, parentName, relatives), this.#mode);
    if (decision.leader === 'none') {
      this.#table.point(entry, 'leader', undefined);
    } else if (decision.leader === 'self') {
      this.#table.point(entry, 'leader', entry);
      entry.entryType = decision.type;
      entry.evidence = decision.evidence;
    } else {
      this.#table.point(entry, 'leader', relatives(decision.leader));
    }
  }

  #relatives(entry: ProcessEntry, depth: number): (relation: Relation) => ProcessEntry | undefined {
    const of = (other: ProcessEntry | undefined) => {
      if (other === entry) return entry.leader;
      return other === undefined ? undefined : this.#leaderOf(other, depth + 1);
    };
    return (relation) => {
      if (relation === 'creator') return this.#creatorsLeader(entry, of);
      if (relation === 'parent') return of(this.#table.before(entry.ppid, entry.startNs));
      if (relation === 'session') return of(entry.sid === entry.tgid ? entry : this.#table.current(entry.sid));
      return of(entry.pgid === entry.tgid ? entry : this.#table.current(entry.pgid));
    };
  }

  /** What the fork handed down, unless the process has become its own leader since. */
  #creatorsLeader(
    entry: ProcessEntry,
    of: (other: ProcessEntry | undefined) => ProcessEntry | undefined,
  ): ProcessEntry | undefined {
    if (entry.creatorTgid !== 0 && entry.leader !== undefined && entry.leader !== entry) return entry.leader;
    return of(this.originOf(entry)) ?? entry.leader;
  }

  #subject(
    entry: ProcessEntry,
    parentName: string | undefined,
    relatives: (relation: Relation) => ProcessEntry | undefined,
  ): LeaderSubject {
    const parent = this.#table.before(entry.ppid, entry.startNs);
    const origin = this.originOf(entry);
    return {
      pid: entry.tgid,
      ppid: entry.ppid,
      sid: entry.sid,
      kernel: entry.context.kernelThread || origin?.context.kernelThread === true,
      name: entry.image.name ?? '',
      ttyMajor: entry.context.ttyMajor,
      ttyMinor: entry.context.ttyMinor,
      parentName: parentName ?? parent?.image.name ?? (entry.creatorTgid === 0 ? entry.originName : undefined),
      creator: entry.creatorTgid === 0 ? undefined : { pid: entry.creatorTgid, name: entry.originName },
      isolation: this.isolationOf(entry.context),
      held: entry.leader === entry ? entry.entryType : undefined,
      loginSession: () => this.#loginOf(entry.context),
      hasLeader: (relation) => relatives(relation) !== undefined,
    };
  }

  #loginOf(context: Context): EntryType | undefined {
    const session = loginSessionOf(context.cgroup);
    return session === undefined ? undefined : this.#loginSession(session);
  }

  /** What sets a process apart from the host. */
  isolationOf(context: Context): readonly Isolation[] {
    const pid = differs(context.pidNs, this.#namespaces.pid);
    const mount = differs(context.mntNs, this.#namespaces.mnt);
    const cgroup = containerIdOf(context.cgroup) !== undefined;
    if (!pid && !mount && !cgroup) return NO_ISOLATION;
    const isolation: Isolation[] = [];
    if (pid) isolation.push('pid_namespace');
    if (mount) isolation.push('mount_namespace');
    if (cgroup) isolation.push('cgroup');
    return isolation;
  }
}

/** Unknown (0) on either side is no difference. */
function differs(inode: number, host: number): boolean {
  return inode !== 0 && host !== 0 && inode !== host;
}
