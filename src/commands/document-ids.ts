// Who a document of NDJSON is where it has no event.id of its own: the hash of its text, the same in every replay. Lines that are
// the same are different events (a log may say one thing five times a second): the later ones of a moment are numbered. Used for
// one file by replay and by the commands that name its events.

import { createHash } from 'node:crypto';
import type { EcsEvent } from '../ecs/event.ts';

/** Different texts of one moment that are told apart; beyond, equal lines may be one event again. */
const MAX_TEXTS = 10_000;

export class DocumentIds {
  #wallMs = Number.NaN;
  readonly #seen = new Map<string, number>();

  /** in: an event with its time, the line that it came from. */
  of(event: EcsEvent, text: string): string {
    const own = event.get('event.id');
    if (typeof own === 'string') return own;
    if (event.wallMs !== this.#wallMs || this.#seen.size >= MAX_TEXTS) this.#seen.clear();
    this.#wallMs = event.wallMs;
    const id = hash(text);
    const before = this.#seen.get(id) ?? 0;
    this.#seen.set(id, before + 1);
    return before === 0 ? id : hash(`${id} ${before}`);
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
