// What the process table keeps of a process, in three parts by how they are shared: the image (what the last exec made;
// children share it until they exec), the context (ids, namespaces, terminal; children share it until one changes) and the
// entry itself. Byte figures are those of V8 on 64 bits, checked against the heap in test/enrich/process-table.test.ts.

import type { TaskState } from '../sensor/record.ts';
import { entityId, processPart } from './entity-id.ts';
import { stringBytes } from './interner.ts';

/** kernel: from an exec record. procfs: read later from /proc. unread: from iter/task, arguments not read. */
export type ImageSource = 'kernel' | 'procfs' | 'unread' | 'unknown';

export interface ImageParts {
  executable?: string | undefined;
  /** Only where there is no executable: kernel threads. */
  name?: string | undefined;
  args?: readonly string[];
  /** True count; undefined: not known. */
  argc?: number | undefined;
  argsCut?: boolean;
  cwd?: string | undefined;
  /** Key of the executed file (executable-file.ts), where the kernel told of it. */
  file?: string | undefined;
  source: ImageSource;
}

export class Image {
  executable: string | undefined;
  name: string | undefined;
  /** NUL-joined: one string in place of many. */
  argText = '';
  /** Arguments in argText. */
  argCount = 0;
  /** True count, -1 when not known. */
  argc = -1;
  argsCut = false;
  cwd: string | undefined;
  file: string | undefined;
  source: ImageSource;
  users = 0;

  constructor(parts: ImageParts) {
    this.executable = parts.executable;
    this.name = parts.executable === undefined ? parts.name : baseName(parts.executable);
    this.source = parts.source;
    this.cwd = parts.cwd;
    this.file = parts.file;
    this.setArgs(parts.args ?? [], parts.argc ?? -1, parts.argsCut ?? false);
  }

  setArgs(args: readonly string[], argc: number, cut: boolean): void {
    this.argText = args.join('\0');
    this.argCount = args.length;
    this.argc = argc;
    this.argsCut = cut;
  }

  args(): string[] {
    return this.argCount === 0 ? [] : this.argText.split('\0');
  }

  /** executable, cwd and file are interned: accounted there. */
  bytes(): number {
    const name = this.name === undefined ? 0 : 32;
    return 120 + name + (this.argText === '' ? 0 : stringBytes(this.argText));
  }
}

/** What decides rights and place of a process. Ids are the initial namespaces'. Never changed once in use. */
export class Context {
  readonly uid: number;
  readonly euid: number;
  readonly gid: number;
  readonly egid: number;
  readonly capPermitted: bigint;
  readonly capEffective: bigint;
  readonly ttyMajor: number;
  readonly ttyMinor: number;
  readonly pidNs: number;
  readonly mntNs: number;
  readonly userNs: number;
  readonly netNs: number;
  readonly groups: readonly number[];
  cgroup: string | undefined;
  readonly kernelThread: boolean;
  users = 0;

  constructor(task: TaskState, groups: readonly number[], cgroup: string | undefined) {
    this.uid = task.uid;
    this.euid = task.euid;
    this.gid = task.gid;
    this.egid = task.egid;
    this.capPermitted = task.capPermitted;
    this.capEffective = task.capEffective;
    this.ttyMajor = task.ttyMajor;
    this.ttyMinor = task.ttyMinor;
    this.pidNs = task.pidNs;
    this.mntNs = task.mntNs;
    this.userNs = task.userNs;
    this.netNs = task.netNs;
    this.groups = groups;
    this.cgroup = cgroup;
    this.kernelThread = task.kernelThread;
  }

  bytes(): number {
    return 208 + 16 + 8 * this.groups.length;
  }
}

/**
 * The context that a task's state makes: `near` itself when it equals it, as a child's mostly does its creator's.
 * Groups and cgroup are near's where the record carries none (fork, exit).
 */
export function contextOf(
  task: TaskState,
  near: Context | undefined,
  groups: readonly number[] = near?.groups ?? [],
  cgroup: string | undefined = near?.cgroup,
): Context {
  return near !== undefined && sameContext(near, task, groups, cgroup) ? near : new Context(task, groups, cgroup);
}

function sameContext(
  context: Context,
  task: TaskState,
  groups: readonly number[],
  cgroup: string | undefined,
): boolean {
  return (
    context.euid === task.euid &&
    context.uid === task.uid &&
    context.egid === task.egid &&
    context.gid === task.gid &&
    context.ttyMinor === task.ttyMinor &&
    context.ttyMajor === task.ttyMajor &&
    context.mntNs === task.mntNs &&
    context.pidNs === task.pidNs &&
    context.userNs === task.userNs &&
    context.netNs === task.netNs &&
    context.capEffective === task.capEffective &&
    context.capPermitted === task.capPermitted &&
    context.cgroup === cgroup &&
    context.kernelThread === task.kernelThread &&
    sameGroups(context.groups, groups)
  );
}

function sameGroups(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((group, i) => group === b[i]));
}

/** What entry_meta.type can be. */
export type EntryType = 'init' | 'sshd' | 'ssm' | 'container' | 'terminal' | 'console' | 'unknown';

/** 27 words in the object, start and exec time, the fixed part of its entity ids, slot in the index. */
export const ENTRY_BYTES = 27 * 8 + 2 * 24 + 48 + 56;

export class ProcessEntry {
  readonly tgid: number;
  readonly startNs: bigint;
  ppid = 0;
  pgid = 0;
  sid = 0;
  image: Image;
  context: Context;
  /** Boot time of the last exec; 0n: none since the fork, or nobody saw it. */
  execNs = 0n;
  /** Boot times of earlier execs of this process, newest first. */
  earlier: bigint[] | undefined;
  /** Who forked it; where that was not seen, its parent when it was first seen. */
  origin: ProcessEntry | undefined;
  /** Basename of what its creator ran at the fork (later execs of it do not change that); else of its first known parent. */
  originName: string | undefined;
  session: ProcessEntry | undefined;
  group: ProcessEntry | undefined;
  leader: ProcessEntry | undefined;
  /** As a leader: how the session entered the host. Kept after `leader` of others points here. */
  entryType: EntryType | undefined;
  evidence: readonly string[] | undefined;
  /** The leader is decided for good; false: an ancestor was not known yet. */
  decided = false;
  /** Who called fork for it; 0: the fork was not seen, `origin` is a guess. */
  creatorTgid = 0;
  exited = false;
  graceOver = false;
  dropped = false;
  /** Record time at which it was marked as exited. */
  exitedNs = 0n;
  /** Entries that point here (origin, session, group, leader), itself apart. */
  refs = 0;
  /** An earlier process of the same pid that is still kept. */
  older: ProcessEntry | undefined;
  readonly #bootId: string;
  /** Of its entity ids; made when first asked for. */
  #process: string | undefined;

  constructor(bootId: string, tgid: number, startNs: bigint, image: Image, context: Context) {
    this.#bootId = bootId;
    this.tgid = tgid;
    this.startNs = startNs;
    this.image = image;
    this.context = context;
  }

  get hasExecd(): boolean {
    return this.execNs !== 0n;
  }

  get entityId(): string {
    return this.entityIdAt(this.execNs);
  }

  /** The id that it had after that exec, 0n: when it was forked. */
  entityIdAt(execNs: bigint): string {
    this.#process ??= processPart(this.#bootId, this.tgid, this.startNs);
    return entityId(this.#process, execNs);
  }
}

/** The last component of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
