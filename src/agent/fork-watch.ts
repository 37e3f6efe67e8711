// Whether a hub has refused this journal, since it knows another one of the same id (a clone of the host, a snapshot that was
// restored): the shipper leaves word (journal/fork-marker-io.ts), and the journal goes on under a new id. Looked at once a minute. In: ticks
// of run.ts; out: a new id, at most one an hour: a shipper or a hub that lies costs segments, not more. Built by agent.ts.

import type { Fork } from '../journal/fork-marker-io.ts';
import type { JournalWriter } from '../journal/journal.ts';
import type { Notices } from './notices.ts';
import type { Troubles } from './troubles.ts';

export interface ForkWatchOptions {
  journal: Pick<JournalWriter, 'fork' | 'status'>;
  /** What the shipper has left. */
  marker: () => Fork | undefined;
  notices: Pick<Notices, 'forked'>;
  troubles: Pick<Troubles, 'note'>;
}

/** Of a second each. */
export const EVERY_TICKS = 60;
export const PAUSE_TICKS = 3600;

export class ForkWatch {
  readonly #options: ForkWatchOptions;
  #wait = EVERY_TICKS;

  constructor(options: ForkWatchOptions) {
    this.#options = options;
  }

  tick(): void {
    if (--this.#wait > 0) return;
    this.#wait = EVERY_TICKS;
    const { marker, journal } = this.#options;
    const fork = marker();
    if (fork === undefined || fork.journalId !== journal.status().journalId) return;
    this.#wait = PAUSE_TICKS;
    void this.#begin(fork);
  }

  async #begin(fork: Fork): Promise<void> {
    const { journal, notices, troubles } = this.#options;
    let refusal: unknown;
    try {
      if (await journal.fork(fork)) notices.forked(fork);
    } catch (error) {
      refusal = error;
      this.#wait = EVERY_TICKS;
    }
    troubles.note('beginning a new journal id', refusal);
  }
}
