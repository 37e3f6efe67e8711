import { describe, expect, it } from 'vitest';
import type { Suppression } from '../../src/detect/rule.ts';
import type { FieldTable } from '../../src/ecs/fields.ts';
import { execEvent } from './events.ts';
import { at, folded, kibanaAlert, setUp } from './kinds/run.ts';
import { makeEqlRule, makeRule, makeThresholdRule } from './rules.ts';

const BY_ARGS: Suppression = { groupBy: ['process.args'], durationMs: 60_000, missingFields: 'suppress' };
const rule =
  (suppression: Partial<Suppression> = {}, over = {}) =>
  (fields: FieldTable) => [
    makeRule(fields, 'process.name:a', { suppression: { ...BY_ARGS, ...suppression }, ...over }),
  ];
const args = (value: string | string[]) => ({ 'process.args': value });

it('the first of a group makes the alert, repeats count in it and say until when', () => {
  const { run, detector, amends, counters } = setUp(rule());
  const [alert] = run('a', 1, args('x'));
  expect(kibanaAlert(alert!).suppression).toEqual({
    terms: [{ field: 'process.args', value: 'x' }],
    start: '1970-01-01T00:00:01.000Z',
    end: '1970-01-01T00:00:01.000Z',
    docs_count: 0,
  });
  expect([run('a', 2, args('x')), run('a', 3, args('x')), run('a', 4, args('y'))].map(({ length }) => length)).toEqual([
    0, 0, 1,
  ]);
  detector.flush();
  expect(kibanaAlert({ document: folded(alert!, amends) })).toMatchObject({
    suppression: { ...(kibanaAlert(alert!).suppression as object), end: '1970-01-01T00:00:03.000Z', docs_count: 2 },
    last_detected: '1970-01-01T00:00:03.000Z',
  });
  expect(counters.get('detect_alerts_suppressed_total')).toBe(2);
});

it('goes on after a crash from what the journal has: of a threshold, all that its alert counted', () => {
  const make = (fields: FieldTable) => [
    makeThresholdRule(fields, 'process.name:a', { fields: ['process.args'], value: 3 }, { suppression: BY_ARGS }),
  ];
  const before = setUp(make);
  const [alert] = [1, 2, 3].flatMap((second) => before.run('a', second, args('x')));
  expect(kibanaAlert(alert!).suppression).toMatchObject({ docs_count: 2 });
  const { run, detector, amends } = setUp(make);
  detector.applyAlert('rule-1', undefined, at(3), 1, alert);
  expect([4, 5, 6].flatMap((second) => run('a', second, args('x')))).toEqual([]);
  detector.flush();
  expect(kibanaAlert({ document: folded(alert!, amends) }).suppression).toMatchObject({ docs_count: 5 });
});

it('shows what it groups by as documents have it', () => {
  const groupBy = ['process.start', 'process.pid', 'process.args'];
  const { run } = setUp(rule({ groupBy }));
  const values = { 'process.start': 1500, 'process.pid': 2n ** 60n, 'process.args': ['y', 'x\udcff', 'y'] };
  const { terms } = kibanaAlert(run('a', 1, values)[0]!).suppression as { terms: unknown };
  expect(terms).toEqual([
    { field: 'process.start', value: '1970-01-01T00:00:01.500Z' },
    { field: 'process.pid', value: String(2n ** 60n) },
    { field: 'process.args', value: ['x\ufffd', 'y'] },
  ]);
});

