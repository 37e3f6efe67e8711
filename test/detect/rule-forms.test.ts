// What the readers of rules take and refuse: behaviour rules, types and their options, misspelt keys, places of faults.

import { describe, expect, it } from 'vitest';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { judgeToml, QUERY_RULE, ruleText } from './rule-text.ts';

const judge = (text: string) =>
  judgeToml(text, 'a.toml', { fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST });
const QUERY = "'event.category:process and process.name:tool'";
const query = (over: Record<string, string> = {}, rest = '') =>
  judge(ruleText({ ...QUERY_RULE, query: QUERY, ...over }, rest));

const BEHAVIOR = `[rule]
description = "What it means"
id = "b-1"
license = "Mine"
name = "B"
os_list = ["linux", "macos"]
reference = ["https://example.org"]
version = "1.2.33"
query = '''
sequence by process.entity_id with maxspan=1m
  [process where event.action == "exec"] as event0
  [process where event.action == "end" and process.name == event0.process.name]
'''
min_endpoint_version = "8.4.0"
optional_actions = []
[[actions]]
action = "kill_process"
field = "process.entity_id"
state = 1
tree = true
[[threat]]
framework = "MITRE ATT&CK"
[threat.tactic]
id = "TA0002"
name = "Execution"
reference = "r"
[internal]
min_endpoint_version = "8.4.0"
`;

describe('a behaviour rule', () => {
  it('is a rule like others', () => {
    const { rule, notes, sensors } = judge(BEHAVIOR);
    expect(notes).toBeUndefined();
    expect(sensors).toEqual(['exec', 'exit']);
    expect(rule).toMatchObject({
      rule_id: 'b-1',
      name: 'B',
      type: 'eql',
      language: 'eql',
      dialect: 'endpoint',
      version: 1_002_033,
      versionText: '1.2.33',
      severity: 'medium',
      risk_score: 47,
      license: 'Mine',
      references: ['https://example.org'],
      threat: [{ tactic: { id: 'TA0002' }, technique: [] }],
      behavior: {
        osList: ['linux', 'macos'],
        minEndpointVersion: '8.4.0',
        actions: [{ action: 'kill_process', field: 'process.entity_id', state: 1, tree: true }],
        optionalActions: [],
      },
    });
    expect(rule?.program?.stages).toHaveLength(2);
  });

  it.each<[string, string, string, number | undefined]>([
    ['1.2.33', '1.2', 'FB_RULE_VALUE', 8],
    ['["linux", "macos"]', '["windows"]', 'FB_RULE_SENSOR', 6],
    ['state = 1', 'state = "x"', 'FB_RULE_VALUE', 19],
    ['event.action == "end"', 'event.action = "end"', 'FB_QUERY_SYNTAX', 12],
  ])('%s -> %s is %s', (from, to, code, line) => {
    expect(judge(BEHAVIOR.replace(from, to))).toMatchObject({ rule_id: 'b-1', error: { code, line } });
  });
});

