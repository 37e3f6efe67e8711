// The live sensor: the BPF programs through the addon (binding.ts). Started and stopped by agent.ts.
//
// Order at start-up: attach, then iter/task, then its `task` records are delivered, then what the ring has since. A process
// can so be in both: its fork, exec or exit record then comes after a `task` record that may already tell of the state after
// it. Consumers key processes by (tgid, startNs) and take a later record of the same key as news.

import { ForebearError } from '../errors.ts';
import { encodeText } from '../text.ts';
import {
  type Addon,
  loadAddon,
  type NativeCounters,
  type NativeProgram,
  type NativeSensor,
  type NativeSource,
} from './binding.ts';
import { Delivery } from './delivery.ts';
import { withoutRoom } from './file-filter.ts';
import { COUNTER, HINT_BYTES, HINTS_MAX, KIND, RECORD_MAX } from './layout.ts';
import { LOAD_DEFAULTS, type LoadAhead, type LoadOptions, load } from './load.ts';
import {
  type BpfInventory,
  type ProgramStatus,
  perKind,
  type RawKind,
  type RecordKind,
  type Sensor,
  type SensorCounters,
  type SensorHandlers,
  type SensorStatus,
  type SourceStatus,
} from './sensor.ts';
import { attachError, sensorError } from './sensor-errors.ts';
import { sourcesOf } from './sources.ts';

export interface EbpfSensorOptions extends LoadOptions {
  /** Variables whose NAME=value leaves decode. */
  envNames: ReadonlySet<string>;
  /** Bound of the queue between the reader thread and JavaScript. */
  queueBytes?: number;
  /** One crossing carries at most so much (never less than the largest record). */
  batchBytes?: number;
  /** How often the reader looks while there is traffic. */
  intervalMs?: number;
  /** Programs that are being loaded already. */
  ahead?: LoadAhead;
  addon?: Addon;
}

const DEFAULTS = { ...LOAD_DEFAULTS, queueBytes: 8 << 20, batchBytes: 4 * RECORD_MAX, intervalMs: 2 };

/** Without it there is no sensor; without another one the loss is in status(). */
const REQUIRED_PROGRAM = 'fb_exec';

export class EbpfSensor implements Sensor {
  readonly #options: typeof DEFAULTS & EbpfSensorOptions;
  #hints: readonly string[] = [];
  #hintsSet = 0;
  #native: NativeSensor | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #delivery: Delivery | undefined;
  #programs: ProgramStatus[] = [];
  #sources: readonly NativeSource[] = [];
  /** Since stop(): what the kernel side had counted. */
  #finalCounters: NativeCounters | undefined;
  #lostSeen = 0;
  readonly #placesLeftOut: readonly string[];

  constructor(options: EbpfSensorOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#placesLeftOut = options.files === undefined ? [] : withoutRoom(options.files);
  }

