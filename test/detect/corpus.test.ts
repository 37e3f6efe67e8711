import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RuleVerdict } from '../../src/detect/compile-rule.ts';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRules } from '../../src/detect/load-rules-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';

// Public rules as they are, where they are at hand: every file gets a verdict.

const CORPUS = join(import.meta.dirname, '../../../shared/corpus');
const OWN = new Set(LINUX_HOST.kinds.map(({ sensor }) => sensor));
const load = (...folders: string[]) =>
  loadRules(
    folders.map((folder) => join(CORPUS, folder)),
    { fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST },
  );

function figures(verdicts: readonly RuleVerdict[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { error } of verdicts) counts[error?.code ?? 'runs'] = (counts[error?.code ?? 'runs'] ?? 0) + 1;
  return counts;
}

describe('the corpus of public rules', () => {
  beforeEach((ctx) => {
    if (!existsSync(CORPUS)) ctx.skip('the rule corpus is not on this machine (../shared/corpus)');
  });

  it('gets a verdict for every file, and a name for every rule', async () => {
    const { verdicts } = await load('elastic-siem', 'elastic-behavior');
    console.log('corpus:', JSON.stringify(figures(verdicts)));
    expect(verdicts).toHaveLength(globSync(join(CORPUS, 'elastic-{siem,behavior}/**/*.toml')).length);
    const known = /^FB_RULE_(LANGUAGE|TYPE|SENSOR|FIELD)$/;
    expect(verdicts.filter(({ error }) => error !== undefined && !known.test(error.code))).toEqual([]);
    expect(verdicts.filter((verdict) => !verdict.rule_id || !verdict.name || !verdict.type)).toEqual([]);
  });

  it('refuses for their language those in ES|QL alone', async () => {
    const { verdicts } = await load('elastic-siem', 'elastic-behavior');
    const refused = verdicts.filter(({ error }) => error?.code === 'FB_RULE_LANGUAGE');
    expect(new Set(refused.map(({ language }) => language))).toEqual(new Set(['esql']));
    expect(refused).toHaveLength(verdicts.filter(({ language }) => language === 'esql').length);
  });

  it('says of each rule that lacks a sensor which one', async () => {
    const { verdicts } = await load('elastic-siem', 'elastic-behavior');
    const refused = verdicts.filter(({ error }) => error?.code === 'FB_RULE_SENSOR');
    expect(refused.filter(({ sensors }) => sensors.length === 0)).toEqual([]);
  });

  it('runs every rule whose events are those of this host', async () => {
    const { verdicts, rules } = await load('elastic-siem', 'elastic-behavior');
    expect(rules.length).toBeGreaterThanOrEqual(300);
    const own = verdicts.filter(({ sensors }) => sensors.every((sensor) => OWN.has(sensor)));
    const refused = own.filter(({ error, language }) => error !== undefined && language !== 'esql');
    const others = /needs auditd\./; // fields that these events have where other sensors make them
    expect(refused.filter(({ error }) => error?.code !== 'FB_RULE_FIELD' || !others.test(error.message))).toEqual([]);
  });

  it('passes over no key of theirs', async () => {
    const { verdicts } = await load('elastic-siem', 'elastic-behavior');
    expect(verdicts.flatMap(({ notes = [] }) => notes)).toEqual([]);
  });
});
