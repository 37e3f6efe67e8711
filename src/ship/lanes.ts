// The lanes that run, one for each output, and the change from one set of outputs to another: what stays the same goes on
// undisturbed, what is gone ends, what is new or different begins at its cursor. Made by ship.ts.

import { clearTextWarnings } from '../config/clear-text.ts';
import type { CommonSettings, OutputConfig, ShippedKind } from '../config/outputs.ts';
import { journalDirectory } from '../config.ts';
import { reasonOf } from '../errors.ts';
import type { ShipOptions } from '../ship.ts';
import { DeadLetterBox } from './dead-letters-io.ts';
import { JournalSource } from './journal-source-io.ts';
import { Lane } from './lane.ts';
import { LaneState } from './lane-state.ts';
import type { Output } from './output.ts';
import { OwnCursor } from './own-cursor.ts';
import type { Source } from './source.ts';
import { realWaiting, type Waiting } from './wait.ts';
import { withResends } from './with-resends.ts';

export interface RunningLane {
  settings: OutputConfig;
  source: Source;
  output: Output;
  cursor: OwnCursor;
  dead: DeadLetterBox;
  state: LaneState;
  stopping: AbortController;
  /** out: its name when it gave up, which it does only `once`. */
  ended: Promise<string | undefined>;
}

/** Outputs by name. */
export interface LaneChanges {
  begun: string[];
  changed: string[];
  ended: string[];
}

const ALL_KINDS: readonly ShippedKind[] = ['alert', 'amend', 'gap', 'lifecycle', 'clock', 'heartbeat'];

/** What an output gets: heartbeats only where they are asked for, or where silence is looked for (the hub). */
export function wantedBy({ records, type }: Pick<OutputConfig, 'records' | 'type'>): ReadonlySet<ShippedKind> {
  if (records !== 'auto') return new Set(records);
  return new Set(type === 'hub' ? ALL_KINDS : ALL_KINDS.filter((kind) => kind !== 'heartbeat'));
}

export class Lanes {
  readonly #options: ShipOptions;
  readonly #waiting: Waiting;
  #running: readonly RunningLane[] = [];

  constructor(options: ShipOptions) {
    this.#options = options;
    this.#waiting = options.waiting ?? realWaiting;
  }

  /** In the order of the configuration. */
  get running(): readonly RunningLane[] {
    return this.#running;
  }

