import { expect, it } from 'vitest';
import type { Alert } from '../../../src/detect/alert.ts';
import type { ExceptionSet } from '../../../src/detect/exceptions/exception-set.ts';
import { execEvent } from '../events.ts';
import { makeEqlRule, makeRule } from '../rules.ts';
import { at, kibanaAlert, setUp } from './run.ts';

const A_B =
  'sequence by user.name with maxspan=1m [process where process.name == "a"] [process where process.name == "b"]';
const A_NO_B =
  'sequence by user.name with maxspan=10s [process where process.name == "a"] ![process where process.name == "b"]';

type Block = { event: { kind: string }; process: { name: string }; kibana: { alert: Record<string, unknown> } };
const blocksOf = ({ document }: Alert) => (document.forebear as { sequence: Block[] }).sequence;

it('alerts once a sequence is complete, and goes on with the next', () => {
  const { run, counters } = setUp((fields) => [makeEqlRule(fields, A_B)]);
  expect(['a', 'b', 'b', 'a', 'b'].map((name, i) => run(name, i).length)).toEqual([0, 1, 0, 0, 1]);
  expect(counters.get('detect_alerts_made_total')).toBe(2);
});

it('tells in one alert of what its events have in common, and of each as a building block', () => {
  const { run } = setUp((fields) => [makeEqlRule(fields, A_B)]);
  run('a', 1, { 'process.pid': 7, 'process.args': ['x', 'y'] });
  const [alert] = run('b', 2, { 'process.pid': 8, 'process.args': ['x', 'y'] });
  expect(alert!.document).toMatchObject({
    '@timestamp': '1970-01-01T00:00:02.000Z',
    event: { kind: 'alert', category: 'process' },
    user: { name: 'root' },
    process: { args: ['x', 'y'] },
  });
  expect(alert!.document.process).toEqual({ args: ['x', 'y'] });
  const group = { id: alert!.uuid };
  const blocks = blocksOf(alert!);
  const ids = blocks.map(({ kibana }) => kibana.alert.uuid);
  expect(kibanaAlert(alert!)).toMatchObject({ depth: 2, group, original_time: '1970-01-01T00:00:02.000Z' });
  expect(kibanaAlert(alert!).building_block_type).toBeUndefined();
  expect(kibanaAlert(alert!).ancestors).toEqual([
    { id: 'a@1', type: 'event', index: '', depth: 0 },
    { id: ids[0], type: 'signal', index: '', depth: 1, rule: 'rule-1' },
    { id: 'b@2', type: 'event', index: '', depth: 0 },
    { id: ids[1], type: 'signal', index: '', depth: 1, rule: 'rule-1' },
  ]);
  expect(blocks.map(({ process }) => process.name)).toEqual(['a', 'b']);
  expect(blocks.map(({ kibana }) => kibana.alert)).toEqual(
    ['a@1', 'b@2'].map((id, index) =>
      expect.objectContaining({
        building_block_type: 'default',
        depth: 1,
        group: { id: alert!.uuid, index },
        ancestors: [{ id, type: 'event', index: '', depth: 0 }],
        rule: { rule_id: 'rule-1', name: 'A rule', version: 3 },
      }),
    ),
  );
  expect(new Set([alert!.uuid, ...ids]).size).toBe(3);
});

it('has the same id for the same events, rule and version, for ever', () => {
  const uuid = (version: number, last: string) => {
    const { run } = setUp((fields) => [makeEqlRule(fields, A_B, { version })]);
    run('a', 1);
    return run('b', 2, {}, { id: last })[0]!.uuid;
  };
  expect(uuid(3, 'b')).toBe('bcbc9908-ad09-87fc-bf4c-9b6368488b7b');
  expect(uuid(4, 'b')).not.toBe(uuid(3, 'b'));
  expect(uuid(3, 'c')).not.toBe(uuid(3, 'b'));
});

