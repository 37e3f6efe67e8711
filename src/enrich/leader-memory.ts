// Plain data of an earlier run of the agent (saved-leaders.ts) -> the process table, as the processes of that run turn up
// again: who leads their entry, who forked them. Whoever is referred to and has left, or has not turned up yet, stands in the
// table as a ghost: exited, with what was saved. Called by process-tracker.ts. Data of another boot is not used; each
// malformed item is counted.

import type { TaskState } from '../sensor/record.ts';
import type { Counters } from '../stats.ts';
import { execFromText } from './entity-id.ts';
import { Context, Image, ProcessEntry } from './process-entry.ts';
import type { ProcessTable } from './process-table.ts';
import type { SavedCreator, SavedLeader, SavedLeaders } from './saved-leaders.ts';
import { isLeader, isMember } from './saved-leaders-check.ts';
import type { SessionOrigin } from './session-origin.ts';

export interface LeaderMemoryOptions {
  bootId: string;
  saved: SavedLeaders | undefined;
  table: ProcessTable;
  origin: SessionOrigin;
  counters: Counters;
}

/** Of a process that another one leads, or nobody. */
interface Membership {
  leader: SavedLeader | undefined;
  creator: SavedCreator | null;
  exec: string;
  executable: string | null;
}

export class LeaderMemory {
  readonly #options: LeaderMemoryOptions;
  /** Both by pid and start. */
  readonly #leaders = new Map<string, SavedLeader>();
  readonly #members = new Map<string, Membership>();
  readonly #ghosts = new WeakSet<ProcessEntry>();

  constructor(options: LeaderMemoryOptions) {
    this.#options = options;
    if (options.saved?.bootId === options.bootId) this.#remember(options.saved);
  }

  /** Stands in the table, but was not seen in this run. */
  isGhost(entry: ProcessEntry): boolean {
    return this.#ghosts.has(entry);
  }

  /** A ghost turned up: it lives, and runs this image; where that is the saved file, what was saved of it stays. */
  wake(ghost: ProcessEntry, image: Image, context: Context): void {
    const { table } = this.#options;
    this.#ghosts.delete(ghost);
    table.revive(ghost);
    table.setContext(ghost, context);
    if (ghost.image.argc >= 0 && ghost.image.executable === image.executable) return;
    ghost.execNs = 0n;
    table.setImage(ghost, image);
  }

  /** in: a process that was there before the agent, its ids known; out: its leader and its creator as they were. */
  restore(entry: ProcessEntry): void {
    const key = keyOf(entry.tgid, String(entry.startNs));
    const own = this.#leaders.get(key);
    const membership = this.#members.get(key);
    const creator = membership?.creator ?? own?.creator;
    if (own === undefined && membership === undefined) return;
    this.#options.counters.add('enrich_leaders_restored_total');
    if (creator != null) this.#createdBy(entry, creator);
    if (own !== undefined) this.#leads(entry, own);
    const same = entry.image.executable === (membership?.executable ?? own?.image.executable);
    if (same) entry.execNs = execFromText(membership?.exec ?? own!.exec);
    if (membership !== undefined && membership.leader === undefined) return;
    const leader = membership?.leader === undefined ? entry : this.#ghostly(membership.leader);
    this.#options.table.point(entry, 'leader', leader);
    // An exec or a new session that nobody saw is decided upon now.
    if (leader === entry ? same : entry.sid !== entry.tgid) entry.decided = true;
    else this.#options.origin.exec(entry, undefined);
  }

  /** Who did not turn up by now never will. */
  forget(): void {
    this.#leaders.clear();
    this.#members.clear();
  }

