// The parts of a rule that not every type has, read the same from TOML and from Kibana's JSON: new terms, threshold, suppression,
// fields of EQL, overrides, exception lists. In: the table of a rule; out: facts, or FB_RULE_VALUE and FB_RULE_MISSING with the
// path of the value. Forms: detection_rules/rule.py of elastic/detection-rules, Kibana's rule API. Called by rule-facts.ts.

import { ForebearError } from '../errors.ts';
import { parseInterval, parseLookback } from './date-math.ts';
import { MAX_VALUES } from './group-tally.ts';
import type {
  EqlFields,
  NewTerms,
  RiskScoreOverride,
  RuleFacts,
  Severity,
  SeverityOverride,
  Suppression,
  Threshold,
} from './rule.ts';
import type { TomlTable } from './toml-table.ts';

export const SEVERITIES: readonly Severity[] = ['low', 'medium', 'high', 'critical'];
const MAX_COUNT = 1_000_000;
const MISSING_FIELDS = ['suppress', 'doNotSuppress'] as const;

/** By type of the rule. */
export function readKind(rule: TomlTable, type: RuleFacts['type']): Partial<RuleFacts> {
  const suppression = readSuppression(rule, type);
  return {
    ...(type === 'new_terms' && { newTerms: readNewTerms(rule) }),
    ...(type === 'threshold' && { threshold: readThreshold(rule.table('threshold')) }),
    ...(type === 'eql' && readEqlFields(rule)),
    ...(suppression && { suppression }),
  };
}

/** In TOML a table of its own; in Kibana's form two keys of the rule. */
function readNewTerms(rule: TomlTable): NewTerms {
  if (!rule.has('new_terms') && rule.has('new_terms_fields')) {
    return newTerms(rule, 'new_terms_fields', rule, 'history_window_start');
  }
  const table = rule.table('new_terms');
  expectConstant(table, 'field', 'new_terms_fields');
  const windows = table.tables('history_window_start');
  if (windows.length !== 1) {
    const message = `${table.at('history_window_start')}: expected one, found ${windows.length}`;
    throw new ForebearError('FB_RULE_MISSING', message);
  }
  const window = windows[0]!;
  expectConstant(window, 'field', 'history_window_start');
  return newTerms(table, 'value', window, 'value');
}

function newTerms(fieldsIn: TomlTable, fieldsKey: string, windowIn: TomlTable, windowKey: string): NewTerms {
  const fields = differentFields(fieldsIn, fieldsKey, 1, 3);
  const historyWindowStart = windowIn.string(windowKey);
  return { fields, historyMs: parseLookback(historyWindowStart, windowIn.at(windowKey)), historyWindowStart };
}

/** `field` is a list, or one name (older exports). No field, or "": all events together. */
function readThreshold(table: TomlTable): Threshold {
  const cardinality = table.tables('cardinality').map((entry) => ({
    field: entry.name('field'),
    // More are not remembered of a group: such a rule would never alert.
    value: entry.integer('value', 0, MAX_VALUES),
  }));
  if (cardinality.length > 1) {
    throw new ForebearError('FB_RULE_VALUE', `${table.at('cardinality')}: expected one, found ${cardinality.length}`);
  }
  return { fields: differentFields(table, 'field', 0, 5), value: table.integer('value', 1, MAX_COUNT), cardinality };
}

function readSuppression(rule: TomlTable, type: RuleFacts['type']): Suppression | undefined {
  const table = rule.optionalTable('alert_suppression');
  if (table === undefined || table.keys().length === 0) return undefined;
  const span = table.optionalTable('duration');
  const duration = span === undefined ? {} : { durationMs: readDuration(span) };
  if (type === 'threshold') {
    if (span === undefined) throw new ForebearError('FB_RULE_MISSING', `${table.at('duration')}: is missing`);
    return { groupBy: [], ...duration, missingFields: 'suppress' };
  }
  const strategy = table.has('missing_fields_strategy')
    ? table.oneOf('missing_fields_strategy', MISSING_FIELDS)
    : 'suppress';
  return { groupBy: differentFields(table, 'group_by', 1, 3), ...duration, missingFields: strategy };
}

function readDuration(span: TomlTable): number {
  const value = span.integer('value', 1, MAX_COUNT);
  return parseInterval(`${value}${span.oneOf('unit', ['s', 'm', 'h', 'd'])}`, span.at('value'));
}

/** Kibana's exports write event_category_override, its API takes event_category_field too. */
function readEqlFields(rule: TomlTable): { eqlFields?: EqlFields } {
  const category = textOf(rule, 'event_category_override') ?? textOf(rule, 'event_category_field');
  const timestamp = textOf(rule, 'timestamp_field');
  const tiebreaker = textOf(rule, 'tiebreaker_field');
  if (category === undefined && timestamp === undefined && tiebreaker === undefined) return {};
  return {
    eqlFields: {
      ...(category !== undefined && { category }),
      ...(timestamp !== undefined && { timestamp }),
      ...(tiebreaker !== undefined && { tiebreaker }),
    },
  };
}

/** Kibana's form: id, list_id, type and namespace_type; the list is found by its list_id. */
export function readExceptionLists(rule: TomlTable): { exceptionLists?: readonly string[] } {
  const lists = rule.tables('exceptions_list').map((list) => list.name('list_id'));
  return lists.length > 0 ? { exceptionLists: [...new Set(lists)] } : {};
}

export function readOverrides(rule: TomlTable): Partial<RuleFacts> {
  const severity = rule.tables('severity_mapping').map(readSeverityOverride);
  const risk = rule.tables('risk_score_mapping').map(readRiskOverride);
  const nameOverride = textOf(rule, 'rule_name_override');
  const buildingBlock = textOf(rule, 'building_block_type');
  const timestampOverride = textOf(rule, 'timestamp_override');
  return {
    ...(severity.length > 0 && { severityOverrides: severity }),
    ...(risk.length > 0 && { riskScoreOverrides: risk }),
    ...(nameOverride !== undefined && { nameOverride }),
    ...(buildingBlock !== undefined && { buildingBlock }),
    ...(timestampOverride !== undefined && { timestampOverride }),
  };
}

function readSeverityOverride(table: TomlTable): SeverityOverride {
  expectConstant(table, 'operator', 'equals');
  const value = table.optionalString('value') ?? '';
  return { field: table.name('field'), value, severity: table.oneOf('severity', SEVERITIES) };
}

function readRiskOverride(table: TomlTable): RiskScoreOverride {
  expectConstant(table, 'operator', 'equals');
  const score = table.has('risk_score') ? { riskScore: table.number('risk_score', 0, 100) } : {};
  return { field: table.name('field'), value: table.optionalString('value') ?? '', ...score };
}

/** A list of different names, or one name. */
function differentFields(table: TomlTable, key: string, least: number, most: number): string[] {
  const fields = (table.isText(key) ? [table.string(key)] : table.strings(key)).filter((name) => name !== '');
  if (fields.length >= least && fields.length <= most && new Set(fields).size === fields.length) return fields;
  throw new ForebearError(
    'FB_RULE_VALUE',
    `${table.at(key)}: expected ${least} to ${most} different fields, found ${fields.length}`,
  );
}

function expectConstant(table: TomlTable, key: string, value: string): void {
  if (table.has(key)) table.oneOf(key, [value]);
}

/** Exports write "" for what is not set. */
function textOf(table: TomlTable, key: string): string | undefined {
  const text = table.optionalString(key)?.trim();
  return text === '' ? undefined : text;
}
