// What is asked outside while records are enriched, and the note of each answer with its place among the records, which a recording
// needs for its replay. Called by the enricher.

import type { Counters } from '../stats.ts';
import type { EntryType } from './process-entry.ts';
import type { Fact, PlacedFact, ProcessReading, Surroundings } from './surroundings.ts';

export interface FactDeskOptions {
  surroundings: Surroundings;
  counters: Counters;
  /** Records enriched so far. */
  place: () => number;
  onFact: ((placed: PlacedFact) => void) | undefined;
}

export class FactDesk {
  readonly #options: FactDeskOptions;

  constructor(options: FactDeskOptions) {
    this.#options = options;
  }

  note(fact: Fact): void {
    this.#options.onFact?.({ at: this.#options.place(), fact });
  }

  /** A process from /proc, if it is still that one. */
  process(pid: number, startNs: bigint): ProcessReading | undefined {
    const reading = this.#options.surroundings.readProcess(pid, startNs);
    this.note({ kind: 'process', pid, startNs, reading: reading ?? null });
    this.#options.counters.add('enrich_processes_read_total');
    return reading;
  }

  /** Only deaths are facts: most answers are "alive", and a replay takes that for granted. */
  isAlive(pid: number, startNs: bigint): boolean {
    const alive = this.#options.surroundings.isAlive(pid, startNs);
    if (!alive) this.note({ kind: 'alive', pid, startNs, alive });
    return alive;
  }

  loginSession(id: string): EntryType | undefined {
    const type = this.#options.surroundings.loginSession(id);
    this.note({ kind: 'login_session', id, type: type ?? null });
    return type;
  }
}
