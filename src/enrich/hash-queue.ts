// Files to be hashed, one after the other, off the event path. In: requests, which never wait; out: one piece of news `hash`
// for each file, later, and `hash_late` where rules do not wait so long. The first process that runs a file is held at once
// by its open /proc/PID/exe: it then may exit and its file may be deleted. Bounded: files that wait (each an open file),
// one hashing at a time (one thread of libuv's pool, where a hostile file system may block it), and how long that may take:
// then it and all that wait are answered with `stalled`, and so are further ones until the thread is free again.
// Pure; hash-io.ts opens and reads.

import type { HashAnswer, HashRequest } from './hash-answer.ts';
import type { News } from './surroundings.ts';

/** A file that is kept open without being read. */
export type PinnedFile = number;

export interface FileHasher {
  /** The executable of a process, undefined when there is no such process, or none that we may see. */
  pin(pid: number): PinnedFile | undefined;
  unpin(file: PinnedFile): void;
  /** Never rejects. */
  hash(request: HashRequest, pinned: PinnedFile | undefined): Promise<HashAnswer>;
}

export interface HashQueueOptions {
  hasher: FileHasher;
  onNews: (news: News & { kind: 'hash' | 'hash_late' }) => void;
  /** How long rules wait for one file, milliseconds; undefined: none does. */
  waitMs?: number | undefined;
  stallMs?: number;
  maxFiles?: number;
}

interface Job {
  request: HashRequest;
  pinned: PinnedFile | undefined;
  lateTimer?: NodeJS.Timeout | undefined;
}

export class HashQueue {
  readonly #options: Required<Omit<HashQueueOptions, 'waitMs'>> & Pick<HashQueueOptions, 'waitMs'>;
  /** By file, oldest first; the one that is being hashed is not among them. */
  readonly #jobs = new Map<string, Job>();
  /** Refused, and not told of yet. */
  readonly #refused = new Map<string, HashAnswer>();
  #running: { job: Job; answered: boolean } | undefined;
  #state: 'open' | 'stopped' = 'open';
  #onIdle: (() => void)[] = [];

  constructor(options: HashQueueOptions) {
    this.#options = { stallMs: 30_000, maxFiles: 256, ...options };
  }

  /** Files that were asked for and not answered. */
  get open(): number {
    const running = this.#running?.answered === false ? 1 : 0;
    return this.#jobs.size + this.#refused.size + running;
  }

  want(request: HashRequest): void {
    const { file, pid } = request;
    if (this.#refused.has(file) || this.#isRunning(file)) return;
    const waiting = this.#jobs.get(file);
    if (waiting !== undefined) {
      waiting.pinned ??= this.#options.hasher.pin(pid);
      return;
    }
    if (this.#state === 'stopped') this.#refuse(file, { reason: 'stopping' });
    else if (this.#running?.answered === true) this.#refuse(file, { reason: 'stalled' });
    else if (this.#jobs.size >= this.#options.maxFiles) this.#refuse(file, { reason: 'busy' });
    else this.#add(request);
  }

  /** Resolves when all is answered, at the latest after so many milliseconds. */
  async settle(withinMs: number): Promise<void> {
    if (this.open === 0) return;
    const idle = Promise.withResolvers<void>();
    this.#onIdle.push(idle.resolve);
    const timer = setTimeout(idle.resolve, withinMs);
    await idle.promise;
    clearTimeout(timer);
  }

  /** Answers what is open with `stopping`, at once; what is asked later, too. */
  stop(): void {
    this.#state = 'stopped';
    this.#answerAll({ reason: 'stopping' });
  }

  #isRunning(file: string): boolean {
    return this.#running?.answered === false && this.#running.job.request.file === file;
  }

  #add(request: HashRequest): void {
    const { hasher, waitMs, onNews } = this.#options;
    const { file, pid } = request;
    const job: Job = { request, pinned: hasher.pin(pid) };
    if (waitMs !== undefined) {
      job.lateTimer = setTimeout(() => onNews({ kind: 'hash_late', file }), waitMs);
      job.lateTimer.unref();
    }
    this.#jobs.set(file, job);
    // After the batch of records that asks: no news comes while an event is being looked at.
    if (this.#running === undefined) queueMicrotask(() => this.#next());
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const [job] = this.#jobs.values();
    if (job === undefined) return;
    this.#jobs.delete(job.request.file);
    void this.#run(job);
  }

  async #run(job: Job): Promise<void> {
    const running = { job, answered: false };
    this.#running = running;
    const stalled = setTimeout(() => this.#answerAll({ reason: 'stalled' }), this.#options.stallMs);
    stalled.unref();
    const answer = await this.#options.hasher.hash(job.request, job.pinned);
    clearTimeout(stalled);
    this.#running = undefined;
    this.#unpin(job);
    if (!running.answered) this.#answer(job, answer);
    this.#next();
  }

  #refuse(file: string, answer: HashAnswer): void {
    this.#refused.set(file, answer);
    queueMicrotask(() => {
      if (this.#refused.delete(file)) this.#tell(file, answer);
    });
  }

  #answerAll(answer: HashAnswer): void {
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    if (this.#running?.answered === false) {
      this.#running.answered = true;
      this.#answer(this.#running.job, answer);
    }
    for (const job of jobs) {
      this.#unpin(job);
      this.#answer(job, answer);
    }
    for (const [file, refusal] of this.#refused) {
      this.#refused.delete(file);
      this.#tell(file, refusal);
    }
  }

  #answer({ request, lateTimer }: Job, answer: HashAnswer): void {
    clearTimeout(lateTimer);
    this.#tell(request.file, answer);
  }

  #tell(file: string, { hashes, reason }: HashAnswer): void {
    this.#options.onNews({ kind: 'hash', file, ...(hashes && { hashes }), ...(reason && { reason }) });
    if (this.open === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #unpin(job: Job): void {
    if (job.pinned !== undefined) this.#options.hasher.unpin(job.pinned);
    job.pinned = undefined;
  }
}
