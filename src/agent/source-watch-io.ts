// Watches the files that rules and exceptions come from, so that they are loaded anew when they change. In: files and folders; out: a
// call once they have been quiet for half a second, and are not what they were. inotify (fs.watch) says when it is worth a look; it can
// be beaten (its queue overflows unseen, a folder is replaced, a link leads elsewhere, watches run out), so that each minute all is
// looked at anyway. Looks are stat alone, on libuv's threads. Made by commands/agent-run.ts; whether what changed is in order is the
// business of who loads it (reload.ts), and what is not loaded in time is told by protection.ts.

import { type FSWatcher, watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';

const QUIET_MS = 500;
/** An editor that never rests holds up no reload longer. */
const LATEST_MS = 5_000;
const LOOK_MS = 60_000;
const MAX_FOLDERS = 1_024;
const MAX_FILES = 50_000;
const MAX_DEPTH = 16;

export interface SourceWatchOptions {
  readonly log: Pick<Logger, 'warn'>;
  readonly onChange: () => void;
  /** How long files are to be quiet before they are looked at. */
  readonly quietMs?: number;
}

/** What was found: path -> what tells it from another; folders that are to be watched; those that were looked into. */
interface Look {
  readonly state: Map<string, string>;
  readonly folders: Map<string, string>;
  readonly entered: Set<string>;
}

/** Files that rules and exceptions are read from; what an editor leaves beside them is nothing to load. */
export const SOURCE = /\.(toml|ndjson|json)$/;

export class SourceWatch {
  #paths: readonly string[];
  #options: SourceWatchOptions | undefined;
  readonly #watchers = new Map<string, { readonly identity: string; readonly watcher: FSWatcher }>();
  /** As it was when it was read last. */
  #known: Promise<ReadonlyMap<string, string>>;
  #looking: Promise<void> | undefined;
  #again = false;
  #quiet: NodeJS.Timeout | undefined;
  #firstMs = 0;
  #poll: NodeJS.Timeout | undefined;
  #warned = false;
  #stopped = false;

  /** Looks at them at once: what changes from now on is a change. in: absolute or from the current folder. */
  constructor(paths: readonly string[]) {
    this.#paths = paths.map((path) => resolve(path));
    this.#known = lookAt(this.#paths).then(({ state }) => state);
  }

  start(options: SourceWatchOptions): void {
    this.#options = options;
    this.#poll = setInterval(() => void this.#look(), LOOK_MS).unref();
    void this.#look();
  }

  /** From now on these. */
  follow(paths: readonly string[]): void {
    const next = paths.map((path) => resolve(path));
    if (next.join('\0') === this.#paths.join('\0')) return;
    this.#paths = next;
    this.#known = lookAt(next).then(({ state }) => state);
    void this.#look();
  }

  /** Folders that are watched now. */
  get folders(): number {
    return this.#watchers.size;
  }

  /** What was begun is over: a look, and what it is compared with. */
  async settled(): Promise<void> {
    await this.#known;
    await this.#looking;
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#poll);
    clearTimeout(this.#quiet);
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Something may have changed: a look once it is quiet. */
  #stir(): void {
    if (this.#stopped) return;
    const nowMs = performance.now();
    if (this.#quiet === undefined) this.#firstMs = nowMs;
    clearTimeout(this.#quiet);
    const wait = Math.max(0, Math.min(this.#options?.quietMs ?? QUIET_MS, this.#firstMs + LATEST_MS - nowMs));
    this.#quiet = setTimeout(() => {
      this.#quiet = undefined;
      void this.#look();
    }, wait).unref();
  }

  /** One at a time; whoever asks meanwhile gets another one afterwards. */
  async #look(): Promise<void> {
    if (this.#looking !== undefined) {
      this.#again = true;
      return;
    }
    this.#looking = this.#lookOnce();
    await this.#looking;
    this.#looking = undefined;
    if (this.#again && !this.#stopped) {
      this.#again = false;
      await this.#look();
    }
  }

  async #lookOnce(): Promise<void> {
    const paths = this.#paths;
    const known = await this.#known;
    const { state, folders } = await lookAt(paths);
    if (this.#stopped || paths !== this.#paths) return;
    this.#watchAll(folders);
    if (isSame(known, state)) return;
    this.#known = Promise.resolve(state);
    this.#options?.onChange();
  }

  /** Each folder that was looked into, and of each root the folder above it, for when it is replaced. */
  #watchAll(folders: ReadonlyMap<string, string>): void {
    for (const [path, { identity, watcher }] of this.#watchers) {
      if (folders.get(path) === identity) continue;
      watcher.close();
      this.#watchers.delete(path);
    }
    for (const [path, identity] of folders) if (!this.#watchers.has(path)) this.#watch(path, identity);
  }

  #watch(path: string, identity: string): void {
    const names = new Set(this.#paths.filter((root) => dirname(root) === path).map((root) => basename(root)));
    const isBelow = this.#paths.some((root) => path === root || path.startsWith(`${root}/`));
    try {
      if (this.#watchers.size >= MAX_FOLDERS) throw new Error(`more than ${MAX_FOLDERS} folders`);
      const watcher = watch(path, { persistent: false }, (_event, name) => {
        if (isBelow || name === null || names.has(name)) this.#stir();
      });
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(path);
        this.#stir();
      });
      this.#watchers.set(path, { identity, watcher });
    } catch (error) {
      if (this.#warned) return;
      this.#warned = true;
      const every = `${LOOK_MS / 1000} s`;
      this.#options?.log.warn(
        { error },
        `${path} cannot be watched (${reasonOf(error)}): looked at every ${every} instead`,
      );
    }
  }
}

function isSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a.size !== b.size) return false;
  for (const [path, state] of a) if (b.get(path) !== state) return false;
  return true;
}

async function lookAt(roots: readonly string[]): Promise<Look> {
  const look: Look = { state: new Map(), folders: new Map(), entered: new Set() };
  for (const root of new Set(roots)) {
    await lookInto(root, look, 0);
    await noteFolder(dirname(root), look);
  }
  return look;
}

/** The folder above a root: what becomes of the root in it, nothing else. */
async function noteFolder(path: string, { folders }: Look): Promise<void> {
  if (folders.has(path)) return;
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found?.isDirectory() === true) folders.set(path, `${found.dev} ${found.ino}`);
}

async function lookInto(path: string, look: Look, depth: number): Promise<void> {
  const { state, folders, entered } = look;
  if (state.has(path) || state.size >= MAX_FILES || depth > MAX_DEPTH) return;
  const found = await stat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => error.code ?? 'unknown');
  const identity = typeof found === 'string' ? found : `${found.dev} ${found.ino}`;
  if (typeof found === 'string' || !found.isDirectory()) {
    const about = typeof found === 'string' ? '' : ` ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
    if (depth === 0 || SOURCE.test(path)) state.set(path, identity + about);
    return;
  }
  state.set(path, identity);
  folders.set(path, identity);
  if (entered.has(identity)) return;
  entered.add(identity);
  const names = await readdir(path).catch(() => []);
  for (const name of names.sort()) await lookInto(join(path, name), look, depth + 1);
}
