// npm run soak in three minutes: what is counted must hold as it does in hours; for the trend of the memory that is too short
// (a heap's size settles over minutes), so it is held to a bound that only a gross leak exceeds: one of 1 KiB an exec.

import { afterAll, beforeEach, expect, it } from 'vitest';
import { whyNotBuilt } from '../commands/built.ts';
import { whyNoSensor } from '../kernel/agent-process.ts';
import { whyNoControlGroup } from '../kernel/control-group.ts';
import { heldTrend, reportOf, restingDescriptors } from './report.ts';
import { limitsOf, lostOf, type SoakResult, soak } from './soak.ts';

const SECONDS = 180;
const WARM_UP_SECONDS = 60;
const BLOCK_SECONDS = 10;
const MOST_BYTES_PER_EXEC = 1024;
const RATE = 200;

const missing = whyNoSensor() ?? whyNotBuilt() ?? whyNoControlGroup(limitsOf('forebear.service').group);
const run =
  missing === undefined
    ? soak({ seconds: SECONDS, warmUpSeconds: WARM_UP_SECONDS, blockSeconds: BLOCK_SECONDS })
    : undefined;
run?.catch(() => {});
let result: SoakResult;

beforeEach(
  async (context) => {
    if (run === undefined) return context.skip(missing!);
    result = await run;
  },
  2 * SECONDS * 1000,
);
afterAll(() => {
  if (result !== undefined) console.log(reportOf(result, BLOCK_SECONDS).join('\n'));
});

it('loses no record, and sees every exec', () => {
  expect(result.execs).toBe(SECONDS * RATE);
  expect(lostOf(result.status)).toBe(0);
  expect(result.status.sensor.counters.decoded.exec).toBeGreaterThanOrEqual(result.execs + result.alerts);
});

it('alerts once for each new program, and delivers each alert once', () => {
  expect(result.delivered).toBe(result.alerts);
});

it('keeps nothing open', () => {
  for (const samples of Object.values(result.samples)) {
    const [first, last] = restingDescriptors(samples, BLOCK_SECONDS);
    expect(last).toBeLessThanOrEqual(first);
  }
});

it('keeps no memory for what has gone', () => {
  for (const held of Object.values(result.held)) {
    const { slope, plusMinus } = heldTrend(held, BLOCK_SECONDS);
    expect((slope - plusMinus) / RATE).toBeLessThan(MOST_BYTES_PER_EXEC);
  }
});

it('meets no error', () => {
  expect(result.said.split('\n').filter((line) => line.includes('"log.level":"error"'))).toEqual([]);
});
