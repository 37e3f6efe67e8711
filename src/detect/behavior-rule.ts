// Elastic Defend's behaviour rules -> the facts of a rule. Form: behavior/rules of elastic/protections-artifacts, TOML: [rule]
// with id, os_list, version "1.0.33", an EQL query and reference; [[actions]], [[threat]], [internal]. Pure; called by
// compile-rule.ts; errors as in rule-facts.ts.
//
// They carry no severity; Elastic's own rule that turns their alerts into detections says medium, 47, and so do we.
// The version becomes a whole number that orders as it does: 1.0.33 -> 1000033.

import { ForebearError } from '../errors.ts';
import { parseInterval } from './date-math.ts';
import type { Behavior, BehaviorAction, RuleFacts } from './rule.ts';
import { boundedName, readThreats } from './rule-facts.ts';
import { SEVERITIES } from './rule-options.ts';
import type { TomlTable } from './toml-table.ts';

const SEVERITY = 'medium';
const RISK_SCORE = 47;
const INTERVAL = '5m';

/** They have [[actions]] or os_list, and rule.id in place of rule.rule_id and a type. */
export function isBehaviorRule(root: TomlTable): boolean {
  if (!root.isTable('rule')) return false;
  const rule = root.table('rule');
  return !rule.has('type') && (root.has('actions') || rule.has('os_list') || (rule.has('id') && !rule.has('rule_id')));
}

export function readBehavior(root: TomlTable, file: string): RuleFacts {
  const rule = root.table('rule');
  return {
    rule_id: boundedName(rule, 'id', 256),
    name: boundedName(rule, 'name', 512),
    type: 'eql',
    language: 'eql',
    dialect: 'endpoint',
    ...readVersion(rule),
    severity: rule.has('severity') ? rule.oneOf('severity', SEVERITIES) : SEVERITY,
    risk_score: rule.has('risk_score') ? rule.number('risk_score', 0, 100) : RISK_SCORE,
    description: (rule.optionalString('description') ?? '').trim(),
    query: rule.string('query'),
    index: [],
    from: `now-${INTERVAL}`,
    interval: INTERVAL,
    intervalMs: parseInterval(INTERVAL, 'interval'),
    max_signals: 100,
    author: [],
    license: rule.optionalString('license') ?? '',
    tags: [],
    references: rule.isText('reference') ? [rule.string('reference')] : rule.strings('reference'),
    false_positives: [],
    threat: readThreats(root),
    note: { en: '' },
    setup: '',
    osquery: [],
    related: [],
    behavior: readDetails(root, rule),
    file,
  };
}

function readVersion(rule: TomlTable): { version: number; versionText?: string } {
  if (!rule.has('version')) return { version: 1 };
  const versionText = rule.name('version');
  const [, ...parts] = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(versionText) ?? [];
  if (parts.length === 0) {
    const found = JSON.stringify(versionText.slice(0, 40));
    throw new ForebearError(
      'FB_RULE_VALUE',
      `${rule.at('version')}: expected three numbers, e.g. 1.0.33, found ${found}`,
    );
  }
  const [major, minor, patch] = parts.map(Number) as [number, number, number];
  return { version: major * 1_000_000 + minor * 1_000 + patch, versionText };
}

function readDetails(root: TomlTable, rule: TomlTable): Behavior {
  const minEndpointVersion = rule.optionalString('min_endpoint_version');
  return {
    osList: rule.strings('os_list'),
    ...(minEndpointVersion !== undefined && { minEndpointVersion }),
    actions: root.tables('actions').map(readAction),
    // [rule] writes the empty list, the tables stand beside it.
    optionalActions: [...rule.tables('optional_actions'), ...root.tables('optional_actions')].map(readAction),
  };
}

function readAction(table: TomlTable): BehaviorAction {
  return {
    action: table.name('action'),
    ...(table.has('field') && { field: table.name('field') }),
    ...(table.has('state') && { state: table.integer('state', 0, 1_000) }),
    ...(table.has('tree') && { tree: table.boolean('tree') }),
  };
}
