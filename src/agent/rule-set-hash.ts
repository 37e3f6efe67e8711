// Which rules ran: a line for each, equal where it does the same, and a hash of them that start and stop records carry, equal for equal
// rules in whatever order they came. In: loaded rules. Used by agent.ts and reload.ts.

import { createHash } from 'node:crypto';
import { itemsHash } from '../detect/exceptions/exception-set.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';
import type { Rule } from '../detect/rule.ts';

/** rule_id -> line, in steps. */
export function* ruleLines({ rules, exceptions }: RuleSet): Generator<void, Map<string, string>> {
  const lines = new Map<string, string>();
  for (const rule of rules) {
    const items = exceptions?.boundTo(rule) ?? [];
    const besides = besidesOf(rule);
    const parts = [rule.rule_id, rule.version, rule.query, ...(items.length > 0 ? [itemsHash(items)] : [])];
    lines.set(rule.rule_id, JSON.stringify(besides === '' ? parts : [...parts, besides]));
    yield;
  }
  return lines;
}

/** What decides besides the query, where a rule has it. */
function besidesOf(rule: Rule): string {
  const { filters, threshold, suppression, eqlFields, severityOverrides, riskScoreOverrides, nameOverride } = rule;
  const parts = { filters, threshold, suppression, eqlFields, severityOverrides, riskScoreOverrides, nameOverride };
  const json = JSON.stringify(parts);
  return json === '{}' ? '' : json;
}

/** in: lines; out: 16 hexadecimal digits. */
export function hashOfLines(lines: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const line of [...lines.values()].sort()) hash.update(line).update('\n');
  return hash.digest('hex').slice(0, 16);
}

/** in: loaded rules; out: the hash of their lines. */
export function ruleSetHash(set: RuleSet): string {
  const steps = ruleLines(set);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return hashOfLines(step.value);
  }
}
