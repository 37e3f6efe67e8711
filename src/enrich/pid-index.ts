// Which processes had a pid, the latest first: an earlier one stays as long as the process table keeps it. Called by
// process-table.ts alone.

import type { ProcessEntry } from './process-entry.ts';

export class PidIndex {
  readonly #latest = new Map<number, ProcessEntry>();

  get size(): number {
    return this.#latest.size;
  }

  /** The latest process of each pid. */
  values(): MapIterator<ProcessEntry> {
    return this.#latest.values();
  }

  current(tgid: number): ProcessEntry | undefined {
    return this.#latest.get(tgid);
  }

  find(tgid: number, startNs: bigint): ProcessEntry | undefined {
    let entry = this.#latest.get(tgid);
    while (entry !== undefined && entry.startNs !== startNs) entry = entry.older;
    return entry;
  }

  /** The process of that pid as one that started at `youngerNs` could know it: not a later user of the pid. */
  before(tgid: number, youngerNs: bigint): ProcessEntry | undefined {
    let entry = this.#latest.get(tgid);
    while (entry !== undefined && entry.startNs > youngerNs) entry = entry.older;
    return entry;
  }

  /** Puts a process in its place by start time. out: the latest before it came; it is younger than `entry`, or older. */
  add(entry: ProcessEntry): ProcessEntry | undefined {
    const holder = this.#latest.get(entry.tgid);
    if (holder !== undefined && holder.startNs > entry.startNs) {
      entry.older = holder.older;
      holder.older = entry;
    } else {
      entry.older = holder;
      this.#latest.set(entry.tgid, entry);
    }
    return holder;
  }

  remove(entry: ProcessEntry): void {
    const holder = this.#latest.get(entry.tgid);
    if (holder === entry) {
      if (entry.older === undefined) this.#latest.delete(entry.tgid);
      else this.#latest.set(entry.tgid, entry.older);
      return;
    }
    let younger = holder;
    while (younger !== undefined && younger.older !== entry) younger = younger.older;
    if (younger !== undefined) younger.older = entry.older;
  }
}
