import { describe, expect, it } from 'vitest';
import { Detector } from '../../src/detect/detector.ts';
import type { Rule } from '../../src/detect/rule.ts';
import { ruleDocument } from '../../src/detect/rule-document.ts';
import type { EcsEvent, SlotValue } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { flattenDocument } from '../../src/ecs/flatten.ts';
import { parseJson } from '../../src/ecs/json.ts';
import { Counters } from '../../src/stats.ts';
import { DAY, execEvent } from './events.ts';
import { makeRule } from './rules.ts';

const THREAT: Rule['threat'] = ['TA0003', 'TA0004'].map((id) => ({
  framework: 'MITRE ATT&CK',
  tactic: { id, name: `tactic ${id}`, reference: `https://attack/${id}` },
  technique: [
    {
      id: 'T1543',
      name: 'technique',
      reference: 'r',
      subtechnique: [{ id: 'T1543.002', name: 'sub', reference: 's' }],
    },
  ],
}));

const PROCESS: Record<string, SlotValue> = {
  'event.dataset': 'endpoint.events.process',
  'process.name': 'systemctl',
  'process.pid': 4001,
  'process.args': ['systemctl', 'enable', 'x'],
  'process.parent.name': 'payload',
  'process.parent.executable': '/tmp/payload',
};

function alertOf(
  values: Record<string, SlotValue> = {},
  over: Partial<Rule> = {},
  prepare: (event: EcsEvent) => void = () => {},
) {
  const fields = new FieldTable();
  const rules = [makeRule(fields, 'process.name:*', over, ['process.parent.executable'])];
  const detectedMs = (event: EcsEvent) => event.wallMs + 7;
  const detector = new Detector({ rules, fields, counters: new Counters(), detectedMs });
  const event = execEvent(fields, { ...PROCESS, ...values }, { id: 'event-id', wallMs: 20 * DAY });
  prepare(event);
  return detector.evaluate(event)[0]!;
}

it('is the event’s document plus what Kibana and ECS say of an alert', () => {
  const alert = alertOf({}, { threat: THREAT });
  expect(alert.document).toMatchObject({
    '@timestamp': '1970-01-21T00:00:00.000Z',
    event: { kind: 'alert', category: 'process', action: 'exec', dataset: 'endpoint.events.process' },
    process: { name: 'systemctl', args: ['systemctl', 'enable', 'x'], parent: { executable: '/tmp/payload' } },
    rule: { id: 'rule-1', name: 'A rule', version: '3', category: 'New Terms Rule', author: ['Forebear'] },
    threat: {
      framework: 'MITRE ATT&CK',
      tactic: { id: ['TA0003', 'TA0004'] },
      technique: { id: ['T1543'], subtechnique: { id: ['T1543.002'] } },
    },
    kibana: {
      alert: {
        uuid: alert.uuid,
        status: 'active',
        workflow_status: 'open',
        depth: 1,
        ancestors: [{ id: 'event-id', type: 'event', index: '', depth: 0 }],
        original_time: '1970-01-21T00:00:00.000Z',
        original_event: { kind: 'event', category: 'process', type: 'start', action: 'exec' },
        reason:
          'process event with process systemctl, parent process payload, by root on web-1 created medium alert A rule.',
        severity: 'medium',
        risk_score: 47,
        new_terms: ['/tmp/payload'],
        start: '1970-01-21T00:00:00.000Z',
        last_detected: '1970-01-21T00:00:00.007Z',
        rule: {
          rule_id: 'rule-1',
          name: 'A rule',
          version: 3,
          type: 'new_terms',
          category: 'New Terms Rule',
          tags: ['tag'],
          references: ['https://example.org'],
          note: 'the guide',
          false_positives: ['none'],
          from: 'now-9m',
          interval: '5m',
          max_signals: 100,
          license: 'Apache-2.0',
          threat: [{ tactic: { id: 'TA0003' } }, { tactic: { id: 'TA0004' } }],
          parameters: {
            language: 'kuery',
            query: 'process.name:*',
            new_terms_fields: ['process.parent.executable'],
            history_window_start: 'now-7d',
          },
        },
      },
    },
    forebear: { boot_id: 'boot-1', new_terms: { history: 'never seen in less than a second of history' } },
  });
  expect(alert.reason).toBe((alert.document.kibana as { alert: { reason: string } }).alert.reason);
});