it.each<[string, Partial<Suppression>, [seconds: number, args: string | string[] | undefined][], number[]]>([
  [
    'a window that begins with its first event',
    {},
    [
      [0, 'x'],
      [59, 'x'],
      [60, 'x'],
      [61, 'x'],
      [100, 'x'],
    ],
    [1, 0, 0, 1, 0],
  ],
  [
    'the rule’s interval where no duration is said',
    { durationMs: undefined },
    [
      [0, 'x'],
      [299, 'x'],
      [301, 'x'],
    ],
    [1, 0, 1],
  ],
  [
    'what lacks a field together',
    {},
    [
      [0, undefined],
      [1, undefined],
      [2, 'x'],
    ],
    [1, 0, 1],
  ],
  [
    'or not at all',
    { missingFields: 'doNotSuppress' },
    [
      [0, undefined],
      [1, undefined],
      [2, 'x'],
      [3, 'x'],
    ],
    [1, 1, 1, 0],
  ],
  [
    'several values in any order',
    {},
    [
      [0, ['x', 'y']],
      [1, ['y', 'x', 'y']],
      [2, ['x']],
      [3, 'x'],
    ],
    [1, 0, 1, 0],
  ],
  [
    'all together without fields',
    { groupBy: [] },
    [
      [0, 'x'],
      [1, 'y'],
      [2, undefined],
    ],
    [1, 0, 0],
  ],
  [
    'by several fields',
    { groupBy: ['process.args', 'user.name'] },
    [
      [0, 'x'],
      [1, 'x'],
      [2, 'y'],
    ],
    [1, 0, 1],
  ],
] as [string, Partial<Suppression>, [number, string | string[] | undefined][], number[]][])(
  'suppresses %s',
  (_name, suppression, events, made) => {
    const { run } = setUp(rule(suppression));
    expect(events.map(([s, value]) => run('a', s, value === undefined ? {} : args(value)).length)).toEqual(made);
  },
);

describe('amends', () => {
  it('are at most one in ten seconds for an alert, and tell of all there is', () => {
    const { run, amends } = setUp(rule());
    run('a', 0, args('x'));
    for (let s = 1; s <= 59; s++) run('a', s, args('x'));
    expect(amends.length).toBe(5);
    expect(amends.map(({ number }) => number)).toEqual([...amends.map(({ number }) => number)].sort((a, b) => a! - b!));
    expect(new Set(amends.map(({ number }) => number)).size).toBe(amends.length);
    expect(Math.min(...amends.map(({ number }) => number!))).toBeGreaterThan(1);
  });

  it('come by time alone, and none where nothing was counted', () => {
    const { run, detector, amends } = setUp(rule());
    run('a', 0, args('x'));
    run('a', 1, args('x'));
    detector.tick(at(10));
    expect(amends).toEqual([]);
    detector.tick(at(11.5));
    expect(amends.length).toBe(1);
    detector.tick(at(100));
    detector.flush();
    expect(amends.length).toBe(1);
  });

  it('come with events that no rule takes, also where only their sketch is looked at', () => {
    const { run, amends, detector, fields } = setUp(rule());
    run('a', 0, args('x'));
    run('a', 1, args('x'));
    run('z', 12);
    expect(amends.length).toBe(1);
    run('a', 13, args('x'));
    const wanted = detector.sketchFilter(new Set([fields.get('process.name')!.slot]));
    expect(wanted(execEvent(fields, { 'process.name': 'z' }, { wallMs: 30_000 }))).toBe(false);
    expect(amends.length).toBe(2);
  });

  it('are told at the end of a window by what comes next in the group', () => {
    const { run, amends } = setUp(rule({ durationMs: 5_000 }));
    const [first] = run('a', 0, args('x'));
    run('a', 1, args('x'));
    const [second] = run('a', 7, args('x'));
    expect(second!.uuid).not.toBe(first!.uuid);
    run('a', 8, args('x'));
    expect(amends.map(({ uuid }) => uuid)).toEqual([first!.uuid]);
  });
});

