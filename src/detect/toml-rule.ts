// Text of a rule file in TOML -> its tables, and who the rule says it is. Pure; called by compile-rule.ts and rule-source.ts.

import { parse, TomlError } from 'smol-toml';
import { ForebearError, reasonOf } from '../errors.ts';
import { isBehaviorRule } from './behavior-rule.ts';
import { TomlTable } from './toml-table.ts';

/** What names a rule in a report, as far as it could be read: filled even for a rule that is then refused. */
export interface RuleIdentity {
  rule_id?: string;
  name?: string;
  type?: string;
  language?: string;
}

/** in: text of a rule file; out: its tables. Throws FB_RULE_TOML with line and column. */
export function parseToml(text: string): TomlTable {
  try {
    return new TomlTable(parse(text, { maxDepth: 32, unsafeKeyBehaviour: 'throw' }));
  } catch (error) {
    if (!(error instanceof TomlError)) throw new ForebearError('FB_RULE_TOML', reasonOf(error), { cause: error });
    const message = error.message.split('\n', 1)[0]!;
    throw new ForebearError('FB_RULE_TOML', message, { line: error.line, column: error.column, cause: error });
  }
}

/** Characters of each. */
const MOST = 512;

/** Never throws: what cannot be read is left out. */
export function identify(root: TomlTable): RuleIdentity {
  const identity: RuleIdentity = {};
  if (!root.isTable('rule')) return identity;
  const rule = root.table('rule');
  const take = (key: keyof RuleIdentity, from: string) => {
    if (identity[key] === undefined && rule.isText(from))
      identity[key] = (rule.raw(from) as string).trim().slice(0, MOST);
  };
  for (const key of ['rule_id', 'name', 'type', 'language'] as const) take(key, key);
  if (!isBehaviorRule(root)) return identity;
  take('rule_id', 'id');
  return { type: 'eql', language: 'eql', ...identity };
}
