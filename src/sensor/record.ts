// What a sensor delivers: one decoded record per kernel event, in the order of the ring.
// Produced by decode.ts from the bytes of native/wire.h (whose field comments hold here too), consumed by enrich/.
// Text that is not UTF-8 is carried as in Python's surrogateescape (PEP 383): a byte 0xNN that is not part of valid
// UTF-8 becomes the lone surrogate U+DCNN. So equality is equality of bytes, and the bytes can be had back (src/text.ts).

/** Identity and state of a process; ids are the initial namespaces'. A start of 0n: there is no such process. */
export interface TaskState {
  tgid: number;
  startNs: bigint;
  ppid: number;
  parentStartNs: bigint;
  pgid: number;
  groupLeaderStartNs: bigint;
  sid: number;
  sessionLeaderStartNs: bigint;
  uid: number;
  euid: number;
  suid: number;
  gid: number;
  egid: number;
  sgid: number;
  capPermitted: bigint;
  capEffective: bigint;
  ttyMajor: number;
  ttyMinor: number;
  pidNs: number;
  mntNs: number;
  userNs: number;
  netNs: number;
  groupCount: number;
  comm: string;
  kernelThread: boolean;
}

export interface Inode {
  ino: bigint;
  size: bigint;
  /** Since 1970, as the kernel's 64 bits have it: negative before. */
  mtimeNs: bigint;
  ctimeNs: bigint;
  devMajor: number;
  devMinor: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
}

/**
 * Names of the parts of a record that were cut or could not be read in full. Of paths it is the beginning that is cut, the slash there
 * with it.
 */
export type Part =
  | 'executable'
  | 'filename'
  | 'interpreter'
  | 'cwd'
  | 'args'
  | 'env'
  | 'cgroup'
  | 'parent_executable'
  | 'groups'
  | 'path'
  | 'old_path'
  | 'link_target'
  | 'name'
  | 'message';

interface RecordBase {
  /** CLOCK_BOOTTIME; not the order (the ring is). */
  bootNs: bigint;
  task: TaskState;
  truncated: readonly Part[];
  unreadable: readonly Part[];
  /** Paths that do not lie under the task's root: carried from the root of their own mount tree. */
  unreachable?: readonly Part[];
}

export interface ExecRecord extends RecordBase {
  kind: 'exec';
  executable?: string;
  inode?: Inode;
  deleted: boolean;
  memfd: boolean;
  setuid: boolean;
  setgid: boolean;
  script: boolean;
  /** As the caller gave it. */
  filename?: string;
  interpreter?: string;
  cwd?: string;
  /** What fitted; the true count is argc. */
  args: readonly string[];
  argc: number;
  /** True size of the argument area in bytes. */
  argBytes: number;
  /** Only the variables that were asked for: NAME=value. */
  env: readonly string[];
  cgroup?: string;
  parentExecutable?: string;
  groups: readonly number[];
}

export interface ForkRecord extends RecordBase {
  kind: 'fork';
  /** Who called fork; differs from the parent with CLONE_PARENT. */
  creator: { tgid: number; startNs: bigint };
}

export interface ExitRecord extends RecordBase {
  kind: 'exit';
  endNs: bigint;
  /** As wait(2) shows it: status << 8 | signal. */
  code: number;
}

/** A process that was there before the agent: from iter/task, argv and cwd added from /proc by enrich. */
export interface TaskRecord extends RecordBase {
  kind: 'task';
  executable?: string;
  inode?: Inode;
  parentExecutable?: string;
  cgroup?: string;
  groups: readonly number[];
}

/** setsid: the task is as after it, leader of its session and group, without a terminal. */
export interface SessionRecord extends RecordBase {
  kind: 'session';
}

export interface UserAndGroupIds {
  uid: number;
  euid: number;
  suid: number;
  fsuid: number;
  gid: number;
  egid: number;
  sgid: number;
  fsgid: number;
}

/** User or group ids of a thread changed, but not by an exec, whose own record tells of that. The task is as after it. */
export interface CredentialsRecord extends RecordBase {
  kind: 'credentials';
  /** The thread. A process with several changes them one by one: as many records. */
  tid: number;
  before: UserAndGroupIds;
  /** After it; the other ids are the task's. */
  fsuid: number;
  fsgid: number;
  groups: readonly number[];
}

/** A file came, went, was renamed or written. The task is who did it. */
export interface FileRecord extends RecordBase {
  kind: 'file';
  operation: 'creation' | 'rename' | 'deletion' | 'modification';
  tid: number;
  path?: string;
  /** Renames. */
  oldPath?: string;
  /** Symbolic links: as given; hard links: the path that was linked. */
  linkTarget?: string;
  inode?: Inode;
  hardLink: boolean;
  symlink: boolean;
  special: boolean;
  tmpfile: boolean;
  exchange: boolean;
  directory: boolean;
}

/** TCP. The task is the process that began or took the connection, as it was then. Addresses as text, as in `::1`; IPv4-mapped ones as IPv4. */
export interface NetworkRecord extends RecordBase {
  kind: 'network';
  /** lookup_result: the answer of a name server, by UDP; the task is who received it, as it is. */
  operation: 'connection_attempted' | 'connection_accepted' | 'disconnect_received' | 'lookup_result';
  /** Who began it: this side, the other one, nobody that was seen; then the task is the process that closed it. */
  direction: 'egress' | 'ingress' | 'unknown';
  tid: number;
  family: 'ipv4' | 'ipv6';
  localAddress: string;
  localPort: number;
  remoteAddress: string;
  remotePort: number;
  /** Joins the records of one connection. */
  cookie: bigint;
  /** Bytes; disconnects only. */
  sent: bigint;
  received: bigint;
  /** Attempts: 0 or -errno; -115: not answered within a second, or given up. */
  result: number;
  /** Lookups: the message, its first 512 bytes. */
  message?: Uint8Array;
}

/** A system call that rules name. */
export interface CallRecord extends RecordBase {
  kind: 'call';
  call: 'memfd_create' | 'ptrace' | 'shmget' | 'load_module';
  tid: number;
  args: readonly bigint[];
  result: number;
  /** memfd_create: the name as given; load_module: the module's. */
  name?: string;
}

export type SensorRecord =
  | ExecRecord
  | ForkRecord
  | ExitRecord
  | TaskRecord
  | SessionRecord
  | CredentialsRecord
  | FileRecord
  | NetworkRecord
  | CallRecord;
