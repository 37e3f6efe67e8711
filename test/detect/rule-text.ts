// Rule files in TOML for tests, in the project's own words.

import { judgeSteps, type RuleContext, type RuleVerdict } from '../../src/detect/compile-rule.ts';

/** A valid new_terms rule; `rule` lines replace or add keys of [rule], `rest` follows at the end. */
export function ruleText(rule: Record<string, string | undefined> = {}, rest = NEW_TERMS): string {
  const keys = { ...DEFAULTS, ...rule };
  const lines = Object.entries(keys).flatMap(([key, value]) => (value === undefined ? [] : [`${key} = ${value}`]));
  return ['[rule]', ...lines, rest].join('\n');
}

export const DEFAULTS: Record<string, string> = {
  rule_id: '"rule-1"',
  name: '"A name"',
  description: '"What it means"',
  type: '"new_terms"',
  language: '"kuery"',
  severity: '"low"',
  risk_score: '21',
  index: '["logs-endpoint.events.*"]',
  query: "'event.category=process & process.name=tool'",
};

export const NEW_TERMS = `
[rule.new_terms]
field = "new_terms_fields"
value = ["process.parent.executable"]

[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-7d"
`;

export const QUERY_RULE = { type: '"query"' };

/** in: text of a file in TOML. */
export function judgeToml(text: string, file: string, context: RuleContext): RuleVerdict {
  const steps = judgeSteps({ text, file }, context);
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}
