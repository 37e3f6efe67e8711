// What suppression keeps of alerts, in memory and over a restart.

import { expect, it } from 'vitest';
import { NOTHING_KEPT } from '../../src/detect/kept-state.ts';
import { Suppression } from '../../src/detect/suppression.ts';
import { suppressionOf } from '../../src/detect/suppression-rule.ts';
import { SuppressionWindow } from '../../src/detect/suppression-window.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Counters } from '../../src/stats.ts';
import { execEvent } from './events.ts';
import { at } from './kinds/run.ts';
import { makeRule } from './rules.ts';

const fields = new FieldTable();
const suppression = { groupBy: ['process.args'], durationMs: 60_000, missingFields: 'suppress' } as const;
const RULE = suppressionOf(makeRule(fields, 'process.name:a', { suppression }), fields)!;

it('keeps of an alert what its amends need, not its document', () => {
  const suppression = new Suppression({ kept: NOTHING_KEPT, counters: new Counters(), onAmend: () => {} });
  suppression.use([RULE]);
  const event = execEvent(fields, { 'process.args': 'x' });
  const draft = { event, selftest: false, gaps: [], documents: 1, uuid: () => 'u' };
  const alert = Object.defineProperty({ uuid: 'u', severity: 'low' as const }, 'document', {
    enumerable: true,
    get: () => expect.fail('the document was taken'),
  });
  suppression.opened('rule-1', suppression.groupOf('rule-1', draft)!, alert, draft);
  expect(suppression.open).toBe(1);
});

it('closes in order what was kept in another', () => {
  const rows = [30, 0].map((seconds) => {
    const begun = { rule_id: 'rule-1', key: `${seconds}`, uuid: `${seconds}`, severity: 'low' as const, documents: 0 };
    const state = new SuppressionWindow({ ...begun, start: at(seconds) }).toText(RULE.signature);
    return { rule_id: 'rule-1', key: begun.key, state };
  });
  const kept = { ...NOTHING_KEPT, restore: () => rows };
  const suppression = new Suppression({ kept, counters: new Counters(), onAmend: () => {} });
  suppression.use([RULE]);
  suppression.tick(at(80));
  expect(suppression.open).toBe(1);
});
