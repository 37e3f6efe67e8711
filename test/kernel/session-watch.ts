// The live sensor and the enricher in this process, for tests of the entry leader: programs that are run with a marker as their
// first argument, and what their events say of the entry leader.

import { systemClock } from '../../src/clock.ts';
import type { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Enricher } from '../../src/enrich/enricher.ts';
import type { SavedLeaders } from '../../src/enrich/saved-leaders.ts';
import { LiveSurroundings } from '../../src/enrich/surroundings-io.ts';
import { EbpfSensor } from '../../src/sensor/ebpf-sensor.ts';
import { Counters } from '../../src/stats.ts';
import { until } from './agent-process.ts';

/** Leader fields that must be the same in every event of a session, whoever observes it. */
const LASTING = [
  'pid',
  'entity_id',
  'executable',
  'name',
  'args',
  'args_count',
  'working_directory',
  'interactive',
  'user.id',
  'real_user.id',
  'group.id',
  'entry_meta.type',
  'parent.pid',
  'parent.entity_id',
].map((field) => `process.entry_leader.${field}`);

export class SessionWatch {
  readonly counters = new Counters();
  readonly #marker: string;
  readonly #events = new Map<string, EcsEvent>();
  readonly #sensor = new EbpfSensor({ envNames: new Set(), ringBytes: 1 << 24 });
  readonly #surroundings = new LiveSurroundings({ clock: systemClock, counters: this.counters });
  #enricher: Enricher | undefined;
  #fault: Error | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** in: basename of the programs of interest (a full ring has room for them), how their first argument begins. */
  constructor(program: string, marker: string) {
    this.#marker = marker;
    this.#sensor.setWakeHints([program]);
  }

  /** in: what an earlier watch has left. */
  async start(leaders?: SavedLeaders): Promise<void> {
    const start = { ...(await this.#surroundings.start()), ...(leaders === undefined ? {} : { leaders }) };
    const { counters } = this;
    const surroundings = this.#surroundings;
    const enricher = new Enricher({ fields: new FieldTable(), surroundings, start, counters, agent: { version: '0' } });
    this.#enricher = enricher;
    await this.#sensor.start({
      onBatch: (records) => {
        for (const record of records) this.#keep(enricher.enrich(record));
      },
      onEnd: (error) => {
        this.#fault = error;
      },
    });
    while (enricher.backfill(1024) > 0);
    this.#timer = setInterval(() => enricher.expire(16), 1000);
  }

  /** Waits for all of them, 30 s at most. Those that did not come are printed; each is the failure of its own row. */
  async seen(markers: readonly string[]): Promise<void> {
    const missing = () => markers.filter((marker) => !this.#events.has(marker));
    await until(
      () => missing().length === 0 || this.#fault !== undefined,
      () => `the execs marked ${missing().join(', ')}; lost: ${JSON.stringify(this.#sensor.counters().lost)}`,
    ).catch((late: Error) => console.warn(late.message));
    if (this.#fault !== undefined) throw this.#fault;
  }

  event(marker: string): EcsEvent | undefined {
    return this.#events.get(marker);
  }

  /** The leader's lasting fields, the evidence included. */
  leader(marker: string): unknown[] {
    const event = this.#events.get(marker);
    return [...LASTING, 'forebear.entry_leader_evidence'].map((name) => [name, event?.get(name)]);
  }

  /** out: what the next watch starts with. */
  async stop(): Promise<SavedLeaders | undefined> {
    clearInterval(this.#timer);
    await this.#sensor.stop();
    this.#surroundings.stop();
    return this.#enricher?.leaders();
  }

  #keep(event: EcsEvent | undefined): void {
    const args = event?.get('process.args');
    const marker = Array.isArray(args) ? String(args[1]) : '';
    if (event?.get('event.action') === 'exec' && marker.startsWith(this.#marker)) this.#events.set(marker, event);
  }
}
