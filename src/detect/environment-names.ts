// Which environment variables rules ask for: only these, beside the configured ones, leave the sensor's decoder. In: rules;
// out: names. Pure; called by the agent and by replay when rules are loaded.

import type { KqlNode } from '../query/kql-tree.ts';
import { textOf } from '../query/kql-tree.ts';
import type { Rule } from './rule.ts';

/** Names before the `=` in values of process.env_vars, also under `not`; sorted, each once. `*` names none. */
export function environmentNames(rules: readonly Rule[]): string[] {
  const names = new Set<string>();
  for (const { compiled } of rules) collect(compiled.tree as KqlNode, names);
  return [...names].sort();
}

function collect(node: KqlNode, names: Set<string>): void {
  if (node.kind === 'and' || node.kind === 'or') for (const part of node.parts) collect(part, names);
  if (node.kind === 'not' || node.kind === 'nested') collect(node.part, names);
  if (node.kind !== 'is' || node.field === null || textOf(node.field) !== 'process.env_vars') return;
  const name = /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(node.value.segments[0] ?? '')?.[1];
  if (name !== undefined) names.add(name);
}
