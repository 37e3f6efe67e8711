// Names of users and groups by id. Holds what was told (Enricher.apply); an id without a name is asked for once and its
// name is absent until it comes: the event path never waits. Reading is users-io.ts's.

import type { Names } from './surroundings.ts';

/** Ids that were asked for; an attacker can make up new ones without end. */
const ASKED_MAX = 4096;

export class NameBook {
  readonly #of: 'user' | 'group';
  readonly #want: (of: 'user' | 'group', id: number) => void;
  #names: Map<number, string>;
  readonly #asked = new Set<number>();

  constructor(of: 'user' | 'group', names: Names, want: (of: 'user' | 'group', id: number) => void) {
    this.#of = of;
    this.#want = want;
    this.#names = new Map(names);
  }

  /** All names anew: who was unknown may be asked for again. */
  replace(names: Names): void {
    this.#names = new Map(names);
    this.#asked.clear();
  }

  add(id: number, name: string): void {
    this.#names.set(id, name);
  }

  nameOf(id: number): string | undefined {
    const name = this.#names.get(id);
    if (name === undefined && !this.#asked.has(id)) this.#ask(id);
    return name;
  }

  #ask(id: number): void {
    if (this.#asked.size >= ASKED_MAX) return;
    this.#asked.add(id);
    this.#want(this.#of, id);
  }
}
