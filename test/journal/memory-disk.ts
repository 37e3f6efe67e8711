// A file system in memory for the journal's tests. Each call is one step at which a test can crash, fail or cut short. What was
// not synced is kept apart, so that a power loss can take it: contents by datasync, names by fsyncDir, as POSIX promises.

import type { JournalFile, JournalIo } from '../../src/journal/journal-io.ts';
import type { LockFile } from '../../src/journal/lock-io.ts';

/** What becomes of unsynced writes and names: none survives, all do, or every other one, the last write in half. */
export type Survival = 'none' | 'all' | 'torn';
export type Operation =
  | 'open'
  | 'write'
  | 'read'
  | 'datasync'
  | 'truncate'
  | 'size'
  | 'close'
  | 'readdir'
  | 'mkdir'
  | 'rename'
  | 'unlink'
  | 'fsyncDir'
  | 'freeBytes';

export interface Step {
  /** From 1. */
  number: number;
  operation: Operation;
  path: string;
}

type Change = { offset: number; bytes: Buffer } | { size: number };

class Inode {
  live: Buffer = Buffer.alloc(0);
  synced: Buffer = Buffer.alloc(0);
  unsynced: Change[] = [];
  /** A sync failed: the kernel has forgotten that these bytes are not on the disk, later syncs will not bring them there. */
  #forgotten = false;
  /** Blocks whose writing failed: as they were, for the moment. */
  #hit = new Set<number>();
  /** Those that are gone for good, unless a later write to them succeeds. */
  #torn = new Set<number>();

  change(change: Change): void {
    this.live = applied(this.live, change);
    this.unsynced.push(change);
  }

