// When a rule has something to do that no event brings about: a missing event at the end of a sequence did not come. One
// comparison for each event; the rules are looked at only once the earliest of these times is over. Used by detector.ts.

import { type EventTime, isBefore } from '../ecs/event-time.ts';
import type { RuleKind } from './kinds/kind.ts';

type Waiting = Pick<RuleKind, 'due'>;

export class DueTimes {
  #kinds: readonly Waiting[] = [];
  /** The earliest of all, or earlier. */
  #next: EventTime | undefined;

  use(kinds: readonly RuleKind[]): void {
    this.#kinds = kinds.filter(({ tick }) => tick !== undefined);
    this.renew();
  }

  /** Something was added to it. */
  note({ due }: Waiting): void {
    if (due !== undefined && (this.#next === undefined || isBefore(due, this.#next))) this.#next = due;
  }

  isOver(at: EventTime): boolean {
    return this.#next !== undefined && isBefore(this.#next, at);
  }

  concerns({ due }: Waiting, at: EventTime): boolean {
    return due !== undefined && isBefore(due, at);
  }

  /** All whose time was over were looked at. */
  renew(): void {
    this.#next = undefined;
    for (const kind of this.#kinds) this.note(kind);
  }
}
