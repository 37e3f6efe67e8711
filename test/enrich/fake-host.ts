// A host made of records: processes fork, exec, change session and exit, and the enricher is told as the kernel would tell
// it, in order, with a boot clock of one millisecond a step. What happens without a record (setsid, unshare) only shows in
// the next record, as it does on a real host.

import type { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Enricher, type EnricherOptions } from '../../src/enrich/enricher.ts';
import type { EntryType } from '../../src/enrich/process-entry.ts';
import type { ProcessReading, StartFact, Surroundings } from '../../src/enrich/surroundings.ts';
import type { ExecRecord, ForkRecord, SensorRecord, TaskState } from '../../src/sensor/record.ts';
import { Counters } from '../../src/stats.ts';

export const HOST_NS = { pid: 4026531836, mnt: 4026531841, user: 4026531837, net: 4026531840 };
export const BOOT_ID = '0b1c2d3e-0000-4000-8000-000000000001';

export const START: StartFact = {
  kind: 'start',
  bootId: BOOT_ID,
  host: { id: 'c0ffee', name: 'web-1', architecture: 'x86_64', ip: ['10.0.0.7'], mac: ['02-00-00-00-00-01'], os: {} },
  namespaces: HOST_NS,
  wallOffsetMs: 1_700_000_000_000,
  users: [
    [0, 'root'],
    [1000, 'ann'],
  ],
  groups: [
    [0, 'root'],
    [27, 'sudo'],
    [1000, 'ann'],
  ],
};

/** What a test says /proc and the like hold; everything that was asked is kept. */
export class FakeSurroundings implements Surroundings {
  readonly readings = new Map<number, ProcessReading>();
  readonly dead = new Set<number>();
  readonly logins = new Map<string, EntryType>();
  readonly asked: string[] = [];
  ticks = 0;

  readProcess(pid: number): ProcessReading | undefined {
    this.asked.push(`process ${pid}`);
    return this.readings.get(pid);
  }

  isAlive(pid: number): boolean {
    return !this.dead.has(pid);
  }

  loginSession(id: string): EntryType | undefined {
    this.asked.push(`login ${id}`);
    return this.logins.get(id);
  }

  wantName(of: 'user' | 'group', id: number): void {
    this.asked.push(`${of} ${id}`);
  }

  tick(): void {
    this.ticks++;
  }
}

export interface FakeProcess extends TaskState {
  executable: string;
  cgroup: string;
  groups: number[];
  cwd: string;
}

export function taskState(over: Partial<TaskState> = {}): TaskState {
  return {
    tgid: 100,
    startNs: 1_000_000n,
    ppid: 1,
    parentStartNs: 1n,
    pgid: 100,
    groupLeaderStartNs: 0n,
    sid: 100,
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
    pidNs: HOST_NS.pid,
    mntNs: HOST_NS.mnt,
    userNs: HOST_NS.user,
    netNs: HOST_NS.net,
    groupCount: 0,
    comm: 'a.out',
    kernelThread: false,
    ...over,
  };
}

export class FakeHost {
  readonly counters = new Counters();
  readonly surroundings = new FakeSurroundings();
  readonly enricher: Enricher;
  readonly processes = new Map<number, FakeProcess>();
  /** Of each pid the latest event. */
  readonly last = new Map<number, EcsEvent>();
  readonly records: SensorRecord[] = [];
  nowNs = 1_000_000_000n;

  constructor(options: Partial<EnricherOptions> = {}) {
    this.enricher = new Enricher({
      fields: new FieldTable(),
      surroundings: this.surroundings,
      start: START,
      counters: this.counters,
      agent: { version: '0.0.0' },
      ...options,
    });
    this.add(
      1,
      { ...taskState({ tgid: 1, startNs: 1n, ppid: 0, parentStartNs: 0n, pgid: 1, sid: 1 }) },
      '/usr/lib/systemd/systemd',
    );
  }

  add(pid: number, task: Partial<TaskState>, executable: string): FakeProcess {
    const process = {
      ...taskState({ tgid: pid, startNs: this.step(), ...task }),
      executable,
      cgroup: '/',
      groups: [],
      cwd: '/',
    };
    this.processes.set(pid, process);
    return process;
  }

  step(): bigint {
    this.nowNs += 1_000_000n;
    return this.nowNs;
  }

  get(pid: number): FakeProcess {
    const process = this.processes.get(pid);
    if (process === undefined) throw new Error(`no process ${pid}`);
    return process;
  }

  /** Changes without a record of their own. */
  change(pid: number, over: Partial<FakeProcess>): void {
    Object.assign(this.get(pid), over);
  }

  setsid(pid: number): void {
    this.change(pid, { sid: pid, pgid: pid, ttyMajor: 0, ttyMinor: 0 });
  }

