// At a reload: rules that ran and whose file is at fault now. A slip of the pen must not switch a rule off, nor hold up what was done to
// the others: it goes on as it was, and its verdict says so. In: the new verdicts, the set that runs; out: the verdicts with those rules.
// Pure; called by load-rules-io.ts. A rule whose exceptions are not there any more is no case of this: reload.ts refuses that reload.

import type { RuleVerdict } from './compile-rule.ts';
import type { Rule } from './rule.ts';

/** What runs. */
interface Before {
  readonly rules: readonly Rule[];
}

/** in: verdicts, of equal ids one in order at most. */
export function keepRules(verdicts: readonly RuleVerdict[], before: Before | undefined): RuleVerdict[] {
  if (before === undefined) return [...verdicts];
  const there = new Set(verdicts.flatMap(({ rule }) => rule?.rule_id ?? []));
  const lost = new Map(before.rules.filter(({ rule_id }) => !there.has(rule_id)).map((rule) => [rule.rule_id, rule]));
  return verdicts.flatMap((verdict) => {
    const kept = lost.size === 0 || !isFault(verdict) ? [] : [...lost.values()].filter((rule) => isOf(verdict, rule));
    for (const { rule_id } of kept) lost.delete(rule_id);
    return kept.length === 0
      ? [verdict]
      : kept.map((rule) => ({ ...verdict, ...aboutRule(rule), rule, kept: true as const }));
  });
}

function isFault({ error }: RuleVerdict): boolean {
  return error !== undefined && error.code !== 'FB_RULE_EXCEPTIONS' && error.code !== 'FB_RULE_DUPLICATE';
}

/** By its id; by its file where the id cannot be read, or by the folder that cannot be. */
function isOf({ rule_id, file }: RuleVerdict, rule: Rule): boolean {
  if (rule_id !== undefined) return rule_id === rule.rule_id;
  return rule.file === file || rule.file.startsWith(`${file}/`);
}

function aboutRule({ rule_id, name, type, language, sensors = [] }: Rule): Partial<RuleVerdict> {
  return { rule_id, name, type, language, sensors };
}
