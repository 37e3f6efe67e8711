// Alerts of a self-test: marked, and without any trace in history, limits or what is rebuilt after a crash.

import { expect, it } from 'vitest';
import { restoreTerms } from '../../src/agent/restore-terms.ts';
import type { Alert } from '../../src/detect/alert.ts';
import { Detector } from '../../src/detect/detector.ts';
import { MemoryTermStore } from '../../src/detect/term-store.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import type { JournalRecord } from '../../src/journal/journal.ts';
import { decodeAlert, encodeAlert } from '../../src/proto/alert-codec.ts';
import { Counters } from '../../src/stats.ts';
import { execEvent } from './events.ts';
import { makeRule } from './rules.ts';

const TERM = ['process.parent.executable'];

function setUp(max_signals = 100) {
  const fields = new FieldTable();
  const counters = new Counters();
  const terms = new MemoryTermStore(counters);
  const released: number[] = [];
  terms.release = (_rule, _terms, seq) => void released.push(seq);
  const rules = [makeRule(fields, 'process.name:systemctl', { max_signals }, TERM)];
  const isSelftest = ({ slots }: { slots: readonly unknown[] }) => slots.includes('a self-test');
  const detector = new Detector({ rules, fields, counters, terms, isSelftest });
  const run = (parent: string, mark = '') =>
    detector.evaluate(
      execEvent(fields, { 'process.name': 'systemctl', 'process.parent.executable': parent, 'process.title': mark }),
    );
  return { detector, terms, counters, run, selftest: (parent: string) => run(parent, 'a self-test'), released };
}

it('is marked in the alert, its document and its envelope; its terms are in the document alone', () => {
  const [alert] = setUp().selftest('/x');
  expect(alert).toMatchObject({ selftest: true, document: { forebear: { selftest: true } } });
  expect(alert).toHaveProperty('document.kibana.alert.new_terms', ['/x']);
  expect(alert).not.toHaveProperty('terms');
  expect(decodeAlert(encodeAlert(alert!))).toEqual(alert);
});

it('does not mark other alerts', () => {
  const [alert] = setUp().run('/x');
  expect(alert).not.toHaveProperty('selftest');
  expect(alert).not.toHaveProperty('document.forebear.selftest');
  expect(decodeAlert(encodeAlert(alert!))).not.toHaveProperty('selftest');
});

it('leaves no term: the same one is new to the next event, and to the next self-test', () => {
  const { run, selftest, terms } = setUp();
  expect([selftest('/x').length, selftest('/x').length, terms.size]).toEqual([1, 1, 0]);
  expect([run('/x').length, run('/x').length, terms.size]).toEqual([1, 0, 1]);
  expect(selftest('/x')).toHaveLength(1);
});

it('neither counts for max_signals nor is kept back by it', () => {
  const { run, selftest, counters } = setUp(1);
  selftest('/a');
  selftest('/b');
  expect(run('/c')).toHaveLength(1);
  expect(run('/d')).toHaveLength(0);
  const [alert] = selftest('/e');
  expect(alert?.gaps).toEqual([]);
  expect(counters.get('detect_alerts_capped_total')).toBe(1);
});

it('is not made history from the journal after a crash; the checkpoint moves on', async () => {
  const { detector, terms, counters, selftest, run, released } = setUp(1);
  const record = (alert: Alert, seq: number) =>
    ({ seq, kindName: 'alert', payload: encodeAlert(alert) }) as JournalRecord;
  async function* journal() {
    yield record(selftest('/x')[0]!, 1);
    yield record(selftest('/y')[0]!, 2);
  }
  const log = { warn: () => {} };
  const parts = { terms: terms as never, detector, counters, log, read: journal };
  expect(await restoreTerms(parts)).toBe(0);
  expect([terms.size, released]).toEqual([0, [1, 2]]);
  expect(run('/x')).toHaveLength(1);
});
