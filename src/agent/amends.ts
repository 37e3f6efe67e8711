// What becomes known of an alert after it was made (the hash of its executable, further matches that it counts) on its way into
// the journal, as an amend record behind the alert's own: it waits until the journal has acknowledged the alert, and falls away with one
// that is given up. What the journal refuses then is tried again each second where it is a count, which the next one has in it;
// else it is counted and missing (agent_amends_dropped_total), as is what a crash comes before. Built by agent.ts.

import type { Alert, AlertAmend } from '../detect/alert.ts';
import type { Severity } from '../detect/rule.ts';
import { reasonOf } from '../errors.ts';
import type { JournalWriter } from '../journal/journal.ts';
import type { Logger } from '../log.ts';
import { RANK_OF } from '../proto/alert-codec.ts';
import { foldAmend } from '../proto/fold-amend.ts';
import { encodeAmend } from '../proto/record-codec.ts';
import type { Counters } from '../stats.ts';

export interface AmendsOptions {
  journal: Pick<JournalWriter, 'append'>;
  counters: Counters;
  log: Pick<Logger, 'error'>;
  wallMs: () => number;
}

/** Of what is known of an alert's event: once. What an alert counts has numbers of its own, from 2 on. */
const FIRST = 1;
const GIVEN_UP_KEPT = 4096;
/** Counts that the journal refused: the latest of each alert. */
const REFUSED_KEPT = 4096;

export class Amends {
  readonly #options: AmendsOptions;
  /** Alerts that the journal has not acknowledged, with what is to follow them. */
  readonly #unacknowledged = new Map<string, AlertAmend | undefined>();
  readonly #again = new Map<string, AlertAmend>();
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

  put(amend: AlertAmend): void {
    const { uuid } = amend;
    if (this.#givenUp.delete(uuid)) this.#drop('alert_dropped');
    else if (this.#unacknowledged.has(uuid))
      this.#unacknowledged.set(uuid, joined(this.#unacknowledged.get(uuid), amend));
    else this.#append(amend);
  }

  /** Offers what was refused again. The caller does so each second. */
  retry(): void {
    for (const amend of [...this.#again.values()]) {
      this.#again.delete(amend.uuid);
      this.#append(amend);
    }
  }

  /** The end: as settled(), and what is refused once more is dropped. */
  async drain(): Promise<void> {
    await this.settled();
    this.retry();
    await this.settled();
    for (const uuid of [...this.#again.keys()]) {
      this.#again.delete(uuid);
      this.#drop('journal_refuses');
    }
  }

  /** Resolves when the journal has answered for everything that was put. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #append(amend: AlertAmend): void {
    const { uuid, severity, number = FIRST, document } = amend;
    const payload = encodeAmend({ uuid, number, document });
    const rank = RANK_OF[severity as Severity];
    const pending = this.#options.journal
      .append(payload, { kind: 'amend', rank, wallMs: this.#options.wallMs() })
      .then(
        () => this.#taken(),
        (error) => this.#refused(amend, error),
      )
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  #taken(): void {
    this.#refusing = false;
    this.#options.counters.add('agent_amends_journalled_total');
  }

  /** Said once, until one is taken again. */
  #refused(amend: AlertAmend, error: unknown): void {
    if (!this.#refusing) this.#options.log.error({ error }, `the journal refuses an amend record: ${reasonOf(error)}`);
    this.#refusing = true;
    const { uuid, number = FIRST } = amend;
    const later = this.#again.get(uuid);
    if (number === FIRST || (later === undefined && this.#again.size >= REFUSED_KEPT)) this.#drop('journal_refuses');
    else if (later === undefined || later.number! < number) this.#again.set(uuid, amend);
  }

  #drop(reason: 'journal_refuses' | 'alert_dropped'): void {
    this.#options.counters.add('agent_amends_dropped_total', 1, reason);
  }
}

/** Both in one, under the later number. */
function joined(before: AlertAmend | undefined, amend: AlertAmend): AlertAmend {
  if (before === undefined) return amend;
  const number = Math.max(before.number ?? FIRST, amend.number ?? FIRST);
  return { ...amend, number, document: foldAmend(before.document, amend.document) };
}
