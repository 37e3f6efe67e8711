// Names of users and groups from NSS, by getent: all that can be enumerated once at start and again when /etc/passwd or
// /etc/group change; a single one (LDAP and the like cannot be enumerated) when the enricher wants it. Asynchronous
// throughout: results arrive as news. Without getent the two files are read.

import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Counters } from '../stats.ts';
import { parseNames } from './procfs.ts';
import type { Names, News } from './surroundings.ts';

const run = promisify(execFile);
const FILES = { user: '/etc/passwd', group: '/etc/group' } as const;
const DATABASES = { user: 'passwd', group: 'group' } as const;
const GETENT = {
  timeout: 10_000,
  maxBuffer: 16 * 1024 * 1024,
  env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
};
/** Single names waiting for their turn; more are dropped (their names stay absent) and counted. */
const QUEUE_MAX = 256;

type Of = 'user' | 'group';

export class UserNames {
  readonly #tell: (news: News) => void;
  readonly #counters: Counters;
  readonly #queue: { of: Of; id: number }[] = [];
  #looking = false;
  #checking = false;
  #stopped = false;
  #stamp = '';

  /** tell: called when names have come, never during a call of this class's methods. */
  constructor(tell: (news: News) => void, counters: Counters) {
    this.#tell = tell;
    this.#counters = counters;
  }

  /** The first load, awaited by the agent before it starts. Never throws: what cannot be had is empty and counted. */
  async load(): Promise<{ users: Names; groups: Names }> {
    this.#stamp = await stampOfFiles();
    const [users, groups] = await Promise.all([this.#all('user'), this.#all('group')]);
    return { users, groups };
  }

  want(of: Of, id: number): void {
    if (this.#queue.length >= QUEUE_MAX) {
      this.#counters.add('enrich_name_lookups_dropped_total', 1, 'queue_full');
      return;
    }
    this.#queue.push({ of, id });
    if (!this.#looking) void this.#work();
  }

  /** Looks whether the files have changed, and reads anew if so. */
  tick(): void {
    if (!this.#checking && !this.#stopped) void this.#check();
  }

  /** No news after this. */
  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
  }

  async #check(): Promise<void> {
    this.#checking = true;
    try {
      const before = this.#stamp;
      if ((await stampOfFiles()) === before) return;
      const names = await this.load();
      if (!this.#stopped) this.#tell({ kind: 'names', ...names });
    } finally {
      this.#checking = false;
    }
  }

  async #work(): Promise<void> {
    this.#looking = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const { of, id } = next;
        const name = await this.#one(of, id);
        if (name !== undefined && !this.#stopped) this.#tell({ kind: 'name', of, id, name });
      }
    } finally {
      this.#looking = false;
    }
  }

  async #all(of: Of): Promise<Names> {
    try {
      return parseNames((await run('getent', [DATABASES[of]], GETENT)).stdout);
    } catch (error) {
      this.#note(error);
      return this.#fromFile(of);
    }
  }

  /** undefined: it has none, or getent could not say. */
  async #one(of: Of, id: number): Promise<string | undefined> {
    try {
      const { stdout } = await run('getent', [DATABASES[of], String(id)], GETENT);
      return parseNames(stdout).find(([found]) => found === id)?.[1];
    } catch (error) {
      this.#note(error);
      return undefined;
    }
  }

  /** That there is no getent, or no such name, is an answer: that getent could not be run, or not in time, is none. */
  #note(error: unknown): void {
    const { syscall, code, killed } = error as { syscall?: unknown; code?: unknown; killed?: unknown };
    if (syscall !== undefined && code !== 'ENOENT') {
      this.#counters.add('enrich_name_lookups_failed_total', 1, String(code));
    } else if (killed === true) {
      this.#counters.add('enrich_name_lookups_failed_total', 1, 'timeout');
    }
  }

  async #fromFile(of: Of): Promise<Names> {
    try {
      return parseNames(await readFile(FILES[of], 'utf8'));
    } catch {
      this.#counters.add('enrich_name_loads_failed_total');
      return [];
    }
  }
}

async function stampOfFiles(): Promise<string> {
  const stamps = await Promise.all(Object.values(FILES).map(stampOf));
  return stamps.join(' ');
}

async function stampOf(path: string): Promise<string> {
  try {
    const { ino, mtimeNs, size } = await stat(path, { bigint: true });
    return `${ino}:${mtimeNs}:${size}`;
  } catch {
    return 'absent';
  }
}
