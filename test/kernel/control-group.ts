// A control group with the limits of a service, made by hand in either version of cgroups, as systemd would: for tests of what
// happens at a limit, on hosts whose test bed has no controllers. What it has counted can be asked for as long as it is there.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TOP = '/sys/fs/cgroup';
const CPU_PERIOD_US = 100_000;

export interface GroupLimits {
  /** MemoryMax= */
  memoryBytes?: number;
  /** CPUQuota=, percent of one core. */
  cpuPercent?: number;
  /** TasksMax= */
  tasks?: number;
}

type Kind = keyof GroupLimits;

interface Controller {
  name: string;
  /** Value of each file. */
  files: (value: number) => Record<string, string>;
}

const V1: Record<Kind, Controller> = {
  memoryBytes: { name: 'memory', files: (value) => ({ 'memory.limit_in_bytes': String(value) }) },
  cpuPercent: { name: 'cpu', files: (value) => ({ 'cpu.cfs_quota_us': String((value * CPU_PERIOD_US) / 100) }) },
  tasks: { name: 'pids', files: (value) => ({ 'pids.max': String(value) }) },
};
const V2: Record<Kind, Controller> = {
  memoryBytes: { name: 'memory', files: (value) => ({ 'memory.max': String(value), 'memory.swap.max': '0' }) },
  cpuPercent: { name: 'cpu', files: (value) => ({ 'cpu.max': `${(value * CPU_PERIOD_US) / 100} ${CPU_PERIOD_US}` }) },
  tasks: { name: 'pids', files: (value) => ({ 'pids.max': String(value) }) },
};

let made = 0;

export class ControlGroup {
  readonly #kinds: readonly Kind[];
  readonly #isV1 = existsSync(join(TOP, 'memory/cgroup.procs'));
  readonly #name = `fb-limits-${process.pid}-${made++}`;

  /** Throws what says why such a group cannot be had here. */
  constructor(limits: GroupLimits) {
    this.#kinds = Object.keys(limits) as Kind[];
    try {
      for (const kind of this.#kinds) {
        mkdirSync(this.#folder(kind), { recursive: true });
        this.set(kind, limits[kind]!);
      }
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** Another value from now on. */
  set(kind: Kind, value: number): void {
    for (const [file, text] of Object.entries(this.#controller(kind).files(value))) {
      const path = join(this.#folder(kind), file);
      // Without swap there is no file for it; any other that is missing is a controller that is not to be had.
      if (!existsSync(path) && file === 'memory.swap.max') continue;
      if (!existsSync(path)) throw new Error(`${path} is missing`);
      writeFileSync(path, text);
    }
  }

  /** Lists of processes that a process writes "0" to, to be in it. */
  get doors(): string[] {
    return this.#folders().map((folder) => join(folder, 'cgroup.procs'));
  }

  add(pid: number): void {
    for (const door of this.doors) writeFileSync(door, String(pid));
  }

  /** A figure of a file of one controller: "memory.oom_control" or "memory.events" and "oom_kill". */
  figure(kind: Kind, name: string, files: { v1: string; v2: string }): number {
    const text = readFileSync(join(this.#folder(kind), this.#isV1 ? files.v1 : files.v2), 'latin1');
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  }

  /** Its processes, should there be any left, go to the top. */
  remove(): void {
    for (const folder of this.#folders().filter((path) => existsSync(path))) {
      for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'latin1').split('\n').filter(Boolean)) {
        writeFileSync(join(folder, '..', 'cgroup.procs'), pid);
      }
      rmdirSync(folder);
    }
  }

  #controller(kind: Kind): Controller {
    return (this.#isV1 ? V1 : V2)[kind];
  }

  #folder(kind: Kind): string {
    return this.#isV1 ? join(TOP, this.#controller(kind).name, this.#name) : join(TOP, this.#name);
  }

  #folders(): string[] {
    return [...new Set(this.#kinds.map((kind) => this.#folder(kind)))];
  }
}

/** Why no such group can be made here; undefined: it can. */
export function whyNoControlGroup(limits: GroupLimits): string | undefined {
  try {
    new ControlGroup(limits).remove();
    return undefined;
  } catch (error) {
    return `no control group with these limits can be made: ${String(error)}`;
  }
}

/** Arguments that run a program within groups, with so many descriptors at most, by dash: `sh ...startWithin(...) PROGRAM ARG...` */
export function startWithin(group: ControlGroup | undefined, files?: number): string[] {
  const doors = group?.doors ?? [];
  const enter = doors.map((_, i) => `echo 0 > "$${i + 1}"; `).join('');
  const limit = files === undefined ? '' : `ulimit -n ${files}; `;
  return ['-c', `set -e; ${enter}${limit}shift ${doors.length}; exec "$@"`, 'sh', ...doors];
}
