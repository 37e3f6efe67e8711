// What lies in the files that decide what the agent does: kind, permissions, owner and content of each, looked at a few at a time, so
// that thousands of rules hold up no event. inotify (fs.watch) says when it is worth a look before the next minute; it can be beaten
// (a bind mount, more folders than it watches), so every pass looks at all. Contents are read again where inode, size or
// ctime differ: nobody sets a ctime but by the clock or the raw disk. In: roots; out: path -> FileState. Used by protection.ts.

import { hash } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  constants,
  type FSWatcher,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  watch,
} from 'node:fs';
import { join } from 'node:path';
import { ABSENT, type FileState, UNSEEN } from './file-watch.ts';

/** Larger ones are known by their inode alone. */
const HASHED_MAX = 8 << 20;
/** Read in one step: tens of milliseconds. */
const STEP_BYTES = 4 << 20;
const WATCHES_MAX = 256;
/** What is found beyond them is not looked at, nor what lies in it. */
export const PATHS_MAX = 20_000;
const DEPTH_MAX = 12;
/** What the agent lacks says nothing of a file. */
const LACKING: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

export interface WatchedRoot {
  path: string;
  /** With all that lies in it. */
  deep: boolean;
  /** Of files in it, those that fit alone; absent: all. */
  only?: RegExp;
}

interface Seen {
  signature: string;
  state: FileState;
}

export class WatchedFiles {
  #roots: readonly WatchedRoot[];
  readonly #onChange: () => void;
  readonly #mostPaths: number;
  readonly #seen = new Map<string, Seen>();
  readonly #watchers = new Map<string, FSWatcher>();
  /** Since the last step. */
  #readBytes = 0;

  /** in: files and folders, those that matter most first; who wants to know that something may have changed. */
  constructor(roots: readonly WatchedRoot[], onChange: () => void, mostPaths = PATHS_MAX) {
    this.#roots = roots;
    this.#onChange = onChange;
    this.#mostPaths = mostPaths;
  }

  /**
   * One pass: each step looks at `step` paths, fewer where they have to be read; its end returns what was found, and where it found
   * too many, UNSEEN for those that it left. Throws where descriptors or memory lack.
   */
  *pass(step: number): Generator<undefined, ReadonlyMap<string, FileState>, undefined> {
    const found = new Map<string, FileState>();
    const entered = new Set<string>();
    // The last of it comes next: the first root, and in a folder the first name.
    const left = this.#roots.map(({ path, deep, only }) => ({ path, depth: deep ? 0 : DEPTH_MAX, only })).reverse();
    for (let looked = 1; left.length > 0 && found.size < this.#mostPaths; looked++) {
      const { path, depth, only } = left.pop()!;
      const { state, names } = this.#look(path, depth, entered, depth === 0 ? undefined : only);
      if (state !== undefined) found.set(path, state);
      for (const name of names) left.push({ path: join(path, name), depth: depth + 1, only });
      if (looked % step === 0 || this.#readBytes >= STEP_BYTES) {
        this.#readBytes = 0;
        yield;
      }
    }
    for (const path of this.#seen.keys()) if (!found.has(path)) this.#seen.delete(path);
    for (const { path } of left) if (!found.has(path)) found.set(path, UNSEEN);
    return found;
  }

  /** From the next pass on these. */
  follow(roots: readonly WatchedRoot[]): void {
    this.#roots = roots;
    this.stop();
  }

  stop(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** state undefined: a file that nobody reads. */
  #look(path: string, depth: number, entered: Set<string>, only: RegExp | undefined) {
    let names: readonly string[] = [];
    try {
      const stats = lstatSync(path, { bigint: true });
      if (stats.isFile() && only?.test(path) === false) return { state: undefined, names };
      if (depth < DEPTH_MAX && isEntry(path, stats, entered)) {
        names = readdirSync(path).sort().reverse();
        this.#watch(path);
      } else if (depth === 0 || depth === DEPTH_MAX) this.#watch(path);
      return { state: this.#stateOf(path, stats), names };
    } catch (error) {
      const { code = 'unknown' } = error as { code?: string };
      if (LACKING.has(code)) throw error;
      return { state: code === 'ENOENT' || code === 'ENOTDIR' ? ABSENT : `unreadable (${code})`, names };
    }
  }

  #stateOf(path: string, stats: BigIntStats): FileState {
    const { ino, dev, size, ctimeNs, mode, uid, gid } = stats;
    const rights = `${(mode & 0o7777n).toString(8)} ${uid}:${gid}`;
    if (stats.isDirectory()) return `folder ${rights}`;
    if (stats.isSymbolicLink()) return `link to ${readlinkSync(path)}${this.#behind(path)}`;
    if (!stats.isFile()) return `special ${rights}`;
    const signature = [ino, dev, size, ctimeNs].join(' ');
    if (size > HASHED_MAX) return `file ${rights} ${size} bytes, inode ${ino}, changed ${ctimeNs}`;
    const seen = this.#seen.get(path);
    const content = seen?.signature === signature ? seen.state : `sha256 ${this.#hashOf(path)}`;
    this.#seen.set(path, { signature, state: content });
    return `file ${rights} ${content}`;
  }

  /** Opened without waiting: a FIFO that has come in its place would, for ever. */
  #hashOf(path: string): string {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!fstatSync(fd).isFile()) throw new Error(`${path} is no file any more`);
      const bytes = readFileSync(fd);
      this.#readBytes += bytes.length;
      return hash('sha256', bytes, 'hex');
    } finally {
      closeSync(fd);
    }
  }

  /** What a link leads to counts too, where that is a file. */
  #behind(path: string): string {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats?.isFile() === true ? `, ${this.#stateOf(path, stats)}` : '';
  }

  #watch(path: string): void {
    if (this.#watchers.has(path) || this.#watchers.size >= WATCHES_MAX) return;
    try {
      const watcher = watch(path, { persistent: false }, () => this.#onChange());
      const drop = () => {
        watcher.close();
        this.#watchers.delete(path);
      };
      watcher.on('error', drop);
      // What was replaced or removed is watched anew when the next pass finds it.
      watcher.on('change', (event) => {
        if (event === 'rename') drop();
      });
      this.#watchers.set(path, watcher);
    } catch {
      // Out of watches: the pass of each minute sees it.
    }
  }
}

/** A folder, or a link to one that was not looked into yet: rules are loaded from behind links too (source-files-io.ts). */
function isEntry(path: string, stats: BigIntStats, entered: Set<string>): boolean {
  const found = stats.isSymbolicLink() ? statSync(path, { bigint: true, throwIfNoEntry: false }) : stats;
  if (found?.isDirectory() !== true) return false;
  const identity = `${found.dev} ${found.ino}`;
  if (stats.isSymbolicLink() && entered.has(identity)) return false;
  entered.add(identity);
  return true;
}
