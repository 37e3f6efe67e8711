// Counters of all stages. Names: <stage>_<noun>_<past verb>_total; a drop counter has a reason from a closed list.
// Who may lose something counts it here; status, summaries and tests read them.

export class Counters {
  readonly #values = new Map<string, number>();

  /** Adds n (default 1) to a counter, made at its first use. */
  add(name: string, n = 1, reason?: string): void {
    const key = reason === undefined ? name : `${name}{reason="${reason}"}`;
    this.#values.set(key, (this.#values.get(key) ?? 0) + n);
  }

  get(name: string, reason?: string): number {
    return this.#values.get(reason === undefined ? name : `${name}{reason="${reason}"}`) ?? 0;
  }

  /** All counters, sorted by name. */
  entries(): [string, number][] {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
