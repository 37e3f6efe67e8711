// Which environment variables rules and exceptions ask for: only these, beside the configured ones, leave the sensor's
// decoder. In: what was loaded; out: names. Pure; called by the agent and by replay when rules are loaded.
//
// A name may be a pattern, as the decoder takes it (sensor/variable-names.ts): `LD_*`, and with a `~` in front whatever its case.

import { parseEql } from '../query/eql-parse.ts';
import type { EqlExpression, EqlQuery } from '../query/eql-tree.ts';
import { parseKql } from '../query/kql-parse.ts';
import type { KqlNode } from '../query/kql-tree.ts';
import { textOf } from '../query/kql-tree.ts';
import type { RuleSet } from './load-rules-io.ts';
import type { Rule, RuleFilter } from './rule.ts';

const FIELD = 'process.env_vars';
/** Told apart by the name in front of its `=`. */
const VARIABLE = /^([^=]*)=/;
const NAME = /^(?=.*[A-Za-z_0-9])[A-Za-z_0-9*?]+$/;

/** Names that values of process.env_vars are asked for by, also under `not`; sorted, each once. `*` and `*x*` name none. */
export function environmentNames({ rules, exceptions }: Pick<RuleSet, 'rules' | 'exceptions'>): string[] {
  const names = new Set<string>();
  for (const rule of rules) for (const name of namesOf(rule)) names.add(name);
  for (const entry of exceptions?.entries() ?? []) {
    if (entry.type === 'nested' || entry.field !== FIELD) continue;
    for (const value of entry.values) addName(value, '', names);
  }
  return [...names].sort();
}

function namesOf({ program, compiled, filters = [] }: Rule): ReadonlySet<string> {
  const names = new Set<string>();
  const kql = [...(program === undefined ? [compiled.tree as KqlNode] : []), ...parsed(filters, 'kuery', parseKql)];
  const eql = [...(program === undefined ? [] : [program.tree]), ...parsed(filters, 'eql', parseEql)];
  for (const node of kql) ofKql(node, names);
  for (const condition of eql.flatMap(conditionsOf)) ofEql(condition, names);
  return names;
}

function parsed<T>(
  filters: readonly RuleFilter[],
  language: RuleFilter['language'],
  parse: (text: string) => T,
): readonly T[] {
  return filters.filter((filter) => filter.language === language).map(({ text }) => parse(text));
}

function ofKql(node: KqlNode, names: Set<string>): void {
  if (node.kind === 'and' || node.kind === 'or') for (const part of node.parts) ofKql(part, names);
  if (node.kind === 'not' || node.kind === 'nested') ofKql(node.part, names);
  if (node.kind !== 'is' || node.field === null || textOf(node.field) !== FIELD) return;
  addName(textOf(node.value), '', names);
}

function conditionsOf(query: EqlQuery): EqlExpression[] {
  if (query.kind === 'event') return [query.query.condition];
  return [...query.stages, ...(query.until === undefined ? [] : [query.until])].map((stage) => stage.query.condition);
}

function ofEql(node: EqlExpression, names: Set<string>): void {
  switch (node.kind) {
    case 'and':
    case 'or':
      for (const part of node.parts) ofEql(part, names);
      break;
    case 'not':
      ofEql(node.part, names);
      break;
    case 'descendant':
      ofEql(node.query.condition, names);
      break;
    case 'compare':
      ofOperands([node.left, node.right], false, names);
      break;
    case 'in':
      ofOperands([node.value, ...node.options], node.insensitive, names);
      break;
    case 'like':
      ofOperands([node.value, ...node.patterns], node.insensitive, names);
      break;
    case 'call':
      // startsWith(process.env_vars, "LD_"): the text goes on behind it.
      ofOperands(node.parts, node.insensitive, names, node.name === 'startswith' ? '*' : '');
      break;
  }
}

function ofOperands(parts: readonly EqlExpression[], insensitive: boolean, names: Set<string>, rest = ''): void {
  if (!parts.some((part) => part.kind === 'field' && part.name === FIELD)) return;
  for (const part of parts) {
    if (part.kind === 'literal' && typeof part.value === 'string')
      addName(part.value + rest, insensitive ? '~' : '', names);
  }
}

/** A text without `=` names variables only where it is a beginning: `LD_*`. */
function addName(value: string, mark: '' | '~', names: Set<string>): void {
  const name = VARIABLE.exec(value)?.[1] ?? (/^[^*?]+\*$/.test(value) ? value : '');
  if (NAME.test(name)) names.add(mark + name);
}