it('events that several values of a key join are one alert', () => {
  const text = 'sequence by process.args [process where process.name == "a"] [process where process.name == "b"]';
  const { run, counters } = setUp((fields) => [makeEqlRule(fields, text)]);
  run('a', 1, { 'process.args': ['x', 'y'] });
  run('a', 2, { 'process.args': ['z'] });
  const alerts = run('b', 3, { 'process.args': ['x', 'y', 'z'] });
  expect(alerts.map((alert) => kibanaAlert(alert).ancestors)).toEqual([
    expect.arrayContaining([expect.objectContaining({ id: 'a@1' })]),
    expect.arrayContaining([expect.objectContaining({ id: 'a@2' })]),
  ]);
  expect(new Set(alerts.map(({ uuid }) => uuid)).size).toBe(2);
  expect(counters.get('detect_alerts_made_total')).toBe(2);
});

it('gives an event to all rules, and what only it had with the last event alone', () => {
  const { run, fields, detector } = setUp((table) => [
    makeEqlRule(table, A_B),
    makeRule(table, 'process.name:(a or b)', { rule_id: 'each' }),
  ]);
  expect(run('a', 1).map(({ rule_id }) => rule_id)).toEqual(['each']);
  expect(run('b', 2).map(({ rule_id }) => rule_id)).toEqual(['rule-1', 'each']);
  expect(detector.pendingJoins()).toBe(0);
  expect(fields.get('process.name')).toBeDefined();
});

it('keeps the document of a long sequence of long events within what a record of the journal can hold', () => {
  const many = Array.from({ length: 40 }, (_, i) => `[process where process.pid == ${i}]`).join(' ');
  const { run } = setUp((fields) => [makeEqlRule(fields, `sequence by user.name ${many}`)]);
  const args = (i: number) => ['x'.repeat(30_000), `${i}`];
  const made = Array.from({ length: 40 }, (_, i) => run('a', i, { 'process.pid': i, 'process.args': args(i) })).flat();
  expect(made).toHaveLength(1);
  const blocks = blocksOf(made[0]!);
  expect(blocks.map(({ process }) => process.name)).toEqual(Array(40).fill('a'));
  for (const block of blocks) expect(JSON.stringify(block).length).toBeLessThanOrEqual((512 * 1024) / 40);
  const cut = made[0]!.gaps.filter(({ kind }) => kind === 'truncated');
  expect(cut).toHaveLength(39);
  expect(cut[0]).toEqual({ kind: 'truncated', detail: 'process.args', count: 30_003 - 1_025 });
  expect(blocks.at(-1)).toMatchObject({ forebear: { gaps: [{ kind: 'document_cut' }] } });
  expect(JSON.stringify(made[0]!.document).length).toBeLessThan(1 << 19);
});

it('a missing event at the end completes once its time is over, by the next event whatever that is', () => {
  const { run } = setUp((fields) => [makeEqlRule(fields, A_NO_B)]);
  expect(run('a', 0)).toEqual([]);
  expect(run('x', 10)).toEqual([]);
  const [alert, ...more] = run('x', 10.1);
  expect(more).toEqual([]);
  expect(alert).toMatchObject({ rule_id: 'rule-1', eventWallMs: 0 });
  expect(blocksOf(alert!).map(({ process }) => process.name)).toEqual(['a']);
});

it('or by time alone, while no event comes', () => {
  const { run, detector } = setUp((fields) => [makeEqlRule(fields, A_NO_B)]);
  run('a', 0);
  expect(detector.tick(at(9))).toEqual([]);
  expect(detector.tick(at(11))).toHaveLength(1);
  expect(detector.tick(at(12))).toEqual([]);
});

it('or as no more events come; what still waits for one that must come does not', () => {
  const { run, detector } = setUp((fields) => [
    makeEqlRule(fields, A_NO_B, { rule_id: 'missing' }),
    makeEqlRule(fields, A_B, { rule_id: 'next' }),
  ]);
  run('a', 0);
  expect(detector.end().map(({ rule_id }) => rule_id)).toEqual(['missing']);
});

