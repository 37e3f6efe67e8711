// Restart equivalence: the recording of story.ts cut at every index, the agent stopped there and started again with the processes
// that are there: both runs together make the alerts of a run that nobody stopped. What may differ is in a table.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentParts, freshState } from './agent-parts.ts';
import { Comparison } from './comparison.ts';
import { AFTER_A_RESTART } from './restart-tables.ts';
import { idsOf, WholeRun } from './whole-run.ts';

/** Ten times what all the cuts take. */
const WHOLE_MS = 200_000;

let whole: WholeRun;
const stopped = new Comparison(AFTER_A_RESTART);

beforeAll(async () => {
  whole = await WholeRun.make();
});
afterAll(() => whole[Symbol.dispose]());

it('the story has what is to be kept: every rule fires, in and out of windows, over limits, hidden, learned', () => {
  const { world, rules } = whole;
  const { alerts, counters } = whole.parts;
  expect(world.records.length).toBeGreaterThan(250);
  expect(new Set(alerts.map(({ rule_id }) => rule_id)).size).toBe(rules.set.rules.length);
  expect(new Set(idsOf(alerts)).size).toBe(alerts.length);
  const text = JSON.stringify(alerts.map(({ document }) => document));
  for (const part of ['first time in', 'never seen in', 'capped_alerts']) expect(text).toContain(part);
  const figures = ['detect_alerts_capped_total', 'detect_alerts_learned_total'].map((name) => counters.get(name));
  expect(figures.every((figure) => figure > 0)).toBe(true);
  expect(counters.get('detect_events_excepted_total', 'until')).toBeGreaterThan(1);
});

describe('stopped and started again', () => {
  it(
    'at any record: the same alerts, the same limits and what they kept back',
    async () => {
      const { alerts, detector } = whole.parts;
      for (let at = 0; at <= whole.world.records.length; at++) {
        const first = await whole.first();
        first.take(at);
        const second = await whole.rest(at, first.stop());
        const where = `before record ${at}`;
        expect(idsOf(second.journal), where).toEqual(idsOf(alerts));
        expect(second.detector.capped(), where).toEqual(detector.capped());
        expect(whole.difference(second.alerts, stopped), where).toBeUndefined();
      }
    },
    WHOLE_MS,
  );

  it('after each and every record', async () => {
    const { world, rules, folder, parts } = whole;
    let state = freshState(folder);
    let last: AgentParts | undefined;
    for (let at = 0; at < world.records.length; at++) {
      last = await AgentParts.start({ world, rules, state, from: at });
      last.take(at + 1);
      state = last.stop();
      expect(whole.difference(last.alerts, stopped)).toBeUndefined();
    }
    expect(idsOf(state.journal)).toEqual(idsOf(parts.alerts));
    expect(last!.detector.capped()).toEqual(parts.detector.capped());
  });

  it('nothing may differ that never does', () => {
    expect([...stopped.used].sort()).toEqual(AFTER_A_RESTART.map(({ path }) => path).sort());
  });
});
