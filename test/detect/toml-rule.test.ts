import { describe, expect, it } from 'vitest';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { FAKE_LANGUAGES } from './fake-language.ts';
import { judgeToml, NEW_TERMS, QUERY_RULE, ruleText } from './rule-text.ts';

function judge(text: string) {
  return judgeToml(text, 'a.toml', { fields: new FieldTable(), languages: FAKE_LANGUAGES, abilities: LINUX_HOST });
}

it('reads a rule with everything that Elastic writes', () => {
  const text = ruleText(
    {
      version: '7',
      interval: '"15m"',
      from: '"now-20m"',
      max_signals: '33',
      tags: '["a", "b"]',
      author: '["Me"]',
      license: '"Apache-2.0"',
      references: '["https://example.org"]',
      false_positives: '[" maybe "]',
      note: '"the guide"',
      setup: '"nothing"',
      timestamp_override: '"event.ingested"',
    },
    `${NEW_TERMS}
[[rule.threat]]
framework = "MITRE ATT&CK"
tactic = { id = "TA0003", name = "Persistence", reference = "r1" }
[[rule.threat.technique]]
id = "T1"
name = "n"
reference = "r2"
subtechnique = [{ id = "T1.1", name = "sub", reference = "r3" }]
[[transform.osquery]]
label = "l"
query = " SELECT 1 "
[[forebear.related]]
rule_id = "other"
name = "Other"
[forebear.note]
zh = "指南"
`,
  );
  const verdict = judge(text);
  expect(verdict.error).toBeUndefined();
  expect(verdict.rule).toMatchObject({
    rule_id: 'rule-1',
    type: 'new_terms',
    language: 'kuery',
    version: 7,
    severity: 'low',
    risk_score: 21,
    intervalMs: 900_000,
    max_signals: 33,
    false_positives: ['maybe'],
    note: { en: 'the guide', zh: '指南' },
    osquery: [{ label: 'l', query: 'SELECT 1' }],
    related: [{ rule_id: 'other', name: 'Other' }],
    newTerms: { fields: ['process.parent.executable'], historyMs: 7 * 86_400_000, historyWindowStart: 'now-7d' },
    sensors: ['exec', 'fork', 'exit', 'already_running', 'session', 'credentials', 'call', 'module'],
    threat: [{ tactic: { id: 'TA0003' }, technique: [{ id: 'T1', subtechnique: [{ id: 'T1.1' }] }] }],
  });
  expect(verdict.fields).toEqual(['event.category', 'process.name', 'process.parent.executable']);
});

it('takes version from metadata, and 1 where there is none', () => {
  expect(judge(ruleText()).rule?.version).toBe(1);
  expect(judge(`[metadata]\nversion = 4\n${ruleText()}`).rule?.version).toBe(4);
});

