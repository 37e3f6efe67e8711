// A host whose every moment can be had again: what it tells the sensor, record by record, and what an agent that starts (or
// asks /proc) after any of them would find. In: what a story does; out: records and moments, for the tests of properties.

import type { EntryType } from '../../src/enrich/process-entry.ts';
import type { ProcessReading, Surroundings } from '../../src/enrich/surroundings.ts';
import type { ExecRecord, SensorRecord, TaskRecord } from '../../src/sensor/record.ts';
import { FakeHost, type FakeProcess } from '../enrich/fake-host.ts';

/** A process, and its arguments. */
export interface Seen extends FakeProcess {
  args: readonly string[];
}

/** The processes as they are between two records. */
export class Moment {
  readonly nowNs: bigint;
  readonly #processes: ReadonlyMap<number, Seen>;
  #found: readonly TaskRecord[] | undefined;

  constructor(nowNs: bigint, processes: ReadonlyMap<number, Seen>) {
    this.nowNs = nowNs;
    this.#processes = processes;
  }

  /** What iter/task shows: by pid. */
  get found(): readonly TaskRecord[] {
    this.#found ??= this.#iterate();
    return this.#found;
  }

  /** What /proc tells of a process that runs. */
  reading(pid: number, startNs: bigint): ProcessReading | undefined {
    const seen = this.#processes.get(pid);
    if (seen?.startNs !== startNs) return undefined;
    const { task } = this.found.find((record) => record.task.tgid === pid)!;
    const { executable, args, cwd, cgroup, groups, kernelThread } = seen;
    const image = kernelThread ? { args: [] } : { executable, args };
    return { task, ...image, argsCut: false, cwd, cgroup, groups };
  }

  #iterate(): TaskRecord[] {
    const host = new FakeHost();
    host.processes.clear();
    for (const [pid, process] of this.#processes) host.processes.set(pid, process);
    for (const pid of [...this.#processes.keys()].sort((a, b) => a - b)) host.task(pid);
    return host.records.map((record) => ({ ...(record as TaskRecord), bootNs: this.nowNs }));
  }
}

export class World extends FakeHost {
  readonly #args = new Map<number, readonly string[]>();
  readonly #moments: Moment[] = [];
  readonly #sleeps: ReadonlyMap<number, number>;

  /** in: after how many records the machine is suspended, for how many seconds. */
  constructor(sleeps: ReadonlyMap<number, number> = new Map()) {
    super();
    this.#sleeps = sleeps;
  }

  /** moments[n]: after n records. */
  get moments(): readonly Moment[] {
    return this.#moments;
  }

  /** From here on records are told; what is there now was there before any agent. */
  begin(): void {
    this.#moments.push(this.#now());
  }

  /** Time in which nothing happens. */
  pass(seconds: number): void {
    this.nowNs += BigInt(Math.round(seconds * 1e9));
  }

  override fork(parent: number, pid: number, options: { lost?: boolean; cloneParent?: boolean } = {}) {
    this.#args.set(pid, this.#args.get(parent) ?? []);
    return super.fork(parent, pid, options);
  }

  override exec(
    pid: number,
    executable: string,
    args: string[] = [executable],
    over: Partial<ExecRecord> & { lost?: boolean } = {},
  ) {
    this.#args.set(pid, args);
    return super.exec(pid, executable, args, over);
  }

  override tell(record: SensorRecord) {
    const event = super.tell(record);
    this.#moments.push(this.#now());
    this.pass(this.#sleeps.get(this.records.length) ?? 0);
    return event;
  }

  #now(): Moment {
    const seen = [...this.processes].map(([pid, process]): [number, Seen] => [
      pid,
      { ...process, args: this.#args.get(pid) ?? [process.executable] },
    ]);
    return new Moment(this.nowNs, new Map(seen));
  }
}

/** The world's answers to an agent that has taken so many records. */
export class WorldSurroundings implements Surroundings {
  readonly #moments: readonly Moment[];
  taken: number;

  constructor(moments: readonly Moment[], taken: number) {
    this.#moments = moments;
    this.taken = taken;
  }

  readProcess(pid: number, startNs: bigint): ProcessReading | undefined {
    return this.#moments[this.taken]!.reading(pid, startNs);
  }

  isAlive(pid: number, startNs: bigint): boolean {
    return this.readProcess(pid, startNs) !== undefined;
  }

  loginSession(): EntryType | undefined {
    return undefined;
  }

  wantName(): void {}

  tick(): void {}
}
