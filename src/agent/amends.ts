// What becomes known of an alert after it was made (the hash of its executable) on its way into the journal, as an amend
// record behind the alert's own: it waits until the journal has acknowledged the alert, and falls away with one that is
// given up. What the journal refuses then is counted and missing (agent_amends_dropped_total); so is what a crash comes
// before: nothing is repeated after a restart. Built by agent.ts.

import type { Alert } from '../detect/alert.ts';
import type { Severity } from '../detect/rule.ts';
import type { Amendment } from '../enrich/hash-desk.ts';
import { reasonOf } from '../errors.ts';
import type { JournalWriter } from '../journal/journal.ts';
import type { Logger } from '../log.ts';
import { RANK_OF } from '../proto/alert-codec.ts';
import { encodeAmend } from '../proto/record-codec.ts';
import type { Counters } from '../stats.ts';

export interface AmendsOptions {
  journal: Pick<JournalWriter, 'append'>;
  counters: Counters;
  log: Pick<Logger, 'error'>;
  wallMs: () => number;
}

/** Each alert of this version is amended at most once. */
const FIRST = 1;
const GIVEN_UP_KEPT = 4096;

export class Amends {
  readonly #options: AmendsOptions;
  /** Alerts that the journal has not acknowledged, with what is to follow them. */
  readonly #unacknowledged = new Map<string, Amendment | undefined>();
  /** Alerts that will never be in the journal, and may yet be amended; the last ones. */
  readonly #givenUp = new Set<string>();
  readonly #pending = new Set<Promise<void>>();
  #refusing = false;

  constructor(options: AmendsOptions) {
    this.#options = options;
  }

  /** The alert goes to the outbox. */
  made({ uuid }: Pick<Alert, 'uuid'>): void {
    this.#unacknowledged.set(uuid, undefined);
  }

  /** The alert is in the journal. */
  durable({ uuid }: Pick<Alert, 'uuid'>): void {
    const waiting = this.#unacknowledged.get(uuid);
    this.#unacknowledged.delete(uuid);
    if (waiting !== undefined) this.#append(waiting);
  }

  /** The alert will never be in the journal. */
  givenUp({ uuid }: Pick<Alert, 'uuid'>): void {
    const waiting = this.#unacknowledged.get(uuid);
    this.#unacknowledged.delete(uuid);
    if (waiting !== undefined) {
      this.#drop('alert_dropped');
      return;
    }
    this.#givenUp.add(uuid);
    const [oldest] = this.#givenUp;
    if (this.#givenUp.size > GIVEN_UP_KEPT) this.#givenUp.delete(oldest!);
  }

  put(amendment: Amendment): void {
    const { uuid } = amendment;
    if (this.#givenUp.delete(uuid)) this.#drop('alert_dropped');
    else if (this.#unacknowledged.has(uuid)) this.#unacknowledged.set(uuid, amendment);
    else this.#append(amendment);
  }

  /** Resolves when the journal has answered for everything that was put. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #append({ uuid, severity, document }: Amendment): void {
    const payload = encodeAmend({ uuid, number: FIRST, document });
    const rank = RANK_OF[severity as Severity];
    const pending = this.#options.journal
      .append(payload, { kind: 'amend', rank, wallMs: this.#options.wallMs() })
      .then(
        () => this.#taken(),
        (error) => this.#refused(error),
      )
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  #taken(): void {
    this.#refusing = false;
    this.#options.counters.add('agent_amends_journalled_total');
  }

  /** Said once, until one is taken again. */
  #refused(error: unknown): void {
    if (!this.#refusing) this.#options.log.error({ error }, `the journal refuses an amend record: ${reasonOf(error)}`);
    this.#refusing = true;
    this.#drop('journal_refuses');
  }

  #drop(reason: 'journal_refuses' | 'alert_dropped'): void {
    this.#options.counters.add('agent_amends_dropped_total', 1, reason);
  }
}
