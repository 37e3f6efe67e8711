// The beat of a live run: once a second it looks after itself. In: an action, who is told of its fault; out: a timer that ends with its
// scope. Used by run.ts and record-run.ts; what happens every so often counts in ticks.

export const TICK_MS = 1000;

/** Per tick; a process read from /proc takes about 0.3 ms. */
export const BACKFILL = 64;
export const EXPIRE = 16;

/** in: milliseconds; out: ticks of a run, as many as cover them. */
export function ticksIn(ms: number): number {
  return Math.ceil(ms / TICK_MS);
}

/** What the action throws goes to onFault, once: the run ends by it. */
export function everyTick(action: () => void, onFault: (error: unknown) => void): Disposable {
  const timer = setInterval(() => {
    try {
      action();
    } catch (error) {
      onFault(error);
    }
  }, TICK_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
