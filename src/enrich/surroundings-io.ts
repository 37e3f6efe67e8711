// The live surroundings: /proc, NSS, the login sessions and the clocks of this machine. Made and started by the agent
// before the enricher; news go to whoever is registered with `onNews` (Enricher.apply). Nothing here blocks but the
// reading of single processes.

import type { Clock } from '../clock.ts';
import type { Counters } from '../stats.ts';
import type { HashRequest } from './hash-answer.ts';
import { type FileHasherOptions, LinuxFileHasher } from './hash-io.ts';
import { HashQueue } from './hash-queue.ts';
import { readHost, readHostNamespaces } from './host-io.ts';
import { readLeaders } from './leaders-io.ts';
import type { EntryType } from './process-entry.ts';
import { hasKernelPids, isAlive, readBootId, readLoginSession, readProcess } from './procfs-io.ts';
import type { News, ProcessReading, StartFact, Surroundings } from './surroundings.ts';
import { UserNames } from './users-io.ts';

/** Less is the noise of reading two clocks one after the other. */
const CLOCK_STEP_MS = 20;
/** How long a stop may wait for hashes. */
const FINISH_MS = 1000;

export interface LiveOptions {
  clock: Clock;
  counters: Counters;
  /** Where an earlier run has left who leads which session; without it none is looked for. */
  stateDirectory?: string;
  /** Which files are hashed and how; without it none is. waitMs: after how long a hash that has not come is late. */
  hash?: FileHasherOptions & { waitMs?: number };
}

export class LiveSurroundings implements Surroundings {
  readonly #options: LiveOptions;
  readonly #names: UserNames;
  #listener: (news: News) => void = () => {};
  #wallOffsetMs = 0;
  readonly #hashes: HashQueue | undefined;
  readonly #hasKernelPids = hasKernelPids();

  constructor(options: LiveOptions) {
    this.#options = options;
    const { hash } = options;
    if (hash !== undefined) {
      const onNews = (news: News) => this.#listener(news);
      this.#hashes = new HashQueue({ hasher: new LinuxFileHasher(hash), onNews, waitMs: hash.waitMs });
    }
    this.#names = new UserNames((news) => this.#listener(news), options.counters);
  }

  /** Reads what must be known before the first record; awaits the names of users and groups. Throws FB_ENRICH_LEADERS_*. */
  async start(): Promise<StartFact> {
    const { stateDirectory, counters } = this.#options;
    const bootId = readBootId();
    const leaders = stateDirectory === undefined ? undefined : readLeaders(stateDirectory, bootId, counters);
    const names = await this.#names.load();
    this.#wallOffsetMs = this.#readOffset();
    return {
      kind: 'start',
      bootId,
      host: readHost(),
      namespaces: readHostNamespaces(),
      wallOffsetMs: this.#wallOffsetMs,
      ...names,
      ...(leaders === undefined ? {} : { leaders }),
    };
  }

  onNews(listener: (news: News) => void): void {
    this.#listener = listener;
  }

  /** Before stop: gives the files that are asked for a moment to be hashed; what is not is told as `stopping`. */
  async finish(): Promise<void> {
    await this.#hashes?.settle(FINISH_MS);
    this.#hashes?.stop();
  }

  /** No news after this. */
  stop(): void {
    this.#hashes?.stop();
    this.#listener = () => {};
    this.#names.stop();
  }

  readProcess(pid: number, startNs: bigint): ProcessReading | undefined {
    return readProcess(pid, startNs);
  }

  /** In another pid namespace nobody can say: what the kernel tells of an exit has to do. */
  isAlive(pid: number, startNs: bigint): boolean {
    return !this.#hasKernelPids || isAlive(pid, startNs);
  }

  loginSession(id: string): EntryType | undefined {
    return readLoginSession(id);
  }

  wantName(of: 'user' | 'group', id: number): void {
    this.#names.want(of, id);
  }

  tick(): void {
    this.#names.tick();
  }

  wantHash(request: HashRequest): void {
    this.#hashes?.want(request);
  }

  /** Called by the agent now and then (a second is fine), between batches: tells when the wall clock has moved. */
  checkClock(): void {
    const now = this.#readOffset();
    if (Math.abs(now - this.#wallOffsetMs) < CLOCK_STEP_MS) return;
    this.#wallOffsetMs = now;
    this.#listener({ kind: 'wall_offset', ms: now });
  }

  #readOffset(): number {
    const { clock } = this.#options;
    return clock.wallMs() - Number(clock.bootNs()) / 1e6;
  }
}