describe('options by type', () => {
  it.each<[string, Record<string, string>, object]>([
    [
      'group and duration',
      { alert_suppression: '{ group_by = ["host.id"], duration = { value = 5, unit = "m" } }' },
      { groupBy: ['host.id'], durationMs: 300_000, missingFields: 'suppress' },
    ],
    [
      'no duration: per run',
      { alert_suppression: '{ group_by = ["host.id", "user.id"] }' },
      { groupBy: ['host.id', 'user.id'], missingFields: 'suppress' },
    ],
    [
      'missing fields',
      { alert_suppression: '{ group_by = ["host.id"], missing_fields_strategy = "doNotSuppress" }' },
      { groupBy: ['host.id'], missingFields: 'doNotSuppress' },
    ],
    [
      'threshold',
      {
        type: '"threshold"',
        threshold: '{ field = ["host.id"], value = 2 }',
        alert_suppression: '{ duration = { value = 1, unit = "h" } }',
      },
      { groupBy: [], durationMs: 3_600_000, missingFields: 'suppress' },
    ],
  ])('suppression: %s', (_name, keys, expected) => {
    const { rule, error } = query(keys);
    expect(error).toBeUndefined();
    expect(rule?.suppression).toEqual(expected);
  });

  it.each<[string, Record<string, string>]>([
    ['rule.alert_suppression.group_by', { alert_suppression: '{ group_by = ["a", "b", "c", "d"] }' }],
    ['rule.alert_suppression.group_by', { alert_suppression: '{ duration = { value = 1, unit = "h" } }' }],
    [
      'rule.alert_suppression.duration.unit',
      { alert_suppression: '{ group_by = ["a"], duration = { value = 1, unit = "year" } }' },
    ],
    [
      'rule.alert_suppression.missing_fields_strategy',
      { alert_suppression: '{ group_by = ["a"], missing_fields_strategy = "x" }' },
    ],
    [
      'rule.alert_suppression.duration',
      { type: '"threshold"', threshold: '{ field = [], value = 2 }', alert_suppression: '{ group_by = ["a"] }' },
    ],
    ['rule.threshold', { type: '"threshold"' }],
    ['rule.threshold.value', { type: '"threshold"', threshold: '{ field = [], value = 0 }' }],
    [
      'rule.threshold.field',
      { type: '"threshold"', threshold: '{ field = ["a", "b", "c", "d", "e", "f"], value = 1 }' },
    ],
    [
      'rule.threshold.cardinality',
      {
        type: '"threshold"',
        threshold: '{ field = [], value = 1, cardinality = [{ field = "a", value = 1 }, { field = "b", value = 1 }] }',
      },
    ],
    [
      'rule.threshold.cardinality[0].value',
      {
        type: '"threshold"',
        threshold: '{ field = [], value = 1, cardinality = [{ field = "a", value = 10001 }] }',
      },
    ],
    ['rule.enabled', { enabled: '"no"' }],
  ])('%s is refused, with its line', (path, keys) => {
    const { error, rule } = query(keys);
    expect(rule).toBeUndefined();
    expect(error?.message.split(': ')[0]).toBe(path);
    const text = ruleText({ ...QUERY_RULE, query: QUERY, ...keys }, '').split('\n');
    const key = path.split('.')[1]!;
    const line = text.findIndex((one) => one.startsWith(`${key} `)) + 1;
    expect(error?.line).toBe(line === 0 ? 1 : line);
  });

  it.each<[string, Record<string, string>]>([
    ['a value', { severity: `"${'x'.repeat(200_000)}"` }],
    ['a list', { index: `[${'"packetbeat-*", '.repeat(9000)}]` }],
    ['a filter', { filters: `[{ query = { match_phrase = { "process.pid" = "${'x'.repeat(200_000)}" } } }]` }],
  ])('a message about %s that is very long ends', (_what, keys) => {
    const { error } = query(keys);
    expect(error?.message.length).toBeLessThan(4_100);
    expect(error?.message).toMatch(/ more characters\)$/);
    expect(error?.line).toBeGreaterThan(0);
  });

  it('counts by fields that are never filled are refused; suppression by them is a limit', () => {
    const threshold = '{ field = ["cloud.region"], value = 2 }';
    expect(query({ type: '"threshold"', threshold }).error).toMatchObject({ code: 'FB_RULE_FIELD' });
    const { rule } = query({ alert_suppression: '{ group_by = ["cloud.region"] }' });
    expect(rule?.limits).toEqual(['suppressed by cloud.region, which is never filled here']);
  });
});

describe('what is passed over is said', () => {
  it.each<[Record<string, string>, RegExp]>([
    [{ sevrity: '"low"' }, /^rule\.sevrity: .*did you mean severity\?/],
    [{ max_signal: '3' }, /did you mean max_signals\?/],
    [{ zzzz: '3' }, /^rule\.zzzz: is no key of a rule, and is passed over$/],
    [
      { alert_suppression: '{ group_by = ["host.id"], duraton = { value = 1, unit = "h" } }' },
      /^rule\.alert_suppression\.duraton: .*duration/,
    ],
    [{ to: '"now-5m"' }, /^rule\.to: now-5m/],
    [{ timestamp_override: '"event.created"' }, /^rule\.timestamp_override: event\.created/],
    [{ actions: '[{ id = "x" }]' }, /^rule\.actions/],
  ])('%j', (keys, note) => {
    const { notes, rule } = query(keys);
    expect(rule).toBeDefined();
    expect(notes).toEqual([expect.stringMatching(note)]);
  });

  it('of many the first, and how many more', () => {
    const keys = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`zzzz${i}`, '1']));
    const { notes } = query(keys);
    expect(notes).toHaveLength(21);
    expect(notes!.at(-1)).toBe('rule: 5 more keys are no keys of a rule, and are passed over');
  });

  it('nothing where nothing is', () => {
    expect(query({ timestamp_override: '"event.ingested"', to: '"now"', enabled: 'true' }).notes).toBeUndefined();
  });
});

