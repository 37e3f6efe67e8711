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

  it('runs every kuery rule about process events', async () => {
    const { verdicts } = await load('elastic-siem');
    const kuery = verdicts.filter(({ language }) => language === 'kuery');
    expect(kuery).toHaveLength(40);
    const refused = kuery.filter(({ error }) => error !== undefined);
    expect(refused.filter(({ error }) => error?.code !== 'FB_RULE_TYPE' && error?.code !== 'FB_RULE_SENSOR')).toEqual(
      [],
    );
    expect(kuery.length - refused.length).toBeGreaterThanOrEqual(20);
    expect(refused.every(({ sensors, error }) => error?.code === 'FB_RULE_TYPE' || sensors.length > 0)).toBe(true);
  });

  it('refuses every behaviour rule for its language', async () => {
    const { verdicts } = await load('elastic-behavior');
    expect(figures(verdicts)).toEqual({ FB_RULE_LANGUAGE: verdicts.length });
  });
});
