// Rules as Kibana exports them: several in a file, with their exceptions, of every type; what is no rule is told apart and named.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRuleSet, type RuleSources } from '../../src/detect/load-rule-set-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { entry, item, LIST, textOf } from './exceptions/lists.ts';
import { details, kibanaRule, type Line } from './kibana-lines.ts';
import { QUERY_RULE, ruleText } from './rule-text.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-export-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, content: string | Buffer | readonly Line[]): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' || Buffer.isBuffer(content) ? content : textOf(content));
  return path;
}

function load(sources: Partial<RuleSources> = {}) {
  const context = { fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST };
  return loadRuleSet({ rules: [folder], exceptions: [], disabled: [], ...sources }, context);
}

/** Line and code, or `runs`. */
async function verdictsOf(lines: string | Buffer | readonly Line[], name = 'a.ndjson') {
  put(name, lines);
  const { verdicts } = await load();
  return verdicts.map(({ line, error }) => [error?.line ?? line, error?.code ?? 'runs']);
}

describe('a rule of an export', () => {
  const ruleOf = async (over: Line) => {
    put('a.ndjson', [kibanaRule(over)]);
    const { verdicts } = await load();
    return verdicts[0]!;
  };

  it('has all that its type has', async () => {
    const suppression = {
      group_by: ['host.name'],
      duration: { value: 2, unit: 'h' },
      missing_fields_strategy: 'doNotSuppress',
    };
    const verdict = await ruleOf({
      note: 'guide',
      alert_suppression: suppression,
      severity_mapping: [{ field: 'user.name', operator: 'equals', value: 'root', severity: 'high' }],
      risk_score_mapping: [{ field: 'process.pid', operator: 'equals', value: '' }],
      rule_name_override: 'process.name',
      building_block_type: 'default',
      timestamp_override: 'event.ingested',
    });
    expect(verdict.error).toBeUndefined();
    expect(verdict.notes).toBeUndefined();
    expect(verdict.rule).toMatchObject({
      line: 1,
      note: { en: 'guide' },
      suppression: { groupBy: ['host.name'], durationMs: 7_200_000, missingFields: 'doNotSuppress' },
      severityOverrides: [{ field: 'user.name', value: 'root', severity: 'high' }],
      riskScoreOverrides: [{ field: 'process.pid', value: '' }],
      nameOverride: 'process.name',
      buildingBlock: 'default',
      timestampOverride: 'event.ingested',
    });
  });

  it('of new_terms has its fields and window beside the others', async () => {
    const { rule } = await ruleOf({
      type: 'new_terms',
      new_terms_fields: ['user.name', 'process.name'],
      history_window_start: 'now-5d',
    });
    expect(rule?.newTerms).toEqual({
      fields: ['user.name', 'process.name'],
      historyMs: 5 * 86_400_000,
      historyWindowStart: 'now-5d',
    });
  });

  it.each<[Line, object]>([
    [
      { field: ['host.id'], value: 3, cardinality: [{ field: 'user.name', value: 2 }] },
      { fields: ['host.id'], value: 3, cardinality: [{ field: 'user.name', value: 2 }] },
    ],
    [
      { field: [], value: 1 },
      { fields: [], value: 1, cardinality: [] },
    ],
    [
      { field: '', value: 1, cardinality: [] },
      { fields: [], value: 1, cardinality: [] },
    ],
    [
      { field: 'host.id', value: 1 },
      { fields: ['host.id'], value: 1, cardinality: [] },
    ],
  ])('of threshold %j', async (threshold, expected) => {
    expect((await ruleOf({ type: 'threshold', threshold })).rule?.threshold).toEqual(expected);
  });

  it('of eql has its fields', async () => {
    const { rule, notes } = await ruleOf({
      type: 'eql',
      language: 'eql',
      query: 'start where process.name == "tool"',
      event_category_override: 'event.type',
      tiebreaker_field: 'event.sequence',
    });
    expect(rule?.eqlFields).toEqual({ category: 'event.type', tiebreaker: 'event.sequence' });
    expect(rule?.program?.kind).toBe('event');
    expect(notes).toEqual([expect.stringContaining('rule.tiebreaker_field')]);
  });

  it('that is disabled is judged, and does not run unless that is asked for', async () => {
    put('a.ndjson', [kibanaRule({ enabled: false })]);
    const { rules, verdicts } = await load();
    expect([rules.length, verdicts[0]?.error, verdicts[0]?.rule?.disabled]).toEqual([0, undefined, true]);
    expect((await load({ runDisabled: true })).rules).toHaveLength(1);
  });

  it('says the place of a fault of its query in its line', async () => {
    const lines = [kibanaRule(), kibanaRule({ rule_id: 'b', query: 'process.name:"é\\n" and\nprocess.name:(a or' })];
    put('a.ndjson', lines);
    const { verdicts } = await load();
    const { error } = verdicts[1]!;
    expect(error).toMatchObject({ code: 'FB_QUERY_SYNTAX', line: 2 });
    const text = JSON.stringify(lines[1]);
    expect(text.slice(error!.column! - 4, error!.column! - 1)).toBe(' or');
  });
});

