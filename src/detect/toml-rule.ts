// Elastic's detection-rules TOML -> the facts of a rule. Form: github.com/elastic/detection-rules, [metadata] [rule]
// [[rule.threat]] [rule.new_terms] [[transform.osquery]]. Pure; called by compile-rule.ts.
// This project's own table beside them: [forebear.note] holds the guide by language (zh = """..."""), the English one is
// rule.note; [[forebear.related]] holds rule_id and name of related rules.

import { parse, TomlError } from 'smol-toml';
import { ForebearError, reasonOf } from '../errors.ts';
import { parseInterval, parseLookback } from './date-math.ts';
import type { NewTerms, RiskScoreOverride, RuleFacts, Severity, SeverityOverride, Threat } from './rule.ts';
import { TomlTable } from './toml-table.ts';

const SEVERITIES: readonly Severity[] = ['low', 'medium', 'high', 'critical'];
const TYPES = ['query', 'new_terms'] as const;

/** What names a rule in a report, as far as it could be read: filled even for a rule that is then refused. */
export interface RuleIdentity {
  rule_id?: string;
  name?: string;
  type?: string;
  language?: string;
}

/** in: text of a rule file; out: its tables. Throws FB_RULE_TOML with line and column. */
export function parseToml(text: string): TomlTable {
  try {
    return new TomlTable(parse(text, { maxDepth: 32, unsafeKeyBehaviour: 'throw' }));
  } catch (error) {
    if (!(error instanceof TomlError)) throw new ForebearError('FB_RULE_TOML', reasonOf(error), { cause: error });
    const message = error.message.split('\n', 1)[0]!;
    throw new ForebearError('FB_RULE_TOML', message, { line: error.line, column: error.column, cause: error });
  }
}

/** Never throws: what cannot be read is left out. */
export function identify(root: TomlTable): RuleIdentity {
  const identity: RuleIdentity = {};
  if (!isTable(root, 'rule')) return identity;
  const rule = root.table('rule');
  const take = (key: keyof RuleIdentity, from: string) => {
    if (identity[key] === undefined && isText(rule, from)) identity[key] = rule.string(from);
  };
  for (const key of ['rule_id', 'name', 'type', 'language'] as const) take(key, key);
  if (!isBehaviorRule(root)) return identity;
  take('rule_id', 'id');
  return { type: 'eql', language: 'eql', ...identity };
}

/**
 * Refuses what this version does not evaluate, before anything else of the rule is looked at.
 * Throws FB_RULE_LANGUAGE, FB_RULE_TYPE, FB_RULE_FEATURE, FB_RULE_MISSING.
 */
export function assertSupported(root: TomlTable): void {
  if (isBehaviorRule(root)) {
    throw new ForebearError('FB_RULE_LANGUAGE', 'an Elastic Defend behaviour rule in EQL: not in this version');
  }
  const rule = root.table('rule');
  const type = rule.name('type');
  const language = rule.optionalString('language') ?? (type === 'eql' || type === 'esql' ? type : 'kuery');
  if (language !== 'kuery') {
    throw new ForebearError('FB_RULE_LANGUAGE', `rule.language: ${language}: not in this version, only kuery is`);
  }
  if (!(TYPES as readonly string[]).includes(type)) {
    throw new ForebearError('FB_RULE_TYPE', `rule.type: ${type}: not in this version, only ${TYPES.join(' and ')} are`);
  }
  for (const key of ['filters', 'alert_suppression', 'data_view_id', 'saved_id']) {
    if (isPresent(rule, key)) {
      throw new ForebearError(
        'FB_RULE_FEATURE',
        `rule.${key}: not in this version; without it the rule would mean more`,
      );
    }
  }
}

/** in: tables of a supported rule; out: its facts. Throws FB_RULE_VALUE, FB_RULE_MISSING with the path in the message. */
export function readRule(root: TomlTable, file: string): RuleFacts {
  const rule = root.table('rule');
  const type = rule.oneOf('type', TYPES);
  const interval = rule.optionalString('interval') ?? '5m';
  const from = rule.optionalString('from') ?? 'now-6m';
  parseLookback(from, 'rule.from');
  return {
    rule_id: boundedName(rule, 'rule_id', 256),
    name: boundedName(rule, 'name', 512),
    type,
    language: 'kuery',
    version: readVersion(root),
    severity: rule.oneOf('severity', SEVERITIES),
    risk_score: rule.number('risk_score', 0, 100),
    description: rule.string('description').trim(),
    query: rule.string('query'),
    index: rule.strings('index'),
    from,
    interval,
    intervalMs: parseInterval(interval, 'rule.interval'),
    max_signals: rule.has('max_signals') ? rule.integer('max_signals', 1, 1_000_000) : 100,
    author: rule.strings('author'),
    license: rule.optionalString('license') ?? '',
    tags: rule.strings('tags'),
    references: rule.strings('references'),
    false_positives: rule.strings('false_positives').map((text) => text.trim()),
    threat: rule.tables('threat').map(readThreat),
    note: readNotes(root),
    setup: rule.optionalString('setup') ?? '',
    osquery: readOsquery(root),
    related: readRelated(root),
    ...(type === 'new_terms' ? { newTerms: readNewTerms(rule.table('new_terms')) } : {}),
    ...readExceptionLists(rule),
    ...readOverrides(rule),
    file,
  };
}

