// The places that several lists name, in order, each once, without making anything for it. In: ascending lists of small numbers;
// out: the first `size` of `places`. Used by class-plan.ts for each event.

/** More are sorted by the typed array, which has to be called. */
const FEW = 32;
const LAST_ROUND = 0xffff_ffff;

export class PlaceSet {
  places = new Int32Array(0);
  size = 0;
  /** By place the round in which it was added last. */
  #addedIn = new Uint32Array(0);
  #round = 0;

  /** in: all places are below that. */
  begin(limit: number): void {
    if (this.places.length < limit || this.#round === LAST_ROUND) {
      this.places = new Int32Array(limit);
      this.#addedIn = new Uint32Array(limit);
      this.#round = 0;
    }
    this.size = 0;
    this.#round++;
  }

  add(list: readonly number[]): void {
    for (const place of list) {
      if (this.#addedIn[place] === this.#round) continue;
      this.#addedIn[place] = this.#round;
      this.places[this.size++] = place;
    }
  }

  sort(): void {
    const { places, size } = this;
    if (size > FEW) {
      places.subarray(0, size).sort();
      return;
    }
    for (let i = 1; i < size; i++) {
      const place = places[i]!;
      let at = i;
      for (; at > 0 && places[at - 1]! > place; at--) places[at] = places[at - 1]!;
      places[at] = place;
    }
  }
}
