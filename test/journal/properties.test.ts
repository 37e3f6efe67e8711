// Properties of the journal against a model (lives.ts), over lives that fast-check makes. A failure is shrunk to the smallest
// life that still fails, with its seed and path; FOREBEAR_SEED=N runs other lives, or those of a failure again.

import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { bursts, DEATHS, Journal, type Life, life, segmentSizes } from './lives.ts';
import { MemoryDisk } from './memory-disk.ts';

const SEED = Number(process.env.FOREBEAR_SEED ?? 5);
const ROUNDS = Number(process.env.FOREBEAR_ROUNDS ?? 300);
const NEVER = Number.MAX_SAFE_INTEGER;

it('faults at any call and deaths, up to six lives in a row, lose nothing that was acknowledged', async () => {
  const sum = { acknowledged: 0, faults: 0, unasked: 0 };
  const property = fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 6 }), async (lives) => {
    const journal = new Journal(new MemoryDisk());
    for (const each of lives) await journal.live(each);
    sum.unasked += await journal.expectKept();
    sum.acknowledged += journal.acknowledged.size;
    sum.faults += journal.faults;
  });
  await fc.assert(property, { seed: SEED, numRuns: ROUNDS, includeErrorInReport: true });
  expect(sum.faults).toBeGreaterThan(ROUNDS);
  console.log(
    `journal: faults and deaths: rounds ${ROUNDS}, seed ${SEED}, faults ${sum.faults}, acknowledged ${sum.acknowledged}, ` +
      `lost 0, duplicated 0, kept though not acknowledged ${sum.unasked}`,
  );
}, 120_000);

it('a crash at each call of any life, then each way to die, loses nothing that was acknowledged', async () => {
  const sum = { crashes: 0, acknowledged: 0 };
  const shape = fc.record({ first: bursts, second: bursts, maxSegmentBytes: segmentSizes, reserve: fc.boolean() });
  const property = fc.asyncProperty(shape, async ({ first, second, ...same }) => {
    const whole: Omit<Life, 'bursts' | 'death'> = { ...same, faults: [], closes: true, crashAt: NEVER };
    for (const death of DEATHS) {
      await crashAtEachCall([], { ...whole, bursts: first, death }, sum);
      await crashAtEachCall([{ ...whole, bursts: first, death }], { ...whole, bursts: second, death }, sum);
    }
  });
  await fc.assert(property, { seed: SEED, numRuns: ROUNDS / 50, includeErrorInReport: true });
  console.log(
    `journal: crash at each call: rounds ${sum.crashes}, seed ${SEED}, acknowledged ${sum.acknowledged}, lost 0, duplicated 0`,
  );
}, 120_000);

/** in: lives before it that end well, the life that does not. */
async function crashAtEachCall(
  before: readonly Life[],
  last: Life,
  sum: { crashes: number; acknowledged: number },
): Promise<void> {
  for (let crashAt = 0; ; crashAt++) {
    const journal = new Journal(new MemoryDisk());
    for (const each of before) await journal.live(each);
    const crashed = await journal.live({ ...last, crashAt });
    await journal.expectKept();
    if (!crashed) return;
    sum.crashes++;
    sum.acknowledged += journal.acknowledged.size;
  }
}
