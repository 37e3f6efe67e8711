// Amends folded into their alerts: an alert waits until two seconds behind it have been read, or have passed, and takes with it
// what amends it meanwhile; later amends are parcels of their own (invariants.md). in: records in order; out: groups in the same
// order. After a restart nothing is assumed: an amend whose alert went out before is sent on its own, which repeats at worst.

import { type KnownRecord, uuidOf } from './parcels.ts';

/** Also how much later than its alert an amend may be journalled to be folded. */
export const FOLD_MS = 2000;
/** So long a source may take for the next record of a backlog, whose times are over. */
const BACKLOG_MS = 50;
/** Of payloads held back; beyond it the oldest goes as it is. */
const MOST_BYTES = 4 * 2 ** 20;

export interface Folded {
  record: KnownRecord;
  /** Of an alert. */
  amends: readonly KnownRecord[];
  /** This record went with its alert: nothing is to be sent of it. */
  isFolded: boolean;
}

interface Held {
  record: KnownRecord;
  amends: KnownRecord[];
  isFolded: boolean;
  uuid: string | undefined;
  /** Wall clock when it came: earlier than that it is only after somebody set the clock back. */
  sinceMs: number;
  /** Wall clock at which it may go when nothing more has come meanwhile; 0: at once. */
  readyMs: number;
  /** The same whatever comes. */
  latestMs: number;
}

export class Folding {
  readonly #nowMs: () => number;
  readonly #keyOf: typeof uuidOf;
  readonly #alerts = new Map<string, Held>();
  #held: Held[] = [];
  #bytes = 0;
  #newestMs = 0;

  /** keyOf: of an alert and of what amends it. */
  constructor(nowMs: () => number, keyOf: typeof uuidOf = uuidOf) {
    this.#nowMs = nowMs;
    this.#keyOf = keyOf;
  }

  add(record: KnownRecord): void {
    const { kindName, wallMs, payload } = record;
    const sinceMs = this.#nowMs();
    // A clock that was set back holds nobody back for longer.
    const [readyMs, latestMs] =
      kindName === 'alert' ? [Math.min(wallMs, sinceMs) + FOLD_MS, sinceMs + FOLD_MS] : [0, 0];
    const uuid = this.#keyOf(record);
    const held: Held = { record, amends: [], isFolded: false, uuid, sinceMs, readyMs, latestMs };
    if (kindName === 'alert' && uuid !== undefined) this.#alerts.set(uuid, held);
    if (kindName === 'amend' && uuid !== undefined) this.#fold(held, this.#alerts.get(uuid));
    this.#held.push(held);
    this.#bytes += payload.length;
    this.#newestMs = Math.max(this.#newestMs, wallMs);
  }

  #fold(amend: Held, alert: Held | undefined): void {
    if (alert === undefined || amend.record.wallMs > alert.record.wallMs + FOLD_MS) return;
    alert.amends.push(amend.record);
    amend.isFolded = true;
  }

  /**
   * The oldest, when it may go. in: read: more may be there at once, of a backlog; waited: nothing more has come for waitMs;
   * end: whatever there is may go.
   */
  take(at: 'read' | 'waited' | 'end'): Folded | undefined {
    const [first] = this.#held;
    if (first === undefined || !(at === 'end' || this.#mayGo(first, at === 'waited'))) return undefined;
    this.#held.shift();
    this.#bytes -= first.record.payload.length;
    if (first.uuid !== undefined && this.#alerts.get(first.uuid) === first) this.#alerts.delete(first.uuid);
    return first;
  }

  #mayGo({ sinceMs, readyMs, latestMs, record }: Held, waited: boolean): boolean {
    const nowMs = this.#nowMs();
    if ((waited ? readyMs : latestMs) <= nowMs || nowMs < sinceMs || this.#bytes > MOST_BYTES) return true;
    return this.#newestMs > record.wallMs + FOLD_MS;
  }

  /** Milliseconds until the oldest may go; undefined when nothing is held. */
  waitMs(): number | undefined {
    const [first] = this.#held;
    return first && Math.min(Math.max(BACKLOG_MS, first.readyMs - this.#nowMs()), FOLD_MS);
  }
}
