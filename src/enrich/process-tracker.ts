// Records -> the process table: which process this is, what it ran before, who its parent is. Called by the enricher with
// each record in the order of the ring, before the event is written. What the records lack (a process that was there
// before the agent, a lost record) comes from /proc through `ask`, or stays unknown and is marked.
//
// Identities: a fork always makes a fresh entry; an exec of a process whose fork was not seen makes one too; a `task` record
// (start-up) never overrides what the ring has said about the same or a later process of that pid.

import type {
  CallRecord,
  CredentialsRecord,
  ExecRecord,
  ExitRecord,
  FileRecord,
  ForkRecord,
  NetworkRecord,
  SessionRecord,
  TaskRecord,
  TaskState,
} from '../sensor/record.ts';
import type { Counters } from '../stats.ts';
import { FileKeys } from './executable-file.ts';
import type { LeaderMemory } from './leader-memory.ts';
import { type Context, contextOf, Image, ProcessEntry } from './process-entry.ts';
import { fill, imageOf, imageOfReading, nameOf } from './process-image.ts';
import type { ProcessTable } from './process-table.ts';
import type { SessionOrigin } from './session-origin.ts';
import type { ProcessReading } from './surroundings.ts';

export interface ProcessTrackerOptions {
  bootId: string;
  table: ProcessTable;
  origin: SessionOrigin;
  /** Of an earlier run. */
  memory: LeaderMemory;
  /** Whether a fork takes its leader from the present parent (elastic) or from the creator. */
  leaderFromParent: boolean;
  counters: Counters;
  ask: (pid: number, startNs: bigint) => ProcessReading | undefined;
}

/** Processes /proc could not tell about are not asked for again. */
const REFUSED_MAX = 1024;

export class ProcessTracker {
  readonly #options: ProcessTrackerOptions;
  readonly #table: ProcessTable;
  readonly #origin: SessionOrigin;
  readonly #counters: Counters;
  readonly #files = new FileKeys();
  readonly #refused = new Map<number, bigint>();
  /** Found at start-up, arguments not read yet, oldest first. */
  #unread: ProcessEntry[] = [];

  constructor(options: ProcessTrackerOptions) {
    this.#options = options;
    this.#table = options.table;
    this.#origin = options.origin;
    this.#counters = options.counters;
  }

