// What a kernel saw of the workload in terms that are the same on every host: pids as numbers within their case, times and
// inode numbers left out, what the workload inherited from where it was started as "inherited". in: the records of the
// workload's processes (ofWorkload) in ring order, and its own account. out: per case, its processes and what each did; cases that
// could not be had there are left out.

import { createHash } from 'node:crypto';
import { capabilityNames } from '../../src/enrich/capabilities.ts';
import type { CredentialsRecord, ExecRecord, SensorRecord, TaskState } from '../../src/sensor/record.ts';
import { bytesOf, type Expected } from '../kernel/ground-truth.ts';

/** Of one process, its records in their order: names and values of what is compared. */
export type Process = Readonly<Record<string, unknown>>[];

/** Files, connections and calls have tests of their own. */
const COMPARED: ReadonlySet<SensorRecord['kind']> = new Set(['fork', 'exec', 'exit', 'session', 'credentials']);
/** Longer text is compared by its hash: a difference must be readable. */
const LONG = 80;
/** Bit of an exit code: whether there was a core is a matter of the host's limits. */
const CORE_DUMPED = 0x80;

export function accountOf(records: readonly SensorRecord[], truth: readonly Expected[]): Map<string, Process[]> {
  const workload = truth.find((line) => line.kind === 'fork')?.ppid ?? 0;
  const cases = new Map(truth.flatMap((line) => ('tgid' in line ? [[line.tgid, line.case] as const] : [])));
  const home = homeOf(records, truth);
  const account = new Map<string, Process[]>();
  const numbers = new Map<string, Map<number, string>>();
  for (const [pid, own] of byProcess(records.filter(({ kind }) => COMPARED.has(kind)))) {
    if (pid === workload) continue;
    const name = cases.get(pid) ?? cases.get(creatorOf(own)) ?? 'of no case';
    const known = numbers.get(name) ?? new Map([[workload, 'workload']]);
    numbers.set(name, known.set(pid, `process ${known.size}`));
    const who = (other: number) => known.get(other) ?? (other === 0 ? 'none' : 'outside');
    account.set(name, [...(account.get(name) ?? []), own.map((record) => inCommonTerms(record, who, home))]);
  }
  for (const line of truth) if (line.kind === 'skip') account.delete(line.case);
  return account;
}

/** In the order in which they begin: one case has no two that are made at the same time. */
function byProcess(records: readonly SensorRecord[]): (readonly [pid: number, SensorRecord[]])[] {
  const groups = Map.groupBy(records, ({ task }) => `${task.tgid} ${task.startNs}`);
  return [...groups.values()].map((own) => [own[0]!.task.tgid, own]);
}

function creatorOf(records: readonly SensorRecord[]): number {
  const fork = records.find((record) => record.kind === 'fork');
  return fork?.creator.tgid ?? 0;
}

/** What the workload inherited, and where its folders are: as the case "plain" has it, which changes nothing. */
interface Home {
  task: TaskState;
  cwd: string | undefined;
  cgroup: string | undefined;
  groups: string;
  programs: string;
}

function homeOf(records: readonly SensorRecord[], truth: readonly Expected[]): Home {
  const plain = truth.find((line) => line.kind === 'exec' && line.case === 'plain');
  const isPlain = (record: SensorRecord): record is ExecRecord =>
    record.kind === 'exec' && plain?.kind === 'exec' && record.task.tgid === plain.tgid;
  const { task, cwd, cgroup, groups, executable = '' } = records.find(isPlain)!;
  return { task, cwd, cgroup, groups: groups.join(), programs: executable.slice(0, executable.lastIndexOf('/')) };
}

type Who = (pid: number) => string;

function inCommonTerms(record: SensorRecord, who: Who, home: Home): Record<string, unknown> {
  const { kind, truncated, unreadable, unreachable = [] } = record;
  const common = { kind, ...taskInCommonTerms(record.task, who, home), truncated, unreadable, unreachable };
  if (record.kind === 'exec') return { ...common, ...execInCommonTerms(record, home) };
  if (record.kind === 'fork') return { ...common, creator: who(record.creator.tgid) };
  if (record.kind === 'credentials') return { ...common, ...changeInCommonTerms(record, home) };
  return record.kind === 'exit' ? { ...common, code: record.code & ~CORE_DUMPED } : common;
}

function changeInCommonTerms({ before, fsuid, fsgid, groups, tid, task }: CredentialsRecord, home: Home) {
  return { before, fsuid, fsgid, groups: groupsInCommonTerms(groups, home), byMainThread: tid === task.tgid };
}

function groupsInCommonTerms(groups: readonly number[], home: Home): string {
  return groups.join() === home.groups ? 'inherited' : groups.join();
}

function taskInCommonTerms(task: TaskState, who: Who, home: Home) {
  const { uid, euid, suid, gid, egid, sgid, kernelThread } = task;
  const inherited = (name: keyof TaskState) => (task[name] === home.task[name] ? 'inherited' : 'other');
  // Started by the init of a machine that begins no session, as CI is, the workload is in session 0.
  const group = (name: 'pgid' | 'sid') => (task[name] === home.task[name] ? 'inherited' : who(task[name]));
  const all = home.task.capPermitted;
  const capabilities = (mask: bigint) => {
    const [held, lacking] = [capabilityNames(mask), capabilityNames(all & ~mask)];
    return lacking.length < held.length ? { lacking } : { held };
  };
  const sameTerminal = task.ttyMajor === home.task.ttyMajor && task.ttyMinor === home.task.ttyMinor;
  return {
    ...{ tgid: who(task.tgid), ppid: who(task.ppid), pgid: group('pgid'), sid: group('sid') },
    ...{ uid, euid, suid, gid, egid, sgid, kernelThread },
    permitted: capabilities(task.capPermitted),
    effective: capabilities(task.capEffective),
    tty: task.ttyMajor === 0 || sameTerminal ? 'inherited or none' : 'other',
    namespaces: (['pidNs', 'mntNs', 'userNs', 'netNs'] as const).map(inherited),
    comm: text(task.comm, home),
    started: [task.startNs, task.parentStartNs].map((ns) => ns > 0n),
  };
}

function execInCommonTerms(record: ExecRecord, home: Home) {
  const { argc, argBytes, deleted, memfd, setuid, setgid, script, inode, groups, cgroup, cwd } = record;
  const shown = (value: string | undefined) => (value === undefined ? undefined : text(value, home));
  return {
    ...{ argc, argBytes, deleted, memfd, setuid, setgid, script },
    executable: shown(record.executable),
    filename: shown(record.filename),
    interpreter: shown(record.interpreter),
    cwd: cwd === home.cwd ? 'inherited' : shown(cwd),
    parentExecutable: shown(record.parentExecutable),
    args: text(record.args.join('\0'), home),
    env: text(record.env.join('\0'), home),
    groups: groupsInCommonTerms(groups, home),
    cgroup: cgroup === home.cgroup ? 'inherited' : cgroup?.replace(/forebear-\d+/, 'forebear-N'),
    inode: inode && [inode.size, inode.mode.toString(8), inode.nlink, inode.uid, inode.gid].join(' '),
  };
}

/** Bytes as latin1, with names for the folders, which differ in six letters from run to run. */
function text(value: string, { programs }: Home): string {
  const bytes = bytesOf(value)
    .replaceAll(programs, '<programs>')
    .replaceAll(/(\/[^\0]*)?forebear-workload-\w{6}/g, '<work>');
  if (bytes.length <= LONG) return bytes;
  return `${bytes.slice(0, LONG)}... ${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex')}`;
}
