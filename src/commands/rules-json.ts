// Rules and verdicts as `rules check`, `list` and `show` print them with --json. In: a verdict, a rule; out: one object. Pure.

import type { RuleVerdict } from '../detect/compile-rule.ts';
import type { Rule, Suppression } from '../detect/rule.ts';

/** The contract of cli.md: every key is there, null where there is nothing to say. Beside it: enabled, where that is false. */
export function verdictJson(verdict: RuleVerdict): Record<string, unknown> {
  const { file, rule_id, name, type, language, error, rule, sensors, fields, line, notes = [] } = verdict;
  const said = [...(rule?.limits ?? []), ...notes];
  return {
    file,
    rule_id: rule_id ?? null,
    name: name ?? null,
    type: type ?? null,
    language: language ?? null,
    status: error === undefined ? 'runs' : 'refused',
    code: error?.code ?? null,
    reason: error?.message.split('\n', 1)[0] ?? (said.length > 0 ? said.join('; ') : null),
    line: error?.line ?? line ?? null,
    column: error?.column ?? null,
    sensors,
    fields,
    ...(rule?.disabled === true && { enabled: false }),
  };
}

/** Everything that the rule says of itself, in Elastic's names. */
export function ruleJson(rule: Rule): Record<string, unknown> {
  const { compiled, program, intervalMs, newTerms, buildingBlock, nameOverride, ...rest } = rule;
  const { severityOverrides, riskScoreOverrides, exceptionLists, suppression, timestampOverride, ...more } = rest;
  const { threshold, eqlFields, behavior, disabled, versionText, ...facts } = more;
  const read = [...(program?.fields ?? compiled.fields).map(({ name }) => name), ...(newTerms?.fields ?? [])];
  return {
    ...facts,
    enabled: disabled !== true,
    version_text: versionText,
    new_terms_fields: newTerms?.fields,
    history_window_start: newTerms?.historyWindowStart,
    threshold: threshold && { field: threshold.fields, value: threshold.value, cardinality: threshold.cardinality },
    alert_suppression: suppression && suppressionJson(suppression),
    event_category_override: eqlFields?.category,
    timestamp_field: eqlFields?.timestamp,
    tiebreaker_field: eqlFields?.tiebreaker,
    timestamp_override: timestampOverride,
    exceptions_list: exceptionLists?.map((list_id) => ({ list_id })),
    building_block_type: buildingBlock,
    rule_name_override: nameOverride,
    severity_mapping: severityOverrides,
    risk_score_mapping: riskScoreOverrides?.map(({ riskScore, ...entry }) => ({ ...entry, risk_score: riskScore })),
    actions: behavior?.actions,
    optional_actions: behavior?.optionalActions,
    os_list: behavior?.osList,
    min_endpoint_version: behavior?.minEndpointVersion,
    fields: [...new Set(read)].sort(),
  };
}

function suppressionJson({ groupBy, durationMs, missingFields }: Suppression): Record<string, unknown> {
  return {
    ...(groupBy.length > 0 && { group_by: groupBy }),
    ...(durationMs !== undefined && { duration: { value: durationMs / 1000, unit: 's' } }),
    missing_fields_strategy: missingFields,
  };
}
