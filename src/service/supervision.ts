// What a service tells its manager (sd_notify(3)): that it is ready, what it does, that its event loop runs, that it loads anew,
// that it ends and still has something to do. In: calls of the commands agent, ship and hub serve; out: messages, none where
// nobody asks. The watchdog's beat comes from a timer of the event loop: a loop that stands still is silent, and is restarted.

import type { Logger } from '../log.ts';

export interface SupervisionOptions {
  /** Of the manager; undefined: nobody is told. */
  link: { send(message: string): number; watchdogMs?: number } | undefined;
  /** One line, for people. Asked at each beat, sent where it changed. */
  status: () => string;
  /** While it ends: a figure that grows as long as work is done. The manager's patience is prolonged as long as it does. */
  progress: () => number;
  log: Pick<Logger, 'warn'>;
  /** Told at each ready(). */
  onReady?: () => void;
  /** CLOCK_MONOTONIC. */
  monotonicNs?: () => bigint;
}

const BEAT_MS = 10_000;
const STOPPING_BEAT_MS = 1000;
/** What the manager waits for the next sign of progress. */
const EXTENSION_US = 15_000_000;
const MOST_STATUS = 500;

export class Supervision {
  readonly #options: SupervisionOptions;
  #timer: NodeJS.Timeout | undefined;
  #told = '';
  #progress = 0;
  #failing = false;

  constructor(options: SupervisionOptions) {
    this.#options = options;
  }

  /** All that it is for runs. From here on the event loop is watched. */
  ready(): void {
    this.#options.onReady?.();
    this.#send('READY=1', this.#status());
    this.#beatEvery(Math.min(BEAT_MS, (this.#options.link?.watchdogMs ?? Number.POSITIVE_INFINITY) / 2));
  }

  /** Asked to load anew; ready again with reloaded(). */
  reloading(): void {
    const now = (this.#options.monotonicNs ?? process.hrtime.bigint)();
    this.#send('RELOADING=1', `MONOTONIC_USEC=${now / 1000n}`, 'STATUS=loading anew');
  }

  /** What came of it is in the status. */
  reloaded(): void {
    this.#told = '';
    this.#send('READY=1', this.#status());
  }

  /** It ends, and does what is left to do. */
  stopping(): void {
    this.#progress = this.#options.progress();
    this.#send('STOPPING=1', 'STATUS=stopping');
    this.#beatEvery(STOPPING_BEAT_MS, () => this.#extend());
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #beatEvery(ms: number, beat: () => void = () => this.#send('WATCHDOG=1', this.#status())): void {
    clearInterval(this.#timer);
    if (this.#options.link === undefined) return;
    this.#timer = setInterval(beat, ms);
    this.#timer.unref();
  }

  #extend(): void {
    const progress = this.#options.progress();
    const moved = progress !== this.#progress;
    this.#progress = progress;
    this.#send('WATCHDOG=1', moved ? `EXTEND_TIMEOUT_USEC=${EXTENSION_US}` : '');
  }

  /** "" when it was told already. A line: what comes from outside must not begin another assignment. */
  #status(): string {
    const status = this.#options
      .status()
      .replaceAll(/\p{Cc}/gu, ' ')
      .slice(0, MOST_STATUS);
    if (status === this.#told) return '';
    this.#told = status;
    return `STATUS=${status}`;
  }

  #send(...assignments: string[]): void {
    const { link, log } = this.#options;
    if (link === undefined) return;
    const result = link.send(assignments.filter((assignment) => assignment !== '').join('\n'));
    if (result < 0 && !this.#failing) log.warn(`the service manager cannot be told anything (errno ${-result})`);
    this.#failing = result < 0;
  }
}