it('an event that must be missing ends it', () => {
  const { run, detector } = setUp((fields) => [makeEqlRule(fields, A_NO_B)]);
  run('a', 0);
  run('b', 5);
  expect(detector.end()).toEqual([]);
});

it('a sketch of an event is looked at by all probes, and makes way where time completes something', () => {
  const { run, fields, detector } = setUp((table) => [makeEqlRule(table, A_NO_B), makeEqlRule(table, A_B)]);
  const name = fields.get('process.name')!.slot;
  const wanted = detector.sketchFilter(new Set([name, fields.get('event.category')!.slot]));
  const sketch = (process: string, seconds: number) =>
    wanted(execEvent(fields, { 'process.name': process }, { wallMs: seconds * 1000 }));
  expect([sketch('a', 0), sketch('b', 0), sketch('x', 0)]).toEqual([true, true, false]);
  run('a', 0);
  expect([sketch('x', 9), sketch('x', 11)]).toEqual([false, true]);
});

const exceptions = (field: string, value: string) => {
  const item = {
    item_id: 'hides',
    entries: [],
    osTypes: [],
    excludedFields: [],
    hashes: [],
    matches: (slots: readonly unknown[]) => slots.includes(value),
  };
  return { boundTo: () => [{ ...item, field }] } as unknown as Pick<ExceptionSet, 'boundTo'>;
};

it.each([
  ['no event', 0, 'none'],
  ['one event', 1, 'first'],
  ['all events', 2, 'both'],
])('an exception that hides %s', (_name, hidden, _which) => {
  const { run, counters } = setUp((fields) => [makeEqlRule(fields, A_B)], {
    exceptions: exceptions('process.title', 'hidden'),
  });
  const title = (n: number) => ({ 'process.title': n < hidden ? 'hidden' : 'shown' });
  run('a', 0, title(0));
  expect(run('b', 1, title(1))).toHaveLength(hidden === 2 ? 0 : 1);
  expect(counters.get('detect_events_excepted_total', 'hides')).toBe(hidden === 2 ? 1 : 0);
});

it('is a self-test only where all its events are', () => {
  const { run } = setUp((fields) => [makeEqlRule(fields, A_B)], {
    isSelftest: (event) => event.get('process.title') === 'test',
  });
  const test = { 'process.title': 'test' };
  run('a', 0, test);
  expect(run('b', 1, test)[0]?.selftest).toBe(true);
  run('a', 2);
  expect(run('b', 3, test)[0]?.selftest).toBeUndefined();
});

it('overrides of severity and name are the whole alert’s by what is common, each block’s by its event', () => {
  const { run } = setUp((fields) => [
    makeEqlRule(fields, A_B, {
      severityOverrides: [
        { field: 'process.name', value: 'b', severity: 'critical' },
        { field: 'user.name', value: 'root', severity: 'low' },
      ],
      nameOverride: 'user.name',
    }),
  ]);
  run('a', 0);
  const [alert] = run('b', 1);
  expect(alert).toMatchObject({ severity: 'low', ruleName: 'root' });
  expect(blocksOf(alert!).map(({ kibana }) => kibana.alert.severity)).toEqual(['low', 'critical']);
});

it('a reload that leaves the rule as it is keeps what is in progress, another does not', () => {
  for (const [query, made, dropped] of [
    [A_B, 1, 0],
    [A_B.replace('1m', '2m'), 0, 1],
  ] as const) {
    const { run, fields, detector, counters } = setUp((table) => [makeEqlRule(table, A_B)]);
    run('a', 0);
    detector.replaceRules({
      rules: [makeRule(fields, 'process.name:x', { rule_id: 'new' }), makeEqlRule(fields, query)],
    });
    expect(run('b', 1)).toHaveLength(made);
    expect(counters.get('detect_joins_dropped_total')).toBe(dropped);
  }
});

