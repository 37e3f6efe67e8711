// When last, for each key, an event came that must not come before a sequence (`![ ]` at its beginning). Asked by sequence.ts
// when a sequence begins. Bounded: the oldest go, counted; then nothing is known to have come.

import { type EventTime, isBefore, sameInstant, timeOf } from '../ecs/event-time.ts';
import { type Due, DueHeap } from './due-heap.ts';
import type { Losses } from './losses.ts';

/** `since`: the latest; `before`: the latest at an earlier instant. */
interface Lead extends Due {
  readonly key: string;
  before: EventTime | undefined;
}

export class LeadMemory {
  readonly #leads = new Map<string, Lead>();
  readonly #byAge = new DueHeap<Lead>();
  readonly #max: number;
  readonly #losses: Losses;

  constructor(max: number, losses: Losses) {
    this.#max = max;
    this.#losses = losses;
  }

  /** Keys that something is remembered of. */
  get size(): number {
    return this.#leads.size;
  }

  /** Such an event came. The latest in time counts, whatever the order. */
  note(key: string, event: EventTime): void {
    const known = this.#leads.get(key);
    if (known !== undefined && (sameInstant(known.since, event) || isBefore(event, known.since))) return;
    const lead: Lead = known ?? { key, since: event, place: -1, before: undefined };
    this.#byAge.remove(lead);
    lead.before = known?.since;
    lead.since = timeOf(event);
    this.#leads.set(key, lead);
    this.#byAge.add(lead);
    if (this.size <= this.#max) return;
    this.#losses.evicted('full');
    this.#forget(this.#byAge.first!);
  }

  /** When the latest came at an earlier instant than this event; undefined: none is known. */
  before(key: string, event: EventTime): EventTime | undefined {
    const lead = this.#leads.get(key);
    return lead === undefined || !sameInstant(lead.since, event) ? lead?.since : lead.before;
  }

  /** What is too old to matter goes. */
  expire(isOver: (since: EventTime) => boolean): void {
    for (let lead = this.#byAge.first; lead !== undefined && isOver(lead.since); lead = this.#byAge.first) {
      this.#forget(lead);
    }
  }

  #forget(lead: Lead): void {
    this.#byAge.remove(lead);
    this.#leads.delete(lead.key);
  }
}