  fork(parent: number, pid: number, options: { lost?: boolean; cloneParent?: boolean } = {}): EcsEvent | undefined {
    const creator = this.get(parent);
    const ppid = options.cloneParent === true ? creator.ppid : parent;
    const child = { ...creator, tgid: pid, startNs: this.step(), ppid, groups: [...creator.groups] };
    this.processes.set(pid, child);
    if (options.lost === true) return undefined;
    const record: ForkRecord = {
      kind: 'fork',
      bootNs: this.nowNs,
      task: this.#task(child),
      truncated: [],
      unreadable: [],
      creator: { tgid: parent, startNs: creator.startNs },
    };
    return this.tell(record);
  }

  exec(
    pid: number,
    executable: string,
    args: string[] = [executable],
    over: Partial<ExecRecord> & { lost?: boolean } = {},
  ): EcsEvent | undefined {
    const { lost, ...fields } = over;
    const process = this.get(pid);
    process.executable = executable;
    process.comm = executable.slice(executable.lastIndexOf('/') + 1).slice(0, 15);
    this.step();
    if (lost === true) return undefined;
    const parent = this.processes.get(process.ppid);
    const record: ExecRecord = {
      kind: 'exec',
      bootNs: this.nowNs,
      task: this.#task(process),
      truncated: [],
      unreadable: [],
      executable,
      deleted: false,
      memfd: false,
      setuid: false,
      setgid: false,
      script: false,
      filename: executable,
      cwd: process.cwd,
      args,
      argc: args.length,
      argBytes: 0,
      env: [],
      cgroup: process.cgroup,
      groups: process.groups,
      ...(parent === undefined ? {} : { parentExecutable: parent.executable }),
      ...fields,
    };
    return this.tell(record);
  }

  exit(pid: number, code = 0, options: { lost?: boolean } = {}): EcsEvent | undefined {
    const process = this.get(pid);
    const task = this.#task(process);
    this.step();
    this.processes.delete(pid);
    for (const child of this.processes.values()) if (child.ppid === pid) child.ppid = 1;
    if (options.lost === true) return undefined;
    return this.tell({
      kind: 'exit',
      bootNs: this.nowNs,
      task,
      truncated: [],
      unreadable: [],
      endNs: this.nowNs,
      code,
    });
  }

  task(pid: number): EcsEvent | undefined {
    const process = this.get(pid);
    const parent = this.processes.get(process.ppid);
    this.step();
    return this.tell({
      kind: 'task',
      bootNs: this.nowNs,
      task: this.#task(process),
      truncated: [],
      unreadable: [],
      cgroup: process.cgroup,
      groups: process.groups,
      ...(process.kernelThread ? {} : { executable: process.executable }),
      ...(parent === undefined ? {} : { parentExecutable: parent.executable }),
    });
  }

  /** setsid with a record of its own. */
  newSession(pid: number): EcsEvent | undefined {
    this.setsid(pid);
    this.step();
    const task = this.#task(this.get(pid));
    return this.tell({ kind: 'session', bootNs: this.nowNs, task, truncated: [], unreadable: [] });
  }

  /** As a record would have it now. */
  state(pid: number): TaskState {
    return this.#task(this.get(pid));
  }

  tell(record: SensorRecord): EcsEvent | undefined {
    this.records.push(record);
    const event = this.enricher.enrich(record);
    if (event !== undefined) this.last.set(record.task.tgid, event);
    return event;
  }

  /** What /proc would answer about a process that runs. */
  readable(pid: number, args: string[], over: Partial<ProcessReading> = {}): void {
    const process = this.get(pid);
    this.surroundings.readings.set(pid, {
      task: this.#task(process),
      executable: process.executable,
      args,
      argsCut: false,
      cwd: process.cwd,
      cgroup: process.cgroup,
      groups: process.groups,
      ...over,
    });
  }

  #task(process: FakeProcess): TaskState {
    const { executable: _executable, cgroup: _cgroup, groups, cwd: _cwd, ...task } = process;
    const startOf = (pid: number) => this.processes.get(pid)?.startNs ?? 0n;
    return {
      ...task,
      groupCount: groups.length,
      parentStartNs: startOf(task.ppid),
      groupLeaderStartNs: startOf(task.pgid),
      sessionLeaderStartNs: startOf(task.sid),
    };
  }
}

/** `type@leader` of the last event of a process, or `none`. */
export function leaderText(event: EcsEvent | undefined): string {
  const pid = event?.get('process.entry_leader.pid');
  if (pid === undefined) return 'none';
  return `${String(event?.get('process.entry_leader.entry_meta.type') ?? '')}@${String(pid)}`;
}