describe('every type of rule', () => {
  const suppression = { ...BY_ARGS };

  it('sequences, by what their events have in common', () => {
    const { run, detector, amends } = setUp((fields) => [
      makeEqlRule(
        fields,
        'sequence by user.name [process where process.name == "a"] [process where process.name == "b"]',
        {
          suppression,
        },
      ),
    ]);
    run('a', 0, args('x'));
    const [alert] = run('b', 1, args('x'));
    run('a', 2, args('x'));
    expect(run('b', 3, args('x'))).toEqual([]);
    run('a', 4, args('x'));
    expect(kibanaAlert(run('b', 5, args('y'))[0]!).suppression).toMatchObject({
      terms: [{ field: 'process.args', value: null }],
    });
    detector.flush();
    expect(kibanaAlert({ document: folded(alert!, amends) }).suppression).toMatchObject({ docs_count: 1 });
  });

  it('new terms: a term that is suppressed was seen', () => {
    const { run } = setUp((fields) => [
      makeRule(fields, 'process.name:a', { suppression: { ...BY_ARGS, groupBy: ['user.name'] } }, ['process.args']),
    ]);
    expect(
      [run('a', 0, args('x')), run('a', 1, args('y')), run('a', 100, args('y'))].map(({ length }) => length),
    ).toEqual([1, 0, 0]);
  });

  it('thresholds, by their own fields; events are counted as Kibana counts them', () => {
    const { run, detector, amends } = setUp((fields) => [
      makeThresholdRule(
        fields,
        'process.name:a',
        { fields: ['process.args'], value: 3 },
        { suppression: { ...BY_ARGS, groupBy: [] } },
      ),
    ]);
    const made = [0, 1, 2, 3, 4, 5].flatMap((s) => run('a', s, args('x')));
    expect(made).toHaveLength(1);
    expect(kibanaAlert(made[0]!).suppression).toMatchObject({ docs_count: 2 });
    detector.flush();
    expect(kibanaAlert({ document: folded(made[0]!, amends) }).suppression).toMatchObject({ docs_count: 5 });
  });
});

it('what max_signals keeps back opens no window: nothing would tell of it', () => {
  const { run, counters } = setUp(rule({}, { max_signals: 1, intervalMs: 30_000 }));
  expect(
    [run('a', 0, args('x')), run('a', 1, args('y')), run('a', 2, args('y')), run('a', 31, args('y'))].map(
      ({ length }) => length,
    ),
  ).toEqual([1, 0, 0, 1]);
  expect(counters.get('detect_alerts_capped_total')).toBe(2);
  expect(counters.get('detect_alerts_suppressed_total')).toBe(0);
});

it('an alert that the journal never gets counts nothing more: the next one makes an alert', () => {
  const { run, detector, amends } = setUp(rule());
  const [alert] = run('a', 0, args('x'));
  run('a', 1, args('x'));
  detector.givenUp(alert!);
  expect(run('a', 2, args('x'))).toHaveLength(1);
  detector.flush();
  expect(amends).toEqual([]);
});

it('a self-test counts in no alert and opens none', () => {
  const { run } = setUp(rule(), { isSelftest: (event) => event.get('process.title') === 'test' });
  const test = { ...args('x'), 'process.title': 'test' };
  expect([run('a', 0, test), run('a', 1, args('x')), run('a', 2, test)].map(({ length }) => length)).toEqual([1, 1, 1]);
});

it('windows stay open over a reload that suppresses as before; else they are told of and closed', () => {
  for (const [groupBy, made] of [
    [['process.args'], 0],
    [['user.name'], 1],
  ] as const) {
    const { run, fields, detector, amends } = setUp(rule());
    run('a', 0, args('x'));
    run('a', 1, args('x'));
    detector.replaceRules({ rules: rule({ groupBy }, { name: 'renamed' })(fields) });
    expect(run('a', 2, args('x'))).toHaveLength(made);
    detector.flush();
    expect(amends.map(({ number }) => number)).toEqual([made === 0 ? 3 : 2]);
  }
});

it('the oldest windows make room, and what they counted is told', () => {
  const { run, detector, amends, counters } = setUp(rule({}, { max_signals: 20_000 }));
  const [oldest] = run('a', 0, args('0'));
  run('a', 0.5, args('0'));
  for (let i = 1; i <= 10_000; i++) run('a', 1 + i / 1e5, args(`${i}`));
  expect(counters.get('detect_groups_evicted_total', 'suppression')).toBe(1);
  expect(run('a', 2, args('0'))).toHaveLength(1);
  detector.flush();
  expect(amends.map(({ uuid }) => uuid)).toEqual([oldest!.uuid]);
});
