// The process table: which process is which, who forked whom, and what each one runs. Fed by the enricher in the order of
// the ring; bounded in bytes; all time is record time. Key: (tgid, start_boottime).
//
// How long an entry stays: while the process lives; after its exit while another entry points to it (a child to its
// creator, a process to its leaders); else for a grace period. Over the limit go, in this order: exited entries nobody
// points to; the details (arguments, ancestors) of exited ones that are pointed to; live ones without descendants.

import type { Counters } from '../stats.ts';
import { PartStore } from './part-store.ts';
import { PidIndex } from './pid-index.ts';
import { type Context, ENTRY_BYTES, Image, type ProcessEntry } from './process-entry.ts';

export interface ProcessTableOptions {
  /** Default 64 MiB. */
  maxBytes?: number;
  /** How long an exited entry stays that nobody points to; default 2 s of record time. */
  graceNs?: bigint;
  counters: Counters;
  /** A live process was forgotten to stay within the limit. */
  onEvictLive?: () => void;
}

type Pointer = 'origin' | 'session' | 'group' | 'leader';
const POINTERS: readonly Pointer[] = ['origin', 'session', 'group', 'leader'];
/** Earlier execs kept of a process that execs again and again. */
const EARLIER_MAX = 8;
const EARLIER_BYTES = 24 + 16;

export class ProcessTable {
  readonly #maxBytes: number;
  readonly #graceNs: bigint;
  readonly #counters: Counters;
  readonly #onEvictLive: () => void;
  readonly #pids = new PidIndex();
  readonly #parts = new PartStore();
  /** In the order of exit, from #head on. */
  #exited: ProcessEntry[] = [];
  #head = 0;
  /** Exited, past their grace, pointed to. */
  readonly #kept = new Set<ProcessEntry>();
  #bytes = 0;
  #size = 0;
  #nowNs = 0n;
  #evictable: Iterator<ProcessEntry> | undefined;
  #sweep: Iterator<ProcessEntry> | undefined;

  constructor(options: ProcessTableOptions) {
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    this.#graceNs = options.graceNs ?? 2_000_000_000n;
    this.#counters = options.counters;
    this.#onEvictLive = options.onEvictLive ?? (() => {});
  }

  /** Accounted bytes: at most maxBytes after each call, unless one entry alone is larger. */
  get bytes(): number {
    return this.#bytes + this.#parts.bytes;
  }

  /** Entries, exited ones included. */
  get size(): number {
    return this.#size;
  }

  /** The latest process of that pid, alive or not. */
  current(tgid: number): ProcessEntry | undefined {
    return this.#pids.current(tgid);
  }

  find(tgid: number, startNs: bigint): ProcessEntry | undefined {
    return this.#pids.find(tgid, startNs);
  }

  /** The process of that pid as one that started at `youngerNs` could know it: not a later user of the pid. */
  before(tgid: number, youngerNs: bigint): ProcessEntry | undefined {
    return this.#pids.before(tgid, youngerNs);
  }

  /** Those that are not marked as exited. */
  *living(): Generator<ProcessEntry> {
    for (const entry of this.#pids.values()) if (!entry.exited) yield entry;
  }

  /** The first living one in a mount namespace. */
  memberOf(mntNs: number): number | undefined {
    for (const { context, tgid } of this.living()) if (context.mntNs === mntNs) return tgid;
    return undefined;
  }

  /** Moves record time on: exited entries whose grace has passed go, or stay for those who point to them. */
  advance(nowNs: bigint): void {
    if (nowNs > this.#nowNs) this.#nowNs = nowNs;
    while (this.#head < this.#exited.length && this.#exited[this.#head]!.exitedNs + this.#graceNs <= this.#nowNs) {
      this.#settle(this.#exited[this.#head++]!);
    }
    // What has been settled is cut off now and then.
    if (this.#head > 1024 && this.#head * 2 > this.#exited.length) {
      this.#exited = this.#exited.slice(this.#head);
      this.#head = 0;
    }
  }

  /** A fresh entry. A process of the same pid that is still marked alive has gone without a record: counted. */
  add(entry: ProcessEntry): ProcessEntry {
    this.#parts.retain(entry.image);
    this.#parts.retain(entry.context);
    this.#bytes += ENTRY_BYTES;
    this.#size++;
    const holder = this.#pids.add(entry);
    if (holder !== undefined && holder.startNs > entry.startNs) this.exit(entry);
    else if (holder !== undefined && !holder.exited) this.#missExit(holder);
    this.#makeRoom(entry);
    return entry;
  }

  setContext(entry: ProcessEntry, context: Context): void {
    if (context === entry.context) return;
    this.#parts.retain(context);
    this.#parts.release(entry.context);
    entry.context = context;
  }

  /** The entry runs another image. With a time: by an exec, the earlier one's is kept. */
  setImage(entry: ProcessEntry, image: Image, execNs?: bigint): void {
    this.#parts.retain(image);
    this.#parts.release(entry.image);
    entry.image = image;
    if (execNs !== undefined) this.#execAt(entry, execNs);
    this.#makeRoom(entry);
  }

  /** Adds what was read later to an image, for all who share it. */
  fillImage(entry: ProcessEntry, fill: (image: Image) => void): void {
    this.#parts.change(entry.image, fill);
    this.#makeRoom(entry);
  }

  point(entry: ProcessEntry, pointer: Pointer, target: ProcessEntry | undefined): void {
    const old = entry[pointer];
    if (old === target) return;
    if (target !== undefined && target !== entry) target.refs++;
    entry[pointer] = target;
    if (old !== undefined && old !== entry) this.#unpoint(old);
  }

  exit(entry: ProcessEntry): void {
    if (entry.exited) return;
    entry.exited = true;
    entry.exitedNs = this.#nowNs;
    this.#exited.push(entry);
  }

  /** A record of a process that was taken for gone: it lives. */
  revive(entry: ProcessEntry): void {
    entry.exited = false;
    entry.graceOver = false;
    this.#kept.delete(entry);
  }

  /**
   * Checks up to `max` live entries against the world, where the last call ended: exits that were lost must not leak.
   * out: how many were marked as exited, and whether this call came to the end of the table.
   */
  expire(isAlive: (tgid: number, startNs: bigint) => boolean, max: number): { expired: number; wrapped: boolean } {
    this.#sweep ??= this.#pids.values();
    let expired = 0;
    for (let i = 0; i < max; i++) {
      const next = this.#sweep.next();
      if (next.done) {
        this.#sweep = undefined;
        return { expired, wrapped: true };
      }
      const entry = next.value;
      if (entry.exited || isAlive(entry.tgid, entry.startNs)) continue;
      this.#missExit(entry);
      expired++;
    }
    return { expired, wrapped: false };
  }

  #missExit(entry: ProcessEntry): void {
    this.#counters.add('enrich_exits_missed_total');
    this.exit(entry);
  }

  #execAt(entry: ProcessEntry, execNs: bigint): void {
    if (entry.hasExecd) {
      entry.earlier ??= [];
      entry.earlier.unshift(entry.execNs);
      this.#bytes += EARLIER_BYTES;
      if (entry.earlier.length > EARLIER_MAX) {
        entry.earlier.pop();
        this.#bytes -= EARLIER_BYTES;
      }
    }
    entry.execNs = execNs;
  }