describe('values that are wrong are named by their path', () => {
  const terms = (value: string, window = 'value = "now-7d"') =>
    `[rule.new_terms]\nvalue = ${value}\n[[rule.new_terms.history_window_start]]\n${window}`;
  it.each<[string, string, string]>([
    ['rule.severity', ruleText({ severity: '"urgent"' }), 'FB_RULE_VALUE'],
    ['rule.risk_score', ruleText({ risk_score: '101' }), 'FB_RULE_VALUE'],
    ['rule.risk_score', ruleText({ risk_score: '"high"' }), 'FB_RULE_VALUE'],
    ['rule.risk_score', ruleText({ risk_score: 'nan' }), 'FB_RULE_VALUE'],
    ['rule.query', ruleText({ query: undefined }), 'FB_RULE_MISSING'],
    ['rule.query', ruleText({ query: '["a"]' }), 'FB_RULE_VALUE'],
    ['rule.rule_id', ruleText({ rule_id: undefined }), 'FB_RULE_MISSING'],
    ['rule.rule_id', ruleText({ rule_id: '" "' }), 'FB_RULE_VALUE'],
    ['rule.rule_id', ruleText({ rule_id: `"${'x'.repeat(300)}"` }), 'FB_RULE_VALUE'],
    ['rule.name', ruleText({ name: '1' }), 'FB_RULE_VALUE'],
    ['rule.type', ruleText({ type: undefined }), 'FB_RULE_MISSING'],
    ['rule.index', ruleText({ index: '"logs-*"' }), 'FB_RULE_VALUE'],
    ['rule.index[1]', ruleText({ index: '["logs-*", 2]' }), 'FB_RULE_VALUE'],
    ['rule.interval', ruleText({ interval: '"never"' }), 'FB_RULE_VALUE'],
    ['rule.from', ruleText({ from: '"yesterday"' }), 'FB_RULE_VALUE'],
    ['rule.max_signals', ruleText({ max_signals: '0' }), 'FB_RULE_VALUE'],
    ['rule.max_signals', ruleText({ max_signals: '1.5' }), 'FB_RULE_VALUE'],
    ['rule.version', ruleText({ version: '"3"' }), 'FB_RULE_VALUE'],
    ['rule.tags[0]', ruleText({ tags: '[{}]' }), 'FB_RULE_VALUE'],
    ['rule.new_terms', ruleText({}, ''), 'FB_RULE_MISSING'],
    ['rule.new_terms.value', ruleText({}, terms('[]')), 'FB_RULE_VALUE'],
    ['rule.new_terms.value', ruleText({}, terms('["a", "b", "c", "d"]')), 'FB_RULE_VALUE'],
    ['rule.new_terms.value', ruleText({}, terms('["a", "a"]')), 'FB_RULE_VALUE'],
    ['rule.new_terms.value[0]', ruleText({}, terms('[7]')), 'FB_RULE_VALUE'],
    ['rule.new_terms.history_window_start[0].value', ruleText({}, terms('["a"]', 'value = "7d"')), 'FB_RULE_VALUE'],
    ['rule.new_terms.history_window_start[0].value', ruleText({}, terms('["a"]', 'x = 1')), 'FB_RULE_MISSING'],
    ['rule.new_terms.history_window_start', ruleText({}, '[rule.new_terms]\nvalue = ["a"]'), 'FB_RULE_MISSING'],
    ['rule.new_terms.field', ruleText({}, `[rule.new_terms]\nfield = "terms"\nvalue = ["a"]`), 'FB_RULE_VALUE'],
    ['rule.threat[0].tactic', ruleText({ threat: '[{ framework = "f" }]' }), 'FB_RULE_MISSING'],
    ['rule.threat[0]', ruleText({ threat: '["T1"]' }), 'FB_RULE_VALUE'],
    ['transform.osquery[0].query', `${ruleText()}\n[[transform.osquery]]\nlabel = "l"`, 'FB_RULE_MISSING'],
    ['forebear.note.zh', `${ruleText()}\n[forebear.note]\nzh = 1`, 'FB_RULE_VALUE'],
    ['rule', 'x = 1', 'FB_RULE_MISSING'],
    ['rule', 'rule = 1', 'FB_RULE_VALUE'],
  ])('%s', (path, text, code) => {
    const { error, rule } = judge(text);
    expect(rule).toBeUndefined();
    expect(error).toMatchObject({ code });
    expect(error?.message.split(': ')[0]).toBe(path);
  });
});

describe('what a host cannot evaluate is refused with its reason, the rule still named', () => {
  it.each<[string, Record<string, string | undefined>, RegExp]>([
    ['FB_RULE_LANGUAGE', { type: '"eql"', language: '"eql"' }, /no eql here/],
    ['FB_RULE_LANGUAGE', { type: '"eql"', language: '"kuery"' }, /type eql is written in eql/],
    ['FB_RULE_LANGUAGE', { type: '"esql"', language: '"esql"' }, /ES\|QL computes tables/],
    ['FB_RULE_LANGUAGE', { ...QUERY_RULE, language: '"lucene"' }, /Lucene/],
    ['FB_RULE_TYPE', { type: '"threat_match"' }, /indicator indices/],
    ['FB_RULE_TYPE', { type: '"saved_query"' }, /saved object/],
    ['FB_RULE_TYPE', { type: '"machine_learning"', language: undefined, query: undefined }, /a job in Elasticsearch/],
    ['FB_RULE_TYPE', { type: '"treshold"' }, /not evaluated here/],
    ['FB_RULE_FEATURE', { filters: '[{ query = { script = {} } }]' }, /script: a filter of that form/],
    ['FB_RULE_FEATURE', { data_view_id: '"x"' }, /rule.index/],
  ])('%s %o', (code, keys, reason) => {
    const verdict = judge(ruleText(keys));
    expect(verdict).toMatchObject({ error: { code }, rule_id: 'rule-1', name: 'A name' });
    expect(verdict.error?.message).toMatch(reason);
  });

  it('takes an empty list of a feature for none', () => {
    expect(
      judge(ruleText({ filters: '[]', exceptions_list: '[]', data_view_id: '""', alert_suppression: '{}' })).error,
    ).toBeUndefined();
  });

  it('names an endpoint behaviour rule for what it is', () => {
    const text =
      '[rule]\nid = "b-1"\nname = "B"\nos_list = ["linux"]\nquery = "process where true"\n[[actions]]\naction = "x"';
    expect(judge(text)).toMatchObject({
      rule_id: 'b-1',
      type: 'eql',
      language: 'eql',
      error: { code: 'FB_RULE_LANGUAGE' },
    });
  });
});

