// `systemctl reload forebear`: rules, exceptions and outputs are read again and take the place of those that run. What is wrong with
// them leaves all as it was, and is said in the log, in the journal and in the service's status. Called by agent-run.ts.

import type { Reload, Reloaded } from '../agent/reload.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Supervision } from '../service/supervision.ts';

export interface AgentReloadOptions {
  /** Reads them again. Rejects with what is wrong with them. */
  load: () => Promise<Reloaded>;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** A rule that is refused stops no other: it is told of, and the rest runs. */
function refusedRules({ rules: { verdicts } }: Reloaded): string[] {
  const refused = verdicts.flatMap(({ file, error }) => (error === undefined ? [] : [{ file, error }]));
  const told = refused
    .slice(0, MOST_TOLD)
    .map(({ file, error }) => `refused: ${file}: ${error.message} [${error.code}]`);
  return refused.length > MOST_TOLD ? [...told, `and ${refused.length - MOST_TOLD} more: forebear rules check`] : told;
}

const MOST_TOLD = 5;

export class AgentReload {
  readonly #options: AgentReloadOptions;
  /** Of the last one, for the status: "" when it went well. */
  outcome = '';

  constructor(options: AgentReloadOptions) {
    this.#options = options;
  }

  async run(
    reload: Pick<Reload, 'apply' | 'refused'>,
    supervision: Pick<Supervision, 'reloading' | 'reloaded'>,
  ): Promise<void> {
    supervision.reloading();
    const read = await this.#options.load().catch((error: unknown) => ({ error }));
    if ('error' in read) this.#refused(reload, read.error);
    else this.#apply(reload, read);
    supervision.reloaded();
  }

  /** Throws what is no fault of what was read: the run ends. */
  #apply(reload: Pick<Reload, 'apply' | 'refused'>, read: Reloaded): void {
    const { log } = this.#options;
    try {
      const { changes, later } = reload.apply(read);
      this.outcome = '';
      log.info(`loaded anew: ${changes === '' ? 'nothing is different' : changes}`);
      for (const text of refusedRules(read)) log.warn(text);
      if (later !== '') log.warn(`these hold from the next start on: ${later}`);
    } catch (error) {
      if (!(error instanceof ForebearError)) throw error;
      this.#refused(reload, error);
    }
  }

  #refused(reload: Pick<Reload, 'refused'>, error: unknown): void {
    const reason = reasonOf(error);
    reload.refused(reason);
    this.outcome = `RELOAD REFUSED, all is as before: ${reason}`;
    this.#options.log.error({ error }, this.outcome);
  }
}
