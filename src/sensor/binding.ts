// The only loader of the addon (native/addon.cc, built to build/Release/forebear.node). Types here mirror its exports; if
// you change one, also change the other. Everything is called on the thread that loaded it.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { ForebearError, reasonOf } from '../errors.ts';
import type { BpfInventory } from './sensor.ts';

/** Sums over CPUs by index of wire.h (FB_C_*), and the reader's figures. */
export interface NativeCounters {
  kernel: readonly number[];
  recursionMisses: number;
  /** Likewise of the programs that look at every system call. */
  syscallMisses: number;
  /** Records and bytes read from the ring. */
  records: number;
  bytes: number;
  /** Times the reader waited for room in its queue. */
  queueFull: number;
  /** Returns from epoll_wait. */
  wakeups: number;
  /** Times that the reader waited for the programs to wake it, and of these how often another program had made that impossible. */
  sleeps: number;
  roused: number;
  /** Exceptions that reached native code: 0, unless ebpf-sensor.ts is at fault. */
  handlerErrors: number;
}

export interface NativeProgram {
  name: string;
  section: string;
  attached: boolean;
  errno: number;
  log: string;
  /** 0: the kernel does not tell. */
  verifiedInstructions: number;
}

/** Where records of a wanted kind come from. */
export interface NativeSource {
  /** Its number in wire.h. */
  kind: number;
  /** None: this kernel has no source. */
  programs: string[];
  bySyscall: boolean;
  /** errno of the trampoline that was tried first, or of the load; 0: neither was refused. */
  refusal: number;
  /** What libbpf said where the programs were chosen and did not load: the kind was given up. Else "". */
  log: string;
}

/** errno: of an iterator that this kernel lacks or that failed; 0: the lists are whole. */
export type NativeInventory = BpfInventory & { errno: number };

/** What is loaded. */
export interface NativeLoad {
  object: string;
  constants: Readonly<Record<string, number>>;
  mapEntries: Readonly<Record<string, number>>;
  /** 1 << kind for each wanted kind; default: none. */
  wanted?: number;
  /** What is in a map from the start, by its name: keys and values, each key before its value. */
  contents?: Readonly<Record<string, Uint8Array>>;
}

/** load -> attach -> iterate -> read -> stop -> counters -> close; what fails throws NativeFailure, a wrong order step "state". */
export interface NativeSensor {
  /** On a thread of its own; until it is settled all else is out of order. Rejects with NativeFailure. */
  load(options: NativeLoad): Promise<void>;
  /** Never throws for a program: see programs(). */
  attach(): void;
  /** Records of the processes that run now. */
  iterate(): Buffer;
  /** Starts the reader thread. `lost`: records lost in the kernel up to this batch. */
  read(
    options: { queueBytes: number; batchBytes: number; intervalMs: number },
    handler: (bytes: Buffer, lost: number) => void,
  ): void;
  /** Detaches and joins the thread; returns what was not delivered yet. Idempotent. */
  stop(): Buffer[];
  /** Final between stop and close. */
  counters(): NativeCounters;
  /** Those that were loaded. */
  programs(): NativeProgram[];
  sources(): NativeSource[];
  frozenMaps(): string[];
  /** All BPF maps and programs of this kernel; between load and close. */
  inventory(): NativeInventory;
  /** Keys of 64 bytes, back to back; returns how many found room. */
  setHints(keys: Uint8Array): number;
  /** Frees programs and maps; load may follow. */
  close(): void;
}

/** What NativeSensor throws. */
export interface NativeFailure extends Error {
  step: 'state' | 'open' | 'size' | 'constant' | 'load' | 'map' | 'fill' | 'iterate' | 'read';
  errno: number;
  log: string;
}

export interface Addon {
  Sensor: new () => NativeSensor;
  /** CLOCK_BOOTTIME: nanoseconds since boot, suspend included. */
  bootTimeNs(): bigint;
  /** Exclusive flock(2) on a file, made if missing: an fd that holds it until closed, or -errno (-11: held by another). */
  lockFile(path: string): number;
  /** The highest number that a CPU could ever have, plus 1: what sizes the scratch slots. */
  possibleCpus(): number;
}

/** From src/sensor/ as from dist/sensor/, in the tree as installed: build/ lies beside dist/. */
export const ADDON_PATH = fileURLToPath(new URL('../../build/Release/forebear.node', import.meta.url));
export const OBJECT_PATH = fileURLToPath(new URL('../../build/forebear.bpf.o', import.meta.url));

const requireNative = createRequire(import.meta.url);

/** Throws FB_SENSOR_ADDON when it is not built, or a library that it needs is missing. */
export function loadAddon(path: string = ADDON_PATH): Addon {
  try {
    return requireNative(path) as Addon;
  } catch (cause) {
    const hint = 'build it with: npm run build; it needs libbpf.so.1 (Debian: libbpf1)';
    throw new ForebearError('FB_SENSOR_ADDON', `the addon cannot be loaded: ${reasonOf(cause)}`, { hint, cause });
  }
}
