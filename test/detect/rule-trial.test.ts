// What became of each event of one rule, beside the detector's own verdict.

import { expect, it } from 'vitest';
import type { Rule, Threshold } from '../../src/detect/rule.ts';
import { RuleTrial, type Trial } from '../../src/detect/rule-trial.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { execEvent } from './events.ts';
import { makeThresholdRule } from './rules.ts';

const suppression = { groupBy: [], durationMs: 60_000, missingFields: 'suppress' } as const;

function trials(threshold: Partial<Threshold>, over: Partial<Rule>, events: number): Trial[] {
  const fields = new FieldTable();
  const rule = makeThresholdRule(fields, 'process.name:a', threshold, over);
  const trial = new RuleTrial(rule, { boundTo: () => [] }, fields);
  return Array.from({ length: events }, (_, i) =>
    trial.take(execEvent(fields, { 'process.name': 'a' }, { wallMs: i * 1000 })),
  );
}

it.each<[string, Partial<Rule>, (trial: Trial) => boolean]>([
  ['alerts', {}, ({ alerts }) => alerts.length === 1],
  ['is counted in an alert', { suppression }, ({ suppressed }) => suppressed],
  ['is kept back', { max_signals: 1 }, ({ heldBack }) => heldBack],
])('a threshold that %s counts anew', (_what, over, became) => {
  const found = trials({ value: 2 }, over, 5);
  expect(found.map(({ count }) => count)).toEqual([1, 2, 1, 2, 1]);
  expect(became(found[3]!)).toBe(true);
});
