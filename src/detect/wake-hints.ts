// Which executables rules name: their records wake the sensor's reader at once (Sensor.setWakeHints), so that an alert
// does not wait for a full batch. In: rules; out: basenames. Pure; called by the agent when rules are loaded.

import { hasWildcard, type KqlNode, textOf } from '../query/kql-tree.ts';
import type { Rule } from './rule.ts';

const EXECUTABLE_FIELDS = new Set(['process.name', 'process.executable']);

/** Basenames that rules require process.name or process.executable to equal, outside of `not`; sorted, each once. */
export function wakeHints(rules: readonly Rule[]): string[] {
  const names = new Set<string>();
  for (const { compiled } of rules) collect(compiled.tree as KqlNode, names);
  return [...names].sort();
}

function collect(node: KqlNode, names: Set<string>): void {
  if (node.kind === 'and' || node.kind === 'or') for (const part of node.parts) collect(part, names);
  if (node.kind !== 'is' || node.field === null || hasWildcard(node.value)) return;
  if (!EXECUTABLE_FIELDS.has(textOf(node.field))) return;
  const path = textOf(node.value);
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name !== '') names.add(name);
}