  /**
   * From now on these outputs. What makeOutput throws leaves all as it was; a lane whose cursor cannot be opened tries again.
   */
  async become(outputs: readonly OutputConfig[]): Promise<LaneChanges> {
    const before = new Map(this.#running.map((lane) => [lane.settings.name, lane]));
    const same = new Set(this.#running.filter(({ settings }) => outputs.some((next) => isSame(next, settings))));
    const made = await this.#makeOutputs(outputs.filter((next) => !same.has(before.get(next.name)!)));
    for (const text of clearTextWarnings([...made.keys()])) this.#options.log.warn(text);
    await Promise.all(this.#running.filter((lane) => !same.has(lane)).map(stop));
    this.#running = [...same];
    try {
      for (const [settings, output] of made) this.#running = [...this.#running, await this.#open(settings, output)];
    } finally {
      const opened = new Set(this.#running.map(({ output }) => output));
      await closeAll([...made.values()].filter((output) => !opened.has(output)));
    }
    const places = outputs.map(({ name }) => name);
    const place = ({ settings }: RunningLane) => places.indexOf(settings.name);
    this.#running = this.#running.toSorted((a, b) => place(a) - place(b));
    const fresh = [...made.keys()].map(({ name }) => name);
    return {
      begun: fresh.filter((name) => !before.has(name)),
      changed: fresh.filter((name) => before.has(name)),
      ended: [...before.keys()].filter((name) => !places.includes(name)),
    };
  }

  /** Each ends after what it is at, and its cursor is closed. */
  async close(): Promise<void> {
    await Promise.all(this.#running.map(stop));
  }

  /** All or none. */
  async #makeOutputs(outputs: readonly OutputConfig[]): Promise<Map<OutputConfig, Output>> {
    const made = new Map<OutputConfig, Output>();
    try {
      for (const settings of outputs) made.set(settings, await this.#options.makeOutput(settings));
      return made;
    } catch (error) {
      await closeAll([...made.values()]);
      throw error;
    }
  }

  async #open(settings: OutputConfig, output: Output): Promise<RunningLane> {
    const { config, counters, log } = this.#options;
    const { name, type } = settings;
    const cursor = new OwnCursor(config.ship.directory, name);
    // What is wrong with it the lane will tell.
    await cursor.open().catch(() => {});
    const nowMs = () => this.#waiting.nowMs();
    const dead = new DeadLetterBox(config.ship.directory, name, nowMs, (reason, isNew) => {
      counters.add('ship_resends_failed_total', 1, name);
      if (isNew) log.error(`output ${name}: a dead letter cannot be sent again: ${reason}`);
    });
    const state = new LaneState({ name, type, cursorSeq: cursor.position?.seq ?? 0 }, nowMs, log);
    const source = withResends(this.#sourceOf(settings), (asked) => dead.resends(asked), this.#waiting);
    const stopping = new AbortController();
    const lane = { settings, source, output, cursor, dead, state, stopping, ended: Promise.resolve(undefined) };
    return { ...lane, ended: this.#run(lane) };
  }

  #sourceOf(settings: OutputConfig): Source {
    const { makeSource } = this.#options;
    return makeSource?.(settings, wantedBy(settings), this.#waiting) ?? this.#journalSource(settings);
  }

  #journalSource(settings: OutputConfig): Source {
    const { config, counters, log, once } = this.#options;
    const { name, severity, selftest } = settings;
    return new JournalSource({
      directory: journalDirectory(config.state.directory),
      wanted: { severity, selftest, kinds: wantedBy(settings) },
      ...{ follow: !once, fold: settings.type !== 'hub', counters, waiting: this.#waiting },
      onDamage: ({ segment, offset, fromSeq, toSeq }) =>
        log.warn(`output ${name}: records ${fromSeq} to ${toSeq} cannot be read (${segment} at ${offset})`),
      onMissing: (fromSeq, toSeq) => {
        counters.add('ship_records_missing_total', toSeq - fromSeq + 1, name);
        log.error(`output ${name}: records ${fromSeq} to ${toSeq} are gone from the journal, undelivered`);
      },
      onReset: (reason) => log.error(`output ${name} begins again at the first record: ${reason}`),
    });
  }

  async #run(lane: RunningLane): Promise<string | undefined> {
    const { settings, state } = lane;
    const { counters, once, log, random = Math.random } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, lane.stopping.signal]);
    while (!signal.aborted) {
      try {
        await lane.cursor.open();
        state.reached(lane.cursor.position?.seq, undefined);
        await new Lane({ ...lane, counters, waiting: this.#waiting, random, giveUp: once }).run(signal);
        if (once) return undefined;
      } catch (error) {
        counters.add('ship_lanes_failed_total', 1, settings.name);
        if (once) {
          log.error({ error }, reasonOf(error));
          return settings.name;
        }
        const pause = pauseAfterFault(settings, random());
        state.stopped(reasonOf(error), this.#waiting.nowMs() + pause);
        await this.#waiting.wait(pause, signal);
      }
    }
    return undefined;
  }
}

async function stop({ stopping, ended, cursor, output }: RunningLane): Promise<void> {
  stopping.abort();
  await ended;
  await output.close();
  await cursor.close();
}

async function closeAll(outputs: readonly Output[]): Promise<void> {
  await Promise.allSettled(outputs.map((output) => output.close()));
}

function isSame(a: OutputConfig, b: OutputConfig): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The journal may not be there yet: the agent has not run. */
function pauseAfterFault({ max_backoff }: CommonSettings, random: number): number {
  return Math.min(max_backoff, 5000) * (0.5 + random / 2);
}
