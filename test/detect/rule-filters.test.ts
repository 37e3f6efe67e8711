// `filters` of a rule: what they mean in KQL or EQL, what is not translated, and that they hold besides the query.

import { describe, expect, it } from 'vitest';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { judgeToml, QUERY_RULE, ruleText } from './rule-text.ts';

const QUERY = "'event.category:process and process.name:tool'";
const query = (over: Record<string, string>) =>
  judgeToml(ruleText({ ...QUERY_RULE, query: QUERY, ...over }, ''), 'a.toml', {
    fields: new FieldTable(),
    languages: LANGUAGES,
    abilities: LINUX_HOST,
  });

describe('filters', () => {
  const rule = (filter: string) => query({ filters: `[${filter}]` });
  const phrase = '{ query = { match_phrase = { "process.name" = "tool" } } }';

  it.each<[string, string]>([
    [phrase, 'process.name:("tool")'],
    ['{ meta = { negate = true }, query = { match_phrase = { "user.name" = "a\\"b" } } }', 'not (user.name:("a\\"b"))'],
    ['{ query = { match = { "user.name" = { query = "x y", type = "phrase" } } } }', 'user.name:("x y")'],
    ['{ query = { term = { "process.pid" = { value = 4 } } } }', 'process.pid:("4")'],
    ['{ query = { terms = { "user.id" = ["0", "1"] } } }', 'user.id:("0" or "1")'],
    ['{ exists = { field = "user.id" } }', 'user.id:*'],
    ['{ query = { exists = { field = "user.id" } } }', 'user.id:*'],
    ['{ query = { range = { "process.pid" = { gte = 1, lt = 9 } } } }', 'process.pid >= "1" and process.pid < "9"'],
    [
      '{ query = { range = { "@timestamp" = { gte = "2024-01-01", format = "strict_date_optional_time" } } } }',
      '@timestamp >= "2024-01-01"',
    ],
    [
      '{ query = { bool = { should = [{ match_phrase = { "user.id" = "1" } }, { exists = { field = "user.name" } }], minimum_should_match = 1 } } }',
      '((user.id:("1")) or (user.name:*))',
    ],
    [
      '{ query = { bool = { must_not = [{ exists = { field = "c" } }], filter = [{ match_all = {} }] } } }',
      '(*) and (not (c:*))',
    ],
    [
      '{ query = { wildcard = { "process.name" = { value = "t?ol*", case_insensitive = true } } } }',
      'any where process.name like~ "t?ol*"',
    ],
    [
      '{ meta = { type = "combined", relation = "OR", negate = true, params = [{ query = { exists = { field = "group.name" } } }, { meta = { negate = true }, query = { term = { "user.id" = 1 } } }, { meta = { disabled = true } }, { meta = { type = "combined", relation = "AND", params = [{ query = { exists = { field = "user.name" } } }] } }] }, query = {} }',
      'not ((group.name:*) or (not (user.id:("1"))) or ((user.name:*)))',
    ],
    ['{ query = { prefix = { "process.name" = "to" } } }', 'any where process.name like "to*"'],
    ['{ meta = { negate = true }, query = { wildcard = { "a.b-c" = "*x" } } }', 'any where not (a.`b-c` like "*x")'],
  ])('%s', (filter, text) => {
    const { rule: found, error } = rule(filter);
    expect(error).toBeUndefined();
    expect(found?.filters?.map((one) => one.text)).toEqual([text]);
  });

  it.each<[string, string]>([
    ['{ query = { script = { x = 1 } } }', 'FB_RULE_FEATURE'],
    ['{ query = { match = { "a" = "x y" } } }', 'FB_RULE_FEATURE'],
    ['{ query = { query_string = { query = "a:b" } } }', 'FB_RULE_FEATURE'],
    ['{ query = { match_phrase = { "a*" = "x" } } }', 'FB_RULE_FEATURE'],
    ['{ query = { bool = { should = [{ exists = { field = "c" } }], minimum_should_match = 2 } } }', 'FB_RULE_FEATURE'],
    [
      '{ query = { bool = { should = [{ exists = { field = "c" } }], minimum_should_match = -1 } } }',
      'FB_RULE_FEATURE',
    ],
    ['{ query = { range = { "@timestamp" = { gte = "2024-01-01", time_zone = "+02:00" } } } }', 'FB_RULE_FEATURE'],
    ['{ query = { range = { "@timestamp" = { gte = "1704067200", format = "epoch_second" } } } }', 'FB_RULE_FEATURE'],
    ['{ query = { match_phrase = { "process.pid" = "x" } } }', 'FB_RULE_FEATURE'],
    ['{ query = {} }', 'FB_RULE_FEATURE'],
    ['{ meta = { type = "combined", relation = "XOR", params = [] } }', 'FB_RULE_FEATURE'],
    ['{ meta = { type = "combined", relation = "OR", params = [{ meta = { disabled = true } }] } }', 'FB_RULE_FEATURE'],
    ['{ meta = { type = "combined", relation = "OR" } }', 'FB_RULE_VALUE'],
    ['"x"', 'FB_RULE_VALUE'],
  ])('%s is refused', (filter, code) => {
    expect(rule(filter).error).toMatchObject({ code, line: expect.any(Number) });
  });

  it('have to hold besides the query, and for each event of a sequence', () => {
    const fields = new FieldTable();
    const context = { fields, languages: LANGUAGES, abilities: LINUX_HOST };
    const slotsOf = (values: Record<string, string>) => {
      const slots: string[] = [];
      for (const [name, value] of Object.entries(values)) slots[fields.get(name)!.slot] = value;
      return slots;
    };
    const one = judgeToml(
      ruleText(
        {
          ...QUERY_RULE,
          query: QUERY,
          filters: `[{ meta = { negate = true }, query = { match_phrase = { "user.name" = "root" } } }]`,
        },
        '',
      ),
      'a',
      context,
    ).rule!;
    const event = { 'event.category': 'process', 'process.name': 'tool' };
    expect(['root', 'ann'].map((user) => one.compiled.matches(slotsOf({ ...event, 'user.name': user })))).toEqual([
      false,
      true,
    ]);
    const eql =
      '\'sequence by host.id [process where process.name == "tool"] [process where process.name == "other"]\'';
    const two = judgeToml(
      ruleText({ type: '"eql"', language: '"eql"', query: eql, filters: `[${phrase}]` }, ''),
      'b',
      context,
    ).rule!;
    const probes = two.program!.probes.map((probe) =>
      ['tool', 'other'].map((name) => probe.matches(slotsOf({ ...event, 'process.name': name }))),
    );
    expect(probes).toEqual([
      [true, false],
      [false, false],
    ]);
  });

  it('that are switched off in Kibana fall away', () => {
    expect(rule('{ meta = { disabled = true }, query = { script = {} } }').rule?.filters).toBeUndefined();
  });
});
