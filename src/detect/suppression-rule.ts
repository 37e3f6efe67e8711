// How a rule suppresses, with its fields as slots. In: rule, the table of the events; out: undefined where it does not. Pure;
// called by rule-book.ts.

import type { Field, FieldTable } from '../ecs/fields.ts';
import { ecsType } from '../ecs/known-types.ts';
import type { Rule } from './rule.ts';

export interface SuppressionRule {
  readonly rule_id: string;
  readonly fields: readonly Field[];
  readonly durationMs: number;
  /** An event without one of the fields is of a group; else it makes an alert of its own. */
  readonly takesMissing: boolean;
  /** Changes when what is suppressed does. */
  readonly signature: string;
}

/** Without a duration Kibana counts within one run of the rule: here within its interval. */
export function suppressionOf(rule: Rule, fields: FieldTable): SuppressionRule | undefined {
  const { rule_id, suppression, threshold, intervalMs } = rule;
  if (suppression === undefined) return undefined;
  const names = threshold === undefined ? suppression.groupBy : threshold.fields;
  const { durationMs = intervalMs, missingFields } = suppression;
  return {
    rule_id,
    fields: names.map((name) => fields.add(name, ecsType(name) ?? 'keyword')),
    durationMs,
    takesMissing: missingFields === 'suppress',
    signature: JSON.stringify([names, durationMs, missingFields]),
  };
}
