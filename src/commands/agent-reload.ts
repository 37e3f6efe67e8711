// Rules, exceptions and outputs are read again and take the place of those that run: `systemctl reload forebear`; or, when files of
// rules have changed, rules and exceptions alone. What is wrong with them leaves all as it was, and is said in the log, in the journal
// and in the service's status; what is wrong with the file of one rule leaves that rule as it was, and is said too. Called by
// agent-run.ts.

import { keptWords, type Reload, type Reloaded } from '../agent/reload.ts';
import type { RuleVerdict } from '../detect/compile-rule.ts';
import { Pace } from '../detect/pace-io.ts';
import { ForebearError, reasonAndHint, reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Supervision } from '../service/supervision.ts';

export interface AgentReloadOptions {
  /** Reads them again. in: what runs. Rejects with what is wrong with them. */
  load: (running: Reloaded, pace: Pace) => Promise<Reloaded>;
  /** The same for rules and exceptions alone, from where they came. Default: as load. */
  loadRules?: (running: Reloaded, pace: Pace) => Promise<Reloaded>;
  /** What runs from now on. */
  onApplied?: (running: Reloaded) => void;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** A rule that is refused stops no other: it is told of, once, and the rest runs. in: what ran, what was read. */
function refusedRules({ rules: before }: Reloaded, { rules: { verdicts } }: Reloaded): string[] {
  const refusal = ({ file, rule_id, error }: RuleVerdict) => [file, rule_id, error?.code, error?.message].join('\0');
  const known = new Set(before.verdicts.map(refusal));
  const refused = verdicts.flatMap((verdict) => {
    const { file, error, kept } = verdict;
    return error === undefined || kept === true || known.has(refusal(verdict)) ? [] : [{ file, error }];
  });
  const told = refused
    .slice(0, MOST_TOLD)
    .map(({ file, error }) => `refused: ${file}: ${error.message} [${error.code}]`);
  return refused.length > MOST_TOLD ? [...told, `and ${refused.length - MOST_TOLD} more: forebear rules check`] : told;
}

const MOST_TOLD = 5;

type Running = Pick<Reload, 'apply' | 'refused' | 'running'>;

export class AgentReload {
  readonly #options: AgentReloadOptions;
  #outcome = '';
  /** Of the last time that the configuration was read: what of it a restart alone brings. */
  #later = '';
  /** Milliseconds without a turn for events, of the last one, at most. */
  longestMs = 0;

  constructor(options: AgentReloadOptions) {
    this.#options = options;
  }

  /** For the status: what became of the last one, and what waits for a restart; "" when all holds that was read. */
  get outcome(): string {
    return [this.#outcome, this.#later].filter((text) => text !== '').join('; ');
  }

  /** Somebody asks for it. */
  async run(reload: Running, supervision: Pick<Supervision, 'reloading' | 'reloaded'>): Promise<void> {
    supervision.reloading();
    await this.#perform(reload, this.#options.load);
    supervision.reloaded();
  }

  /** Files have changed. */
  async runChanged(reload: Running): Promise<void> {
    const { load, loadRules = load } = this.#options;
    await this.#perform(reload, loadRules);
  }

  /** Rejects with what is no fault of what was read: the run ends. */
  async #perform(reload: Running, load: AgentReloadOptions['load']): Promise<void> {
    const pace = new Pace();
    const read = await load(reload.running, pace).catch((error: unknown) => ({ error }));
    if ('error' in read) this.#refused(reload, read.error);
    else await this.#apply(reload, read, pace);
    this.longestMs = pace.longestMs;
  }

  async #apply(reload: Running, read: Reloaded, pace: Pace): Promise<void> {
    const { log, onApplied } = this.#options;
    try {
      const refused = refusedRules(reload.running, read);
      const { changes, later } = await reload.apply(read, pace);
      const kept = keptWords(read.rules.verdicts);
      this.#outcome = kept.length === 0 ? '' : `RULES AT FAULT GO ON AS BEFORE: ${kept.join(', ')}`;
      log.info(`loaded anew: ${changes === '' ? 'nothing is different' : changes}`);
      if (kept.length > 0) log.warn(this.#outcome);
      for (const text of refused) log.warn(text);
      if (read.readBelow === undefined) this.#waits(later);
      onApplied?.(reload.running);
    } catch (error) {
      if (!(error instanceof ForebearError)) throw error;
      this.#refused(reload, error);
    }
  }

  #waits(later: string): void {
    this.#later = later === '' ? '' : `changed settings that need a restart (systemctl restart forebear): ${later}`;
    if (later !== '') this.#options.log.warn(this.#later);
  }

  #refused(reload: Pick<Reload, 'refused'>, error: unknown): void {
    reload.refused(reasonOf(error));
    this.#outcome = `RELOAD REFUSED, all is as before: ${reasonAndHint(error)}`;
    this.#options.log.error({ error }, this.#outcome);
  }
}
