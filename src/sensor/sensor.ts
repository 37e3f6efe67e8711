// The contract of every sensor: the live one over BPF (ebpf-sensor.ts) and the one over recorded batches
// (replay-sensor.ts). Everything right of it is testable without a kernel.

import { WANTED_EVENTS } from '../config/wanted-events.ts';
import type { SensorRecord } from './record.ts';

export const RECORD_KINDS = [
  'exec',
  'fork',
  'exit',
  'task',
  'session',
  'credentials',
  'file',
  'network',
  'call',
] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

/** One value for each kind of record. */
export function perKind<T>(of: (kind: RecordKind) => T): Record<RecordKind, T> {
  return Object.fromEntries(RECORD_KINDS.map((kind) => [kind, of(kind)])) as Record<RecordKind, T>;
}

/**
 * Kinds that cost the host something even where none comes, so that their programs run only where they are wanted. Of the records of
 * `network`, accept are those of connections that others begin and lookup those of name servers' answers, of those of `call`, module those of kernel modules: each has a source
 * of its own.
 */
export const WANTED_KINDS = WANTED_EVENTS;
export type WantedKind = (typeof WANTED_KINDS)[number];

/** Where records of a wanted kind come from. */
export interface SourceStatus {
  kind: WantedKind;
  /** trampoline: fentry or fexit of the kernel's own function. tracepoint: the kernel's own. syscalls: every system call is looked at. */
  source: 'trampoline' | 'tracepoint' | 'syscalls' | 'none';
  /** False: nobody asked for them, so nothing is attached. */
  wanted: boolean;
  /** Why it is not the trampoline. */
  reason?: string;
  /** What this source does not show. */
  unseen: string[];
}

/** Where raw bytes came from: the ring, or iter/task at start-up. */
export type RawKind = 'ring' | 'tasks';

/** Totals since start. */
export interface LossReport {
  lost: Record<RecordKind, number>;
  recursionMisses: number;
}

/** Counters of the kernel side and the reader since start; conservation after stop: reserved = decoded + undecodable + lost. */
export interface SensorCounters {
  /** Records that the programs wanted to write, per kind. */
  reserved: Record<RecordKind, number>;
  /** Of those, not written: ring full or no scratch slot. */
  lost: Record<RecordKind, number>;
  /**
   * What the kernel side left out, neither in reserved nor in lost: files in places that are not watched; ends of connections that
   * nobody was seen to make and the other side or the network ended.
   */
  filtered?: { file: number; network: number };
  /** Times the kernel skipped a program because it was already running on that CPU; each one is a lost record. */
  recursionMisses: number;
  /** Records that arrived and were decoded, per kind. */
  decoded: Record<RecordKind, number>;
  /** Records that could not be decoded (malformed) or whose kind is unknown to this version. */
  undecodable: number;
  /** Crossings from native code, and bytes delivered. */
  batches: number;
  bytes: number;
  /** Times the reader waited because the queue to JavaScript was full. */
  queueFull: number;
}

export interface ProgramStatus {
  name: string;
  /** What the user would know it by, e.g. "tp_btf/sched_process_exec". */
  attachPoint: string;
  attached: boolean;
  /** Why not, where not attached. */
  reason?: string;
  verifiedInstructions?: number;
}

export interface SensorStatus {
  source: 'ebpf' | 'replay';
  programs: ProgramStatus[];
  ringBytes: number;
  /** Of the live sensor. */
  sources?: SourceStatus[];
  /** How many of the wake hints asked for found room; the others' records come with the next batch. */
  wakeHints?: { asked: number; set: number };
}

/** Every BPF map and program of this kernel, and what other programs did to the sensor's own. */
export interface BpfInventory {
  /** refs: holders of all kinds; users: file descriptors and pins; own: of this sensor. */
  maps: readonly { id: number; refs: number; users: number; own: boolean }[];
  /** type: enum bpf_prog_type; uid: who loaded it; loadedNs: CLOCK_BOOTTIME; hook: "" where it is of no function. */
  programs: readonly BpfProgram[];
  /** Times since the start that another program moved the reader's place in the ring. */
  ringMoved: number;
  /** Wake hints that another program took away. */
  hintsMissing: number;
}

export interface BpfProgram {
  id: number;
  type: number;
  uid: number;
  loadedNs: bigint;
  name: string;
  hook: string;
  own: boolean;
}

export interface SensorHandlers {
  /** Called with the records of one batch in ring order, synchronously decoded. */
  onBatch(records: readonly SensorRecord[]): void;
  /**
   * The sensor ended by itself: a fault, or the end of a recording (no error). An exception of a handler is such a fault:
   * the sensor stops, what was still queued is counted but not delivered.
   */
  onEnd(error?: Error): void;
  /** The raw bytes of each batch, before decoding: what `record` writes. Valid only during the call. */
  onRaw?(batch: Uint8Array, kind: RawKind): void;
  /** More records were lost in the kernel than at the last call: before onRaw and onBatch of the batch that follows the loss. */
  onLost?(totals: LossReport): void;
}

export interface Sensor {
  /** Attaches, then delivers `task` records of what runs already, then what arrives. Throws FB_SENSOR_*. */
  start(handlers: SensorHandlers): Promise<void>;
  /** Detaches, delivers what is still queued, joins the thread. Idempotent. */
  stop(): Promise<void>;
  /** Basenames of executables that rules name: their records wake the reader at once. */
  setWakeHints(basenames: readonly string[]): void;
  counters(): SensorCounters;
  status(): SensorStatus;
  /** BPF maps and programs of this kernel, of a live sensor that runs; undefined: it does not tell. */
  inventory?(): BpfInventory | undefined;
}