  /** out: the process after the exec, and the image that it ran before where that is known. */
  exec(record: ExecRecord): { entry: ProcessEntry; previous?: Image } {
    const { task } = record;
    const image = imageOf(record, this.#files.of(record.inode));
    const known = this.#table.find(task.tgid, task.startNs);
    const context = contextOf(task, known?.context, record.groups, record.cgroup);
    if (known === undefined) {
      this.#counters.add('enrich_forks_missed_total');
      const entry = this.#entry(task, image, context);
      entry.originName = nameOf(record.parentExecutable);
      this.#place(this.#table.add(entry), task);
      this.#options.memory.restore(entry);
      entry.execNs = record.bootNs;
      return { entry };
    }
    const previous = known.image;
    if (known.exited) this.#table.revive(known);
    this.#table.setContext(known, context);
    this.#table.setImage(known, image, record.bootNs);
    this.#place(known, task);
    return { entry: known, previous };
  }

  fork(record: ForkRecord): ProcessEntry {
    const { task } = record;
    const creator = this.known(record.creator.tgid, record.creator.startNs);
    const context = contextOf(task, creator?.context);
    const image = creator?.image ?? new Image({ name: task.comm, source: 'unread' });
    const known = this.#table.find(task.tgid, task.startNs);
    const entry = known ?? this.#table.add(this.#entry(task, image, context));
    entry.creatorTgid = record.creator.tgid;
    entry.originName = creator?.image.name;
    if (creator !== entry) this.#table.point(entry, 'origin', creator);
    this.#place(entry, task);
    if (creator !== undefined) this.#refresh(creator, task);
    const parent = this.#options.leaderFromParent ? this.parentOf(task) : creator;
    if (!entry.hasExecd) this.#origin.fork(entry, parent);
    return entry;
  }

  /** The process as it left, marked as exited; one that was never seen is made up for the event, and not kept. */
  exit(record: ExitRecord): ProcessEntry {
    const { task } = record;
    const known = this.#table.find(task.tgid, task.startNs);
    if (known === undefined) {
      this.#counters.add('enrich_exits_unknown_total');
      return this.#gone(task);
    }
    // Of a leader thread that left before the others the kernel has no more than this: the rest stays what it was last.
    known.ppid = task.ppid;
    this.#table.exit(known);
    return known;
  }

  /**
   * A process that lives on, as it is now. Who leads its entry is asked again at its next exec. One that leaves closes its files
   * when it has neither terminal nor namespaces any more: what is known of it stays.
   */
  change(record: SessionRecord | CredentialsRecord | FileRecord | NetworkRecord | CallRecord): ProcessEntry {
    const { task } = record;
    const known = this.known(task.tgid, task.startNs);
    if (known !== undefined && (known.exited || task.mntNs === 0)) return known;
    const context = contextOf(task, known?.context, record.kind === 'credentials' ? record.groups : undefined);
    if (known === undefined) {
      this.#counters.add('enrich_forks_missed_total');
      return this.#found(task, new Image({ name: task.comm, source: 'unknown' }), context, undefined);
    }
    this.#table.setContext(known, context);
    this.#place(known, task);
    return known;
  }

  /**
   * Whose connection it is. But for lookups the record tells of the process as it was when that began: what is known of it stays, and
   * one that nobody knows may have left long ago.
   */
  connected(record: NetworkRecord): ProcessEntry {
    if (record.operation === 'lookup_result') return this.change(record);
    return this.known(record.task.tgid, record.task.startNs) ?? this.#gone(record.task);
  }

  /** undefined: the ring has already told of this process, or of a later one of its pid. */
  task(record: TaskRecord): ProcessEntry | undefined {
    const { task } = record;
    const holder = this.#table.current(task.tgid);
    const told = holder !== undefined && !this.#options.memory.isGhost(holder);
    if (told && holder.startNs >= task.startNs) {
      this.#counters.add('enrich_tasks_superseded_total');
      return undefined;
    }
    // Some kernels do not show pid 1 to the iterator.
    if (task.ppid === 1) this.known(1, task.parentStartNs, record.parentExecutable);
    const source = task.kernelThread ? 'kernel' : 'unread';
    const file = this.#files.of(record.inode);
    const image = new Image({ executable: record.executable, name: task.comm, file, source });
    const context = contextOf(task, undefined, record.groups, record.cgroup);
    const entry = this.#found(task, image, context, nameOf(record.parentExecutable));
    if (entry.image.source === 'unread') this.#unread.push(entry);
    return entry;
  }

  /** Processes found at start-up that are still to be read. */
  get unread(): number {
    return this.#unread.length;
  }

  /** Reads up to `max` of them from /proc. */
  backfill(max: number): void {
    for (const entry of this.#unread.splice(0, max)) this.read(entry);
    if (this.#unread.length === 0) this.#options.memory.forget();
  }

  /** That process from the table, else from /proc, else unknown. in: its executable, should /proc not tell. */
  known(tgid: number, startNs: bigint, executable?: string): ProcessEntry | undefined {
    if (tgid <= 0 || startNs === 0n) return undefined;
    const entry = this.#table.find(tgid, startNs);
    if (entry !== undefined && !this.#options.memory.isGhost(entry)) return entry;
    return this.#adopt(tgid, startNs, executable) ?? entry;
  }

  /** The present parent as far as the table knows it. */
  parentOf(task: TaskState): ProcessEntry | undefined {
    return this.#table.find(task.ppid, task.parentStartNs);
  }

  /** The present parent of an exec: from /proc at once if need be, its arguments read if nobody has yet. */
  parentInFull(task: TaskState): ProcessEntry | undefined {
    const parent = this.known(task.ppid, task.parentStartNs);
    if (parent !== undefined) this.read(parent);
    return parent;
  }

  /** Arguments and the like of a process whose exec was not seen, from /proc, once. */
  read(entry: ProcessEntry): void {
    if (entry.image.source !== 'unread' || entry.exited || entry.dropped) return;
    const reading = this.#ask(entry.tgid, entry.startNs);
    if (reading === undefined) {
      this.#table.fillImage(entry, (image) => {
        image.source = 'unknown';
      });
      return;
    }
    const { executable } = entry.image;
    if (executable !== undefined && (reading.executable ?? executable) === executable) {
      this.#table.fillImage(entry, (image) => fill(image, reading));
    } else {
      this.#table.setImage(entry, imageOfReading(reading, executable));
    }
  }

  /**
   * The kernel says that this process runs another file than the table has: its exec record was lost or is still to
   * come, or the file was renamed. /proc decides; out: whether the entry's arguments are those of `executable` now.
   */
  correct(entry: ProcessEntry, executable: string): boolean {
    const reading = this.#ask(entry.tgid, entry.startNs);
    if (reading === undefined) return false;
    this.#counters.add('enrich_images_corrected_total');
    this.#table.setImage(entry, imageOfReading({ ...reading, executable }, executable));
    return true;
  }

  /** The session's leader, alive or not. */
  session(entry: ProcessEntry): ProcessEntry | undefined {
    if (entry.session === undefined && !entry.dropped) this.#point(entry, 'session', entry.sid, 0n);
    return entry.session;
  }

  group(entry: ProcessEntry): ProcessEntry | undefined {
    if (entry.group === undefined && !entry.dropped) this.#point(entry, 'group', entry.pgid, 0n);
    return entry.group;
  }

  #entry(task: TaskState, image: Image, context: Context): ProcessEntry {
    return new ProcessEntry(this.#options.bootId, task.tgid, task.startNs, image, context);
  }

  /** Made up for one event, and not kept. */
  #gone(task: TaskState): ProcessEntry {
    const image = new Image({ name: task.comm, source: 'unknown' });
    const entry = this.#entry(task, image, contextOf(task, undefined));
    entry.decided = true;
    entry.dropped = true;
    return Object.assign(entry, { ppid: task.ppid, pgid: task.pgid, sid: task.sid });
  }

  #place(entry: ProcessEntry, task: TaskState): void {
    entry.ppid = task.ppid;
    entry.pgid = task.pgid;
    entry.sid = task.sid;
    this.#point(entry, 'session', task.sid, task.sessionLeaderStartNs);
    this.#point(entry, 'group', task.pgid, task.groupLeaderStartNs);
  }

