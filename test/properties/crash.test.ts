// A crash at every index of the recording of story.ts: what the state directory had kept by then is what the next run begins with.
// It makes the alerts of a run that went through, but for what the bounds of term-store-io.ts and leader-keeper.ts give up.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Alert } from '../../src/detect/alert.ts';
import { Comparison } from './comparison.ts';
import { AFTER_A_CRASH, AFTER_A_RESTART, changedBetween } from './restart-tables.ts';
import { idsOf, WholeRun } from './whole-run.ts';

/** Ten times what all the cuts take. */
const WHOLE_MS = 200_000;

/** Sightings of a term. */
const MINUTE_NS = 60_000_000_000n;
let whole: WholeRun;
const crashed = new Comparison([...AFTER_A_RESTART, ...AFTER_A_CRASH]);

beforeAll(async () => {
  whole = await WholeRun.make();
});
afterAll(() => whole[Symbol.dispose]());

it(
  'at any record: what it lost are sightings of the last minute, and sessions of the last five seconds',
  async () => {
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
  },
  WHOLE_MS,
);

it('an alert that the journal had not got: its term is as new as before', async () => {
  const { world, rules, parts } = whole;
  const first = await whole.first(5);
  let again = 0;
  for (let at = 0; at <= world.records.length; at++) {
    first.take(at);
    const lost = first.waiting.filter(({ terms }) => terms !== undefined);
    if (lost.length === 0) continue;
    const left = first.left(whole.folder, false);
    const second = await whole.rest(at, left);
    for (const alert of lost) {
      const seen = second.sightingNs(alert);
      const limited = rules.set.rules.find(({ rule_id }) => rule_id === alert.rule_id)!.max_signals < 100;
      if (seen === undefined || limited) continue;
      const repeats = ({ rule_id, terms, uuid }: Alert) =>
        rule_id === alert.rule_id && String(terms) === String(alert.terms) && uuid !== alert.uuid;
      expect(second.alerts.some(repeats), `${alert.reason} before record ${at}`).toBe(true);
      if (!parts.alerts.some(repeats)) again++;
    }
  }
  // Some that would have been silent.
  expect(again).toBeGreaterThan(0);
});
