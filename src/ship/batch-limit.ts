// How many parcels a batch may have: halved when an endpoint found one too large, so that the next is not refused again, and
// grown back after some that fitted. Called by the lane.

const FITTED_BEFORE_GROWTH = 20;

export class BatchLimit {
  readonly #most: number;
  #count: number;
  #fitted = 0;

  constructor(most: number) {
    this.#most = most;
    this.#count = most;
  }

  get count(): number {
    return this.#count;
  }

  /** in: parcels of the batch that was refused. */
  tooLarge(count: number): void {
    this.#count = Math.max(1, Math.min(this.#count, Math.floor(count / 2)));
    this.#fitted = 0;
  }

  fitted(count: number): void {
    if (count < this.#count || this.#count === this.#most) return;
    if (++this.#fitted < FITTED_BEFORE_GROWTH) return;
    this.#count = Math.min(this.#most, this.#count * 2);
    this.#fitted = 0;
  }
}
