import { describe, expect, it } from 'vitest';
import { Detector } from '../../src/detect/detector.ts';
import { costClock, RuleCosts, UNTIMED } from '../../src/detect/rule-costs.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Counters } from '../../src/stats.ts';
import { execEvent } from './events.ts';
import { makeRule } from './rules.ts';

const rules = (count: number) => Array.from({ length: count }, (_, i) => ({ rule_id: `r${i}`, name: `Rule ${i}` }));

/** Evaluates each rule once an event; rule i takes tookMs(i). out: seconds per rule, and how many of the evaluations were timed. */
function run(count: number, events: number, tookMs: (rule: number) => number) {
  let nowMs = 0;
  const costs = new RuleCosts(rules(count), { nowMs: () => nowMs, ownMs: 0 });
  let timed = 0;
  for (let event = 0; event < events; event++) {
    for (let rule = 0; rule < count; rule++) {
      const begun = costs.evaluate(rule);
      nowMs += tookMs(rule);
      if (begun === UNTIMED) continue;
      timed++;
      costs.end(rule, begun);
    }
  }
  const seconds = new Map(costs.report(count).rules.map(({ rule_id, seconds }) => [rule_id, seconds]));
  return { seconds: rules(count).map(({ rule_id }) => seconds.get(rule_id)!), timed };
}

describe('time', () => {
  it.each([1, 7, 8, 32, 61, 64, 127, 128])(
    'is told to each rule as it took it, with %d candidates an event',
    (count) => {
      const events = Math.ceil(400_000 / count);
      const took = (rule: number) => (rule % 2 === 0 ? 0.01 : 0.03);
      const { seconds, timed } = run(count, events, took);
      const evaluations = events * count;
      expect(timed / (evaluations / 64)).toBeGreaterThan(0.95);
      expect(timed / (evaluations / 64)).toBeLessThan(1.05);
      const even = seconds.filter((_, i) => i % 2 === 0).reduce((sum, s) => sum + s, 0);
      const expected = (events * Math.ceil(count / 2) * 0.01) / 1000;
      expect(even / expected).toBeGreaterThan(0.9);
      expect(even / expected).toBeLessThan(1.1);
      // A fixed step of 64 would time one rule of 64 and none of the others.
      const least = Math.min(...seconds.map((s, i) => s / took(i)));
      expect(least).toBeGreaterThan(0.4 * (events / 1000));
    },
  );

  it('of one evaluation counts as 64 of a millisecond at most: more is the machine’s', () => {
    const { seconds, timed } = run(1, 640, () => 200);
    expect(seconds).toEqual([(timed * 64 * 1) / 1000]);
  });

  it('is without what asking the clock takes', () => {
    let nowMs = 0;
    const clock = costClock(() => {
      nowMs += 0.5;
      return nowMs;
    });
    expect(clock.ownMs).toBe(0.5);
    const costs = new RuleCosts(rules(1), clock);
    for (let i = 0; i < 64; i++) {
      const begun = costs.sketch(0);
      nowMs += 0.25;
      if (begun !== UNTIMED) costs.end(0, begun);
    }
    expect(costs.report(1).all).toMatchObject({ sketches: 64, seconds: (64 * 0.25) / 1000 });
  });
});

it('tells the costliest rules one by one, and all together', () => {
  let nowMs = 0;
  const costs = new RuleCosts(rules(100), { nowMs: () => nowMs, ownMs: 0 });
  for (let rule = 0; rule < 100; rule++) {
    costs.match(rule, 2);
    for (let i = 0; i <= 1000; i++) {
      const begun = costs.evaluate(rule);
      nowMs += rule / 1000;
      if (begun !== UNTIMED) costs.end(rule, begun);
    }
  }
  const { rules: told, all } = costs.report(50);
  expect(told).toHaveLength(50);
  expect(told[0]).toMatchObject({ evaluations: 1001, matches: 1, alerts: 2 });
  expect(told.map(({ seconds }) => seconds)).toEqual(told.map(({ seconds }) => seconds).toSorted((a, b) => b - a));
  expect(all).toMatchObject({ rules: 100, evaluations: 100_100, sketches: 0, matches: 100, alerts: 200 });
  expect(all.seconds).toBeGreaterThan(told.reduce((sum, { seconds }) => sum + seconds, 0));
});

describe('the detector', () => {
  const CLASS = 'event.category:process and event.action:exec';

  function detect() {
    const fields = new FieldTable();
    const made = [
      makeRule(fields, `${CLASS} and process.name:a`, { rule_id: 'a' }),
      makeRule(fields, `${CLASS} and process.name:(a or b)`, { rule_id: 'terms' }, ['process.parent.executable']),
      makeRule(fields, `${CLASS} and not process.name:c`, { rule_id: 'any' }),
    ];
    const detector = new Detector({ rules: made, fields, counters: new Counters() });
    const event = (name: string) =>
      execEvent(fields, { 'process.name': name, 'process.parent.executable': '/p' }, { wallMs: 1 });
    const costs = () => new Map(detector.costs(9).rules.map(({ rule_id, ...cost }) => [rule_id, cost]));
    return { fields, detector, event, costs };
  }

  it('counts what the index left to evaluate, matches, and alerts', () => {
    const { detector, event, costs } = detect();
    for (const name of ['a', 'b', 'c', 'd']) detector.evaluate(event(name));
    expect(costs().get('a')).toMatchObject({ evaluations: 1, matches: 1, alerts: 1, sketches: 0, seconds: 0 });
    expect(costs().get('terms')).toMatchObject({ evaluations: 2, matches: 2, alerts: 1 });
    expect(costs().get('any')).toMatchObject({ evaluations: 4, matches: 3, alerts: 3 });
    expect(detector.costs(0)).toMatchObject({ rules: [], all: { rules: 3, evaluations: 7, matches: 6, alerts: 5 } });
  });

  it('counts evaluations on sketches apart', () => {
    const { detector, event, costs, fields } = detect();
    const isWanted = detector.sketchFilter(new Set(Array.from({ length: fields.size }, (_, slot) => slot)));
    expect(['a', 'c'].map((name) => isWanted(event(name)))).toEqual([true, false]);
    const sketches = [...costs()].map(([id, cost]) => `${id} ${cost.sketches} ${cost.evaluations}`);
    expect(sketches.sort()).toEqual(['a 1 0', 'any 1 0', 'terms 0 0']);
  });
});