it('has the process tree of the moment and what was not seen', () => {
  const alert = alertOf({}, {}, (event) => {
    event.gaps = [{ kind: 'truncated', detail: 'process.args', count: 1 }];
    event.lineage = () => [
      { pid: 1, name: 'systemd', source: 'procfs', startMs: 1_000 },
      { pid: 4001, name: 'bad\udcff', source: 'kernel' },
    ];
  });
  expect(alert.gaps).toEqual([{ kind: 'truncated', detail: 'process.args', count: 1 }]);
  expect(alert.document.forebear).toMatchObject({
    gaps: [{ kind: 'truncated', detail: 'process.args', count: 1 }],
    lineage: [
      { pid: 1, name: 'systemd', source: 'procfs', start: '1970-01-01T00:00:01.000Z' },
      { pid: 4001, name: 'bad\ufffd', source: 'kernel' },
    ],
  });
});

it('keeps the bytes of a term in the envelope, and only well-formed text in the document', () => {
  const alert = alertOf({ 'process.parent.executable': '/\udcff' });
  expect(alert.terms).toEqual(['/\udcff']);
  expect(alert.document).toMatchObject({
    kibana: { alert: { new_terms: ['/\ufffd'] } },
    process: { parent: { executable: '/\ufffd' } },
    forebear: { raw: [{ field: 'process.parent.executable', bytes: Buffer.of(0x2f, 0xff).toString('base64') }] },
  });
  expect(JSON.stringify(alert.document)).not.toMatch(/\\ud[c-f]/i);
});

describe('the reason names only what is there', () => {
  it.each<[string, Record<string, SlotValue>]>([
    [
      'process event with process systemctl, by root on web-1 created medium alert A rule.',
      { 'process.parent.name': undefined },
    ],
    [
      'process event with process systemctl, parent process payload, on web-1 created medium alert A rule.',
      { 'user.name': undefined },
    ],
    [
      'process event with process systemctl, parent process payload, created medium alert A rule.',
      { 'user.name': undefined, 'host.name': undefined },
    ],
    [
      'event with process systemctl, file shadow, by root on web-1 created medium alert A rule.',
      { 'event.category': undefined, 'process.parent.name': '', 'file.name': 'shadow' },
    ],
    [
      'process, network event with process systemctl, source 10.0.0.1:22, destination a.example, on web-1 created medium alert A rule.',
      {
        'event.category': ['process', 'network'],
        'process.parent.name': undefined,
        'user.name': undefined,
        'source.ip': '10.0.0.1',
        'source.port': 22n,
        'destination.address': 'a.example',
        'destination.ip': '10.0.0.2',
      },
    ],
  ])('%s', (reason, values) => expect(alertOf(values).reason).toBe(reason));
});

describe('overrides are taken from the event', () => {
  const severityOverrides = [
    { field: 'user.name', value: 'root', severity: 'high' as const },
    { field: 'user.name', value: 'root', severity: 'low' as const },
    { field: 'process.args', value: 'disable', severity: 'critical' as const },
  ];
  it('the highest severity that applies', () => {
    const alert = alertOf({}, { severityOverrides });
    expect(alert.severity).toBe('high');
    expect(alert.document).toMatchObject({ kibana: { alert: { severity: 'high', rule: { severity: 'medium' } } } });
    expect(alertOf({ 'user.name': 'bob' }, { severityOverrides }).severity).toBe('medium');
  });

  it.each<[number, SlotValue, NonNullable<Rule['riskScoreOverrides']>]>([
    [73, 73, [{ field: 'score', value: '' }]],
    [47, 173, [{ field: 'score', value: '' }]],
    [47, 'x', [{ field: 'score', value: '' }]],
    [73, '73', [{ field: 'score', value: '' }]],
    [80, ['x', '20', '80', '173'], [{ field: 'score', value: '' }]],
    [47, undefined, [{ field: 'score', value: '' }]],
    [99, 'x', [{ field: 'score', value: 'x', riskScore: 99 }]],
  ])('risk score %d of %o', (score, value, riskScoreOverrides) => {
    expect(alertOf({ score: value }, { riskScoreOverrides }).riskScore).toBe(score);
  });

  it('the name, where the event has one', () => {
    expect(alertOf({}, { nameOverride: 'process.name' }).ruleName).toBe('systemctl');
    expect(alertOf({}, { nameOverride: 'file.name' }).ruleName).toBe('A rule');
  });
});

