// Restart equivalence: the recording of story.ts cut at every index, the agent stopped there, or crashed, and started again with
// the processes that are there: both runs together make the alerts of a run that nobody stopped. What may differ is in tables.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Alert } from '../../src/detect/alert.ts';
import { AgentParts, freshState, removeState, type State } from './agent-parts.ts';
import { Comparison } from './comparison.ts';
import { AFTER_A_CRASH, AFTER_A_RESTART, changedBetween } from './restart-tables.ts';
import { story } from './story.ts';
import { type StoryRules, storyRules } from './story-rules.ts';
import type { World } from './world.ts';

let folder: string;
let world: World;
let rules: StoryRules;
let whole: AgentParts;
/** That term-store-io.ts promises to lose at most. */
const MINUTE_NS = 60_000_000_000n;
const stopped = new Comparison(AFTER_A_RESTART);
const crashed = new Comparison([...AFTER_A_RESTART, ...AFTER_A_CRASH]);

beforeAll(async () => {
  // Thousands of small transactions: in memory where the machine has a place for that.
  folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'forebear-restart-'));
  world = story();
  rules = await storyRules();
  whole = await AgentParts.start({ world, rules, state: freshState(folder), from: 0 });
  whole.take(world.records.length);
  whole.stop();
});
afterAll(() => rmSync(folder, { recursive: true }));

const idsOf = (alerts: readonly Alert[]) => alerts.map(({ uuid }) => uuid);

/** The run on what another one left before that record, to the end. */
async function rest(at: number, state: State): Promise<AgentParts> {
  const run = await AgentParts.start({ world, rules, state, from: at });
  run.take(world.records.length);
  removeState(run.stop());
  return run;
}

/** The first document of a run that differs from that of the whole where it may not. */
function differenceOf(alerts: readonly Alert[], comparison: Comparison): string | undefined {
  for (const alert of alerts) {
    const before = whole.alerts.find(({ uuid }) => uuid === alert.uuid);
    const difference = before && comparison.difference(before, alert);
    if (difference !== undefined) return `${alert.reason} ${difference}`;
  }
  return undefined;
}

it('the story has what is to be kept: every rule fires, in and out of windows, over limits, hidden, learned', () => {
  expect(world.records.length).toBeGreaterThan(250);
  expect(new Set(whole.alerts.map(({ rule_id }) => rule_id)).size).toBe(rules.set.rules.length);
  expect(new Set(idsOf(whole.alerts)).size).toBe(whole.alerts.length);
  const text = JSON.stringify(whole.alerts.map(({ document }) => document));
  for (const part of ['first time in', 'never seen in', 'capped_alerts']) expect(text).toContain(part);
  const figures = ['detect_alerts_capped_total', 'detect_alerts_learned_total'].map((name) => whole.counters.get(name));
  expect(figures.every((figure) => figure > 0)).toBe(true);
  expect(whole.counters.get('detect_events_excepted_total', 'until')).toBeGreaterThan(1);
});

describe('stopped and started again', () => {
  it('at any record: the same alerts, the same limits and what they kept back', async () => {
    for (let at = 0; at <= world.records.length; at++) {
      const first = await AgentParts.start({ world, rules, state: freshState(folder), from: 0 });
      first.take(at);
      const second = await rest(at, first.stop());
      const where = `before record ${at}`;
      expect(idsOf(second.journal), where).toEqual(idsOf(whole.alerts));
      expect(second.detector.capped(), where).toEqual(whole.detector.capped());
      expect(differenceOf(second.alerts, stopped), where).toBeUndefined();
    }
  });

  it('after each and every record', async () => {
    let state = freshState(folder);
    let last: AgentParts | undefined;
    for (let at = 0; at < world.records.length; at++) {
      last = await AgentParts.start({ world, rules, state, from: at });
      last.take(at + 1);
      state = last.stop();
      expect(differenceOf(last.alerts, stopped)).toBeUndefined();
    }
    expect(idsOf(state.journal)).toEqual(idsOf(whole.alerts));
    expect(last!.detector.capped()).toEqual(whole.detector.capped());
  });

  it('nothing may differ that never does', () => {
    expect([...stopped.used].sort()).toEqual(AFTER_A_RESTART.map(({ path }) => path).sort());
  });
});

describe('crashed and started again', () => {
  it('at any record: what it lost are sightings of the last minute, and sessions of the last five seconds', async () => {
    let [repeated, lost] = [0, 0];
    const first = await AgentParts.start({ world, rules, state: freshState(folder), from: 0, ackAfter: 5 });
    for (let at = 0; at <= world.records.length; at++) {
      first.take(at);
      const second = await rest(at, first.left(folder));
      const where = `before record ${at}`;
      const [before, after] = [whole.alerts, second.journal];
      const more = after.filter(({ uuid }) => !idsOf(before).includes(uuid));
      for (const alert of more) expect(first.sightingNs(alert), where).toBeGreaterThan(first.tookNs - MINUTE_NS);
      const changed = idsOf(before.filter((alert) => changedBetween(alert, first.leadersSavedNs, first.tookNs)));
      const missing = idsOf(before).filter((uuid) => !idsOf(after).includes(uuid));
      expect(changed, where).toEqual(expect.arrayContaining(missing));
      const old = second.alerts.filter(({ uuid }) => !changed.includes(uuid));
      expect(differenceOf(old, crashed), where).toBeUndefined();
      repeated += more.length;
      lost += missing.length;
    }
    // All of them happen, or the story is too tame.
    expect([repeated, lost].every((count) => count > 0)).toBe(true);
    expect([...crashed.used]).toEqual(expect.arrayContaining(AFTER_A_CRASH.map(({ path }) => path)));
  });
});
