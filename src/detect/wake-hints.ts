// Which executables rules name: their records wake the sensor's reader at once (Sensor.setWakeHints), so that an alert
// does not wait for a full batch. In: rules; out: basenames. Pure; called by the agent when rules are loaded.

import type { EqlExpression, EqlQuery } from '../query/eql-tree.ts';
import { hasWildcard, type KqlNode, textOf } from '../query/kql-tree.ts';
import type { Rule } from './rule.ts';

const EXECUTABLE_FIELDS = new Set(['process.name', 'process.executable']);

/**
 * Basenames that rules require process.name or process.executable to equal, outside of `not`; of a sequence those of all its stages,
 * but not of events that must be missing. Sorted, each once.
 */
export function wakeHints(rules: readonly Rule[]): string[] {
  const paths = rules.flatMap(({ compiled, program }) =>
    program === undefined ? ofKql(compiled.tree as KqlNode) : ofEql(program.tree),
  );
  const names = paths.map((path) => path.slice(path.lastIndexOf('/') + 1)).filter((name) => name !== '');
  return [...new Set(names)].sort();
}

function ofKql(node: KqlNode): readonly string[] {
  if (node.kind === 'and' || node.kind === 'or') return node.parts.flatMap(ofKql);
  if (node.kind !== 'is' || node.field === null || hasWildcard(node.value)) return [];
  return EXECUTABLE_FIELDS.has(textOf(node.field)) ? [textOf(node.value)] : [];
}

function ofEql(query: EqlQuery): readonly string[] {
  if (query.kind === 'event') return ofExpression(query.query.condition);
  return query.stages.flatMap((stage) => (stage.missing ? [] : ofExpression(stage.query.condition)));
}

function ofExpression(node: EqlExpression): readonly string[] {
  switch (node.kind) {
    case 'and':
    case 'or':
      return node.parts.flatMap(ofExpression);
    case 'compare':
      if (node.operator !== '==') return [];
      return isExecutable(node.left) ? textsOf([node.right]) : isExecutable(node.right) ? textsOf([node.left]) : [];
    case 'in':
      return isExecutable(node.value) ? textsOf(node.options) : [];
    case 'like':
      return isExecutable(node.value) ? textsOf(node.patterns).filter((text) => !/[*?]/.test(text)) : [];
    default:
      return [];
  }
}

function isExecutable(node: EqlExpression): boolean {
  return node.kind === 'field' && node.stage === undefined && EXECUTABLE_FIELDS.has(node.name);
}

function textsOf(nodes: readonly EqlExpression[]): readonly string[] {
  return nodes.flatMap((node) => (node.kind === 'literal' && typeof node.value === 'string' ? [node.value] : []));
}
