// Keys of a rule that Elastic's forms have, so that a misspelt one is said and not passed over: detection_rules/rule.py of
// elastic/detection-rules, Kibana's rule API and its export, protections-artifacts. In: the tables of a rule; out: a sentence for
// each thing that is passed over. Pure; called by compile-rule.ts.

import { nearest } from '../config/nearest.ts';
import type { TomlTable } from './toml-table.ts';

const words = (text: string) => new Set(text.trim().split(/\s+/));

const RULE = words(`
  actions alert_suppression anomaly_threshold author building_block_type concurrent_searches data_view_id description enabled
  event_category_field event_category_override exceptions_list false_positives filters from history_window_start index interval
  investigation_fields items_per_search language license machine_learning_job_id max_signals meta name namespace new_terms
  new_terms_fields note output_index query references related_integrations required_fields response_actions revision risk_score
  risk_score_mapping rule_id rule_name_override rule_source saved_id setup severity severity_mapping tags threat threat_filters
  threat_index threat_indicator_path threat_language threat_mapping threat_query threshold throttle tiebreaker_field timeline_id
  timeline_title timestamp_field timestamp_override timestamp_override_fallback_disabled to type version
  alias_purpose alias_target_id created_at created_by execution_summary id immutable last_execution outcome
  updated_at updated_by`);
const BEHAVIOR = words(`
  id name description license os_list version query reference min_endpoint_version optional_actions severity risk_score`);
const TABLES: Readonly<Record<string, ReadonlySet<string>>> = {
  threshold: words('field value cardinality'),
  alert_suppression: words('group_by duration missing_fields_strategy'),
  new_terms: words('field value history_window_start'),
};

/** Of one table so many unknown keys are named. */
const MOST_NAMED = 20;

/** Never throws. */
export function notesOf(root: TomlTable, isBehavior: boolean): string[] {
  const rule = root.table('rule');
  if (isBehavior) return unknownKeys(rule, BEHAVIOR);
  const nested = Object.entries(TABLES).flatMap(([key, known]) =>
    rule.isTable(key) ? unknownKeys(rule.table(key), known) : [],
  );
  return [...unknownKeys(rule, RULE), ...nested, ...passedOver(rule)];
}

function unknownKeys(table: TomlTable, known: ReadonlySet<string>): string[] {
  const unknown = table.keys().filter((key) => !known.has(key));
  const notes = unknown.slice(0, MOST_NAMED).map((key) => {
    const near = nearest(key, known);
    const meant = near === undefined ? '' : `; did you mean ${near}?`;
    return `${table.at(key).slice(0, 200)}: is no key of a rule, and is passed over${meant}`;
  });
  const rest = unknown.length - notes.length;
  return rest === 0 ? notes : [...notes, `${table.path}: ${rest} more keys are no keys of a rule, and are passed over`];
}

/** Known, and without meaning on a host. */
function passedOver(rule: TomlTable): string[] {
  const text = (key: string) => (rule.isText(key) ? (rule.raw(key) as string) : '');
  const override = text('timestamp_override');
  return [
    ...(rule.says('actions') ? ['rule.actions: notifications are made by Kibana, not here'] : []),
    ...(rule.says('response_actions') ? ['rule.response_actions: nothing is done on the host'] : []),
    ...(text('to') === '' || text('to') === 'now' ? [] : [`rule.to: ${text('to')}: events are taken when they happen`]),
    ...(override === '' || override === 'event.ingested' || override === '@timestamp'
      ? []
      : [`rule.timestamp_override: ${override}: windows run on the time of the kernel`]),
    ...['timestamp_field', 'tiebreaker_field']
      .filter((key) => text(key) !== '')
      .map((key) => `rule.${key}: ${text(key)}: events are taken in the order of the kernel`),
  ];
}