describe('what a sequence needs of this host', () => {
  const eql = (text: string, over: Record<string, string> = {}) =>
    judge(ruleText({ type: '"eql"', language: '"eql"', query: `'''${text}'''`, ...over }, ''));

  it.each<[string, string, RegExp]>([
    [
      'sequence by host.id [process where true] [registry where true]',
      'FB_RULE_SENSOR',
      /stage 2: needs registry events/,
    ],
    [
      'sequence by host.id [network where event.action == "lookup_requested"] [process where true]',
      'FB_RULE_SENSOR',
      /stage 1: needs dns events/,
    ],
    [
      'sequence by cloud.region [process where true] [process where true]',
      'FB_RULE_FIELD',
      /stage 1: by: needs cloud.region/,
    ],
    [
      'sequence by host.id [process where true] [process where cloud.region == "x"]',
      'FB_RULE_FIELD',
      /stage 2: needs cloud.region/,
    ],
    [
      'process where host.os.type == "windows"',
      'FB_RULE_SENSOR',
      /no event of a Linux host can match, it is for windows \(/,
    ],
    ['process where host.os.type : ("windows", "macos")', 'FB_RULE_SENSOR', /for windows and macos \(/],
    ['process where host.os.type == "linux" and false', 'FB_RULE_SENSOR', /no event of a Linux host can match$/],
    ['process where true | head 5', 'FB_QUERY_PIPE', /./],
  ])('%s', (text, code, reason) => {
    const { error } = eql(text);
    expect(error).toMatchObject({ code });
    expect(error?.message).toMatch(reason);
  });

  it.each<[string, string[]]>([
    [
      'sequence by host.id with maxspan=1m [process where true] ![registry where true]',
      ['rule.query: stage 2 is never seen on this host, and so always missing'],
    ],
    [
      'sequence by host.id [process where true] [process where true] until [registry where true]',
      ['until is never seen on this host'],
    ],
    [
      'sequence by ?cloud.region [process where true] [process where event.action == "exec" or cloud.region == "x"]',
      ['stage 2: cloud.region is never filled on this host'],
    ],
    ['process where event.action == "exec" or cloud.region == "x"', ['cloud.region is never filled on this host']],
  ])('%s runs, with what is missing said', (text, limits) => {
    const { rule, error } = eql(text);
    expect(error).toBeUndefined();
    expect(rule?.limits).toEqual(limits);
  });

  it.each<[string, string, string]>([
    ['in the query', '', 'rule.query: needs cloud.region'],
    [
      'of new terms',
      'new_terms = { field = "new_terms_fields", value = ["cloud.region"], history_window_start = [{ field = "history_window_start", value = "now-7d" }] }',
      'rule.new_terms: needs',
    ],
    ['that are counted', 'threshold = { field = ["cloud.region"], value = 5 }', 'rule.threshold: needs'],
  ])('a field that is never filled has a place: %s', (_, extra, reason) => {
    const [type] = extra.split(' ', 1);
    const query = type === '' ? 'process where cloud.region == "x"' : 'event.category:process';
    const text = ruleText(
      {
        type: `"${type || 'eql'}"`,
        language: type === '' ? '"eql"' : '"kuery"',
        query: `'${query}'`,
        ...(type === 'new_terms' && { new_terms: extra.slice('new_terms = '.length) }),
        ...(type === 'threshold' && { threshold: extra.slice('threshold = '.length) }),
      },
      '',
    );
    const { error } = judge(text);
    expect(error?.code).toBe('FB_RULE_FIELD');
    expect(error?.message).toContain(reason);
    expect(text.split('\n')[error!.line! - 1]).toMatch(type === '' ? /^query =/ : new RegExp(`^${type} =`));
  });

  it('an index that takes in other kinds only', () => {
    const { error, sensors } = eql('any where true', { index: '["logs-endpoint.events.registry*", "endgame-*"]' });
    expect([error?.code, sensors]).toEqual(['FB_RULE_SENSOR', ['registry']]);
  });
});