  #remember(saved: SavedLeaders): void {
    const leaders = listOf(saved.leaders).map((leader) => (isLeader(leader) ? leader : undefined));
    for (const leader of leaders) {
      if (leader !== undefined) this.#leaders.set(keyOf(leader.pid, leader.start), leader);
    }
    let refused = leaders.filter((leader) => leader === undefined).length;
    for (const member of listOf(saved.members)) {
      if (!isMember(member)) {
        refused++;
        continue;
      }
      const [pid, start, index, creator, exec, executable] = member;
      const leader = index === null ? undefined : leaders[index];
      if (index !== null && leader === undefined) refused++;
      else this.#members.set(keyOf(pid, start), { leader, creator, exec, executable });
    }
    if (refused > 0) this.#options.counters.add('enrich_leaders_refused_total', refused);
  }

  #leads(entry: ProcessEntry, { type, evidence }: SavedLeader): void {
    entry.entryType = type;
    entry.evidence = evidence;
  }

  #createdBy(entry: ProcessEntry, [pid, start, exec, name, guessed]: SavedCreator): void {
    if (guessed !== true) entry.creatorTgid = pid;
    entry.originName = name ?? undefined;
    if (start === '0') return;
    const leader = this.#leaders.get(keyOf(pid, start));
    const creator = leader === undefined ? this.#thin(pid, BigInt(start), exec, name) : this.#ghostly(leader);
    if (creator !== entry) this.#options.table.point(entry, 'origin', creator);
  }

  /** The process with that key, or a ghost of which only its name is known. */
  #thin(pid: number, startNs: bigint, exec: string, name: string | null): ProcessEntry {
    const known = this.#options.table.find(pid, startNs);
    if (known !== undefined) return known;
    const image = new Image({ name: name ?? undefined, source: 'unknown' });
    const entry = this.#add(pid, startNs, exec, image, new Context(NOTHING, [], undefined));
    entry.decided = true;
    return entry;
  }

  /** The process that was saved as a leader, or its ghost. */
  #ghostly(saved: SavedLeader): ProcessEntry {
    const { table } = this.#options;
    const startNs = BigInt(saved.start);
    const known = table.find(saved.pid, startNs);
    if (known !== undefined) return known;
    const context = new Context(taskOf(saved), saved.groups, saved.cgroup);
    const entry = this.#add(saved.pid, startNs, saved.exec, imageOf(saved), context);
    this.#leads(entry, saved);
    entry.ppid = saved.ppid;
    entry.pgid = saved.pgid;
    entry.sid = saved.sid;
    entry.decided = true;
    table.point(entry, 'leader', entry);
    if (saved.creator !== undefined) this.#createdBy(entry, saved.creator);
    return entry;
  }

  #add(pid: number, startNs: bigint, exec: string, image: Image, context: Context): ProcessEntry {
    const { bootId, table } = this.#options;
    const entry = new ProcessEntry(bootId, pid, startNs, image, context);
    entry.execNs = execFromText(exec);
    this.#ghosts.add(entry);
    table.add(entry);
    table.exit(entry);
    return entry;
  }
}

const NOTHING: TaskState = {
  tgid: 0,
  startNs: 0n,
  ppid: 0,
  parentStartNs: 0n,
  pgid: 0,
  groupLeaderStartNs: 0n,
  sid: 0,
  sessionLeaderStartNs: 0n,
  uid: 0,
  euid: 0,
  suid: 0,
  gid: 0,
  egid: 0,
  sgid: 0,
  capPermitted: 0n,
  capEffective: 0n,
  ttyMajor: 0,
  ttyMinor: 0,
  pidNs: 0,
  mntNs: 0,
  userNs: 0,
  netNs: 0,
  groupCount: 0,
  comm: '',
  kernelThread: false,
};

function taskOf({ uids, gids, tty, namespaces, capabilities }: SavedLeader): TaskState {
  const [pidNs = 0, mntNs = 0, userNs = 0, netNs = 0] = namespaces;
  return {
    ...NOTHING,
    uid: uids[0] ?? 0,
    euid: uids[1] ?? 0,
    gid: gids[0] ?? 0,
    egid: gids[1] ?? 0,
    ttyMajor: tty[0] ?? 0,
    ttyMinor: tty[1] ?? 0,
    ...{ pidNs, mntNs, userNs, netNs },
    capPermitted: BigInt(`0x${capabilities[0] ?? '0'}`),
    capEffective: BigInt(`0x${capabilities[1] ?? '0'}`),
  };
}

function imageOf({ image }: SavedLeader): Image {
  return new Image({ ...image, source: 'kernel' });
}

function keyOf(pid: number, start: string): string {
  return `${pid} ${start}`;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
