// Rules loaded again while others run: what stays the same object, what goes on though its file is at fault, what is judged anew.

import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRuleSet } from '../../src/detect/load-rule-set-io.ts';
import type { RuleSet } from '../../src/detect/load-rules-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { entry, item, LIST, textOf } from './exceptions/lists.ts';
import { kibanaRule } from './kibana-lines.ts';
import { QUERY_RULE, ruleText } from './rule-text.ts';

let folder: string;
let fields: FieldTable;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-again-'));
  fields = new FieldTable();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (name: string, text: string) => writeFileSync(join(folder, name), text);
const rule = (id: string, name = 'tool', over: Record<string, string> = {}) =>
  ruleText(
    { ...QUERY_RULE, query: `'event.category:process and process.name:${name}'`, rule_id: `"${id}"`, ...over },
    '',
  );

function load(before?: RuleSet, exceptions: string[] = []) {
  const context = { fields, languages: LANGUAGES, abilities: LINUX_HOST };
  return loadRuleSet({ rules: [folder], exceptions, disabled: [] }, context, { before });
}

const idsOf = ({ rules }: RuleSet) => rules.map(({ rule_id }) => rule_id);

describe('rules whose text is the same', () => {
  it('are the same objects, the others are made anew', async () => {
    put('a.toml', rule('a'));
    put('b.toml', rule('b'));
    put('c.ndjson', textOf([kibanaRule({ rule_id: 'c' }), kibanaRule({ rule_id: 'd' })]));
    const first = await load();
    put('b.toml', rule('b', 'other'));
    put(
      'c.ndjson',
      textOf([kibanaRule({ rule_id: 'e' }), kibanaRule({ rule_id: 'c' }), kibanaRule({ rule_id: 'd', version: 2 })]),
    );
    const again = await load(first);
    expect(idsOf(again)).toEqual(['a', 'b', 'e', 'c', 'd']);
    const same = again.rules.filter((one) => first.rules.includes(one));
    expect(same.map(({ rule_id }) => rule_id)).toEqual(['a', 'c']);
    expect(again.verdicts.map(({ line }) => line)).toEqual([undefined, undefined, 1, 2, 3]);
  });

  it('stay so over several reloads, also those that a duplicate shadowed', async () => {
    put('b.toml', rule('same'));
    const first = await load();
    put('a.toml', rule('same'));
    const second = await load(first);
    expect(second.verdicts.map(({ error }) => error?.code)).toEqual([undefined, 'FB_RULE_DUPLICATE']);
    rmSync(join(folder, 'a.toml'));
    const third = await load(second);
    expect(third.rules[0]).toBe(first.rules[0]);
  });

  it('are refused when their list has gone, and come back with it', async () => {
    const lists = '[{ id = "i", list_id = "list-1", type = "detection", namespace_type = "single" }]';
    put('a.toml', rule('a', 'tool', { exceptions_list: lists }));
    const list = textOf([LIST, item([entry('match', 'user.name', 'ann')])]);
    put('l.ndjson', list);
    const first = await load();
    rmSync(join(folder, 'l.ndjson'));
    const second = await load(first);
    expect(second.verdicts).toMatchObject([{ error: { code: 'FB_RULE_EXCEPTIONS' } }]);
    expect(second.verdicts[0]?.kept).toBeUndefined();
    put('l.ndjson', list);
    expect(idsOf(await load(second))).toEqual(['a']);
  });
});

