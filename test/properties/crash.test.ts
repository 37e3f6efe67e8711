// A crash at every index of the recording of story.ts: what the state directory had kept by then is what the next run begins with.
// It makes the alerts of a run that went through, but for what the bounds of term-store-io.ts and leader-keeper.ts give up.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { Comparison } from './comparison.ts';
import { AFTER_A_CRASH, AFTER_A_RESTART, changedBetween } from './restart-tables.ts';
import { idsOf, WholeRun } from './whole-run.ts';

/** Sightings of a term. */
const MINUTE_NS = 60_000_000_000n;
let whole: WholeRun;
const crashed = new Comparison([...AFTER_A_RESTART, ...AFTER_A_CRASH]);

beforeAll(async () => {
  whole = await WholeRun.make();
});
afterAll(() => whole[Symbol.dispose]());

it('at any record: what it lost are sightings of the last minute, and sessions of the last five seconds', async () => {
  let [repeated, lost] = [0, 0];
  const first = await whole.first(5);
  for (let at = 0; at <= whole.world.records.length; at++) {
    first.take(at);
    const second = await whole.rest(at, first.left(whole.folder));
    const where = `before record ${at}`;
    const [before, after] = [whole.parts.alerts, second.journal];
    const more = after.filter(({ uuid }) => !idsOf(before).includes(uuid));
    for (const alert of more) expect(first.sightingNs(alert), where).toBeGreaterThan(first.tookNs - MINUTE_NS);
    const changed = idsOf(before.filter((alert) => changedBetween(alert, first.leadersSavedNs, first.tookNs)));
    const missing = idsOf(before).filter((uuid) => !idsOf(after).includes(uuid));
    expect(changed, where).toEqual(expect.arrayContaining(missing));
    const old = second.alerts.filter(({ uuid }) => !changed.includes(uuid));
    expect(whole.difference(old, crashed), where).toBeUndefined();
    repeated += more.length;
    lost += missing.length;
  }
  // All of them happen, or the story is too tame.
  expect([repeated, lost].every((count) => count > 0)).toBe(true);
  expect([...crashed.used]).toEqual(expect.arrayContaining(AFTER_A_CRASH.map(({ path }) => path)));
});