  /** An exited entry at the end of its grace, unless it has come back. */
  #settle(entry: ProcessEntry): void {
    if (!entry.exited || entry.dropped) return;
    entry.graceOver = true;
    if (entry.refs > 0) this.#kept.add(entry);
    else this.#drop(entry);
  }

  /** One pointer less; whoever is then neither alive nor pointed to goes, and so on up its ancestors. */
  #unpoint(target: ProcessEntry): void {
    target.refs--;
    if (target.refs === 0 && target.graceOver && !target.dropped) this.#drop(target);
  }

  #drop(first: ProcessEntry): void {
    const pending = [first];
    for (let entry = pending.pop(); entry !== undefined; entry = pending.pop()) {
      this.#unlink(entry);
      for (const target of this.#clearPointers(entry)) {
        target.refs--;
        if (target.refs === 0 && target.graceOver && !target.dropped) pending.push(target);
      }
    }
  }

  #unlink(entry: ProcessEntry): void {
    entry.dropped = true;
    this.#size--;
    this.#bytes -= ENTRY_BYTES + (entry.earlier?.length ?? 0) * EARLIER_BYTES;
    this.#kept.delete(entry);
    this.#parts.release(entry.image);
    this.#parts.release(entry.context);
    this.#pids.remove(entry);
  }

  #clearPointers(entry: ProcessEntry): ProcessEntry[] {
    const targets: ProcessEntry[] = [];
    for (const pointer of POINTERS) {
      const target = entry[pointer];
      if (target !== undefined && target !== entry) targets.push(target);
      entry[pointer] = undefined;
    }
    return targets;
  }

  #makeRoom(newest: ProcessEntry): void {
    while (this.bytes > this.#maxBytes) {
      if (!this.#evictExited() && !this.#stripKept() && !this.#evictLive(newest)) return;
    }
  }

  #evictExited(): boolean {
    const entry = this.#exited[this.#head];
    if (entry === undefined) return false;
    this.#head++;
    if (entry.refs === 0 && entry.exited) this.#counters.add('enrich_processes_evicted_total', 1, 'exited');
    this.#settle(entry);
    return true;
  }

  /** What remains of it: identity, name, type as a leader. Its ancestors lose a pointer. */
  #stripKept(): boolean {
    const [entry] = this.#kept;
    if (entry === undefined) return false;
    this.#kept.delete(entry);
    this.#counters.add('enrich_processes_evicted_total', 1, 'referred');
    const { executable, name } = entry.image;
    const bare = new Image({ executable, name, source: 'unknown' });
    this.#parts.retain(bare);
    this.#parts.release(entry.image);
    entry.image = bare;
    for (const target of this.#clearPointers(entry)) this.#unpoint(target);
    return true;
  }

  /** The next live entry without descendants, in the order of a clock hand over the table; never pid 1. */
  #evictLive(newest: ProcessEntry): boolean {
    for (let steps = this.#pids.size + 1; steps > 0; steps--) {
      this.#evictable ??= this.#pids.values();
      const next = this.#evictable.next();
      if (next.done) {
        this.#evictable = undefined;
        continue;
      }
      const entry = next.value;
      if (entry === newest || entry.exited || entry.refs > 0 || entry.tgid === 1) continue;
      this.#counters.add('enrich_processes_evicted_total', 1, 'live');
      this.#drop(entry);
      this.#onEvictLive();
      return true;
    }
    return false;
  }
}