describe('a rule that runs goes on as it was', () => {
  it.each<[string, (rule: string) => string, string]>([
    ['its TOML is broken', (text) => text.slice(0, text.lastIndexOf("'")), 'FB_RULE_TOML'],
    [
      'its id has blanks around it',
      (text) => text.replace('severity = "low"', 'severity = "?"').replace('rule_id = "a"', 'rule_id = " a "'),
      'FB_RULE_VALUE',
    ],
    ['a value is wrong', (text) => text.replace('severity = "low"', 'severity = "?"'), 'FB_RULE_VALUE'],
    ['its query is', (text) => text.replace('process.name:', 'process.name::'), 'FB_QUERY_SYNTAX'],
    [
      'it asks for what is not here',
      (text) => text.replace('event.category:process', 'event.category:registry'),
      'FB_RULE_SENSOR',
    ],
  ])('when %s, and that is said', async (_what, change, code) => {
    put('a.toml', rule('a'));
    put('b.toml', rule('b'));
    const first = await load();
    put('a.toml', change(rule('a')));
    const again = await load(first);
    expect(again.rules).toEqual(first.rules);
    expect(again.rules[0]).toBe(first.rules[0]);
    expect(again.verdicts[0]).toMatchObject({ rule_id: 'a', kept: true, error: { code } });
    const third = await load(again);
    expect([third.rules[0], third.verdicts[0]?.kept]).toEqual([first.rules[0], true]);
    put('a.toml', rule('a', 'mended'));
    const mended = await load(third);
    expect([mended.rules[0]?.query, mended.verdicts[0]?.kept]).toEqual([expect.stringContaining('mended'), undefined]);
  });

  it('when the line of an export is broken, and each rule of it when all is', async () => {
    put('a.ndjson', textOf([kibanaRule({ rule_id: 'a' }), kibanaRule({ rule_id: 'b' })]));
    const first = await load();
    const [one] = textOf([kibanaRule({ rule_id: 'a' })]).split('\n');
    put('a.ndjson', `${one}\n{"rule_id":"b",\n`);
    const second = await load(first);
    expect(second.verdicts).toMatchObject([
      { rule_id: 'a' },
      { rule_id: 'b', kept: true, error: { code: 'FB_RULE_JSON' } },
    ]);
    put('a.ndjson', '{"rule_id":\n{"rule_id":\n');
    const third = await load(second);
    expect(idsOf(third).sort()).toEqual(['a', 'b']);
  });

  it('when only the exceptions of an export are whole, and with them', async () => {
    const lists = [{ id: 'i', list_id: 'list-1', type: 'detection', namespace_type: 'single' }];
    const rest = textOf([LIST, item([entry('match', 'user.name', 'ann')])]);
    put('a.ndjson', textOf([kibanaRule({ rule_id: 'a', exceptions_list: lists })]) + rest);
    const first = await load();
    put('a.ndjson', `{"rule_id":"a",\n${rest}`);
    const again = await load(first);
    expect(again.verdicts).toMatchObject([{ rule_id: 'a', kept: true, error: { code: 'FB_RULE_JSON', line: 1 } }]);
    expect(again.exceptions.boundTo(again.rules[0]!)).toHaveLength(1);
  });

  it('a broken line beside it may be an exception: that is told to both', async () => {
    put('a.ndjson', `${textOf([kibanaRule({ rule_id: 'a' }), LIST])}{"item_id":"item-1",\n`);
    const { verdicts, exceptions } = await load();
    expect(verdicts.map(({ error }) => error?.code)).toEqual([undefined, 'FB_RULE_JSON']);
    expect(exceptions.verdicts).toMatchObject([{ line: 3, error: { code: 'FB_EXCEPTION_JSON' } }]);
  });

  it('when its folder cannot be read any more', async () => {
    mkdirSync(join(folder, 'sub'));
    put('sub/a.toml', rule('a'));
    put('sub/b.toml', rule('b'));
    const context = { fields, languages: LANGUAGES, abilities: LINUX_HOST };
    const sources = { rules: [join(folder, 'sub')], exceptions: [], disabled: [] };
    const first = await loadRuleSet(sources, context);
    renameSync(join(folder, 'sub'), join(folder, 'gone'));
    const again = await loadRuleSet(sources, context, { before: first });
    expect(again.rules).toEqual(first.rules);
    expect(again.verdicts.map(({ kept, error }) => [kept, error?.code])).toEqual([
      [true, 'FB_RULE_FILE'],
      [true, 'FB_RULE_FILE'],
    ]);
  });
});

describe('a rule does not go on', () => {
  it.each<[string, () => void]>([
    ['its file is gone', () => rmSync(join(folder, 'a.toml'))],
    ['it is disabled', () => put('a.toml', rule('a', 'tool', { enabled: 'false' }))],
    ['another has taken its place', () => put('a.toml', rule('c'))],
  ])('when %s', async (_what, change) => {
    put('a.toml', rule('a'));
    put('b.toml', rule('b'));
    const first = await load();
    change();
    expect(idsOf(await load(first))).not.toContain('a');
  });

  it('when it did not run before', async () => {
    put('a.toml', rule('a').replace('severity = "low"', 'severity = "?"'));
    put('b.toml', rule('b'));
    expect(idsOf(await load(await load()))).toEqual(['b']);
  });
});
