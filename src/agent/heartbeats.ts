// Heartbeat records: every so many ticks one tells that the agent lives, with the head of the journal's chain of hashes, so
// that a copy of it leaves the host, and the counters that have changed. In: ticks of run.ts; out: records. What the journal
// refuses is counted (agent_heartbeats_refused_total) and not made up for: the next one tells the same. Built by agent.ts.

import type { Clock } from '../clock.ts';
import type { JournalWriter } from '../journal/journal.ts';
import { encodeHeartbeat } from '../proto/record-codec.ts';
import type { SensorCounters } from '../sensor/sensor.ts';
import type { Counters } from '../stats.ts';
import { type LossCounters, lostBy, total } from './summary.ts';
import type { Troubles } from './troubles.ts';

export interface HeartbeatOptions {
  journal: Pick<JournalWriter, 'append' | 'status'>;
  /** Ticks from one to the next; 0: none. */
  everyTicks: number;
  version: string;
  bootId: string;
  ruleSetHash: string;
  clock: Clock;
  counters: Counters;
  sensor: () => LossCounters & Pick<SensorCounters, 'decoded'>;
  troubles: Pick<Troubles, 'note'>;
}

/** In one record: counters with labels of their own for each item of a list must not make it grow without bound. */
export const MOST_COUNTERS = 64;
/** The first to go when the journal is full. */
const RANK = 0;

export class Heartbeats {
  readonly #options: HeartbeatOptions;
  /** Of the rules that run. */
  ruleSetHash: string;
  /** What earlier ones told, longest ago first. */
  readonly #told = new Map<string, number>();
  #ticks = 0;
  #pending: Promise<void> | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.ruleSetHash = options.ruleSetHash;
  }

  /** The first tick makes a record. None while the one before is on its way. */
  tick(): void {
    const { everyTicks } = this.#options;
    if (everyTicks === 0 || this.#ticks++ % everyTicks !== 0 || this.#pending !== undefined) return;
    this.#pending = this.#beat().finally(() => {
      this.#pending = undefined;
    });
  }

  async settled(): Promise<void> {
    await this.#pending;
  }

  async #beat(): Promise<void> {
    const { journal, version, bootId, clock, counters, troubles } = this.#options;
    const { ruleSetHash } = this;
    const { durableSeq: seq, link } = journal.status();
    const changed = this.#changed();
    const beat = { seq, link, version, bootId, bootNs: clock.bootNs(), ruleSetHash, counters: changed };
    let refusal: unknown;
    try {
      await journal.append(encodeHeartbeat(beat), { kind: 'heartbeat', rank: RANK, wallMs: clock.wallMs() });
      for (const [name, value] of changed) this.#tell(name, value);
      counters.add('agent_heartbeats_journalled_total');
    } catch (error) {
      refusal = error;
      counters.add('agent_heartbeats_refused_total');
    }
    troubles.note('writing heartbeats into the journal', refusal);
  }

  /** Those that were told of longest ago first: with too many, each has its turn. */
  #changed(): [string, number][] {
    const now = new Map(this.#figures());
    const fresh = [...now].filter(([name]) => !this.#told.has(name));
    const changed = [...this.#told].flatMap(([name, before]): [string, number][] => {
      const value = now.get(name) ?? before;
      return value === before ? [] : [[name, value]];
    });
    return [...fresh, ...changed].slice(0, MOST_COUNTERS).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #figures(): [string, number][] {
    const sensor = this.#options.sensor();
    return [
      ['sensor_records_decoded_total', total(sensor.decoded)],
      ['sensor_records_lost_total', lostBy(sensor)],
      ...this.#options.counters.entries(),
    ];
  }

  #tell(name: string, value: number): void {
    this.#told.delete(name);
    this.#told.set(name, value);
  }
}