function boundedName(table: TomlTable, key: string, max: number): string {
  const text = table.name(key);
  if (text.length <= max) return text;
  throw new ForebearError(
    'FB_RULE_VALUE',
    `${table.at(key)}: expected at most ${max} characters, found ${text.length}`,
  );
}

function readVersion(root: TomlTable): number {
  const metadata = root.optionalTable('metadata');
  for (const table of [root.table('rule'), metadata]) {
    if (table?.has('version')) return table.integer('version', 1, 2 ** 31 - 1);
  }
  return 1;
}

/** Upstream's form: field = "new_terms_fields", value = [...], [[history_window_start]] field, value = "now-7d". */
function readNewTerms(table: TomlTable): NewTerms {
  expectConstant(table, 'field', 'new_terms_fields');
  const fields = table.strings('value');
  if (fields.length < 1 || fields.length > 3 || new Set(fields).size !== fields.length) {
    throw new ForebearError(
      'FB_RULE_VALUE',
      `${table.at('value')}: expected 1 to 3 different fields, found ${fields.length}`,
    );
  }
  const windows = table.tables('history_window_start');
  if (windows.length !== 1) {
    throw new ForebearError(
      'FB_RULE_MISSING',
      `${table.at('history_window_start')}: expected one, found ${windows.length}`,
    );
  }
  const window = windows[0]!;
  expectConstant(window, 'field', 'history_window_start');
  const historyWindowStart = window.string('value');
  return { fields, historyMs: parseLookback(historyWindowStart, window.at('value')), historyWindowStart };
}

function expectConstant(table: TomlTable, key: string, value: string): void {
  if (table.has(key)) table.oneOf(key, [value]);
}

function readThreat(table: TomlTable): Threat {
  return {
    framework: table.string('framework'),
    tactic: readReference(table.table('tactic')),
    technique: table.tables('technique').map((technique) => ({
      ...readReference(technique),
      subtechnique: technique.tables('subtechnique').map(readReference),
    })),
  };
}

function readReference(table: TomlTable): { id: string; name: string; reference: string } {
  return { id: table.string('id'), name: table.string('name'), reference: table.string('reference') };
}

function readNotes(root: TomlTable): Record<string, string> {
  const notes: Record<string, string> = { en: root.table('rule').optionalString('note') ?? '' };
  const translated = root.optionalTable('forebear')?.optionalTable('note');
  for (const language of translated?.keys() ?? []) notes[language] = translated!.string(language);
  return notes;
}

function readOsquery(root: TomlTable): { label: string; query: string }[] {
  const steps = root.optionalTable('transform')?.tables('osquery') ?? [];
  return steps.map((step) => ({ label: step.string('label'), query: step.string('query').trim() }));
}

function readRelated(root: TomlTable): { rule_id: string; name: string }[] {
  const related = root.optionalTable('forebear')?.tables('related') ?? [];
  return related.map((rule) => ({ rule_id: rule.name('rule_id'), name: rule.name('name') }));
}

/** Kibana's form: id, list_id, type and namespace_type; the list is found by its list_id. */
function readExceptionLists(rule: TomlTable): { exceptionLists?: readonly string[] } {
  const lists = rule.tables('exceptions_list').map((list) => list.name('list_id'));
  return lists.length > 0 ? { exceptionLists: lists } : {};
}

function readOverrides(rule: TomlTable): Partial<RuleFacts> {
  const severity = rule.tables('severity_mapping').map(readSeverityOverride);
  const risk = rule.tables('risk_score_mapping').map(readRiskOverride);
  return {
    ...(severity.length > 0 ? { severityOverrides: severity } : {}),
    ...(risk.length > 0 ? { riskScoreOverrides: risk } : {}),
    ...(rule.has('rule_name_override') ? { nameOverride: rule.name('rule_name_override') } : {}),
    ...(rule.has('building_block_type') ? { buildingBlock: rule.name('building_block_type') } : {}),
  };
}

function readSeverityOverride(table: TomlTable): SeverityOverride {
  expectConstant(table, 'operator', 'equals');
  return { field: table.name('field'), value: table.string('value'), severity: table.oneOf('severity', SEVERITIES) };
}

function readRiskOverride(table: TomlTable): RiskScoreOverride {
  expectConstant(table, 'operator', 'equals');
  const score = table.has('risk_score') ? { riskScore: table.number('risk_score', 0, 100) } : {};
  return { field: table.name('field'), value: table.optionalString('value') ?? '', ...score };
}

/** Endpoint behaviour rules have [[actions]] or os_list, and rule.id in place of rule.rule_id. */
function isBehaviorRule(root: TomlTable): boolean {
  if (!isTable(root, 'rule')) return false;
  const rule = root.table('rule');
  return !rule.has('type') && (root.has('actions') || rule.has('os_list'));
}

function isTable(table: TomlTable, key: string): boolean {
  return holds(() => table.table(key));
}

function isText(table: TomlTable, key: string): boolean {
  return holds(() => table.string(key));
}

/** Present and not the empty list or table that exports write for "none". */
function isPresent(table: TomlTable, key: string): boolean {
  if (!table.has(key)) return false;
  return !(holds(() => table.strings(key)) && table.strings(key).length === 0);
}

function holds(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
