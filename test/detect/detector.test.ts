import { describe, expect, it } from 'vitest';
import { Detector } from '../../src/detect/detector.ts';
import type { Rule } from '../../src/detect/rule.ts';
import { termKey } from '../../src/detect/term-key.ts';
import { MemoryTermStore } from '../../src/detect/term-store.ts';
import { wakeHints } from '../../src/detect/wake-hints.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Counters } from '../../src/stats.ts';
import { DAY, execEvent, type When } from './events.ts';
import { makeRule } from './rules.ts';

const SYSTEMCTL = 'event.category:process and event.action:exec and process.name:systemctl';

function detect(make: (fields: FieldTable) => Rule[]) {
  const fields = new FieldTable();
  const counters = new Counters();
  const terms = new MemoryTermStore(counters);
  const detector = new Detector({ rules: make(fields), fields, counters, terms });
  const run = (parent: string, when: When = {}) =>
    detector.evaluate(execEvent(fields, { 'process.name': 'systemctl', 'process.parent.executable': parent }, when));
  return { fields, counters, terms, detector, run };
}

const newTerms =
  (over: Partial<Rule> = {}) =>
  (fields: FieldTable) => [makeRule(fields, SYSTEMCTL, over, ['process.parent.executable'])];
const plain =
  (over: Partial<Rule> = {}) =>
  (fields: FieldTable) => [makeRule(fields, SYSTEMCTL, over)];

it('alerts for a new term, and not for it again', () => {
  const { run } = detect(newTerms());
  expect(['/a', '/a', '/b', '/a'].map((parent) => run(parent).length)).toEqual([1, 0, 1, 0]);
});

it('takes only matching events for history', () => {
  const { detector, fields, run } = detect(newTerms());
  detector.evaluate(execEvent(fields, { 'process.name': 'ls', 'process.parent.executable': '/a' }));
  expect(run('/a')).toHaveLength(1);
});

it('hands on the facts of event and rule', () => {
  const { run } = detect(newTerms());
  expect(run('/a', { id: 'e', wallMs: 5 * DAY })[0]).toMatchObject({
    rule_id: 'rule-1',
    ruleName: 'A rule',
    ruleVersion: 3,
    severity: 'medium',
    riskScore: 47,
    eventWallMs: 5 * DAY,
    detectedWallMs: 5 * DAY,
    eventBootNs: BigInt(5 * DAY) * 1_000_000n,
    hostId: 'host-id-1',
    hostName: 'web-1',
    terms: ['/a'],
    gaps: [],
  });
});

it('gives an event that matches several rules to each of them, in rule order', () => {
  const { run } = detect((fields) => [
    makeRule(fields, 'not process.name:ls', { rule_id: 'c' }),
    makeRule(fields, SYSTEMCTL, { rule_id: 'b' }),
    makeRule(fields, 'process.name:(systemctl or ls) or process.parent.executable:"/a"', { rule_id: 'a' }),
  ]);
  expect(run('/a').map(({ rule_id }) => rule_id)).toEqual(['c', 'b', 'a']);
});

it('survives a query that throws: it costs that rule, counted', () => {
  const { run, counters } = detect((fields) => {
    const broken = { ...makeRule(fields, SYSTEMCTL).compiled, cover: undefined, given: undefined };
    const matches = () => {
      throw new Error('broken');
    };
    return [
      makeRule(fields, SYSTEMCTL, {
        rule_id: 'broken',
        compiled: { ...broken, matches } as unknown as Rule['compiled'],
      }),
      makeRule(fields, SYSTEMCTL),
    ];
  });
  expect(run('/a').map(({ rule_id }) => rule_id)).toEqual(['rule-1']);
  expect(counters.get('detect_rule_errors_total')).toBe(1);
});