  sync(): void {
    if (!this.#forgotten) this.synced = Buffer.from(this.live);
    for (const change of this.#forgotten ? this.unsynced : []) {
      this.synced = applied(this.synced, change);
      for (const block of blocksOf(change)) this.#bring(block);
    }
    this.unsynced = [];
  }

  failSync(): void {
    this.#forgotten = true;
    for (const change of this.unsynced) for (const block of blocksOf(change)) this.#hit.add(block);
    this.unsynced = [];
  }

  /** A block is written as a whole, out of the page cache: it is no longer torn. */
  #bring(block: number): void {
    const wasHit = this.#hit.delete(block);
    if (!this.#torn.delete(block) && !wasHit) return;
    const offset = block * BLOCK;
    const bytes = this.live.subarray(offset, Math.min(offset + BLOCK, this.synced.length));
    this.synced = applied(this.synced, { offset, bytes: Buffer.from(bytes) });
  }

  /** The program had its chance to write elsewhere what stood in the blocks that a failed write has hit. */
  tear(): void {
    for (const block of this.#hit) this.#torn.add(block);
    this.#hit.clear();
  }

  /** What the disk has. */
  onDisk(): Buffer {
    const content = Buffer.from(this.synced);
    for (const block of this.#torn) content.subarray(block * BLOCK, (block + 1) * BLOCK).fill(0xee);
    return content;
  }

  copy(): Inode {
    const inode = new Inode();
    inode.live = Buffer.from(this.live);
    inode.synced = Buffer.from(this.synced);
    inode.unsynced = [...this.unsynced];
    inode.#forgotten = this.#forgotten;
    inode.#torn = new Set(this.#torn);
    inode.#hit = new Set(this.#hit);
    return inode;
  }
}

const BLOCK = 4096;

function blocksOf(change: Change): number[] {
  if ('size' in change || change.bytes.length === 0) return [];
  const first = Math.floor(change.offset / BLOCK);
  const last = Math.floor((change.offset + change.bytes.length - 1) / BLOCK);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function applied(content: Buffer, change: Change): Buffer {
  const size = 'size' in change ? change.size : Math.max(content.length, change.offset + change.bytes.length);
  const next = Buffer.alloc(size);
  content.copy(next, 0, 0, size);
  if ('bytes' in change) change.bytes.copy(next, change.offset);
  return next;
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

export class MemoryDisk implements JournalIo {
  boot = 'b0'.repeat(16);
  capacity = Number.POSITIVE_INFINITY;
  steps = 0;
  /** Counts per operation, e.g. of datasync. */
  readonly counts = new Map<Operation, number>();
  /** Crash at this step: it and all later ones fail with ECRASH and do nothing. */
  crashAt = Number.POSITIVE_INFINITY;
  /** An error code to throw instead of the step, or for a write the number of bytes it may write. */
  fault: (step: Step) => string | number | undefined = () => undefined;
  /** Whether a read of that part of a file fails with EIO. */
  unreadable: (path: string, offset: number, length: number) => boolean = () => false;
  /** Whether a read gives its last bytes wrong, as one in the middle of a write. */
  scramble: (path: string) => boolean = () => false;
  #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();
  #watchers = new Map<string, Set<() => void>>();
  #locked = new Set<string>();

  /** As the kernel keeps it: one holder a path. */
  readonly lock: LockFile = (path) => {
    if (this.#locked.has(path)) return undefined;
    this.#locked.add(path);
    return () => this.#locked.delete(path);
  };

  #step(operation: Operation, path: string): number {
    this.steps++;
    this.counts.set(operation, (this.counts.get(operation) ?? 0) + 1);
    if (this.steps >= this.crashAt) throw systemError('ECRASH');
    const fault = this.fault({ number: this.steps, operation, path });
    if (typeof fault === 'string') throw systemError(fault);
    return fault ?? Number.POSITIVE_INFINITY;
  }

  async open(path: string, how: 'read' | 'write' | 'create'): Promise<JournalFile> {
    this.#step('open', path);
    const known = this.#names.get(path);
    if (known === undefined && how === 'read') throw systemError('ENOENT');
    if (known !== undefined && how === 'create') throw systemError('EEXIST');
    const inode = known ?? new Inode();
    this.#names.set(path, inode);
    return this.#file(path, inode);
  }

  #file(path: string, inode: Inode): JournalFile {
    return {
      write: async (bytes, offset) => {
        const allowed = Math.min(this.#step('write', path), bytes.length);
        const room = this.capacity - this.usedBytes() + Math.max(0, inode.live.length - offset);
        const count = Math.min(allowed, Math.max(0, room));
        if (count === 0 && bytes.length > 0) throw systemError('ENOSPC');
        inode.change({ offset, bytes: Buffer.from(bytes.subarray(0, count)) });
        for (const wake of this.#watchers.get(path) ?? []) wake();
        return count;
      },
      read: async (into, offset) => {
        this.#step('read', path);
        if (this.unreadable(path, offset, into.length)) throw systemError('EIO');
        const count = inode.live.copy(into, 0, Math.min(offset, inode.live.length));
        if (this.scramble(path)) into.fill(0xee, count >> 1, count);
        return count;
      },
      datasync: async () => {
        try {
          this.#step('datasync', path);
        } catch (error) {
          // A crash is not a failure that the kernel has answered.
          if (this.steps < this.crashAt) inode.failSync();
          throw error;
        }
        inode.sync();
      },
      truncate: async (size) => {
        this.#step('truncate', path);
        inode.change({ size });
      },
      size: async () => {
        this.#step('size', path);
        return inode.live.length;
      },
      close: async () => {
        this.#step('close', path);
      },
    };
  }

  async readdir(path: string): Promise<string[]> {
    this.#step('readdir', path);
    return [...this.#names.keys()].filter((name) => parent(name) === path).map((name) => name.slice(path.length + 1));
  }

  async mkdir(path: string): Promise<void> {
    this.#step('mkdir', path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step('rename', from);
    const inode = this.#names.get(from);
    if (inode === undefined) throw systemError('ENOENT');
    this.#names.delete(from);
    this.#names.set(to, inode);
  }

  async unlink(path: string): Promise<void> {
    this.#step('unlink', path);
    if (!this.#names.delete(path)) throw systemError('ENOENT');
  }

  async fsyncDir(path: string): Promise<void> {
    this.#step('fsyncDir', path);
    const others = [...this.#syncedNames].filter(([name]) => parent(name) !== path);
    const these = [...this.#names].filter(([name]) => parent(name) === path);
    const segmentAppeared = these.some(([name]) => name.endsWith('.fbj') && !this.#syncedNames.has(name));
    this.#syncedNames = new Map([...others, ...these]);
    // A power loss before that would be a second fault at once, against which nothing helps.
    if (segmentAppeared) for (const inode of this.#names.values()) inode.tear();
  }

  async freeBytes(path: string): Promise<number> {
    this.#step('freeBytes', path);
    return Math.max(0, this.capacity - this.usedBytes());
  }

  watch(directory: string, name: string, onChange: () => void): () => void {
    const path = `${directory}/${name}`;
    const watchers = this.#watchers.get(path) ?? new Set();
    this.#watchers.set(path, watchers.add(onChange));
    return () => watchers.delete(onChange);
  }

  async bootId(): Promise<string> {
    return this.boot;
  }

  usedBytes(): number {
    return [...new Set(this.#names.values())].reduce((sum, inode) => sum + inode.live.length, 0);
  }

  /** Contents as a program sees them. */
  files(): Map<string, Buffer> {
    return new Map([...this.#names].map(([name, inode]) => [name, Buffer.from(inode.live)]));
  }

  put(path: string, content: Buffer): void {
    const inode = new Inode();
    inode.change({ offset: 0, bytes: Buffer.from(content) });
    inode.sync();
    this.#names.set(path, inode);
    this.#syncedNames.set(path, inode);
  }

  /** The same disk after the program was killed: the kernel still has everything, synced or not. Same boot. */
  afterKill(): MemoryDisk {
    const disk = new MemoryDisk();
    disk.capacity = this.capacity;
    disk.boot = this.boot;
    const copies = new Map([...this.#names, ...this.#syncedNames].map(([, inode]) => [inode, inode.copy()]));
    disk.#names = new Map([...this.#names].map(([name, inode]) => [name, copies.get(inode)!]));
    disk.#syncedNames = new Map([...this.#syncedNames].map(([name, inode]) => [name, copies.get(inode)!]));
    return disk;
  }

  /** The disk after a power loss: another boot. */
  afterPowerLoss(survival: Survival): MemoryDisk {
    const disk = new MemoryDisk();
    disk.capacity = this.capacity;
    disk.boot = (BigInt(`0x${this.boot}`) + 1n).toString(16);
    for (const [name, inode] of this.#survivingNames(survival)) disk.put(name, survivingContent(inode, survival));
    return disk;
  }

  #survivingNames(survival: Survival): Map<string, Inode> {
    if (survival === 'all') return this.#names;
    const names = new Map(this.#syncedNames);
    if (survival === 'none') return names;
    const created = [...this.#names].filter(([name]) => !names.has(name));
    for (const [i, [name, inode]] of created.entries()) if (i % 2 === 0) names.set(name, inode);
    return names;
  }
}

function survivingContent(inode: Inode, survival: Survival): Buffer {
  if (survival === 'none') return inode.onDisk();
  if (survival === 'all') return inode.live;
  let content = inode.onDisk();
  for (const [i, change] of inode.unsynced.entries()) {
    const isLast = i === inode.unsynced.length - 1;
    if (!isLast && i % 2 === 1) continue;
    const half = isLast && 'bytes' in change;
    content = applied(
      content,
      half ? { ...change, bytes: change.bytes.subarray(0, change.bytes.length >> 1) } : change,
    );
  }
  return content;
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
