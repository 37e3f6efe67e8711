// The table of a detection rule -> its facts. Forms: elastic/detection-rules TOML ([metadata] [rule] [[rule.threat]]
// [rule.new_terms] [[transform.osquery]]), and a rule of a Kibana export, which is what stands in [rule] there. Pure; called by
// compile-rule.ts; errors are FB_RULE_VALUE and FB_RULE_MISSING with the path of the value.
// This project's own table beside them: [forebear.note] holds the guide by language (zh = """..."""), the English one is
// rule.note; [[forebear.related]] holds rule_id and name of related rules.

import { ForebearError } from '../errors.ts';
import { parseInterval, parseLookback } from './date-math.ts';
import type { RuleFacts, Threat } from './rule.ts';
import { readFilters } from './rule-filters.ts';
import { readExceptionLists, readKind, readOverrides, SEVERITIES } from './rule-options.ts';
import type { TomlTable } from './toml-table.ts';

const TYPES = ['query', 'new_terms', 'eql', 'threshold'] as const;
const MAX_SIGNALS = 1_000_000;

/** in: tables of a supported rule; out: its facts. */
export function readRule(root: TomlTable, file: string): RuleFacts {
  const rule = root.table('rule');
  const type = rule.oneOf('type', TYPES);
  const interval = rule.optionalString('interval') ?? '5m';
  const from = rule.optionalString('from') ?? 'now-6m';
  parseLookback(from, 'rule.from');
  const filters = readFilters(rule.raw('filters'));
  return {
    rule_id: boundedName(rule, 'rule_id', 256),
    name: boundedName(rule, 'name', 512),
    type,
    language: type === 'eql' ? 'eql' : 'kuery',
    version: readVersion(root),
    severity: rule.oneOf('severity', SEVERITIES),
    risk_score: rule.number('risk_score', 0, 100),
    description: rule.string('description').trim(),
    query: rule.string('query'),
    ...(filters.length > 0 && { filters }),
    index: rule.strings('index'),
    from,
    interval,
    intervalMs: parseInterval(interval, 'rule.interval'),
    max_signals: rule.has('max_signals') ? rule.integer('max_signals', 1, MAX_SIGNALS) : 100,
    author: rule.strings('author'),
    license: rule.optionalString('license') ?? '',
    tags: rule.strings('tags'),
    references: rule.strings('references'),
    false_positives: rule.strings('false_positives').map((text) => text.trim()),
    threat: readThreats(rule),
    note: readNotes(root),
    setup: rule.optionalString('setup') ?? '',
    osquery: readOsquery(root),
    related: readRelated(root),
    ...readKind(rule, type),
    ...readExceptionLists(rule),
    ...readOverrides(rule),
    ...(rule.has('enabled') && !rule.boolean('enabled') && { disabled: true as const }),
    file,
  };
}

/** A text that is not empty. */
export function boundedName(table: TomlTable, key: string, max: number): string {
  const text = table.name(key);
  if (text.length <= max) return text;
  throw new ForebearError(
    'FB_RULE_VALUE',
    `${table.at(key)}: expected at most ${max} characters, found ${text.length}`,
  );
}

/** In: the table that holds [[threat]]. */
export function readThreats(table: TomlTable): Threat[] {
  return table.tables('threat').map(readThreat);
}

function readVersion(root: TomlTable): number {
  const metadata = root.optionalTable('metadata');
  for (const table of [root.table('rule'), metadata]) {
    if (table?.has('version')) return table.integer('version', 1, 2 ** 31 - 1);
  }
  return 1;
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
