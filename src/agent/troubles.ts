// Lasting troubles of a run (a snapshot that cannot be written, a history that cannot be saved): each is logged once when it
// begins, once when its reason changes, once when it is over, however often it is met. Built by agent.ts.

import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';

export class Troubles {
  readonly #log: Pick<Logger, 'warn' | 'info'>;
  readonly #reasons = new Map<string, string>();

  constructor(log: Pick<Logger, 'warn' | 'info'>) {
    this.#log = log;
  }

  /** in: what does not work, and what was thrown; undefined: it works. */
  note(what: string, thrown: unknown): void {
    const before = this.#reasons.get(what);
    if (thrown === undefined) {
      if (before !== undefined) this.#log.info(`${what}: works again`);
      this.#reasons.delete(what);
      return;
    }
    const reason = reasonOf(thrown);
    if (reason !== before) this.#log.warn({ error: thrown }, `${what}: ${reason}`);
    this.#reasons.set(what, reason);
  }
}
