// The BPF programs on their way into the kernel, which takes a tenth of a second on a thread of its own. In: sizes, caps and
// kinds; out: a NativeSensor that is loaded, for ebpf-sensor.ts to attach. commands/agent.ts begins with it, and reads rules and
// opens the journal meanwhile.

import { randomInt } from 'node:crypto';
import { type Addon, loadAddon, type NativeLoad, type NativeSensor, OBJECT_PATH } from './binding.ts';
import { encodeFilter, type FileFilter } from './file-filter.ts';
import { ARGS_MAX, CONNECTIONS, ENV_MAX, FILE_MAPS, SCRATCH_SLOTS, WANTED } from './layout.ts';
import type { WantedKind } from './sensor.ts';

export interface LoadOptions {
  /** Kinds that cost even where none comes; default: none of them. */
  wanted?: ReadonlySet<WantedKind>;
  /** Of the kind `file`: which of them. Without it there is none. */
  files?: FileFilter;
  /** A power of two, at least a page. */
  ringBytes?: number;
  /** So much unread in the ring wakes the reader before its interval is over. */
  wakeBytes?: number;
  /** Caps per record; at most those of wire.h. */
  argsMaxBytes?: number;
  envMaxBytes?: number;
  /** The BPF object, where it is not beside the addon's build. */
  objectPath?: string;
}

export const LOAD_DEFAULTS = {
  wanted: new Set<WantedKind>() as ReadonlySet<WantedKind>,
  ringBytes: 16 << 20,
  wakeBytes: 64 << 10,
  argsMaxBytes: ARGS_MAX,
  envMaxBytes: ENV_MAX,
  objectPath: OBJECT_PATH,
};

/** Nobody else may know it (native/bpf/file_hooks.bpf.h); the same for what is loaded ahead. */
const ASKED_KEY = randomInt(2 ** 31) * 2 + 1;

/** What is thrown is NativeFailure; then nothing is left in the kernel. */
export async function load(addon: Addon, options: LoadOptions): Promise<NativeSensor> {
  return await loadAs(addon, nativeLoad(addon, options));
}

/** Begun before all of the options are known; that it fails is said by take(), to whoever needs it. */
export class LoadAhead {
  readonly #addon: Addon;
  readonly #asked: NativeLoad;
  #loading: Promise<NativeSensor> | undefined;

  /** Throws FB_SENSOR_ADDON. */
  constructor(options: LoadOptions, addon: Addon = loadAddon()) {
    this.#addon = addon;
    this.#asked = nativeLoad(addon, options);
    this.#loading = loadAs(addon, this.#asked);
    this.#loading.catch(() => {});
  }

  /** What was begun, once, if it is what is needed; else it is freed, and the right one loaded. Throws as load() does. */
  async take(options: LoadOptions): Promise<NativeSensor> {
    const loading = this.#loading;
    this.#loading = undefined;
    const needed = nativeLoad(this.#addon, options);
    if (loading !== undefined && JSON.stringify(needed) === JSON.stringify(this.#asked)) return await loading;
    void loading?.then((native) => native.close()).catch(() => {});
    return await loadAs(this.#addon, needed);
  }
}

async function loadAs(addon: Addon, what: NativeLoad): Promise<NativeSensor> {
  const native = new addon.Sensor();
  try {
    await native.load(what);
    return native;
  } catch (thrown) {
    native.close();
    throw thrown;
  }
}

function nativeLoad(addon: Addon, options: LoadOptions): NativeLoad {
  const { wanted, ringBytes, argsMaxBytes, envMaxBytes, wakeBytes, objectPath } = { ...LOAD_DEFAULTS, ...options };
  const cpus = addon.possibleCpus();
  const files = wanted.has('file') && options.files !== undefined ? encodeFilter(options.files) : undefined;
  return {
    object: objectPath,
    constants: {
      fb_args_max: argsMaxBytes,
      fb_env_max: envMaxBytes,
      fb_wake_bytes: wakeBytes,
      fb_scratch_slots: SCRATCH_SLOTS,
      ...(files && { ...files.constants, fb_asked_key: ASKED_KEY }),
    },
    mapEntries: {
      fb_ring: ringBytes,
      fb_scratch: cpus * SCRATCH_SLOTS,
      fb_asked: files === undefined ? FILE_MAPS.unused : FILE_MAPS.asked,
      fb_opened: options.files?.operations.has('modification') && files ? FILE_MAPS.opened : FILE_MAPS.unused,
      fb_connections: wanted.has('network') || wanted.has('accept') ? CONNECTIONS : 1,
    },
    wanted: [...wanted].reduce((bits, kind) => bits | (1 << WANTED[kind]), 0),
    ...(files && { contents: files.contents }),
  };
}
