// Alerts on their way into the journal. put() takes them in the order of the ring and never waits; each is shown only when
// the journal has acknowledged it. What the journal refuses (full disk) is kept, within a bound, and offered again at each
// retry(); beyond the bound it is counted (agent_alerts_dropped_total) and told in a gap record once there is room.
// Built by agent.ts.

import type { Alert } from '../detect/alert.ts';
import { reasonOf } from '../errors.ts';
import type { JournalWriter } from '../journal/journal.ts';
import type { Logger } from '../log.ts';
import { encodeAlert, RANK_OF } from '../proto/alert-codec.ts';
import type { Counters } from '../stats.ts';

export interface OutboxOptions {
  journal: Pick<JournalWriter, 'append'>;
  counters: Counters;
  log: Pick<Logger, 'error' | 'info'>;
  /** Called once for each alert, in the order of their seqs. */
  onDurable: (alert: Alert, seq: number) => void;
  /** Alerts given up, since the last call. */
  onDropped: (count: number) => void;
  /** Bytes of refused alerts kept in memory. */
  maxHeldBytes?: number;
}

interface Held {
  alert: Alert;
  payload: Uint8Array;
}

export class Outbox {
  readonly #options: Required<OutboxOptions>;
  readonly #pending = new Set<Promise<void>>();
  #held: Held[] = [];
  #heldBytes = 0;
  #dropped = 0;
  #refusing = false;

  constructor(options: OutboxOptions) {
    this.#options = { maxHeldBytes: 32 << 20, ...options };
  }

  put(alert: Alert): void {
    this.#append({ alert, payload: encodeAlert(alert) });
  }

  /** Offers again what was refused. The caller does so each second. */
  retry(): void {
    if (this.#pending.size > 0) return;
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const item of held) this.#append(item);
  }

  /** Resolves when the journal has answered for everything that was put. out: alerts still held, now lost. */
  async drain(): Promise<number> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    this.retry();
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    return this.#held.length;
  }

  #append(item: Held): void {
    const { alert, payload } = item;
    const pending = this.#options.journal
      .append(payload, { kind: 'alert', rank: RANK_OF[alert.severity], wallMs: alert.detectedWallMs })
      .then(
        (seq) => this.#acknowledged(alert, seq),
        (error) => this.#refused(item, error),
      )
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  #acknowledged(alert: Alert, seq: number): void {
    if (this.#refusing) this.#options.log.info('the journal takes alerts again');
    this.#refusing = false;
    this.#options.counters.add('agent_alerts_journalled_total');
    this.#options.onDurable(alert, seq);
    if (this.#dropped === 0) return;
    this.#options.onDropped(this.#dropped);
    this.#dropped = 0;
  }

  #refused(item: Held, error: unknown): void {
    if (!this.#refusing) this.#options.log.error({ error }, `the journal refuses alerts: ${reasonOf(error)}`);
    this.#refusing = true;
    this.#options.counters.add('agent_alerts_refused_total');
    if (this.#heldBytes + item.payload.length > this.#options.maxHeldBytes) {
      this.#options.counters.add('agent_alerts_dropped_total', 1, 'journal_refuses');
      this.#dropped++;
      return;
    }
    this.#held.push(item);
    this.#heldBytes += item.payload.length;
  }
}
