// Which environment variables rules and exceptions ask for: only these, beside the configured ones, leave the sensor's
// decoder. In: what was loaded; out: names. Pure; called by the agent and by replay when rules are loaded.

import type { KqlNode } from '../query/kql-tree.ts';
import { textOf } from '../query/kql-tree.ts';
import type { RuleSet } from './load-rules-io.ts';

const FIELD = 'process.env_vars';

/** Names before the `=` in values of process.env_vars, also under `not`; sorted, each once. `*` names none. */
export function environmentNames({ rules, exceptions }: Pick<RuleSet, 'rules' | 'exceptions'>): string[] {
  const names = new Set<string>();
  for (const { compiled } of rules) collect(compiled.tree as KqlNode, names);
  for (const entry of exceptions?.entries() ?? []) {
    if (entry.type === 'nested' || entry.field !== FIELD) continue;
    for (const value of entry.values) addName(value, names);
  }
  return [...names].sort();
}

function collect(node: KqlNode, names: Set<string>): void {
  if (node.kind === 'and' || node.kind === 'or') for (const part of node.parts) collect(part, names);
  if (node.kind === 'not' || node.kind === 'nested') collect(node.part, names);
  if (node.kind !== 'is' || node.field === null || textOf(node.field) !== FIELD) return;
  addName(node.value.segments[0] ?? '', names);
}

function addName(value: string, names: Set<string>): void {
  const name = /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(value)?.[1];
  if (name !== undefined) names.add(name);
}
