// Reads one process from /proc for surroundings-io.ts. Everything may vanish or change hands in between: the start time
// is checked before and after, and whatever cannot be read is absent. Synchronous: a process costs some 0.1-0.3 ms, and is
// read only where its records are missing, or in slices (backfill).

import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import type { TaskState } from '../sensor/record.ts';
import { decodeText } from '../text.ts';
import { entryTypeOfLogin } from './login-session.ts';
import type { EntryType } from './process-entry.ts';
import {
  executableOf,
  type ProcStat,
  type ProcStatus,
  parseAssignments,
  parseCgroup,
  parseCmdline,
  parseNamespace,
  parseStat,
  parseStatus,
  sameStart,
} from './procfs.ts';
import type { ProcessReading } from './surroundings.ts';

/** As the sensor's cap (native/wire.h). */
const ARGS_MAX = 32 * 1024;
const FILE_MAX = 64 * 1024;
/** PROC_PID_INIT_INO */
const INITIAL_PIDS = 4026531836;

const buffer = Buffer.alloc(FILE_MAX);

/** in: pid and start_boottime of the process that is meant; out: undefined when it is gone, unreadable, or another has the pid. */
export function readProcess(pid: number, startNs: bigint): ProcessReading | undefined {
  const folder = `/proc/${pid}`;
  const stat = statOf(folder, startNs);
  const status = parseStatus(textOf(`${folder}/status`) ?? '');
  if (stat === undefined || status === undefined) return undefined;
  const cmdline = bytesOf(`${folder}/cmdline`, ARGS_MAX + 1);
  const args = parseCmdline((cmdline ?? new Uint8Array()).subarray(0, ARGS_MAX));
  const executable = linkOf(`${folder}/exe`);
  const cwd = linkOf(`${folder}/cwd`);
  const cgroup = parseCgroup(textOf(`${folder}/cgroup`) ?? '');
  const reading: ProcessReading = {
    task: taskOf(stat, status, startNs, folder),
    args,
    argsCut: cmdline === undefined || cmdline.length > ARGS_MAX,
    groups: status.groups,
    ...(executable === undefined ? {} : { executable: executableOf(executable) }),
    ...(cwd === undefined ? {} : { cwd: executableOf(cwd) }),
    ...(cgroup === undefined ? {} : { cgroup }),
  };
  return statOf(folder, startNs) === undefined ? undefined : reading;
}

/** True while that very process exists, a zombie included, and where nobody can say: no descriptor is left to look with. */
export function isAlive(pid: number, startNs: bigint, proc = '/proc'): boolean {
  try {
    const stat = parseStat(decodeText(readBytes(`${proc}/${pid}/stat`, FILE_MAX)));
    return stat !== undefined && sameStart(stat.startTicks, startNs);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code !== 'ENOENT' && code !== 'ESRCH';
  }
}

/** Of the initial pid namespace: what the kernel side calls a process is its number in this /proc. In others it is somebody else's. */
export function hasKernelPids(): boolean {
  return readNamespace('self', 'pid') === INITIAL_PIDS;
}

/** This process in the kernel's records; 0: not known, as in another pid namespace than the initial one. */
export function ownKernelPid(): number {
  return hasKernelPids() ? process.pid : 0;
}

/** How a session of systemd-logind entered; undefined when it is over. The id is digits and at most a letter. */
export function readLoginSession(id: string): EntryType | undefined {
  const text = textOf(`/run/systemd/sessions/${id}`);
  return text === undefined ? undefined : entryTypeOfLogin(parseAssignments(text));
}

/** Inode number of a namespace, 0 when it may not be read. */
export function readNamespace(pid: number | 'self', kind: 'pid' | 'mnt' | 'user' | 'net'): number {
  return parseNamespace(linkOf(`/proc/${pid}/ns/${kind}`) ?? '');
}

function statOf(folder: string, startNs: bigint): ProcStat | undefined {
  const stat = parseStat(textOf(`${folder}/stat`) ?? '');
  return stat !== undefined && sameStart(stat.startTicks, startNs) ? stat : undefined;
}

/** Start times of relatives are not in /proc: 0n, their pids alone are known. */
function taskOf(stat: ProcStat, status: ProcStatus, startNs: bigint, folder: string): TaskState {
  const namespace = (kind: string) => parseNamespace(linkOf(`${folder}/ns/${kind}`) ?? '');
  return {
    tgid: stat.pid,
    startNs,
    ppid: stat.ppid,
    parentStartNs: 0n,
    pgid: stat.pgid,
    groupLeaderStartNs: 0n,
    sid: stat.sid,
    sessionLeaderStartNs: 0n,
    uid: status.uids[0],
    euid: status.uids[1],
    suid: status.uids[2],
    gid: status.gids[0],
    egid: status.gids[1],
    sgid: status.gids[2],
    capPermitted: status.capPermitted,
    capEffective: status.capEffective,
    ttyMajor: stat.ttyMajor,
    ttyMinor: stat.ttyMinor,
    pidNs: namespace('pid'),
    mntNs: namespace('mnt'),
    userNs: namespace('user'),
    netNs: namespace('net'),
    groupCount: status.groups.length,
    comm: stat.comm,
    kernelThread: stat.kernelThread,
  };
}

function textOf(path: string): string | undefined {
  const bytes = bytesOf(path, FILE_MAX);
  return bytes === undefined ? undefined : decodeText(bytes);
}

/** As readBytes; undefined: it cannot be read. */
function bytesOf(path: string, max: number): Uint8Array | undefined {
  try {
    return readBytes(path, max);
  } catch {
    return undefined;
  }
}

/** At most `max` bytes of a file; valid until the next read. Throws the system's error. */
function readBytes(path: string, max: number): Uint8Array {
  const file = openSync(path, 'r');
  try {
    let length = 0;
    while (length < max) {
      const got = readSync(file, buffer, length, max - length, null);
      if (got === 0) break;
      length += got;
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

function linkOf(path: string): string | undefined {
  try {
    return decodeText(readlinkSync(path, 'buffer'));
  } catch {
    return undefined;
  }
}

/** The id of this boot. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}
