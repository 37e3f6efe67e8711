// What an alert's document says of its rule: kibana.alert.rule.* as Kibana writes it, and ECS rule.* and threat.*.
// In: a rule; out: plain JSON values, made once per rule and shared by its alerts. Pure; called by alert-document.ts.

import type { Behavior, RuleFacts, Suppression, Threat } from './rule.ts';

export interface RuleDocument {
  /** kibana.alert.rule, but for the name (it can come from the event). */
  readonly kibana: Readonly<Record<string, unknown>>;
  /** rule, but for the name. */
  readonly ecs: Readonly<Record<string, unknown>>;
  /** threat; absent when the rule has none. */
  readonly threat?: Readonly<Record<string, unknown>>;
}

const CATEGORY = {
  query: 'Custom Query Rule',
  new_terms: 'New Terms Rule',
  eql: 'Event Correlation Rule',
  threshold: 'Threshold Rule',
} as const;
const TYPE_ID = {
  query: 'siem.queryRule',
  new_terms: 'siem.newTermsRule',
  eql: 'siem.eqlRule',
  threshold: 'siem.thresholdRule',
} as const;

export function ruleDocument(rule: RuleFacts): RuleDocument {
  const document = { kibana: kibanaRule(rule), ecs: ecsRule(rule) };
  return rule.threat.length === 0 ? document : { ...document, threat: ecsThreat(rule.threat) };
}

function kibanaRule(rule: RuleFacts): Record<string, unknown> {
  const { rule_id, version, type, description, tags, threat, references, false_positives, setup } = rule;
  const { from, interval, max_signals, author, license, severity, risk_score } = rule;
  return {
    rule_id,
    version,
    type,
    category: CATEGORY[type],
    rule_type_id: TYPE_ID[type],
    producer: 'siem',
    consumer: 'siem',
    enabled: true,
    description,
    severity,
    risk_score,
    tags,
    threat,
    references,
    note: rule.note.en ?? '',
    setup,
    false_positives,
    from,
    to: 'now',
    interval,
    max_signals,
    author,
    license,
    ...(rule.buildingBlock === undefined ? {} : { building_block_type: rule.buildingBlock }),
    ...(rule.timestampOverride === undefined ? {} : { timestamp_override: rule.timestampOverride }),
    ...(rule.nameOverride === undefined ? {} : { rule_name_override: rule.nameOverride }),
    parameters: parameters(rule),
  };
}

function parameters(rule: RuleFacts): Record<string, unknown> {
  const { type, language, index, query, newTerms, threshold, suppression, eqlFields = {} } = rule;
  const terms = newTerms && { new_terms_fields: newTerms.fields, history_window_start: newTerms.historyWindowStart };
  const eql = {
    event_category_override: eqlFields.category,
    timestamp_field: eqlFields.timestamp,
    tiebreaker_field: eqlFields.tiebreaker,
  };
  return {
    ...{ type, language, index, query, ...terms },
    ...(threshold && {
      threshold: { field: threshold.fields, value: threshold.value, cardinality: threshold.cardinality },
    }),
    ...(suppression && { alert_suppression: suppressionParameters(suppression) }),
    ...Object.fromEntries(Object.entries(eql).filter(([, value]) => value !== undefined)),
    ...(rule.behavior && behaviorParameters(rule.behavior)),
  };
}

/** What Elastic Defend would do; here nothing is done. */
function behaviorParameters({
  osList,
  minEndpointVersion,
  actions,
  optionalActions,
}: Behavior): Record<string, unknown> {
  return {
    os_list: osList,
    ...(minEndpointVersion !== undefined && { min_endpoint_version: minEndpointVersion }),
    actions,
    optional_actions: optionalActions,
  };
}

function suppressionParameters({ groupBy, durationMs, missingFields }: Suppression): Record<string, unknown> {
  return {
    ...(groupBy.length > 0 && { group_by: groupBy }),
    ...(durationMs !== undefined && { duration: { value: Math.round(durationMs / 1000), unit: 's' } }),
    missing_fields_strategy: missingFields,
  };
}

function ecsRule(rule: RuleFacts): Record<string, unknown> {
  return {
    id: rule.rule_id,
    version: rule.versionText ?? String(rule.version),
    description: rule.description,
    category: CATEGORY[rule.type],
    ...(rule.author.length === 0 ? {} : { author: rule.author }),
    ...(rule.license === '' ? {} : { license: rule.license }),
    ...(rule.references.length === 0 ? {} : { reference: rule.references[0] }),
  };
}

/** ECS threat.*: parallel lists of ids, names, references, each once. */
function ecsThreat(threats: readonly Threat[]): Record<string, unknown> {
  const techniques = threats.flatMap(({ technique }) => technique);
  const subtechniques = techniques.flatMap(({ subtechnique }) => subtechnique);
  const technique = { ...columns(techniques), subtechnique: columns(subtechniques) };
  return {
    framework: threats[0]!.framework,
    tactic: columns(threats.map(({ tactic }) => tactic)),
    ...(techniques.length === 0 ? {} : { technique: subtechniques.length === 0 ? columns(techniques) : technique }),
  };
}

function columns(entries: readonly { id: string; name: string; reference: string }[]): Record<string, string[]> {
  const once = [...new Map(entries.map((entry) => [entry.id, entry])).values()];
  return {
    id: once.map(({ id }) => id),
    name: once.map(({ name }) => name),
    reference: once.map(({ reference }) => reference),
  };
}
