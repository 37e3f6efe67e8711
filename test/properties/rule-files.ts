// The rules of story-rules.ts and more as files, to be loaded as an agent does: under any names, in any order, beside others.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRuleSet } from '../../src/detect/load-rule-set-io.ts';
import type { Rule } from '../../src/detect/rule.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { ruleText } from '../detect/rule-text.ts';
import { type StoryRules, storyRules } from './story-rules.ts';

const PRELOAD = ruleText(
  {
    rule_id: '"preload"',
    name: '"Preload"',
    type: '"query"',
    query: "'event.type:start and process.env_vars:LD_PRELOAD=*'",
  },
  '',
);

/** Rules as text, by a name that says which. */
export async function ruleTexts(): Promise<ReadonlyMap<string, string>> {
  const { set } = await storyRules();
  return new Map([...set.rules.map((rule): [string, string] => [rule.rule_id, textOf(rule)]), ['preload', PRELOAD]]);
}

function textOf({ rule_id, name, type, severity, risk_score, query, max_signals, newTerms }: Rule): string {
  const quoted = (text: string) => JSON.stringify(text);
  const keys = { rule_id, name, type, severity, query };
  const texts = Object.fromEntries(Object.entries(keys).map(([key, text]) => [key, quoted(text)]));
  const terms =
    newTerms === undefined
      ? ''
      : `[rule.new_terms]
field = "new_terms_fields"
value = ${JSON.stringify(newTerms.fields)}
[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = ${quoted(newTerms.historyWindowStart)}
`;
  return ruleText({ ...texts, risk_score: String(risk_score), max_signals: String(max_signals) }, terms);
}

/** in: an empty folder, text by file name; out: the rules in it, compiled anew over a table of their own. */
export async function loadedFrom(folder: string, files: ReadonlyMap<string, string>): Promise<StoryRules> {
  for (const [name, text] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const fields = new FieldTable();
  const sources = { rules: [folder], exceptions: [], disabled: [] };
  const set = await loadRuleSet(sources, { fields, languages: LANGUAGES, abilities: LINUX_HOST });
  const refused = set.verdicts.filter(({ error }) => error !== undefined);
  if (refused.length > 0) throw new Error(refused.map(({ file, error }) => `${file}: ${error?.message}`).join('\n'));
  return { fields, set, learnMs: () => 0 };
}
