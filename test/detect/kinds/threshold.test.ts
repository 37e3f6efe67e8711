import { expect, it } from 'vitest';
import type { Threshold } from '../../../src/detect/rule.ts';
import type { FieldTable } from '../../../src/ecs/fields.ts';
import { makeRule, makeThresholdRule } from '../rules.ts';
import { kibanaAlert, setUp } from './run.ts';

const QUERY = 'process.name:(a or b)';
const rule =
  (threshold: Partial<Threshold>, over = {}) =>
  (fields: FieldTable) => [makeThresholdRule(fields, QUERY, threshold, { from: 'now-60s', ...over })];

it.each<[string, Partial<Threshold>, [name: string, seconds: number, args?: string | string[]][], number[]]>([
  [
    'all events together',
    { value: 3 },
    [
      ['a', 0],
      ['b', 1],
      ['a', 2],
    ],
    [0, 0, 1],
  ],
  [
    'a value of one',
    { value: 1 },
    [
      ['a', 0],
      ['a', 1],
    ],
    [1, 1],
  ],
  [
    'only matches',
    { value: 2 },
    [
      ['a', 0],
      ['x', 1],
      ['a', 2],
    ],
    [0, 0, 1],
  ],
  [
    'each group for itself',
    { fields: ['process.name'], value: 2 },
    [
      ['a', 0],
      ['b', 1],
      ['b', 2],
      ['a', 3],
    ],
    [0, 0, 1, 1],
  ],
  [
    'a group begins anew behind its alert',
    { value: 2 },
    [
      ['a', 0],
      ['a', 1],
      ['a', 2],
      ['a', 3],
    ],
    [0, 1, 0, 1],
  ],
  [
    'the window slides, its end included',
    { value: 2 },
    [
      ['a', 0],
      ['a', 60],
      ['a', 120.1],
      ['a', 180],
    ],
    [0, 1, 0, 1],
  ],
  [
    'what is older than the window is not counted',
    { value: 3 },
    [
      ['a', 0],
      ['a', 59],
      ['a', 61],
      ['a', 62],
    ],
    [0, 0, 0, 1],
  ],
  [
    'a field without a value is no group',
    { fields: ['process.args'], value: 1 },
    [
      ['a', 0],
      ['a', 1, 'x'],
    ],
    [0, 1],
  ],
  [
    'several values are several groups',
    { fields: ['process.args'], value: 2 },
    [
      ['a', 0, ['x', 'y']],
      ['a', 1, ['y', 'z']],
      ['a', 2, ['x', 'z', 'x']],
    ],
    [0, 1, 2],
  ],
  [
    'so many different values',
    { value: 2, cardinality: [{ field: 'process.args', value: 2 }] },
    [
      ['a', 0, 'x'],
      ['a', 1, 'x'],
      ['a', 2, 'y'],
      ['a', 3, 'y'],
      ['a', 4, 'x'],
    ],
    [0, 0, 1, 0, 1],
  ],
  [
    'different values within the window only',
    { value: 1, cardinality: [{ field: 'process.args', value: 2 }] },
    [
      ['a', 0, 'x'],
      ['a', 61, 'y'],
      ['a', 62, 'x'],
    ],
    [0, 0, 1],
  ],
  [
    'different values, and fewer events than it takes',
    { value: 3, cardinality: [{ field: 'process.args', value: 2 }] },
    [
      ['a', 0, ['x', 'y']],
      ['a', 1],
      ['a', 2],
    ],
    [0, 0, 1],
  ],
])('counts %s', (_name, threshold, events, made) => {
  const { run } = setUp(rule(threshold));
  expect(
    events.map(([name, s, args]) => run(name, s, args === undefined ? {} : { 'process.args': args }).length),
  ).toEqual(made);
});

it('runs on boot time: a step of the wall clock neither adds nor ends anything', () => {
  const { run } = setUp(rule({ value: 2 }));
  run('a', 0, {}, { bootMs: 1000 });
  expect(run('a', 9999, {}, { bootMs: 2000 })).toHaveLength(1);
});

it('tells of the group, of what was counted and of the host alone, as Kibana does', () => {
  const { run } = setUp(
    rule({ fields: ['process.args', 'process.pid'], value: 2, cardinality: [{ field: 'user.name', value: 1 }] }),
  );
  run('a', 5, { 'process.args': ['x', 'y'], 'process.pid': 7 });
  const [alert] = run('b', 9, { 'process.args': 'x', 'process.pid': 7 });
  expect(alert).toMatchObject({ eventWallMs: 9000, hostName: 'web-1', hostId: 'host-id-1', group: '["x",7]' });
  expect(alert!.document).toMatchObject({
    '@timestamp': '1970-01-01T00:00:09.000Z',
    event: { kind: 'alert' },
    host: { id: 'host-id-1', name: 'web-1', os: { type: 'linux' } },
    process: { args: 'x', pid: 7 },
  });
  expect(alert!.document.user).toBeUndefined();
  expect(kibanaAlert(alert!)).toMatchObject({
    depth: 1,
    ancestors: [{ id: 'b@9', type: 'event', index: '', depth: 0 }],
    reason: 'event on web-1 created medium alert A rule.',
    threshold_result: {
      terms: [
        { field: 'process.args', value: 'x' },
        { field: 'process.pid', value: 7 },
      ],
      cardinality: [{ field: 'user.name', value: 1 }],
      count: 2,
      from: '1970-01-01T00:00:05.000Z',
    },
  });
});

it('has one id for the same rule, group and begin of the window', () => {
  const uuid = (over: object, first: number, second: number, args = 'x') => {
    const { run } = setUp(rule({ fields: ['process.args'] }, over));
    run('a', first, { 'process.args': args });
    return run('a', second, { 'process.args': args })[0]!.uuid;
  };
  expect(uuid({}, 1, 2)).toBe(uuid({}, 1, 3));
  expect(
    new Set([
      uuid({}, 1, 2),
      uuid({}, 1.5, 2),
      uuid({ version: 9 }, 1, 2),
      uuid({ rule_id: 'r' }, 1, 2),
      uuid({}, 1, 2, 'y'),
    ]).size,
  ).toBe(5);
});

it('takes severity, risk and name from what the group has in common', () => {
  const { run } = setUp(
    rule(
      { fields: ['process.args'] },
      {
        severityOverrides: [{ field: 'process.args', value: 'x', severity: 'high' }],
        riskScoreOverrides: [{ field: 'process.args', value: 'x', riskScore: 99 }],
        nameOverride: 'process.args',
      },
    ),
  );
  run('a', 1, { 'process.args': 'x' });
  expect(run('a', 2, { 'process.args': 'x' })[0]).toMatchObject({ severity: 'high', riskScore: 99, ruleName: 'x' });
});

it('counts no self-test', () => {
  const { run } = setUp(rule({ value: 2 }), { isSelftest: (event) => event.get('process.title') === 'test' });
  expect([run('a', 0), run('a', 1, { 'process.title': 'test' }), run('a', 2)].map(({ length }) => length)).toEqual([
    0, 0, 1,
  ]);
});

it('counts on over a reload that leaves it as it is, and anew over one that does not', () => {
  for (const [value, made] of [
    [3, 1],
    [4, 0],
  ] as const) {
    const { run, fields, detector } = setUp(rule({ value: 3 }));
    run('a', 0);
    run('a', 1);
    const next = rule({ value }, { name: 'renamed' })(fields);
    detector.replaceRules({ rules: [makeRule(fields, 'process.name:x', { rule_id: 'new' }), ...next] });
    expect(run('a', 2)).toHaveLength(made);
  }
});
