// What native/test/workload.c wrote down (format: native/test/expect.h), and the sensor's records in the same terms.
// Byte strings are in latin1 here, a character a byte: so a comparison is one of bytes, and a difference can be read.

import { readFileSync } from 'node:fs';
import { parseCgroup } from '../../src/enrich/procfs.ts';
import { ARGS_MAX } from '../../src/sensor/layout.ts';
import type { ExecRecord, Inode, SensorRecord } from '../../src/sensor/record.ts';
import { encodeText } from '../../src/text.ts';

/** Of one exec. null: the workload could not know. */
export interface ExpectedExec {
  kind: 'exec';
  case: string;
  tgid: number;
  ppid: number;
  pgid: number;
  sid: number;
  /** Start in clock ticks (10 ms) of the process, its parent, its session's and its group's leader; 0: gone. */
  ticks: readonly number[] | null;
  argc: number;
  args: readonly string[];
  arg_bytes: number;
  env: readonly string[];
  filename: string;
  executable: string;
  interpreter?: string;
  comm: string | null;
  cwd: string;
  parent_executable: string;
  /** Members that the file system shows differently are absent. */
  inode: Record<string, number | string> | null;
  uid: number;
  euid: number;
  suid: number;
  gid: number;
  egid: number;
  sgid: number;
  groups: readonly number[];
  /** Permitted and effective. */
  caps: readonly number[] | null;
  /** Inode numbers: pid, mnt, user, net. */
  namespaces: readonly number[] | null;
  /** Text of /proc/self/cgroup. */
  cgroups: string | null;
  /** Major and minor; 0, 0: none. */
  tty: readonly number[] | null;
  flags: readonly string[];
  unreachable: readonly string[];
}

/** Ids of a thread: real, effective, saved and file system ones of users, then of groups. */
export interface ExpectedChange {
  kind: 'credentials';
  case: string;
  tgid: number;
  tid: number;
  before: readonly number[];
  after: readonly number[];
}

export type Expected =
  | ExpectedExec
  | { kind: 'fork'; case: string; tgid: number; ppid: number; creator: number }
  | { kind: 'exit'; case: string; tgid: number; code: number }
  | { kind: 'session'; case: string; tgid: number }
  | ExpectedChange
  /** A process that executes nothing. */
  | { kind: 'none'; case: string; tgid: number }
  | { kind: 'storm'; case: string; tgid: number; ppid: number; worker: number; number: number }
  | { kind: 'skip'; case: string; reason: string };

/** An exec in the terms in which both sides are compared. */
export type Seen = Omit<ExpectedExec, 'cgroups'> & { groups_count: number; cgroup: string | null };

const BYTES = [
  'args',
  'cgroups',
  'comm',
  'cwd',
  'env',
  'executable',
  'filename',
  'interpreter',
  'parent_executable',
] as const;
const FLAGS = ['setuid', 'setgid', 'memfd', 'script', 'deleted'] as const;
const TICK_NS = 10_000_000n;
/** Supplementary groups in a record, and bytes of a path (native/wire.h). */
const GROUPS_MAX = 64;
const PATH_MAX = 4096;

export function readGroundTruth(path: string): Expected[] {
  const lines = readFileSync(path, 'latin1').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line, revive) as Expected);
}

function revive(key: string, value: unknown): unknown {
  if (value === null || !(BYTES as readonly string[]).includes(key)) return value;
  return Array.isArray(value) ? value.map(fromHex) : fromHex(value as string);
}

const fromHex = (hex: string) => Buffer.from(hex, 'hex').toString('latin1');

/** in: text of a record or an event; out: its bytes as latin1. */
export function bytesOf(text: string): string {
  return Buffer.from(encodeText(text)).toString('latin1');
}

/** Of the arguments what fits into the cap of wire.h, the last one cut. */
export function cutArgs(args: readonly string[]): string[] {
  const area = args.map((arg) => `${arg}\0`).join('');
  const carried = area.slice(0, ARGS_MAX).split('\0');
  return area.length === 0 || area[Math.min(area.length, ARGS_MAX) - 1] === '\0' ? carried.slice(0, -1) : carried;
}

