// Lives of a journal under random faults: errors and short writes at any call, then a kill or a power loss, four times over.
// What was acknowledged is there, once, dense, with an unbroken chain. A failure names its seed; seeds are 1 to ROUNDS.

import { expect, it } from 'vitest';
import { checkJournal } from '../../src/journal/check.ts';
import { Counters } from '../../src/stats.ts';
import { append, DIRECTORY, openOn, readAll } from './fixture.ts';
import { MemoryDisk, type Step } from './memory-disk.ts';

const ROUNDS = 400;
const LIVES = 4;
/** Calls whose failure ends a run with an error instead of being survived; a failing mark only delays readers (faults.test.ts). */
const SPARED = new Set(['read', 'size', 'close', 'readdir', 'mkdir']);

function generator(seed: number): () => number {
  let state = (seed * 7919) >>> 0;
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

class Round {
  disk = new MemoryDisk();
  readonly acknowledged = new Map<number, string>();
  faults = 0;
  readonly #random: () => number;
  readonly #seed: number;
  #made = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = generator(seed);
  }

  async live(): Promise<void> {
    const random = this.#random;
    const { disk } = this;
    const probability = random() < 0.3 ? 0 : random() * 0.15;
    disk.fault = (step) => this.#fault(step, probability);
    if (random() < 0.5) disk.crashAt = disk.steps + Math.floor(random() * 120);
    const maxSegmentBytes = 1024 + Math.floor(random() * 9000);
    const reserveBytes = random() < 0.5 ? 3000 : 0;
    const writer = await openOn(disk, { maxSegmentBytes, reserveBytes }).catch(() => undefined);
    if (writer === undefined) return;
    for (let bursts = random() * 12; bursts > 0; bursts--) {
      await Promise.all(Array.from({ length: 1 + Math.floor(random() * 4) }, () => this.#append(writer)));
    }
    if (random() < 0.5) await writer.close();
  }

  #fault({ operation, path }: Step, probability: number): string | number | undefined {
    const random = this.#random;
    if (random() >= probability || SPARED.has(operation) || path.endsWith('/commit')) return undefined;
    if (operation === 'open' && !path.endsWith('.tmp')) return undefined;
    this.faults++;
    if (operation !== 'write' || random() < 0.5) return 'EIO';
    return random() < 0.5 ? 1 + Math.floor(random() * 30) : 'ENOSPC';
  }

  async #append(writer: Awaited<ReturnType<typeof openOn>>): Promise<void> {
    const { disk } = this;
    const size = this.#random() * (this.#random() < 0.2 ? 3000 : 300);
    const text = `${this.#made++} ${'z'.repeat(size)}`;
    const seq = await append(writer, text).catch(() => 0);
    // Whoever has crashed acknowledges nothing.
    if (seq === 0 || disk.steps >= disk.crashAt) return;
    expect(this.acknowledged.has(seq), `seed ${this.#seed}: seq ${seq} given twice`).toBe(false);
    this.acknowledged.set(seq, text);
  }

  async die(): Promise<void> {
    const fate = this.#random();
    const survival = fate < 0.65 ? 'none' : fate < 0.8 ? 'all' : 'torn';
    this.disk = fate < 0.5 ? this.disk.afterKill() : this.disk.afterPowerLoss(survival);
    await this.expectAcknowledged();
  }

  async expectAcknowledged() {
    const back = await readAll(this.disk);
    const found = new Map(back.seqs.map((seq, i) => [seq, back.texts[i]]));
    for (const [seq, text] of this.acknowledged) expect(found.get(seq), `seed ${this.#seed}: seq ${seq}`).toBe(text);
    return back;
  }
}

it('random faults and deaths lose nothing that was acknowledged', async () => {
  const sum = { acknowledged: 0, faults: 0, unasked: 0 };
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const round = new Round(seed);
    for (let life = 0; life < LIVES; life++) {
      await round.live();
      await round.die();
    }
    const writer = await openOn(round.disk);
    const last = await append(writer, 'end');
    const back = await round.expectAcknowledged();
    expect([back.damage, writer.damage], `seed ${seed}`).toEqual([[], []]);
    expect(back.seqs, `seed ${seed}`).toEqual(Array.from({ length: last }, (_, i) => i + 1));
    expect(new Set(back.texts).size, `seed ${seed}`).toBe(back.texts.length);
    const check = await checkJournal({ directory: DIRECTORY, counters: new Counters(), io: round.disk });
    expect(check.faults, `seed ${seed}`).toEqual([]);
    sum.acknowledged += round.acknowledged.size;
    sum.faults += round.faults;
    sum.unasked += back.seqs.length - 1 - round.acknowledged.size;
  }
  expect(sum.faults).toBeGreaterThan(ROUNDS);
  console.log(
    `journal: ${ROUNDS} rounds of ${LIVES} lives, ${sum.faults} faults, acknowledged ${sum.acknowledged}, lost 0, duplicated 0, ` +
      `kept though not acknowledged ${sum.unasked}`,
  );
});
