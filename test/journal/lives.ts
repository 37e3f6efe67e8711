// Lives of a journal as data, for property tests: fast-check makes and shrinks them, this file plays them on a memory disk and
// holds them against the model: what was acknowledged is there afterwards, once, under its seq, whatever happened.

import * as fc from 'fast-check';
import { expect } from 'vitest';
import { checkJournal } from '../../src/journal/check.ts';
import type { JournalWriter } from '../../src/journal/journal.ts';
import { Counters } from '../../src/stats.ts';
import { append, DIRECTORY, openOn, readAll } from './fixture.ts';
import type { MemoryDisk, Step, Survival } from './memory-disk.ts';

/** Fails so many calls, from one of this life's on. */
export interface Fault {
  at: number;
  calls: number;
  /** An error, or for a write the bytes that it may write, for other calls an EIO. */
  what: 'EIO' | 'ENOSPC' | number;
}

export interface Life {
  maxSegmentBytes: number;
  reserve: boolean;
  faults: readonly Fault[];
  /** The program ends at this call, if it gets so far. */
  crashAt: number;
  /** Sizes of records; those of one burst are appended at once. */
  bursts: readonly (readonly number[])[];
  closes: boolean;
  death: Death;
}

export type Death = 'kill' | Survival;
export const DEATHS: readonly Death[] = ['kill', 'none', 'all', 'torn'];

const sizes = fc.oneof({ weight: 4, arbitrary: fc.nat(300) }, fc.nat(6000));
export const bursts = fc.array(fc.array(sizes, { minLength: 1, maxLength: 4 }), { maxLength: 10 });
export const segmentSizes = fc.integer({ min: 1024, max: 20_000 });

const fault: fc.Arbitrary<Fault> = fc.record({
  at: fc.nat(150),
  calls: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 2, max: 12 })),
  what: fc.oneof(fc.constantFrom('EIO' as const, 'ENOSPC' as const), fc.integer({ min: 1, max: 30 })),
});

export const life: fc.Arbitrary<Life> = fc.record({
  maxSegmentBytes: segmentSizes,
  reserve: fc.boolean(),
  faults: fc.oneof(fc.constant([]), fc.array(fault, { maxLength: 8 })),
  crashAt: fc.oneof(fc.nat(150), fc.constant(Number.MAX_SAFE_INTEGER)),
  bursts,
  closes: fc.boolean(),
  death: fc.constantFrom(...DEATHS),
});

export class Journal {
  disk: MemoryDisk;
  /** The model: all that there is to know is which text stands under which seq. */
  readonly acknowledged = new Map<number, string>();
  faults = 0;
  #made = 0;

  constructor(disk: MemoryDisk) {
    this.disk = disk;
  }

  /** out: whether it came to the call at which it was to crash. */
  async live({ faults, crashAt, maxSegmentBytes, reserve, bursts, closes, death }: Life): Promise<boolean> {
    const { disk } = this;
    const start = disk.steps;
    disk.fault = this.#play(faults, start);
    disk.crashAt = start + 1 + crashAt;
    const options = { maxSegmentBytes, reserveBytes: reserve ? 3000 : 0 };
    const writer = await openOn(disk, options).catch(() => undefined);
    for (const burst of writer === undefined ? [] : bursts) {
      await Promise.all(burst.map((size) => this.#append(writer!, size)));
    }
    if (closes) await writer?.close();
    this.disk = death === 'kill' ? disk.afterKill() : disk.afterPowerLoss(death);
    return disk.steps >= disk.crashAt;
  }

  #play(faults: readonly Fault[], start: number): (step: Step) => string | number | undefined {
    let looked = Number.NEGATIVE_INFINITY;
    return ({ number, operation }) => {
      const now = number - start - 1;
      const hit = faults.find(({ at, calls }) => now >= at && now < at + calls);
      // What cannot be read at the next tries either is damage, of which this model knows nothing (unreadable.test.ts does).
      const looks = ['open', 'read', 'size'].includes(operation);
      if (hit === undefined || operation === 'close' || (looks && now < looked + 30)) return undefined;
      if (looks) looked = now;
      this.faults++;
      return typeof hit.what === 'number' && operation !== 'write' ? 'EIO' : hit.what;
    };
  }

  async #append(writer: JournalWriter, size: number): Promise<void> {
    const { disk } = this;
    const text = `${this.#made++} ${'z'.repeat(size)}`;
    const seq = await append(writer, text).catch(() => 0);
    // Whoever has crashed acknowledges nothing.
    if (seq === 0 || disk.steps >= disk.crashAt) return;
    expect(this.acknowledged.has(seq), `seq ${seq} given twice`).toBe(false);
    this.acknowledged.set(seq, text);
  }

  /** The next start finds all, in order, and goes on behind it. out: records that nobody was promised. */
  async expectKept(): Promise<number> {
    const writer = await openOn(this.disk);
    const last = await append(writer, `end ${this.#made++}`);
    await writer.close();
    const { records, seqs, texts, damage } = await readAll(this.disk);
    const found = new Map(records.map(({ seq }, i) => [seq, texts[i]]));
    for (const [seq, text] of this.acknowledged) expect(found.get(seq), `seq ${seq}`).toBe(text);
    expect({ damage, atOpen: writer.damage }).toEqual({ damage: [], atOpen: [] });
    expect(seqs).toEqual(Array.from({ length: last }, (_, i) => i + 1));
    expect(new Set(texts).size).toBe(texts.length);
    const check = await checkJournal({ directory: DIRECTORY, counters: new Counters(), io: this.disk });
    expect(check.faults).toEqual([]);
    const unasked = last - 1 - this.acknowledged.size;
    this.acknowledged.set(last, texts.at(-1)!);
    return unasked;
  }
}
