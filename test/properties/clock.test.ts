// The wall clock decides nothing within a boot: one recording, with the clock an hour behind, a day ahead, in 1970, set in the
// middle, with the machine suspended now and then, makes the same alerts. Across boots it counts, and may go back.

import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Alert } from '../../src/detect/alert.ts';
import type { StartFact } from '../../src/enrich/surroundings.ts';
import { START } from '../enrich/fake-host.ts';
import { AgentParts, freshState, type State } from './agent-parts.ts';
import { movedBy } from './clock-tables.ts';
import { Comparison } from './comparison.ts';
import { story } from './story.ts';
import { type StoryRules, storyRules } from './story-rules.ts';
import { quickFolder } from './whole-run.ts';
import { World } from './world.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
const HOUR_MS = HOUR * 1000;

let folder: string;
let rules: StoryRules;
let world: World;
let whole: readonly Alert[];
let last: State;

beforeAll(async () => {
  folder = quickFolder();
  const { set, ...rest } = await storyRules();
  const { exceptions: _exceptions, ...without } = set;
  // An exception's expire_time is a date: what ends by the wall clock has no place here.
  rules = { ...rest, set: without };
  world = story();
  ({ alerts: whole, state: last } = await run(world));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Told {
  alerts: readonly Alert[];
  state: State;
}

async function run(of: World, start: Partial<StartFact> = {}, state = freshState(folder)): Promise<Told> {
  const parts = await AgentParts.start({ world: of, rules, state, from: 0, start: { ...START, ...start } });
  parts.take(of.records.length);
  return { alerts: parts.alerts, state: parts.stop() };
}

/** What an alert says but for its times and the ids that are made of them. */
const gistOf = (alerts: readonly Alert[]) =>
  alerts.map(({ rule_id, reason, terms, gaps, severity }) => JSON.stringify([rule_id, reason, terms, gaps, severity]));

describe('the wall clock', () => {
  it.each([
    ['an hour behind', -HOUR_MS],
    ['a day ahead', 24 * HOUR_MS],
    ['in 1970', -START.wallOffsetMs],
    ['in the next century', 100 * 365 * 24 * HOUR_MS],
  ])('%s: the same alerts, all times moved by as much', async (_name, ms) => {
    const { alerts } = await run(world, { wallOffsetMs: START.wallOffsetMs + ms });
    const rows = movedBy(ms);
    const comparison = new Comparison(rows);
    expect(alerts.map(({ uuid }) => uuid)).toEqual(whole.map(({ uuid }) => uuid));
    expect(alerts.flatMap((alert, i) => comparison.difference(whole[i]!, alert) ?? [])).toEqual([]);
    expect([...comparison.used].sort()).toEqual(rows.map(({ path }) => path).sort());
  });

  it.each([-24 * HOUR_MS, 24 * HOUR_MS])('set by %i ms in the middle: the same alerts', async (ms) => {
    for (let at = 0; at < world.records.length; at += 20) {
      const parts = await AgentParts.start({ world, rules, state: freshState(folder), from: 0 });
      parts.take(at);
      parts.enricher.apply({ kind: 'wall_offset', ms: START.wallOffsetMs + ms });
      parts.take(world.records.length);
      parts.stop();
      expect(parts.alerts.map(({ uuid }) => uuid)).toEqual(whole.map(({ uuid }) => uuid));
      expect(gistOf(parts.alerts)).toEqual(gistOf(whole));
    }
  });
});

describe('a suspend', () => {
  const asleep = async (after: number, seconds: number) => {
    const { alerts } = await run(story(new World(new Map([[after, seconds]]))));
    return alerts;
  };

  it('of a second, anywhere: the same alerts', async () => {
    for (let after = 1; after < world.records.length; after += 13) {
      expect(gistOf(await asleep(after, 1)), `after record ${after}`).toEqual(gistOf(whole));
    }
  });

  it('of half a day, in a night of a story of days: the same alerts', async () => {
    const night = world.records.findIndex(({ bootNs }) => bootNs > BigInt(DAY) * 1_000_000_000n);
    expect(gistOf(await asleep(night, DAY / 2))).toEqual(gistOf(whole));
  });

  it('counts for windows as any other time: what was new an hour before is new again', async () => {
    const listed = (alerts: readonly Alert[]) => alerts.filter(({ rule_id }) => rule_id === 'list').length;
    const seen = world.records.findIndex((record) => record.kind === 'exec' && record.args.at(-1) === '1');
    expect(listed(await asleep(seen + 1, 2 * HOUR))).toBeGreaterThan(listed(whole));
  });
});

describe('another boot', () => {
  const boot = (bootId: string, wallOffsetMs: number): Partial<StartFact> => ({ bootId, wallOffsetMs });
  const countsOf = (alerts: readonly Alert[], rule_id: string) =>
    alerts.filter((alert) => alert.rule_id === rule_id).length;

  it.each([
    ['in 1970', 0],
    ['a day before', START.wallOffsetMs - 24 * HOUR_MS],
  ])('with the clock %s: limits begin anew, windows run on', async (_name, wallOffsetMs) => {
    const { alerts } = await run(world, boot('another', wallOffsetMs), await copyOf(last));
    expect(countsOf(alerts, 'capped')).toBe(countsOf(whole, 'capped'));
    // What was seen stays seen, but not longer than a window of the time that this boot has had.
    const again = (of: readonly Alert[]) =>
      of.filter(({ document }) => JSON.stringify(document).includes('first time in 9 days')).map(({ terms }) => terms);
    expect(again(whole).length).toBeGreaterThan(2);
    expect(again(alerts)).toEqual(expect.arrayContaining(again(whole)));
  });

  it('with the clock a month later: all is new', async () => {
    const wallOffsetMs = START.wallOffsetMs + 30 * 24 * HOUR_MS;
    const { alerts } = await run(world, boot('another', wallOffsetMs), await copyOf(last));
    for (const rule_id of ['capped', 'list', 'pair', 'session', 'parent']) {
      expect([rule_id, countsOf(alerts, rule_id)]).toEqual([rule_id, countsOf(whole, rule_id)]);
    }
  });

  /** A run of no records on it leaves the state as it is. */
  async function copyOf(state: State): Promise<State> {
    const parts = await AgentParts.start({ world, rules, state, from: 0 });
    const copy = parts.left(folder);
    parts.stop();
    return copy;
  }
});
