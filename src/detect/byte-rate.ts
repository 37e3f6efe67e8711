// The byte rate of alerts (invariants.md, Limits): a rule that matches again and again must not fill the journal with
// itself, nor all rules together fill it faster than it can be delivered. Token buckets on event time, so that a replay
// decides as the live run did; not kept over a restart. Bytes are those of the alerts' documents. Pure; used by detector.ts.
//
// An alert is allowed as long as anything is left and charged when its size is known: one that is not allowed costs nothing
// to refuse, and the rate is exceeded by at most one document. A flood of lesser alerts leaves the last quarter of what all
// rules share to those of high and critical severity.

import { type EventTime, elapsedMs, timeOf, wentBack } from '../ecs/event-time.ts';
import type { Severity } from './rule.ts';

/** A bucket holds what a minute allows: a burst may take that at once. */
export interface ByteLimits {
  readonly ruleBytesPerMinute: number;
  readonly allBytesPerMinute: number;
}

/** Which of the two limits holds an alert back. */
export const OVER_RATES = ['rule', 'all'] as const;
export type OverRate = (typeof OVER_RATES)[number];

export const NO_BYTE_LIMITS: ByteLimits = {
  ruleBytesPerMinute: Number.MAX_SAFE_INTEGER,
  allBytesPerMinute: Number.MAX_SAFE_INTEGER,
};

const MINUTE_MS = 60_000;
const RESERVED_SHARE = 1 / 4;
const SEVERE: ReadonlySet<Severity> = new Set(['high', 'critical']);

export class ByteRates {
  readonly #limits: ByteLimits;
  readonly #all: Bucket;
  readonly #rules = new Map<string, Bucket>();
  /** Alerts held back and not told of yet, by rule. */
  readonly #heldBack = new Map<string, number>();

  constructor(limits: ByteLimits) {
    this.#limits = limits;
    this.#all = new Bucket(limits.allBytesPerMinute);
  }

  /**
   * Whether an alert of the rule may be made at that time; undefined: it may, and is to be charged then. What may not is
   * counted for the rule. in: severity, asked for only where it matters.
   */
  refuse(rule_id: string, at: EventTime, severity: () => Severity): OverRate | undefined {
    const over = this.#over(rule_id, at, severity);
    if (over !== undefined) this.#heldBack.set(rule_id, (this.#heldBack.get(rule_id) ?? 0) + 1);
    return over;
  }

  /** How many alerts of the rule were held back since its last one: to be told in the one that is made now. */
  takeHeldBack(rule_id: string): number {
    const count = this.#heldBack.get(rule_id) ?? 0;
    this.#heldBack.delete(rule_id);
    return count;
  }

  /** in: the bytes of the alert that was made. */
  charge(rule_id: string, bytes: number): void {
    this.#all.take(bytes);
    this.#bucketOf(rule_id).take(bytes);
  }

  /** Held back, and told of by no alert yet. */
  heldBack(): { rule_id: string; count: number }[] {
    return [...this.#heldBack].map(([rule_id, count]) => ({ rule_id, count }));
  }

  #over(rule_id: string, at: EventTime, severity: () => Severity): OverRate | undefined {
    if (this.#bucketOf(rule_id).leftAt(at) <= 0) return 'rule';
    const left = this.#all.leftAt(at);
    if (left > this.#limits.allBytesPerMinute * RESERVED_SHARE) return undefined;
    return left > 0 && SEVERE.has(severity()) ? undefined : 'all';
  }

  #bucketOf(rule_id: string): Bucket {
    let bucket = this.#rules.get(rule_id);
    if (bucket === undefined) {
      bucket = new Bucket(this.#limits.ruleBytesPerMinute);
      this.#rules.set(rule_id, bucket);
    }
    return bucket;
  }
}

/** Full at first; below zero after a document that was larger than what was left. */
class Bucket {
  readonly #perMinute: number;
  #left: number;
  #at: EventTime | undefined;

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
    this.#left = perMinute;
  }

  /** Fills it up to that time. An earlier one than the last (order is that of the ring, not of time) adds nothing. */
  leftAt(at: EventTime): number {
    if (this.#at === undefined || wentBack(this.#at, at)) {
      this.#at = timeOf(at);
      return this.#left;
    }
    const ms = elapsedMs(this.#at, at);
    if (ms > 0) this.#at = timeOf(at);
    this.#left = Math.min(this.#perMinute, this.#left + (ms / MINUTE_MS) * this.#perMinute);
    return this.#left;
  }

  take(bytes: number): void {
    this.#left -= bytes;
  }
}
