// What others do with BPF on this host, as far as it concerns the agent. In: inventories of the kernel's maps and programs, one a
// minute (sensor/ebpf-sensor.ts); out: tracing programs that came since the one before, and whether somebody holds a map of the agent's or
// changed what must stay writable. Pure; called by protection.ts.
//
// Why a look a minute and not a program on bpf(2): where the kernel allows no trampolines that would cost every system call of the
// host 70 ns; a look costs 0.15 ms. What lives for less than a minute can be missed by it, but not what it left: links of tracing
// programs cannot be detached from outside, maps are frozen, and what is not is compared here.

import type { BpfInventory, BpfProgram } from '../sensor/sensor.ts';

/** enum bpf_prog_type of those that see or change what others do: kprobe, tracepoint, perf_event ... Not those of cgroups and of networks. */
const TRACING: ReadonlyMap<number, string> = new Map([
  [2, 'kprobe'],
  [5, 'tracepoint'],
  [7, 'perf event'],
  [17, 'raw tracepoint'],
  [24, 'writable raw tracepoint'],
  [26, 'tracing'],
  [27, 'struct_ops'],
  [28, 'extension'],
  [29, 'LSM'],
  [31, 'syscall'],
]);

export interface ForeignProgram extends BpfProgram {
  typeName: string;
}

export interface BpfFindings {
  /** Tracing programs of others that were not there at the look before. */
  came: readonly ForeignProgram[];
  /** Ids of the agent's own maps that have more holders than at the start. */
  held: readonly number[];
  /** Since the look before. */
  ringMoved: number;
  /** True the first time that hints are missing. */
  hintsTaken: boolean;
}

export class BpfWatch {
  #known: ReadonlySet<number> | undefined;
  /** By id of an own map. */
  readonly #holders = new Map<number, { refs: number; users: number }>();
  #ringMoved = 0;
  #hintsMissing = 0;

  /** The first look is what later ones are compared with. */
  look({ maps, programs, ringMoved, hintsMissing }: BpfInventory): BpfFindings {
    const known = this.#known;
    this.#known = new Set(programs.map(({ id }) => id));
    const found = {
      came:
        known === undefined ? [] : programs.filter((program) => !program.own && !known.has(program.id)).flatMap(named),
      held: maps.filter((map) => map.own && this.#isHeldMore(map)).map(({ id }) => id),
      ringMoved: ringMoved - this.#ringMoved,
      hintsTaken: hintsMissing > 0 && this.#hintsMissing === 0,
    };
    this.#ringMoved = ringMoved;
    this.#hintsMissing = hintsMissing;
    return found;
  }

  /** A holder is told once: what holds now is what a later one is compared with; those that let go lower it again. */
  #isHeldMore({ id, refs, users }: { id: number; refs: number; users: number }): boolean {
    const before = this.#holders.get(id);
    this.#holders.set(id, { refs, users });
    return before !== undefined && (refs > before.refs || users > before.users);
  }
}

function named(program: BpfProgram): ForeignProgram[] {
  const typeName = TRACING.get(program.type);
  return typeName === undefined ? [] : [{ ...program, typeName }];
}
