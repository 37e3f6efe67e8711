// What an alert says in words and which severity it has: Kibana's reason sentence with only the parts present, and the
// overrides of severity, risk score and name that a rule takes from the event. Pure; called by alert-document.ts.

import type { EcsEvent } from '../ecs/event.ts';
import type { RuleFacts, Severity } from './rule.ts';

/** A part of the reason: its words, and the fields that can fill it, the first that has a value. */
interface Part {
  readonly words: string;
  readonly fields: readonly string[];
  readonly port?: string;
}

const WHAT: readonly Part[] = [
  { words: 'process', fields: ['process.name'] },
  { words: 'parent process', fields: ['process.parent.name'] },
  { words: 'file', fields: ['file.name'] },
  { words: 'source', fields: ['source.address', 'source.ip'], port: 'source.port' },
  { words: 'destination', fields: ['destination.address', 'destination.ip'], port: 'destination.port' },
];
const WHO: readonly Part[] = [
  { words: 'by', fields: ['user.name'] },
  { words: 'on', fields: ['host.name'] },
];

/** Fields whose values take the place of the rule's own severity, score and name. */
export function overridingFields({
  severityOverrides = [],
  riskScoreOverrides = [],
  nameOverride,
}: RuleFacts): string[] {
  const fields = [...severityOverrides, ...riskScoreOverrides].map(({ field }) => field);
  return nameOverride === undefined ? fields : [...fields, nameOverride];
}

/** What an alert reads of its event besides the query's fields: they must be in the table before events are made. */
export function fieldsOfAlert(rule: RuleFacts): string[] {
  const parts = [...WHAT, ...WHO].flatMap(({ fields, port }) => (port === undefined ? fields : [...fields, port]));
  return ['event.category', ...parts, ...overridingFields(rule)];
}

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

/** "": the highest score among the field's own values, numbers or texts of numbers, as Kibana has it. */
function riskOf(rule: RuleFacts, event: EcsEvent): number {
  for (const { field, value, riskScore } of rule.riskScoreOverrides ?? []) {
    const texts = textsOf(event, field);
    if (value !== '' && texts.includes(value)) return riskScore ?? rule.risk_score;
    const scores = value === '' ? texts.map(Number).filter((own) => own >= 0 && own <= 100) : [];
    if (scores.length > 0) return scores.reduce((highest, own) => Math.max(highest, own));
  }
  return rule.risk_score;
}

/**
 * `process event with process P, parent process PP, by USER on HOST created medium alert RULE.`
 * Parts in Kibana's order, several values of one with a comma; a part that the event lacks is left out.
 */
export function reasonOfAlert(event: EcsEvent, { severity, ruleName }: Verdict): string {
  const seen = WHAT.flatMap((part) => partOf(event, part));
  const category = textsOf(event, 'event.category').join(', ').toWellFormed();
  const what = category === '' ? 'event' : `${category} event`;
  const details = seen.length === 0 ? what : `${what} with ${seen.join(', ')},`;
  const who = WHO.flatMap((part) => partOf(event, part));
  return [details, ...who, 'created', severity, 'alert', `${ruleName.toWellFormed()}.`].join(' ');
}

function partOf(event: EcsEvent, { words, fields, port }: Part): string[] {
  const text = fields.map((field) => textsOf(event, field).join(', ')).find((value) => value !== '');
  if (text === undefined) return [];
  const behind = port === undefined ? '' : textsOf(event, port).map((value) => `:${value}`)[0];
  return [`${words} ${text.toWellFormed()}${behind ?? ''}`];
}

/** The values of a field as texts; none where the event lacks it. */
export function textsOf(event: EcsEvent, field: string): string[] {
  const value = event.get(field);
  if (value === undefined) return [];
  return Array.isArray(value) ? value.map(String) : [String(value)];
}
