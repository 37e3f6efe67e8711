// Retention under faults and deaths, against a model: a high record within the reserve stays, whatever is thrown at the journal
// while a flood of low ones is thinned out; what is there is what was written, once; the seqs go on. Seeds: properties.test.ts.

import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkJournal } from '../../src/journal/check.ts';
import type { JournalExpiry } from '../../src/journal/journal.ts';
import type { OpenJournalOptions } from '../../src/journal/open-journal.ts';
import { Counters } from '../../src/stats.ts';
import { append, DIRECTORY, openOn, readAll } from './fixture.ts';
import { DEATHS } from './lives.ts';
import { MemoryDisk, type Step } from './memory-disk.ts';

const SEED = Number(process.env.FOREBEAR_SEED ?? 5);
const ROUNDS = Number(process.env.FOREBEAR_ROUNDS ?? 200);
const HIGH = 3;
/** 280 bytes each on disk: they fit the reserve. */
const MOST_HIGH = 25;
const OPTIONS: Partial<OpenJournalOptions> = {
  limits: { maxBytes: 24_000, reservedBytes: 12_000, reservedRank: 2 },
  maxSegmentBytes: 3000,
};

const life = fc.record({
  ranks: fc.array(fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 1, 1, HIGH), { minLength: 20, maxLength: 120 }),
  crashAt: fc.oneof(fc.nat(800), fc.constant(Number.MAX_SAFE_INTEGER)),
  faults: fc.array(fc.record({ at: fc.nat(800), code: fc.constantFrom('EIO', 'ENOSPC') }), { maxLength: 6 }),
  death: fc.constantFrom(...DEATHS),
});
type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;

class Flood {
  disk = new MemoryDisk();
  readonly acknowledged = new Map<number, string>();
  readonly high = new Set<number>();
  expired = 0;
  #made = 0;
  readonly onExpired = ({ records, fromSeq, toSeq }: JournalExpiry) => {
    expect(records).toBeLessThanOrEqual(toSeq - fromSeq + 1);
    expect(toSeq).toBeLessThanOrEqual(this.#made);
    this.expired += records;
  };

  async live({ ranks, crashAt, faults, death }: Life): Promise<void> {
    const { disk } = this;
    const start = disk.steps;
    disk.crashAt = start + 1 + crashAt;
    disk.fault = (step) => this.#fault(step, start, faults);
    const writer = await openOn(disk, { ...OPTIONS, onExpired: this.onExpired }).catch(() => undefined);
    for (const rank of writer === undefined ? [] : ranks) {
      const text = `${this.#made++} ${'x'.repeat(230)}`;
      const kept = rank === HIGH && this.high.size >= MOST_HIGH ? 0 : rank;
      const seq = await append(writer!, text, kept).catch(() => 0);
      if (seq === 0 || disk.steps >= disk.crashAt) continue;
      expect(this.acknowledged.has(seq), `seq ${seq} given twice`).toBe(false);
      this.acknowledged.set(seq, text);
      if (kept === HIGH) this.high.add(seq);
    }
    await writer?.close();
    this.disk = death === 'kill' ? disk.afterKill() : disk.afterPowerLoss(death);
  }

  /** What cannot be read is another test's. */
  #fault({ number, operation }: Step, start: number, faults: Life['faults']): string | undefined {
    if (['open', 'read', 'size', 'close'].includes(operation)) return undefined;
    return faults.find(({ at }) => at === number - start)?.code;
  }

  async expectKept(): Promise<void> {
    const writer = await openOn(this.disk, OPTIONS);
    const last = await append(writer, 'end');
    await writer.close();
    const { records, texts, seqs, damage } = await readAll(this.disk);
    expect({ damage, atOpen: writer.damage }).toEqual({ damage: [], atOpen: [] });
    const found = new Map(records.map(({ seq }, i) => [seq, texts[i]]));
    for (const seq of this.high) expect(found.get(seq), `high ${seq}`).toBe(this.acknowledged.get(seq));
    for (const [seq, text] of this.acknowledged) expect([undefined, text], `seq ${seq}`).toContain(found.get(seq));
    expect(last).toBeGreaterThan(Math.max(0, ...this.acknowledged.keys()));
    expect(new Set(seqs).size).toBe(seqs.length);
    const check = await checkJournal({ directory: DIRECTORY, counters: new Counters(), io: this.disk });
    expect(check.faults).toEqual([]);
  }
}

it('floods, faults and deaths push out no high record within the reserve', async () => {
  const sum = { acknowledged: 0, high: 0, expired: 0 };
  const property = fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 5 }), async (lives) => {
    const flood = new Flood();
    for (const each of lives) await flood.live(each);
    await flood.expectKept();
    sum.acknowledged += flood.acknowledged.size;
    sum.high += flood.high.size;
    sum.expired += flood.expired;
  });
  await fc.assert(property, { seed: SEED, numRuns: ROUNDS, includeErrorInReport: true });
  expect(sum.expired).toBeGreaterThan(ROUNDS);
  console.log(
    `journal: floods under faults: rounds ${ROUNDS}, seed ${SEED}, acknowledged ${sum.acknowledged}, of them high ${sum.high}, ` +
      `high lost 0, duplicated 0, low expired ${sum.expired}`,
  );
}, 120_000);