it('a sample fires once each of its events was there', () => {
  const { run } = setUp((fields) => [
    makeEqlRule(fields, 'sample by user.name [process where process.name == "a"] [process where process.name == "b"]'),
  ]);
  expect([run('b', 0), run('a', 1), run('b', 2)].map(({ length }) => length)).toEqual([0, 1, 0]);
});

it('an endpoint rule remembers ancestors without alerting for them', () => {
  const { run, counters } = setUp((fields) => [
    makeEqlRule(fields, 'process where process.name == "b" and descendant of [process where process.name == "a"]'),
  ]);
  run('a', 0, { 'process.entity_id': '1' });
  expect(counters.get('detect_events_matched_total')).toBe(0);
  expect(run('b', 1, { 'process.entity_id': '2', 'process.parent.entity_id': '1' })).toHaveLength(1);
  expect(run('b', 2, { 'process.entity_id': '3', 'process.parent.entity_id': '9' })).toHaveLength(0);
});

it('waits for a hash in its place: neither the next event nor time passes it', () => {
  const named = 'sequence by user.name with maxspan=10s [process where process.hash.sha256 == "bad"]';
  const { run, detector, fields } = setUp((table) => [
    makeEqlRule(table, `${named} [process where process.name == "b"]`, { rule_id: 'next' }),
    makeEqlRule(table, `${named} ![process where process.name == "b"]`, { rule_id: 'missing' }),
  ]);
  const slot = fields.get('process.hash.sha256')!;
  const told = new Set<string>();
  detector.useHashes({
    look: (event, of) => {
      if (of === 'parent' || event.get('process.name') !== 'a') return 'absent';
      if (!told.has(event.id)) return 'coming';
      event.set(slot, 'bad');
      return 'known';
    },
    made: () => {},
  });
  run('a', 0);
  expect(run('b', 1)).toEqual([]);
  run('a', 2);
  expect(detector.tick(at(60))).toEqual([]);
  told.add('a@0');
  expect(detector.resume().map(({ rule_id }) => rule_id)).toEqual(['next']);
  told.add('a@2');
  expect(detector.resume()).toEqual([]);
  expect(detector.tick(at(61)).map(({ rule_id }) => rule_id)).toEqual(['missing']);
});

it('what it joins by and compares is never cut', () => {
  const long = (end: string) => ({
    'process.command_line': 'x'.repeat(5_000) + end,
    'process.title': 'y'.repeat(5_000),
  });
  const by = 'sequence by process.command_line [process where process.name == "a"] [process where process.name == "b"]';
  const { run } = setUp((fields) => [makeEqlRule(fields, by)]);
  run('a', 0, long('1'));
  expect(run('b', 1, long('2'))).toEqual([]);
  const [alert] = run('b', 2, long('1'));
  expect(alert!.document).toMatchObject({ process: { command_line: long('1')['process.command_line'] } });
  expect(alert!.gaps).toEqual([{ kind: 'truncated', detail: 'process.title', count: 5_000 - 1_024 }]);
});

it('all rules together keep so many events at most: the rule that has most gives up its oldest, counted', () => {
  const { run, detector, counters } = setUp((fields) =>
    Array.from({ length: 30 }, (_, i) =>
      makeEqlRule(fields, A_B.replace('by user.name with maxspan=1m', 'by process.pid'), { rule_id: `rule-${i}` }),
    ),
  );
  for (let i = 0; i < 1_000; i++) run('a', i / 1000, { 'process.pid': i });
  expect(counters.get('correlate_joins_evicted_total', 'full')).toBeGreaterThan(19_000);
  expect(detector.pendingJoins()).toBeLessThanOrEqual(10_000 + 64 * 30);
  expect(run('b', 1, { 'process.pid': 999 })).toHaveLength(30);
});
