// Alerts on their way into the journal. put() takes them in the order of the ring and never waits; each is shown only when
// the journal has acknowledged it. What the journal refuses (full disk) is kept in order, within a bound, together with what
// comes after it; the oldest is offered again at each retry(), the others follow once it is taken. Beyond the bound the
// least severe go first, and are counted (agent_alerts_dropped_total) and told in a gap record once there is room: a flood of
// low does not push out high here either. Built by agent.ts.

import type { Alert } from '../detect/alert.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import type { JournalWriter } from '../journal/journal.ts';
import type { Logger } from '../log.ts';
import { decodeAlert, decodeEnvelope, encodeAlert, RANK_OF } from '../proto/alert-codec.ts';
import type { Counters } from '../stats.ts';

export interface OutboxOptions {
  journal: Pick<JournalWriter, 'append'>;
  counters: Counters;
  log: Pick<Logger, 'error' | 'info'>;
  /** Called once for each alert, in the order of their seqs. Must not throw. */
  onDurable: (alert: Alert, seq: number) => void;
  /** Alerts given up, since the last call. */
  onDropped: (count: number) => void;
  /** Each of them, at once. */
  onGivenUp?: (alert: GivenUp) => void;
  /** Bytes of refused alerts kept in memory. */
  maxHeldBytes?: number;
}

/** An alert, or as much of it as its envelope has. */
export type GivenUp = Omit<Alert, 'document'>;

/** Why an alert was given up: no more room to keep it, too large for the journal, not to be encoded. */
export const DROP_REASONS = ['journal_refuses', 'too_large', 'unencodable'] as const;
export type DropReason = (typeof DROP_REASONS)[number];

interface Item {
  /** Of put(): what is held goes to the journal in this order. */
  turn: number;
  rank: number;
  wallMs: number;
  payload: Uint8Array;
  /** As it was put; of what is held the payload is kept alone, which is a small part of the size. */
  alert: Alert | undefined;
  /** Refused before: its bytes count as held until it is taken or dropped. */
  kept: boolean;
}

export class Outbox {
  readonly #options: OutboxOptions & { maxHeldBytes: number };
  readonly #pending = new Set<Promise<void>>();
  #turns = 0;
  #held: Item[] = [];
  #heldBytes = 0;
  /** Not told of yet. */
  #dropped = 0;
  #refusing = false;

  constructor(options: OutboxOptions) {
    this.#options = { maxHeldBytes: 32 << 20, ...options };
  }

  put(alert: Alert): void {
    const payload = this.#encode(alert);
    if (payload === undefined) return;
    const { severity, detectedWallMs: wallMs } = alert;
    const item = { turn: this.#turns++, rank: RANK_OF[severity], wallMs, payload, alert, kept: false };
    if (this.#refusing) this.#hold(item);
    else this.#append(item);
  }

  /** Offers the oldest of what was refused again. The caller does so each second. */
  retry(): void {
    if (this.#pending.size === 0) this.#offer(1);
  }

  /** Resolves when the journal has answered for everything that was put; what it still refuses is counted as dropped. */
  async drain(): Promise<void> {
    await this.#answers();
    this.retry();
    await this.#answers();
    for (const item of this.#held.splice(0)) this.#drop(item, 'journal_refuses');
    this.#tellDropped();
  }

  async #answers(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #encode(alert: Alert): Uint8Array | undefined {
    try {
      return encodeAlert(alert);
    } catch (error) {
      this.#options.log.error({ error }, `alert ${alert.uuid} cannot be encoded: ${reasonOf(error)}`);
      this.#giveUp(alert, 'unencodable');
      return undefined;
    }
  }

  #append(item: Item): void {
    const { payload, rank, wallMs } = item;
    const pending = this.#options.journal
      .append(payload, { kind: 'alert', rank, wallMs })
      .then(
        (seq) => this.#acknowledged(item, seq),
        (error) => this.#refused(item, error),
      )
      .finally(() => {
        this.#pending.delete(pending);
        if (this.#pending.size === 0 && !this.#refusing) this.#offer(this.#held.length);
      });
    this.#pending.add(pending);
  }

  #offer(count: number): void {
    this.#held.sort((a, b) => a.turn - b.turn);
    for (const item of this.#held.splice(0, count)) this.#append(item);
  }

  #acknowledged(item: Item, seq: number): void {
    if (this.#refusing) this.#options.log.info('the journal takes alerts again');
    this.#refusing = false;
    this.#release(item);
    this.#options.counters.add('agent_alerts_journalled_total');
    this.#options.onDurable(item.alert ?? decodeAlert(item.payload), seq);
    this.#tellDropped();
  }

  #refused(item: Item, error: unknown): void {
    this.#options.counters.add('agent_alerts_refused_total');
    if (error instanceof ForebearError && error.code === 'FB_JOURNAL_RECORD_SIZE') {
      // It will never fit: it must not stand in the way of the others.
      this.#drop(item, 'too_large');
      return;
    }
    if (!this.#refusing) this.#options.log.error({ error }, `the journal refuses alerts: ${reasonOf(error)}`);
    this.#refusing = true;
    this.#hold(item);
  }

  #hold(item: Item): void {
    if (!item.kept && !this.#makeRoom(item)) {
      this.#drop(item, 'journal_refuses');
      return;
    }
    if (!item.kept) this.#heldBytes += item.payload.length;
    item.kept = true;
    item.alert = undefined;
    this.#held.push(item);
  }

  /** Of one severity the newest is dropped: the oldest tell how it began. out: whether the item fits now. */
  #makeRoom({ rank, payload }: Item): boolean {
    const { maxHeldBytes } = this.#options;
    if (this.#heldBytes + payload.length <= maxHeldBytes) return true;
    const lesser = this.#held.filter((held) => held.rank < rank);
    const bytes = lesser.reduce((sum, held) => sum + held.payload.length, 0);
    if (this.#heldBytes - bytes + payload.length > maxHeldBytes) return false;
    lesser.sort((a, b) => b.rank - a.rank || a.turn - b.turn);
    while (this.#heldBytes + payload.length > maxHeldBytes) {
      const least = lesser.pop()!;
      this.#held.splice(this.#held.indexOf(least), 1);
      this.#drop(least, 'journal_refuses');
    }
    return true;
  }

  #release(item: Item): void {
    if (item.kept) this.#heldBytes -= item.payload.length;
    item.kept = false;
  }

  #drop(item: Item, reason: DropReason): void {
    this.#release(item);
    this.#giveUp(item.alert ?? decodeEnvelope(item.payload), reason);
  }

  #giveUp(alert: GivenUp, reason: DropReason): void {
    this.#options.onGivenUp?.(alert);
    this.#options.counters.add('agent_alerts_dropped_total', 1, reason);
    this.#dropped++;
  }

  #tellDropped(): void {
    if (this.#dropped > 0) this.#options.onDropped(this.#dropped);
    this.#dropped = 0;
  }
}