  /** A leader that has left has no start time any more; its number stays its own while anyone is in the session or group. */
  #point(entry: ProcessEntry, pointer: 'session' | 'group', id: number, startNs: bigint): void {
    let leader: ProcessEntry | undefined;
    if (id === entry.tgid) leader = entry;
    else if (startNs === 0n) leader = this.#leftLeader(entry[pointer], id);
    else leader = this.#table.find(id, startNs);
    this.#table.point(entry, pointer, leader);
  }

  #leftLeader(held: ProcessEntry | undefined, id: number): ProcessEntry | undefined {
    return held?.tgid === id ? held : id > 0 ? this.#table.current(id) : undefined;
  }

  /** A fork copies session, group, terminal and credentials: the child's record tells what has become of its creator's. */
  #refresh(creator: ProcessEntry, child: TaskState): void {
    if (creator.sid !== child.sid || creator.pgid !== child.pgid) {
      creator.sid = child.sid;
      creator.pgid = child.pgid;
      this.#point(creator, 'session', child.sid, child.sessionLeaderStartNs);
      this.#point(creator, 'group', child.pgid, child.groupLeaderStartNs);
    }
    const { pidNs, userNs, mntNs, netNs } = creator.context;
    if (child.pidNs !== pidNs || child.userNs !== userNs || child.mntNs !== mntNs || child.netNs !== netNs) return;
    this.#table.setContext(creator, contextOf(child, creator.context));
  }

  #adopt(pid: number, startNs: bigint, executable: string | undefined): ProcessEntry | undefined {
    const reading = this.#ask(pid, startNs);
    if (reading === undefined) return undefined;
    this.#counters.add('enrich_processes_adopted_total');
    const context = contextOf(reading.task, undefined, reading.groups, reading.cgroup);
    return this.#found({ ...reading.task, startNs }, imageOfReading(reading, executable), context, undefined);
  }

  /** A process that was there before its first record came. */
  #found(task: TaskState, image: Image, context: Context, originName: string | undefined): ProcessEntry {
    const { memory } = this.#options;
    const ghost = this.#table.find(task.tgid, task.startNs);
    const entry = ghost ?? this.#entry(task, image, context);
    if (ghost === undefined) this.#table.add(entry);
    else memory.wake(ghost, image, context);
    entry.originName ??= originName;
    this.#place(entry, task);
    memory.restore(entry);
    return entry;
  }

  #ask(pid: number, startNs: bigint): ProcessReading | undefined {
    if (this.#refused.get(pid) === startNs) return undefined;
    const reading = this.#options.ask(pid, startNs);
    if (reading !== undefined) return reading;
    this.#counters.add('enrich_processes_unreadable_total');
    if (this.#refused.size >= REFUSED_MAX) this.#refused.clear();
    this.#refused.set(pid, startNs);
    return undefined;
  }
}
