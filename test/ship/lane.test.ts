// What a lane does about each kind of answer: nothing is lost, nothing is sent twice but what was not settled, order is kept.

import { describe, expect, it } from 'vitest';
import type { Answer, Parcel, Verdict } from '../../src/ship/output.ts';
import { all, each, parcel, rig, ScriptedOutput, sourceOf } from './fixture.ts';

const NEVER = new AbortController().signal;
const TEN = Array.from({ length: 10 }, (_, i) => parcel(i + 1));
const IDS = TEN.map(({ id }) => id);
const RETRY: Verdict = { is: 'retry', reason: 'busy' };
const HOLD: Verdict = { is: 'hold', reason: 'key revoked' };
const SPLIT = { is: 'split' as const, reason: 'too large' };
const OK: Verdict = { is: 'delivered' };

/** Runs to the end of ten parcels in batches of four. */
async function run(script: ((batch: readonly Parcel[]) => Answer)[], more = {}) {
  const output = new ScriptedOutput(script);
  const found = rig(sourceOf(TEN), output, more);
  await found.lane.run(NEVER);
  return { ...found, output };
}

describe('a lane', () => {
  it('sends batches in order, and saves the cursor behind each', async () => {
    const { output, cursor, counters } = await run([]);
    expect(output.batches).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [9, 10],
    ]);
    expect(cursor.saved).toEqual([4, 8, 10]);
    expect(counters.get('ship_records_delivered_total', 'x')).toBe(10);
  });

  it('begins behind its cursor', async () => {
    const output = new ScriptedOutput();
    const { lane, cursor } = rig(sourceOf(TEN), output);
    cursor.position = { seq: 7, journalId: '', link: Buffer.alloc(32) };
    await lane.run(NEVER);
    expect(output.batches).toEqual([[8, 9, 10]]);
  });

  it.each<[string, ((batch: readonly Parcel[]) => Answer)[], number[][], number[]]>([
    [
      'retries the same batch',
      [all(RETRY), all(RETRY)],
      [
        [1, 2, 3, 4],
        [1, 2, 3, 4],
        [1, 2, 3, 4],
      ],
      [250, 500],
    ],
    [
      'waits as long as it is told',
      [all({ ...RETRY, afterMs: 9000 })],
      [
        [1, 2, 3, 4],
        [1, 2, 3, 4],
      ],
      [9000],
    ],
    [
      'holds slowly',
      [all(HOLD), all(HOLD)],
      [
        [1, 2, 3, 4],
        [1, 2, 3, 4],
        [1, 2, 3, 4],
      ],
      [45_000, 45_000],
    ],
    [
      'sends again only what was not settled',
      [each(({ seq }) => (seq % 2 ? OK : RETRY))],
      [
        [1, 2, 3, 4],
        [2, 4],
      ],
      [250],
    ],
    ['holds for one of many', [each(({ seq }) => (seq === 3 ? HOLD : OK))], [[1, 2, 3, 4], [3]], [45_000]],
    ['splits down to the one', [all(SPLIT), all(SPLIT)], [[1, 2, 3, 4], [1, 2], [1], [2], [3, 4]], []],
    [
      'takes no answer of another length',
      [() => ({ of: 'items', verdicts: [HOLD, HOLD] })],
      [
        [1, 2, 3, 4],
        [1, 2, 3, 4],
      ],
      [250],
    ],
  ])('%s', async (_name, script, first, waits) => {
    const { output, cursor, time, dead } = await run(script);
    expect(output.batches.slice(0, first.length)).toEqual(first);
    expect(time.waits.filter((ms) => ms > 20)).toEqual(waits);
    expect(new Set(output.took)).toEqual(new Set(IDS));
    expect(output.took.length).toBe(10);
    expect(cursor.saved.at(-1)).toBe(10);
    expect(dead).toEqual([]);
  });

  it('makes a dead letter of what is refused for good, and goes on', async () => {
    const { output, dead, cursor } = await run([
      each(({ seq }) => (seq === 2 ? { is: 'rejected', reason: 'mapping' } : OK)),
    ]);
    expect(dead).toEqual([{ seq: 2, reason: 'mapping' }]);
    expect(output.took).toEqual(IDS.filter((id) => id !== 'id-2'));
    expect(cursor.saved).toEqual([4, 8, 10]);
  });

  it('makes a dead letter of a single one that is too large', async () => {
    const script = [all(SPLIT), all(SPLIT), all(SPLIT)];
    expect((await run(script)).dead).toEqual([{ seq: 1, reason: 'too large' }]);
  });

  it('holds while a dead letter cannot be kept', async () => {
    const refuse = each(({ seq }) => (seq === 2 ? { is: 'rejected', reason: 'mapping' } : OK));
    const { dead, time, output, cursor } = await run([refuse, refuse, refuse], { deadFails: 2 });
    expect(dead).toEqual([{ seq: 2, reason: 'mapping' }]);
    expect(time.waits.filter((ms) => ms > 20)).toEqual([45_000, 45_000]);
    expect(output.batches.slice(0, 3)).toEqual([[1, 2, 3, 4], [2], [2]]);
    expect(cursor.saved.at(-1)).toBe(10);
  });

  it('sends on its own what was folded into a document that the endpoint had already', async () => {
    const amend = { ...parcel(2), kind: 'amend' as const, id: 'amend-2' };
    const output = new ScriptedOutput([all({ is: 'delivered', duplicate: true })]);
    const { lane, counters } = rig(sourceOf([{ ...parcel(1), folded: [amend] }]), output);
    await lane.run(NEVER);
    expect(output.took).toEqual(['id-1', 'amend-2']);
    expect(counters.get('ship_records_duplicate_total', 'x')).toBe(1);
  });

  it('does not give up for that: each run would end there', async () => {
    const amend = { ...parcel(2), kind: 'amend' as const, id: 'amend-2' };
    const output = new ScriptedOutput([all({ is: 'delivered', duplicate: true })]);
    const { lane, cursor } = rig(sourceOf([{ ...parcel(1), folded: [amend] }]), output, { giveUp: true });
    await lane.run(NEVER);
    expect(output.took).toEqual(['id-1', 'amend-2']);
    expect(cursor.saved).toEqual([1]);
  });

  it('holds while the cursor cannot be saved, and sends nothing twice', async () => {
    const output = new ScriptedOutput();
    const { lane, cursor, time } = rig(sourceOf(TEN), output, { saveFails: 2 });
    await lane.run(NEVER);
    expect(output.took).toEqual(IDS);
    expect(time.waits.filter((ms) => ms > 20)).toEqual([45_000, 45_000]);
    expect(cursor.saved).toEqual([4, 8, 10]);
  });

  it('stops while the cursor cannot be saved', async () => {
    const stop = new AbortController();
    const { lane, cursor, time } = rig(sourceOf(TEN), new ScriptedOutput(), { saveFails: 1000 });
    time.onWait = (ms) => ms > 20 && stop.abort();
    await lane.run(stop.signal);
    expect(cursor.saved).toEqual([]);
  });

  it('takes a fault of an output for a hold', async () => {
    const { output, counters } = await run([
      () => {
        throw new TypeError('x is not a function');
      },
    ]);
    expect(output.took).toEqual(IDS);
    expect(counters.get('ship_faults_total', 'x')).toBe(1);
  });

  it('stops at the signal without moving the cursor', async () => {
    const stop = new AbortController();
    const output = new ScriptedOutput([
      () => {
        stop.abort();
        return { of: 'batch', verdict: RETRY };
      },
    ]);
    const { lane, cursor } = rig(sourceOf(TEN), output);
    await lane.run(stop.signal);
    expect(cursor.saved).toEqual([]);
    expect(output.batches).toEqual([[1, 2, 3, 4]]);
  });

  it('gives batches their size in bytes', async () => {
    const { output } = await run([], { bytes: 2 * (TEN[0]!.document.length + 200) + 10 });
    expect(output.batches.map((batch) => batch.length)).toEqual([2, 2, 2, 2, 2]);
  });
});
