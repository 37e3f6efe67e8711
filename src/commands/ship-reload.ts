// `systemctl reload forebear-ship`: the configuration is read again, and its outputs take the place of those that run. What is wrong
// with it (a file, a key, a certificate) leaves all as it was, and is said in the log and in the service's status. Called by ship.ts.

import type { Config } from '../config.ts';
import { reasonAndHint } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Supervision } from '../service/supervision.ts';
import type { LaneChanges, Lanes } from '../ship/lanes.ts';

export interface ShipReloadOptions {
  /** As it was at the start. */
  config: Config;
  /** Reads it again. Throws what is wrong with it. */
  load: () => Config;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** Read at the start only. */
const FIXED = ['state', 'ship', 'log'] as const;

export class ShipReload {
  readonly #options: ShipReloadOptions;
  /** Of the last one, for the status: "" when it went well. */
  outcome = '';

  constructor(options: ShipReloadOptions) {
    this.#options = options;
  }

  /** Rejects only where the lanes are neither as before nor as wanted: then the service has to start anew. */
  async run(lanes: Pick<Lanes, 'become' | 'running'>, supervision: Pick<Supervision, 'reloading' | 'reloaded'>) {
    const { load, log } = this.#options;
    supervision.reloading();
    const before = lanes.running;
    try {
      const config = load();
      const changes = await lanes.become(config.outputs);
      this.outcome = '';
      log.info(`outputs loaded anew: ${changesText(changes)}`);
      this.#warnOfFixed(config);
    } catch (error) {
      if (lanes.running !== before) throw error;
      this.outcome = `RELOAD REFUSED, the outputs are as before: ${reasonAndHint(error)}`;
      log.error({ error }, this.outcome);
    }
    supervision.reloaded();
  }

  #warnOfFixed(config: Config): void {
    const { config: started, log } = this.#options;
    const differs = (section: (typeof FIXED)[number]) =>
      JSON.stringify(config[section]) !== JSON.stringify(started[section]);
    const sections = FIXED.filter(differs).map((section) => `[${section}]`);
    if (sections.length > 0) log.warn(`what changed in ${sections.join(', ')} holds from the next start on`);
  }
}

function changesText({ begun, changed, ended }: LaneChanges): string {
  const parts = [
    ...begun.map((name) => `${name} (new)`),
    ...changed.map((name) => `${name} (changed)`),
    ...ended.map((name) => `${name} (gone)`),
  ];
  return parts.length === 0 ? 'nothing is different' : parts.join(', ');
}
