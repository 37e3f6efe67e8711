// Kibana's own exports of public rules, where they are at hand.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRuleSet, type RuleSources } from '../../src/detect/load-rule-set-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';

const CORPUS = join(import.meta.dirname, '../../../shared/corpus/kibana');

function load(sources: Partial<RuleSources>) {
  const context = { fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST };
  return loadRuleSet({ rules: [], exceptions: [], disabled: [], ...sources }, context);
}

describe('the corpus', () => {
  beforeEach((ctx) => {
    if (!existsSync(CORPUS)) ctx.skip('the rule corpus is not on this machine (../shared/corpus)');
  });

  it('loads whole, its rules bound to their list', async () => {
    const { verdicts, exceptions, others } = await load({
      rules: [join(CORPUS, 'rules_export.ndjson')],
      runDisabled: true,
    });
    expect(verdicts).toHaveLength(25);
    expect(new Set(verdicts.map(({ error }) => error?.code))).toEqual(
      new Set([undefined, 'FB_RULE_SENSOR', 'FB_RULE_LANGUAGE']),
    );
    expect(verdicts.flatMap(({ notes = [] }) => notes)).toEqual([]);
    expect(
      verdicts
        .filter(({ rule }) => rule?.exceptionLists !== undefined)
        .map(({ rule }) => exceptions.boundTo(rule!).length),
    ).toEqual([15, 15]);
    expect(exceptions.verdicts.filter(({ error }) => error !== undefined)).toMatchObject([
      { error: { code: 'FB_EXCEPTION_VALUE_LIST' } },
    ]);
    expect(others).toEqual([]);
  });
});
