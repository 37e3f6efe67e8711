// The sensor over recorded batches: the same bytes through the same decoder, no kernel, no clock. What it reads comes from
// record/ (or from a test) as an iterable, so a recording of any size passes through; one item per turn of the event loop.

import { setImmediate } from 'node:timers/promises';
import { ForebearError } from '../errors.ts';
import { Delivery } from './delivery.ts';
import {
  type LossReport,
  perKind,
  type Sensor,
  type SensorCounters,
  type SensorHandlers,
  type SensorStatus,
} from './sensor.ts';

export type ReplayItem = { kind: 'ring' | 'tasks'; bytes: Uint8Array } | ({ kind: 'loss' } & LossReport);

const NO_LOSS: LossReport = { lost: perKind(() => 0), recursionMisses: 0 };

export class ReplaySensor implements Sensor {
  readonly #items: Iterable<ReplayItem>;
  readonly #envNames: ReadonlySet<string>;
  readonly #turn: () => Promise<void>;
  #delivery: Delivery | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  #loss = NO_LOSS;

  /** turn: waited for before each item, by whoever cannot take more at once; default: a turn of the event loop. */
  constructor(items: Iterable<ReplayItem>, options: { envNames: ReadonlySet<string>; turn?: () => Promise<void> }) {
    this.#items = items;
    this.#envNames = options.envNames;
    this.#turn = options.turn ?? (() => setImmediate());
  }

  /** Resolves at once; onEnd tells when all is delivered, with an error if the iterable or a handler threw. */
  async start(handlers: SensorHandlers): Promise<void> {
    if (this.#delivery !== undefined) throw new ForebearError('FB_SENSOR_STATE', 'a replay runs once');
    this.#delivery = new Delivery(handlers, this.#envNames);
    this.#running = this.#run(this.#delivery);
  }

  /** No item is delivered after the current one; onEnd is not called. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  setWakeHints(): void {}

  counters(): SensorCounters {
    const mine = (this.#delivery ?? new Delivery({ onBatch: () => {}, onEnd: () => {} }, new Set())).counts();
    const { lost, recursionMisses } = this.#loss;
    return {
      reserved: perKind((kind) => mine.decoded[kind] + lost[kind]),
      lost: { ...lost },
      recursionMisses,
      queueFull: 0,
      ...mine,
    };
  }

  status(): SensorStatus {
    return { source: 'replay', programs: [], ringBytes: 0 };
  }

  async #run(delivery: Delivery): Promise<void> {
    try {
      for (const item of this.#items) {
        await this.#turn();
        if (this.#stopped) return;
        this.#deliver(delivery, item);
      }
    } catch (thrown) {
      this.#stopped = true;
      delivery.end(thrown);
      return;
    }
    await setImmediate();
    if (!this.#stopped) delivery.end();
  }

  #deliver(delivery: Delivery, item: ReplayItem): void {
    if (item.kind === 'loss') {
      this.#loss = { lost: { ...item.lost }, recursionMisses: item.recursionMisses };
      delivery.lost(this.#loss);
    } else {
      delivery.batch(item.bytes, item.kind);
    }
  }
}