describe('places', () => {
  it('says line and column of a TOML error', () => {
    expect(judge('[rule]\nname = "a"\nx = = 2\n').error).toMatchObject({ code: 'FB_RULE_TOML', line: 3 });
  });

  it('says where in the file a query is wrong', () => {
    const error = judge(ruleText({ query: '"!!"' })).error;
    const line =
      ruleText({ query: '"!!"' })
        .split('\n')
        .findIndex((text) => text.startsWith('query')) + 1;
    expect(error).toMatchObject({ code: 'FB_QUERY_SYNTAX', line, column: 'query = "'.length + 3 });
  });
});

describe('hostile TOML is refused, not followed', () => {
  it.each([
    ['a prototype key', '[rule.__proto__]\nx = 1'],
    ['deep nesting', `x = ${'['.repeat(5_000)}${']'.repeat(5_000)}`],
    ['deep tables', `[${'a.'.repeat(20_000)}b]\nx = 1`],
    ['nothing', ''],
    ['a NUL', 'a = "\0"'],
    ['numbers too large', ruleText({ max_signals: '99999999999999999999' })],
    ['a very long text', ruleText({ query: `'${'x'.repeat(300_000)}'` })],
  ])('%s', (_name, text) => expect(judge(text).error?.code).toMatch(/^FB_RULE_(TOML|MISSING|VALUE)$/));
});

describe('what this host cannot see', () => {
  it.each<[string, string[], Record<string, string>]>([
    ['FB_RULE_SENSOR', ['registry'], { index: '["logs-endpoint.events.registry*"]' }],
    ['FB_RULE_SENSOR', ['auditd'], { index: '["auditbeat-*", "logs-auditd_manager.auditd-*"]' }],
    ['FB_RULE_SENSOR', ['alerts'], { index: '[".alerts-security.*"]' }],
    ['FB_RULE_SENSOR', ['syslog'], { index: '["logs-system.syslog-*"]' }],
    ['FB_RULE_SENSOR', ['filebeat', 'auth_log'], { index: '["filebeat-*", "logs-system.auth-*"]' }],
    ['FB_RULE_SENSOR', ['registry'], { query: '"event.category=registry"' }],
    ['FB_RULE_SENSOR', ['network_traffic'], { query: '"event.category=network & event.action=netflow_flow"' }],
    ['FB_RULE_SENSOR', ['dns'], { query: '"event.category=network & event.action=lookup_requested"' }],
    ['FB_RULE_SENSOR', [], { query: '"host.os.type=windows & event.category=process"' }],
    ['FB_RULE_FIELD', ['exec'], { query: '"event.category=process & event.action=exec & process.title=x"' }],
    ['FB_RULE_FIELD', ['exec'], { query: '"event.action=exec & container.image.name=x"' }],
  ])('%s %o %o', (code, sensors, keys) => {
    expect(judge(ruleText(keys))).toMatchObject({ error: { code }, sensors });
  });

  it.each([
    ['session_id_change', 'session'],
    ['uid_change', 'credentials'],
    ['gid_change', 'credentials'],
  ])('runs a rule about %s, which takes the %s sensor alone', (action, sensor) => {
    const query = `"event.category=process & event.type=change & event.action=${action}"`;
    const { rule, sensors } = judge(ruleText({ query }));
    expect([rule?.sensors, sensors]).toEqual([[sensor], [sensor]]);
  });

  it('refuses new terms over a field that is never filled', () => {
    const text = ruleText({}, NEW_TERMS.replace('process.parent.executable', 'related.ip'));
    expect(judge(text).error?.code).toBe('FB_RULE_FIELD');
  });

  it.each([
    ['no index at all', { index: '[]' }],
    ['every log', { index: '["logs-*"]' }],
    ['process events', { index: '["auditbeat-*", "logs-endpoint.events.process*"]' }],
    ['a field that only excludes', { query: '"event.action=exec & process.title!=x"' }],
  ])('runs with %s', (_name, keys) => expect(judge(ruleText(keys)).error).toBeUndefined());

  it('says at a rule that runs which part of it cannot take part', () => {
    expect(judge(ruleText({ query: '"event.action=exec & process.title!=x"' })).rule?.limits).toHaveLength(1);
  });

  it('leaves no fields of a refused rule behind', () => {
    const fields = new FieldTable();
    const size = fields.size;
    const context = { fields, languages: FAKE_LANGUAGES, abilities: LINUX_HOST };
    judgeToml(ruleText({ query: '"event.action=exec & file.path=x"' }), 'a', context);
    expect(fields.size).toBe(size);
  });

  it('asks nothing of the host for documents of any origin', () => {
    const context = { fields: new FieldTable(), languages: FAKE_LANGUAGES };
    const text = ruleText({ index: '["auditbeat-*"]', query: '"event.category=file & file.path=x"' });
    expect(judgeToml(text, 'a', context).error).toBeUndefined();
  });
});