  async start(handlers: SensorHandlers): Promise<void> {
    if (this.#native !== undefined || this.#starting !== undefined) {
      throw new ForebearError('FB_SENSOR_STATE', 'the sensor runs already');
    }
    this.#starting = this.#start(handlers).finally(() => {
      this.#starting = undefined;
    });
    await this.#starting;
  }

  async #start(handlers: SensorHandlers): Promise<void> {
    const native = await this.#load();
    this.#delivery = new Delivery(handlers, this.#options.envNames);
    this.#finalCounters = undefined;
    this.#lostSeen = 0;
    try {
      this.#native = native;
      this.#sources = native.sources();
      const tasks = this.#attach(native);
      native.read(this.#options, (bytes, lost) => this.#deliver(bytes, 'ring', lost));
      this.#deliver(tasks, 'tasks', 0);
    } catch (thrown) {
      this.#native = undefined;
      native.close();
      throw sensorError(thrown);
    }
  }

  stop(): Promise<void> {
    if (this.#starting !== undefined) {
      const stop = () => this.stop();
      return this.#starting.then(stop, stop);
    }
    if (this.#native === undefined) return Promise.resolve();
    this.#stopping ??= this.#shutDown(this.#native).finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  setWakeHints(basenames: readonly string[]): void {
    this.#hints = basenames;
    if (this.#native !== undefined && this.#stopping === undefined) this.#applyHints(this.#native);
  }

  counters(): SensorCounters {
    const native = this.#finalCounters ?? this.#native?.counters();
    const mine = this.#delivery?.counts() ?? new Delivery(NO_HANDLERS, new Set()).counts();
    return {
      reserved: kernelCounts(native, COUNTER.reserved),
      lost: kernelCounts(native, COUNTER.lost),
      filtered: {
        file: native?.kernel[COUNTER.filtered + KIND.file] ?? 0,
        network: native?.kernel[COUNTER.filtered + KIND.network] ?? 0,
      },
      recursionMisses: native?.recursionMisses ?? 0,
      queueFull: native?.queueFull ?? 0,
      ...mine,
    };
  }

  status(): SensorStatus {
    return {
      source: 'ebpf',
      programs: this.#programs.map((program) => ({ ...program })),
      ringBytes: this.#options.ringBytes,
      sources: this.#sourceStatus(),
      wakeHints: { asked: this.#hints.length, set: this.#hintsSet },
    };
  }

  #sourceStatus(): SourceStatus[] {
    const native = this.#finalCounters ?? this.#native?.counters();
    const { wanted } = this.#options;
    return sourcesOf(wanted, this.#sources, this.#programs, native?.syscallMisses ?? 0, this.#placesLeftOut);
  }

  inventory(): BpfInventory | undefined {
    if (this.#stopping !== undefined) return undefined;
    const inventory = this.#native?.inventory();
    return inventory?.errno === 0 ? inventory : undefined;
  }

  async #load(): Promise<NativeSensor> {
    const { ahead, addon } = this.#options;
    try {
      return await (ahead?.take(this.#options) ?? load(addon ?? loadAddon(), this.#options));
    } catch (thrown) {
      throw sensorError(thrown);
    }
  }

  /** Attaches all programs, and returns the records of what runs already. */
  #attach(native: NativeSensor): Buffer {
    this.#applyHints(native);
    native.attach();
    this.#programs = native.programs().map(programStatus);
    const required = this.#programs.find((program) => program.name === REQUIRED_PROGRAM);
    if (required?.attached !== true) throw attachError(REQUIRED_PROGRAM, required?.reason ?? 'not in the object');
    const tasks = native.iterate();
    this.#programs = native.programs().map(programStatus);
    return tasks;
  }

  #applyHints(native: NativeSensor): void {
    const names = [...new Set(this.#hints)].slice(0, HINTS_MAX);
    const keys = Buffer.alloc(names.length * HINT_BYTES);
    names.forEach((name, i) => {
      keys.set(encodeText(name).subarray(0, HINT_BYTES - 1), i * HINT_BYTES);
    });
    this.#hintsSet = native.setHints(keys);
  }

  /** The only way into the handlers; called from native code, so nothing may leave it. */
  #deliver(bytes: Buffer, kind: RawKind, lost: number): void {
    try {
      this.#noticeLoss(lost);
      this.#delivery?.batch(bytes, kind);
    } catch (thrown) {
      const delivery = this.#delivery;
      void this.stop().then(() => delivery?.end(thrown));
    }
  }

  #noticeLoss(lost: number): void {
    if (lost <= this.#lostSeen) return;
    this.#lostSeen = lost;
    const totals = this.counters();
    this.#delivery?.lost({ lost: totals.lost, recursionMisses: totals.recursionMisses });
  }

  async #shutDown(native: NativeSensor): Promise<void> {
    const rest = native.stop();
    this.#finalCounters = native.counters();
    native.close();
    this.#programs = this.#programs.map((program) => ({ ...program, attached: false }));
    await undefined; // stop() may have been called by a handler: let that one return first
    const lost = Object.values(this.counters().lost).reduce((sum, n) => sum + n, 0);
    for (const bytes of rest) this.#deliver(bytes, 'ring', lost);
    this.#native = undefined;
  }
}

const NO_HANDLERS: SensorHandlers = { onBatch: () => {}, onEnd: () => {} };

function kernelCounts(native: NativeCounters | undefined, base: number): Record<RecordKind, number> {
  return perKind((kind) => native?.kernel[base + KIND[kind]] ?? 0);
}

function programStatus(program: NativeProgram): ProgramStatus {
  const status: ProgramStatus = { name: program.name, attachPoint: program.section, attached: program.attached };
  if (program.errno !== 0) status.reason = program.log.trim() || `errno ${program.errno}`;
  if (program.verifiedInstructions > 0) status.verifiedInstructions = program.verifiedInstructions;
  return status;
}
