// What an alert says in words and which severity it has: Kibana's reason sentence with only the parts present, and the
// overrides of severity, risk score and name that a rule takes from the event. Pure; called by alert-document.ts.

import type { EcsEvent } from '../ecs/event.ts';
import type { RuleFacts, Severity } from './rule.ts';

const RANK: readonly Severity[] = ['low', 'medium', 'high', 'critical'];

export interface Verdict {
  readonly severity: Severity;
  readonly riskScore: number;
  readonly ruleName: string;
}

/** The rule's own severity, score and name, or what its overrides take from this event (the highest that applies). */
export function verdictOf(rule: RuleFacts, event: EcsEvent): Verdict {
  const severities = (rule.severityOverrides ?? []).filter(({ field, value }) => textsOf(event, field).includes(value));
  const highest = Math.max(-1, ...severities.map(({ severity }) => RANK.indexOf(severity)));
  const name = rule.nameOverride === undefined ? undefined : textsOf(event, rule.nameOverride)[0];
  return { severity: RANK[highest] ?? rule.severity, riskScore: riskOf(rule, event), ruleName: name || rule.name };
}

function riskOf(rule: RuleFacts, event: EcsEvent): number {
  for (const { field, value, riskScore } of rule.riskScoreOverrides ?? []) {
    const texts = textsOf(event, field);
    if (value !== '' && texts.includes(value)) return riskScore ?? rule.risk_score;
    const own = Number(texts[0] ?? '');
    if (value === '' && texts.length > 0 && own >= 0 && own <= 100) return own;
  }
  return rule.risk_score;
}

/**
 * `process event with process P, parent process PP, by USER on HOST created medium alert RULE.`
 * Parts in Kibana's order; a part that the event lacks is left out.
 */
export function reasonOfAlert(event: EcsEvent, { severity, ruleName }: Verdict): string {
  const part = (words: string, ...fields: string[]) => {
    const text = fields.map((field) => textsOf(event, field)[0]).find((value) => value !== undefined && value !== '');
    return text === undefined ? [] : [`${words} ${text.toWellFormed()}`];
  };
  const seen = [
    ...part('process', 'process.name'),
    ...part('parent process', 'process.parent.name'),
    ...part('file', 'file.name'),
    ...part('source', 'source.address', 'source.ip'),
    ...part('destination', 'destination.address', 'destination.ip'),
  ];
  const what = [...textsOf(event, 'event.category'), 'event'].join(' ');
  const details = seen.length === 0 ? what : `${what} with ${seen.join(', ')},`;
  const where = [...part('by', 'user.name'), ...part('on', 'host.name')];
  return [details, ...where, 'created', severity, 'alert', `${ruleName.toWellFormed()}.`].join(' ');
}

/** The values of a field as texts; none where the event lacks it. */
export function textsOf(event: EcsEvent, field: string): string[] {
  const value = event.get(field);
  if (value === undefined) return [];
  return Array.isArray(value) ? value.map(String) : [String(value)];
}
