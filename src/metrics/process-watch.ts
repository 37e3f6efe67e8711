// What this process takes of its host, and how late its event loop is: perf_hooks' own timer fires each 50 ms, and what it comes
// later than that is delay. In: nothing; out: a report for each look. Made by agent.ts, ship.ts and the hub, once for each.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ProcessReport } from '../agent-status.ts';

/** At 20 ms the timer alone takes 0.25 % of a CPU, at 50 ms 0.1 %. */
const RESOLUTION_MS = 50;
const NS_IN_MS = 1e6;
/** Looks, one each second, whose longest delay is remembered: between two scrapes there are many. */
const REMEMBERED = 60;

export class ProcessWatch implements Disposable {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #longest: number[] = [];

  constructor() {
    this.#histogram.enable();
  }

  /** The delays are those since the last report. To be called once a second. */
  report(): ProcessReport {
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const memory = { residentBytes: rss, heapBytes: heapTotal, heapUsedBytes: heapUsed, externalBytes: external };
    return { cpuSeconds: (user + system) / 1e6, ...memory, loopDelay: this.#delays() };
  }

  #delays(): ProcessReport['loopDelay'] {
    const histogram = this.#histogram;
    const seen = histogram.count > 0;
    const late = (ns: number) => (seen ? Math.max(0, ns / NS_IN_MS - RESOLUTION_MS) : 0);
    const [p50Ms, p99Ms, maxMs] = [late(histogram.percentile(50)), late(histogram.percentile(99)), late(histogram.max)];
    histogram.reset();
    this.#longest.push(maxMs);
    if (this.#longest.length > REMEMBERED) this.#longest.shift();
    return { p50Ms, p99Ms, maxMs, minuteMaxMs: Math.max(...this.#longest) };
  }

  [Symbol.dispose](): void {
    this.#histogram.disable();
  }
}