describe('a file', () => {
  it('gives a verdict for each rule, each with its line', async () => {
    const lines = [
      kibanaRule(),
      kibanaRule({ rule_id: 'b', severity: 'urgent' }),
      kibanaRule({ rule_id: 'c' }),
      details(3),
    ];
    expect(await verdictsOf(lines)).toEqual([
      [1, 'runs'],
      [2, 'FB_RULE_VALUE'],
      [3, 'runs'],
    ]);
  });

  it('loses what a broken line holds, and says so', async () => {
    const good = JSON.stringify(kibanaRule());
    const text = `${good}\n${good.slice(0, 300)}\n\n{"unknown":1}\n`;
    expect(await verdictsOf(text)).toEqual([
      [1, 'runs'],
      [2, 'FB_RULE_JSON'],
      [4, 'FB_RULE_FORMAT'],
    ]);
  });

  it('tells a hundred of its faults, and how many more there are', async () => {
    const said = await verdictsOf(`${JSON.stringify(kibanaRule())}\n${'{"rule_id":\n'.repeat(500)}`);
    expect([said.length, said[0], said[100]]).toEqual([102, [1, 'runs'], [101, 'FB_RULE_JSON']]);
    expect(said[101]).toEqual([undefined, 'FB_RULE_FORMAT']);
  });

  it('that was cut off is told by its last line', async () => {
    expect(await verdictsOf([kibanaRule(), details(2)])).toEqual([
      [1, 'runs'],
      [2, 'FB_RULE_INCOMPLETE'],
    ]);
    expect(await verdictsOf([details(1)])).toEqual([[1, 'FB_RULE_INCOMPLETE']]);
  });

  it('takes the first of an id, and names its line at the second', async () => {
    put('a.ndjson', [kibanaRule(), kibanaRule({ name: 'Another' })]);
    const { verdicts } = await load();
    expect(verdicts[1]?.error).toMatchObject({ code: 'FB_RULE_DUPLICATE', line: 2 });
    expect(verdicts[1]?.error?.message).toContain('a.ndjson:1');
  });

  it.each<[string, string, (number | undefined)[]]>([
    ['one rule', JSON.stringify(kibanaRule(), null, 2), [1]],
    ['a list', JSON.stringify([kibanaRule(), kibanaRule({ rule_id: 'b' })], null, 2), [undefined, undefined]],
    ['a line', JSON.stringify(kibanaRule()), [1]],
    ['a line with a byte order mark', `\ufeff${JSON.stringify(kibanaRule())}\r\n`, [1]],
  ])('of JSON: %s', async (_what, text, lines) => {
    expect(await verdictsOf(text, 'a.json')).toEqual(lines.map((line) => [line, 'runs']));
  });

  const broken = JSON.stringify(kibanaRule({ tags: ['a'] }), null, 2).replace(
    '"severity": "low",',
    '"severity": "low",,',
  );
  const deep = `[\n{"rule_id":"x","tags":${'['.repeat(200_000)}${']'.repeat(200_000)}}]`;
  it.each<[string, string | Buffer, [number | undefined, string][]]>([
    ['one rule with a comma too many', broken, [[16, 'FB_RULE_JSON']]],
    ['not UTF-8', Buffer.from(JSON.stringify(kibanaRule({ name: 'é' }), null, 2), 'latin1'), [[8, 'FB_RULE_ENCODING']]],
    ['nested without end', deep, [[undefined, 'FB_RULE_FORMAT']]],
    ['cut off, with lines that are JSON', '{\n  "name": "x",\n  "list": [\n    1\n  ]\n', [[6, 'FB_RULE_JSON']]],
  ])('of JSON over several lines costs itself, and is said once: %s', async (_what, text, expected) => {
    expect(await verdictsOf(text, 'a.json')).toEqual(expected);
  });

  it('that is not UTF-8 costs its line', async () => {
    const good = Buffer.from(`${JSON.stringify(kibanaRule())}\n`);
    const bad = Buffer.concat([Buffer.from('{"rule_id":"'), Buffer.of(0xff), Buffer.from('"}\n')]);
    writeFileSync(join(folder, 'a.ndjson'), Buffer.concat([bad, good]));
    const { verdicts } = await load();
    expect(verdicts.map(({ error }) => error?.code ?? 'runs').sort()).toEqual(['FB_RULE_ENCODING', 'runs']);
  });

  it('is told by its content, not by its name', async () => {
    const query = "'event.category:process and process.name:tool'";
    put('toml.json', ruleText({ ...QUERY_RULE, query }, ''));
    expect((await load()).rules.map(({ rule_id }) => rule_id)).toEqual(['rule-1']);
  });
});

