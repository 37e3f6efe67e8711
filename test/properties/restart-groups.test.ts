// Restart equivalence of what rules count and suppress by: the recording of story.ts cut at every index, stopped there and started
// again. The alerts, what they count in the end, and what is still counted are those of a run that nobody stopped.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { foldAmend } from '../../src/proto/fold-amend.ts';
import { AgentParts, freshState } from './agent-parts.ts';
import { Comparison } from './comparison.ts';
import { AFTER_A_RESTART } from './restart-tables.ts';
import { groupRules } from './story-rules.ts';
import { idsOf, WholeRun } from './whole-run.ts';

let whole: WholeRun;
const stopped = new Comparison(AFTER_A_RESTART);

beforeAll(async () => {
  whole = await WholeRun.make(groupRules);
});
afterAll(() => whole[Symbol.dispose]());

/** How often each alert was met again, by its uuid. */
function countsOf({ journal, amends }: Pick<AgentParts, 'journal' | 'amends'>) {
  return journal.map(({ uuid, document }) => {
    const own = amends.filter((amend) => amend.uuid === uuid).map((amend) => amend.document);
    const folded = own.reduce((before, amend) => foldAmend(before, amend), document) as unknown as {
      kibana: { alert: { suppression?: unknown; threshold_result?: unknown } };
    };
    const { suppression, threshold_result } = folded.kibana.alert;
    return [uuid, suppression, threshold_result];
  });
}

it('the story has what is to be kept', () => {
  const { alerts, amends, counters } = whole.parts;
  for (const id of ['suppressed', 'counted', 'both']) {
    expect(alerts.filter(({ rule_id }) => rule_id === id).length, id).toBeGreaterThan(1);
  }
  expect(amends.length).toBeGreaterThan(3);
  expect(counters.get('detect_alerts_suppressed_total')).toBeGreaterThan(3);
});

it('stopped before every seventh record', async () => {
  const { parts, world } = whole;
  for (let at = 0; at <= world.records.length; at += 7) {
    const first = await whole.first();
    first.take(at);
    const second = await whole.rest(at, first.stop());
    const where = `before record ${at}`;
    expect(idsOf(second.journal), where).toEqual(idsOf(parts.alerts));
    expect(countsOf(second), where).toEqual(countsOf(parts));
    expect(whole.difference(second.alerts, stopped), where).toBeUndefined();
  }
});

it('stopped after each and every record', async () => {
  const { world, rules, folder, parts } = whole;
  let state = freshState(folder);
  for (let at = 0; at < world.records.length; at++) {
    const run = await AgentParts.start({ world, rules, state, from: at });
    run.take(at + 1);
    state = run.stop();
  }
  expect(countsOf({ journal: [...state.journal], amends: [...(state.amends ?? [])] })).toEqual(countsOf(parts));
});
