import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { isProcessReport } from '../../src/agent-status.ts';
import { ProcessWatch } from '../../src/metrics/process-watch.ts';

/** Keeps the loop from turning for so long, then lets it turn. */
async function block(ms: number): Promise<void> {
  await setTimeout(120);
  const end = performance.now() + ms;
  while (performance.now() < end);
  await setTimeout(120);
}

it('tells how long the event loop stood still, once, and for a minute as the longest', async () => {
  using watch = new ProcessWatch();
  await block(300);
  const stood = watch.report();
  expect(stood.loopDelay.maxMs).toBeGreaterThan(200);
  expect(stood.loopDelay.minuteMaxMs).toBe(stood.loopDelay.maxMs);
  const { loopDelay } = watch.report();
  expect(loopDelay.maxMs).toBeLessThan(stood.loopDelay.maxMs);
  expect(loopDelay.minuteMaxMs).toBe(stood.loopDelay.maxMs);
  for (let i = 0; i < 60; i++) watch.report();
  expect(watch.report().loopDelay.minuteMaxMs).toBeLessThan(stood.loopDelay.maxMs);
});

it('has only figures, from its first report on', () => {
  using watch = new ProcessWatch();
  const report = watch.report();
  expect(isProcessReport(JSON.parse(JSON.stringify(report)))).toBe(true);
  expect(report.loopDelay).toEqual({ p50Ms: 0, p99Ms: 0, maxMs: 0, minuteMaxMs: 0 });
  expect(report.cpuSeconds).toBeGreaterThan(0);
  expect(report.residentBytes).toBeGreaterThan(report.heapUsedBytes);
});