it('an export cut off anywhere costs what is missing, and is said', async () => {
  const whole = textOf([kibanaRule(), LIST, item([entry('match', 'user.name', 'ann')]), details(1, 1)]);
  for (let end = 1; end < whole.length; end += 53) {
    const path = put('a.ndjson', whole.slice(0, end));
    const { verdicts } = await load({ rules: [path] });
    expect(verdicts.length).toBeGreaterThan(0);
    if (!whole.slice(0, end).includes('\n')) expect(verdicts.every(({ error }) => error !== undefined)).toBe(true);
  }
});

describe('a tree', () => {
  it('may hold all forms; what is no rule is named, for what it is', async () => {
    mkdirSync(join(folder, 'sub'));
    mkdirSync(join(folder, '.git'));
    const query = "'event.category:process and process.name:tool'";
    put('a.toml', ruleText({ ...QUERY_RULE, query, rule_id: '"a"' }, ''));
    put('a.ndjson', '{"@timestamp":"2026-01-01T00:00:00Z","event":{"category":"process"}}\nnot even JSON\n');
    put('b.ndjson', [kibanaRule({ rule_id: 'b' })]);
    put('hunt.toml', '[hunt]\nname = "x"\n');
    put('list.ndjson', [LIST, item([entry('match', 'user.name', 'ann')])]);
    put('package.json', '{\n "name": "x"\n}\n');
    put('README.md', 'rules');
    put('.git/index', 'x');
    put(
      'sub/behaviour.toml',
      '[rule]\nid = "c"\nname = "C"\nos_list = ["linux"]\nversion = "1.0.1"\nquery = "process where true"',
    );
    const { rules, verdicts, others } = await load();
    expect(rules.map(({ rule_id }) => rule_id)).toEqual(['a', 'b', 'c']);
    expect(verdicts).toHaveLength(3);
    expect(Object.fromEntries(others!.map(({ file, holds }) => [basename(file), holds]))).toEqual({
      'README.md': 'something else',
      'a.ndjson': 'events',
      'hunt.toml': 'something else',
      'list.ndjson': 'exceptions',
      'package.json': 'something else',
    });
  });

  it('a file that is named itself has to hold a rule', async () => {
    const events = put('a.ndjson', '{"@timestamp":"2026-01-01T00:00:00Z"}\n');
    const { verdicts } = await load({ rules: [events] });
    expect(verdicts).toMatchObject([{ error: { code: 'FB_RULE_FORMAT' } }]);
  });
});

describe('exceptions among rules', () => {
  const lists = { exceptions_list: [{ id: 'i', list_id: 'list-1', type: 'detection', namespace_type: 'single' }] };
  const ann = () => item([entry('match', 'user.name', 'ann')]);

  it('are for the rules that name their list', async () => {
    put('a.ndjson', [kibanaRule(lists), kibanaRule({ rule_id: 'b' }), LIST, ann(), details(2, 1)]);
    const { rules, exceptions, verdicts } = await load();
    expect(verdicts.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(rules.map((rule) => exceptions.boundTo(rule).length)).toEqual([1, 0]);
  });

  it('may stand in a file of their own, which then is no stranger', async () => {
    put('a.ndjson', [kibanaRule(lists)]);
    put('b.ndjson', [LIST, ann()]);
    const { rules, exceptions, others } = await load();
    expect(exceptions.boundTo(rules[0]!)).toHaveLength(1);
    expect(others).toEqual([]);
  });

  it('are for no others, whatever tags say: those go with --exceptions', async () => {
    const everywhere = [{ ...LIST, tags: ['forebear:every-rule'] }, ann()];
    put('a.ndjson', [kibanaRule(), ...everywhere]);
    const set = await load();
    expect([set.exceptions.boundTo(set.rules[0]!).length, set.exceptions.verdicts.length]).toEqual([0, 0]);
    const asked = await load({ exceptions: [join(folder, 'a.ndjson')] });
    expect(asked.exceptions.boundTo(asked.rules[0]!)).toHaveLength(1);
  });

  it('the same list from both is one', async () => {
    put('a.ndjson', [kibanaRule(lists), LIST, ann()]);
    const { exceptions, rules } = await load({ exceptions: [join(folder, 'a.ndjson')] });
    expect([exceptions.verdicts.length, exceptions.boundTo(rules[0]!).length]).toEqual([1, 1]);
  });

  it('switched off, a rule runs without its list', async () => {
    put('a.ndjson', [kibanaRule(lists), LIST, ann()]);
    const { exceptions, rules } = await load({ withoutExceptions: true });
    expect([rules.length, exceptions.verdicts.length]).toEqual([1, 0]);
  });

  it('that are broken are said', async () => {
    put('a.ndjson', [
      kibanaRule(lists),
      LIST,
      item([{ type: 'list', field: 'source.ip', operator: 'included', list: { id: 'x', type: 'ip' } }]),
    ]);
    const { exceptions, rules } = await load();
    expect(rules).toHaveLength(1);
    expect(exceptions.verdicts).toMatchObject([{ line: 3, error: { code: 'FB_EXCEPTION_VALUE_LIST' } }]);
  });
});
