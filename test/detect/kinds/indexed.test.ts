// Stateful rules by the index, and where only sketches of events are looked at first, against every rule asked of every event.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Alert, AlertAmend } from '../../../src/detect/alert.ts';
import { Detector } from '../../../src/detect/detector.ts';
import type { Rule } from '../../../src/detect/rule.ts';
import { FieldTable } from '../../../src/ecs/fields.ts';
import { Counters } from '../../../src/stats.ts';
import { execEvent } from '../events.ts';
import { makeEqlRule, makeRule, makeThresholdRule } from '../rules.ts';
import { folded } from './run.ts';

const fields = new FieldTable();
const stage = (name: string, more = '') => `[process where process.name == "${name}"${more}]`;
const suppression = { groupBy: ['process.args'], durationMs: 5_000, missingFields: 'doNotSuppress' } as const;
const RULES: Rule[] = [
  makeEqlRule(fields, `sequence by user.name with maxspan=5s ${stage('a')} ${stage('b')}`, { rule_id: 'sequence' }),
  makeEqlRule(fields, `sequence by user.name with maxspan=5s ${stage('a')} !${stage('b')}`, { rule_id: 'at the end' }),
  makeEqlRule(fields, `sequence by user.name with maxspan=5s ${stage('a')} !${stage('c')} ${stage('b')}`, {
    rule_id: 'between',
  }),
  makeEqlRule(
    fields,
    `sequence by process.args ${stage('b')} ${stage('c', ' and process.pid > 1')} until ${stage('a')}`,
    {
      rule_id: 'until',
      suppression,
    },
  ),
  makeEqlRule(fields, `sample by user.name ${stage('c')} ${stage('a', ' and process.args : "X*"')}`, {
    rule_id: 'sample',
  }),
  makeEqlRule(fields, 'process where process.name like~ "A*" and descendant of [process where process.name == "b"]', {
    rule_id: 'descendant',
  }),
  makeThresholdRule(
    fields,
    'process.name:(a or c)',
    { fields: ['process.args'], value: 2, cardinality: [{ field: 'process.pid', value: 2 }] },
    { rule_id: 'threshold', from: 'now-4s' },
  ),
  makeRule(fields, 'process.pid > 1', { rule_id: 'suppressed', suppression }),
  makeRule(fields, 'process.name:b', { rule_id: 'terms', suppression }, ['process.args']),
];

const event = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd', 'd', 'd'),
  args: fc.constantFrom(undefined, 'x1', 'y', ['x1', 'y']),
  user: fc.constantFrom('ann', 'bob', undefined),
  pid: fc.constantFrom(1, 1, 2, 3),
  parent: fc.constantFrom('1', '2', '3'),
  laterMs: fc.constantFrom(0, 1, 400, 2_000, 7_000),
});

it('makes the same alerts, with the same counts', () => {
  let looked = 0;
  let passed = 0;
  fc.assert(
    fc.property(fc.array(event, { minLength: 20, maxLength: 60 }), (inputs) => {
      const [indexed, plain, sketched] = [false, true, false].map((unindexed) => start(unindexed));
      const sketch = new Set(
        ['process.name', 'event.category', 'event.action', 'host.os.type', 'process.pid'].map((name) =>
          fields.slot(name),
        ),
      );
      const wanted = sketched!.detector.sketchFilter(sketch);
      let wallMs = 0;
      for (const [i, { name, args, user, pid, parent, laterMs }] of inputs.entries()) {
        wallMs += laterMs;
        const make = () => {
          const ids = { 'process.entity_id': `${pid}`, 'process.parent.entity_id': parent };
          const slots = { 'process.name': name, 'process.args': args, 'user.name': user, 'process.pid': pid, ...ids };
          return execEvent(fields, slots, { id: `e${i}`, wallMs });
        };
        for (const { take } of [indexed!, plain!]) take(make());
        looked++;
        if (wanted(make())) sketched!.take(make());
        else passed++;
      }
      const [expected, byIndex, bySketch] = [plain!, indexed!, sketched!].map(({ result }) => result());
      expect(byIndex).toEqual(expected);
      expect(bySketch).toEqual(expected);
    }),
    { numRuns: 60 },
  );
  // Sketches had to say something: events of no rule fell away.
  expect(passed).toBeGreaterThan(looked / 20);
});

function start(unindexed: boolean) {
  const amends: AlertAmend[] = [];
  const alerts: Alert[] = [];
  const onAmend = (amend: AlertAmend) => amends.push(amend);
  const detector = new Detector({ rules: RULES.map(again), fields, counters: new Counters(), onAmend, unindexed });
  return {
    detector,
    take: (each: ReturnType<typeof execEvent>) => alerts.push(...detector.evaluate(each)),
    result: () => {
      alerts.push(...detector.end());
      return alerts.map((alert) => JSON.stringify(folded(alert, amends)));
    },
  };
}

/** A program belongs to one run. */
function again(rule: Rule): Rule {
  return rule.type === 'eql' ? makeEqlRule(fields, rule.query, { ...rule, ...programOf(rule) }) : rule;
}

function programOf({ query }: Rule): Pick<Rule, 'compiled' | 'program'> {
  const { compiled, program } = makeEqlRule(fields, query);
  return { compiled, ...(program && { program }) };
}
