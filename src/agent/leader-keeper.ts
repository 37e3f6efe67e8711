// Keeps who leads which session in <state>/leaders.json, so that the next run of the agent on this boot knows it: every few
// seconds while records come, and at the stop. A file that cannot be written is counted and logged; the run goes on.
// Built by agent.ts.

import type { Enricher } from '../enrich/enricher.ts';
import { writeLeaders } from '../enrich/leaders-io.ts';
import type { Counters } from '../stats.ts';
import type { Troubles } from './troubles.ts';

/** Seconds that a crash loses. One saving takes 0.3 ms with 1,000 processes, 30 ms with 100,000 [measured]. */
const TICKS_BETWEEN = 5;

export interface LeaderKeeperOptions {
  directory: string;
  enricher: Pick<Enricher, 'leaders' | 'records'>;
  counters: Counters;
  troubles: Troubles;
}

export class LeaderKeeper {
  readonly #options: LeaderKeeperOptions;
  #ticks = 0;
  /** Records enriched when it was saved last: without any there is nothing to save that the file has not. */
  #saved = 0;

  constructor(options: LeaderKeeperOptions) {
    this.#options = options;
  }

  /** Called each second. */
  tick(): void {
    if (++this.#ticks % TICKS_BETWEEN === 0) this.save();
  }

  save(): void {
    const { directory, enricher, counters, troubles } = this.#options;
    if (enricher.records === this.#saved) return;
    let fault: unknown;
    try {
      writeLeaders(directory, enricher.leaders());
      this.#saved = enricher.records;
    } catch (error) {
      fault = error;
      counters.add('agent_leaders_unsaved_total');
    }
    troubles.note('saving who leads which session', fault);
  }
}
