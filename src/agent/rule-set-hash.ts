// Which rules ran: a hash that start and stop records carry, equal for equal rule files in whatever order they came.

import { createHash } from 'node:crypto';
import type { RuleSet } from '../detect/load-rules-io.ts';

/** in: loaded rules; out: 16 hexadecimal digits over ids, versions and queries of those that run. */
export function ruleSetHash({ rules }: RuleSet): string {
  const hash = createHash('sha256');
  const lines = rules.map(({ rule_id, version, query }) => JSON.stringify([rule_id, version, query]));
  for (const line of lines.sort()) hash.update(line).update('\n');
  return hash.digest('hex').slice(0, 16);
}
