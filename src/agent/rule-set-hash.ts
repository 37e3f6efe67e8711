// Which rules ran: a hash that start and stop records carry, equal for equal rule files in whatever order they came.

import { createHash } from 'node:crypto';
import { itemsHash } from '../detect/exceptions/exception-set.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';

/** in: loaded rules; out: 16 hexadecimal digits over ids, versions, queries and exceptions of those that run. */
export function ruleSetHash({ rules, exceptions }: RuleSet): string {
  const hash = createHash('sha256');
  const lines = rules.map((rule) => {
    const items = exceptions?.boundTo(rule) ?? [];
    const parts = [rule.rule_id, rule.version, rule.query, ...(items.length > 0 ? [itemsHash(items)] : [])];
    return JSON.stringify(parts);
  });
  for (const line of lines.sort()) hash.update(line).update('\n');
  return hash.digest('hex').slice(0, 16);
}