describe('identity', () => {
  const uuid = (over: Partial<Rule>, parent: string, id: string) => detect(newTerms(over)).run(parent, { id })[0]!.uuid;

  it('is the same for the same event, rule, version and terms, and has the form of a UUID', () => {
    expect(uuid({}, '/a', 'e')).toBe(uuid({}, '/a', 'e'));
    expect(uuid({}, '/a', 'e')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('has a fixed value, for ever', () => {
    expect(uuid({}, '/a', 'e')).toBe('caeaacb7-0daa-89f9-81ff-5e91b0550066');
  });

  it.each<[string, Partial<Rule>, string, string]>([
    ['event', {}, '/a', 'f'],
    ['terms', {}, '/b', 'e'],
    ['terms that are not UTF-8', {}, '/a\udcff', 'e'],
    ['rule', { rule_id: 'other' }, '/a', 'e'],
    ['version', { version: 4 }, '/a', 'e'],
  ])('differs by %s', (_name, over, parent, id) => expect(uuid(over, parent, id)).not.toBe(uuid({}, '/a', 'e')));
});

describe('max_signals', () => {
  const CAPPED = { max_signals: 2, intervalMs: 300_000 };
  const minutes = (n: number) => ({ wallMs: n * 60_000 });

  it('caps per interval and says at the next alert how many were kept back', () => {
    const { run, counters, detector } = detect(plain(CAPPED));
    expect([0, 1, 2, 3, 4.9].map((n) => run('/a', minutes(n)).length)).toEqual([1, 1, 0, 0, 0]);
    expect(detector.capped()).toEqual([{ rule_id: 'rule-1', count: 3 }]);
    expect(run('/a', minutes(5))[0]?.gaps).toEqual([{ kind: 'capped_alerts', detail: expect.any(String), count: 3 }]);
    expect(run('/a', minutes(6))[0]?.gaps).toEqual([]);
    expect(counters.get('detect_alerts_capped_total')).toBe(3);
    expect(counters.get('detect_alerts_made_total')).toBe(4);
    expect(detector.capped()).toEqual([]);
  });

  it('counts each rule for itself', () => {
    const { run } = detect((fields) => [
      makeRule(fields, SYSTEMCTL, { ...CAPPED, rule_id: 'a' }),
      makeRule(fields, SYSTEMCTL, { rule_id: 'b' }),
    ]);
    expect(
      [1, 2, 3].map((n) =>
        run('/a', minutes(n))
          .map(({ rule_id }) => rule_id)
          .join(''),
      ),
    ).toEqual(['ab', 'ab', 'b']);
  });

  it('runs on boot time: a step of the wall clock opens no new interval', () => {
    const { run } = detect(plain(CAPPED));
    const made = [0, 1, 2].map((n) => run('/a', { wallMs: n * DAY, bootMs: n }).length);
    expect(made).toEqual([1, 1, 0]);
  });

  it('takes a capped event for history all the same', () => {
    const { run } = detect(newTerms({ max_signals: 1 }));
    run('/a', minutes(0));
    expect(run('/b', minutes(1))).toEqual([]);
    expect(run('/b', minutes(10))).toEqual([]);
  });
});

describe('start after a stop', () => {
  it('counts alerts of the journal as seen and for max_signals', () => {
    const { run, detector } = detect(newTerms({ max_signals: 2 }));
    detector.applyAlert('rule-1', ['/a'], { bootId: 'boot-1', bootNs: 0n, wallMs: 0 }, 1);
    expect(run('/a')).toEqual([]);
    expect(run('/b')).toHaveLength(1);
    expect(run('/c')).toEqual([]);
  });

  it.each<[string, string, string[] | undefined]>([
    ['of a rule that is gone', 'gone', ['/a']],
    ['of other fields than now', 'rule-1', ['/a', 'b']],
    ['without terms', 'rule-1', undefined],
  ])('skips alerts %s', (_name, ruleId, terms) => {
    const { run, detector } = detect(newTerms());
    detector.applyAlert(ruleId, terms, { bootId: '', bootNs: 0n, wallMs: 0 }, 1);
    expect(run('/a')).toHaveLength(1);
  });
});

it('holds the terms of an alert until it is durable', () => {
  const { run, detector, terms } = detect(newTerms());
  const said: unknown[] = [];
  terms.hold = (...args) => said.push(['hold', ...args]);
  terms.release = (...args) => said.push(['release', ...args]);
  const [alert] = run('/a');
  detector.durable(alert!, 12);
  expect(said).toEqual([
    ['hold', 'rule-1', termKey(['/a'])],
    ['release', 'rule-1', [termKey(['/a'])], 12],
  ]);
});

it('what was new in an alert that the journal never gets is new again', () => {
  const { run, detector } = detect(newTerms());
  const [alert] = run('/a');
  expect(run('/a')).toEqual([]);
  detector.givenUp(alert!);
  expect(run('/a')).toHaveLength(1);
  expect(run('/a')).toEqual([]);
});

it('names the executables that rules ask for, not those that they exclude', () => {
  const fields = new FieldTable();
  const rules = [
    makeRule(fields, 'process.executable:/usr/bin/systemctl and process.args:enable and not process.name:bash'),
    makeRule(fields, 'process.name:(awk or python* or 7z) or process.parent.name:sshd or process.executable:/tmp/*'),
  ];
  expect(wakeHints(rules)).toEqual(['7z', 'awk', 'systemctl']);
});