/**
 * Of a path that is longer than 4 KiB or deeper than a walk, what is nearest to the leaf: whole components, at least a
 * hundred of them or all but the room for one more.
 */
function cutPath(path: string, carried: string | undefined): string {
  if (carried === undefined || carried.startsWith('/') || !path.endsWith(`/${carried}`)) return path;
  const deep = carried.split('/').length >= 100;
  const long = path.length > PATH_MAX && carried.length >= PATH_MAX - 256 && carried.length < PATH_MAX;
  return deep || long ? carried : path;
}

/** What the record has to say. env: of the variables asked for those that were not cut away. */
export function asCarried(expected: ExpectedExec, env: readonly string[], record: ExecRecord | undefined): Seen {
  const { cgroups, ...rest } = expected;
  return {
    ...rest,
    env,
    args: cutArgs(expected.args),
    groups: [...expected.groups].sort((a, b) => a - b).slice(0, GROUPS_MAX),
    groups_count: expected.groups.length,
    cgroup: cgroups === null ? null : (parseCgroup(cgroups) ?? null),
    executable: cutPath(expected.executable, record?.executable),
    cwd: cutPath(expected.cwd, record?.cwd),
  };
}

/** What the record says; what the workload could not know is left out. */
export function inTermsOf(expected: ExpectedExec, record: ExecRecord): Seen {
  const { task } = record;
  const { tgid, ppid, pgid, sid, uid, euid, suid, gid, egid, sgid } = task;
  const known = <T>(by: unknown, value: T) => (by === null ? null : value);
  const starts = [task.startNs, task.parentStartNs, task.sessionLeaderStartNs, task.groupLeaderStartNs];
  return {
    kind: 'exec',
    case: expected.case,
    ...{ tgid, ppid, pgid, sid, uid, euid, suid, gid, egid, sgid },
    ticks: known(
      expected.ticks,
      starts.map((ns) => Number(ns / TICK_NS)),
    ),
    argc: record.argc,
    args: record.args.map(bytesOf),
    arg_bytes: record.argBytes,
    env: record.env.map(bytesOf),
    filename: bytesOf(record.filename ?? ''),
    executable: bytesOf(record.executable ?? ''),
    ...(record.interpreter === undefined ? {} : { interpreter: bytesOf(record.interpreter) }),
    comm: known(expected.comm, bytesOf(task.comm)),
    cwd: bytesOf(record.cwd ?? ''),
    parent_executable: bytesOf(record.parentExecutable ?? ''),
    inode: expected.inode && inodeFacts(Object.keys(expected.inode), record.inode),
    groups: record.groups,
    groups_count: task.groupCount,
    caps: known(expected.caps, [Number(task.capPermitted), Number(task.capEffective)]),
    namespaces: known(expected.namespaces, [task.pidNs, task.mntNs, task.userNs, task.netNs]),
    cgroup: known(expected.cgroups, record.cgroup ?? null),
    tty: known(expected.tty, [task.ttyMajor, task.ttyMinor]),
    flags: FLAGS.filter((flag) => record[flag]),
    unreachable: record.unreachable ?? [],
  };
}

function inodeFacts(names: readonly string[], inode: Inode | undefined): Record<string, number | string> {
  const facts = Object.entries(inode ?? {}).filter(([name]) => names.includes(name));
  return Object.fromEntries(
    facts.map(([name, value]) => [name, typeof value === 'bigint' && name !== 'size' ? String(value) : Number(value)]),
  );
}

export function recordsOf<K extends SensorRecord['kind']>(records: readonly SensorRecord[], kind: K, tgid: number) {
  return records.filter(
    (record): record is Extract<SensorRecord, { kind: K }> => record.kind === kind && record.task.tgid === tgid,
  );
}