describe('at most 64 KiB', () => {
  const size = (document: object) => Buffer.byteLength(JSON.stringify(document));
  const long = (n: number) => 'x'.repeat(n);
  const cut = (alert: ReturnType<typeof alertOf>) => alert.gaps.filter(({ kind }) => kind === 'document_cut');
  const paths = (alert: ReturnType<typeof alertOf>) => cut(alert).map(({ detail }) => detail);

  it('leaves a document of usual size alone', () =>
    expect(cut(alertOf({}, { note: { en: long(20_000) } }))).toEqual([]));

  it.each<[string, Record<string, SlotValue>, string[]]>([
    ['the rule’s texts first', { 'process.command_line': long(50_000) }, ['kibana.alert.rule.note']],
    [
      'then what is not the process itself',
      { 'process.command_line': long(50_000), 'process.env_vars': [long(9_000), long(9_000)] },
      ['kibana.alert.rule.note', 'process.env_vars'],
    ],
    [
      'then the process too',
      { 'process.command_line': long(70_000), 'process.args': ['a', long(70_000)] },
      ['kibana.alert.rule.note', 'process.command_line', 'process.args'],
    ],
  ])('%s', (_name, values, expected) => {
    const alert = alertOf(values, { note: { en: long(20_000) } });
    expect(paths(alert)).toEqual(expect.arrayContaining(expected));
    expect(size(alert.document)).toBeLessThanOrEqual(65_536);
    const { gaps } = alert.document.forebear as { gaps: unknown[] };
    expect(gaps).toEqual(cut(alert));
  });

  it('cuts the same alert the same way, and keeps what names it', () => {
    const make = () =>
      alertOf({
        'process.args': Array.from({ length: 9_000 }, (_, i) => `${i}\u0001\ud83d\ude00`),
        'process.command_line': long(70_000),
      });
    expect(JSON.stringify(make().document)).toBe(JSON.stringify(make().document));
    expect(make().document).toMatchObject({ process: { pid: 4001, name: 'systemctl' }, rule: { id: 'rule-1' } });
    expect(JSON.stringify(make().document)).not.toMatch(/\\ud[8-f]/i);
  });

  it('leaves room for the marks, whatever the fields are called', () => {
    const name = '\u0001'.repeat(110);
    for (let n = 55_000; n < 65_000; n += 40) {
      const alert = alertOf({ 'process.command_line': long(n), [name]: [long(9_000)] }, { note: { en: long(9_000) } });
      expect(size(alert.document)).toBeLessThanOrEqual(65_536);
      expect(paths(alert)).toContain('kibana.alert.rule.note');
    }
  });

  it('holds a hostile document of ten thousand fields', () => {
    const values = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`x.f${i}`, i]));
    const alert = alertOf({ ...values, 'event.code': long(90_000), 'process.executable': long(90_000) });
    expect(size(alert.document)).toBeLessThanOrEqual(65_536);
    expect(alert.document).toMatchObject({ kibana: { alert: { uuid: alert.uuid } }, process: { pid: 4001 } });
  });
});

describe('of an event that was read from a document', () => {
  const alerts = (text: string) => {
    const fields = new FieldTable();
    const rules = [makeRule(fields, 'process.name:*')];
    const detector = new Detector({ rules, fields, counters: new Counters() });
    return detector.evaluate(flattenDocument(parseJson(text) as Record<string, unknown>, fields).event);
  };

  it('is nested, whatever form that had, with exact numbers', () => {
    const [alert] = alerts(
      '{"process.name":"x","event":{"kind":"event"},"event.action":"exec","big":12345678901234567890}',
    );
    expect(alert?.document).toMatchObject({ event: { kind: 'alert', action: 'exec' }, process: { name: 'x' } });
    expect(JSON.stringify(alert?.document)).toContain('"big":12345678901234567890');
  });

  it('has an identity from the document', () => {
    const uuid = (text: string) => alerts(text)[0]?.uuid;
    expect(uuid('{"process":{"name":"x"},"a":1}')).toBe(uuid('{"process":{"name":"x"},"a":1}'));
    expect(uuid('{"process":{"name":"x"},"a":1}')).not.toBe(uuid('{"process":{"name":"x"},"a":2}'));
    // However deep it is nested.
    expect(uuid(`{"process":{"name":"x"},"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`)).toMatch(/^[0-9a-f-]{36}$/);
    expect(uuid('{"process":{"name":"x"},"event":{"id":"e"},"a":1}')).toBe(
      uuid('{"process":{"name":"x"},"event":{"id":"e"},"a":2}'),
    );
  });
});

it('of a behaviour rule says its version as it is written, and what Elastic Defend would have done', () => {
  const fields = new FieldTable();
  const actions = [{ action: 'kill_process', field: 'process.entity_id', state: 0, tree: true }];
  const behavior = { osList: ['linux'], minEndpointVersion: '8.4.0', actions, optionalActions: [] };
  const rule = makeRule(fields, 'process.name:tool', { version: 1_000_033, versionText: '1.0.33', behavior });
  const { kibana, ecs } = ruleDocument(rule);
  expect([ecs.version, kibana.version]).toEqual(['1.0.33', 1_000_033]);
  expect(kibana.parameters).toMatchObject({ os_list: ['linux'], min_endpoint_version: '8.4.0', actions });
});
