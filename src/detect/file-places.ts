// Where the files lie that rules ask for: the kernel lets through events of these places besides those of the configuration
// (sensor/file-filter.ts). In: rules; out: how their paths begin. A rule that says nothing of a path, or only how it ends, sees what
// the configured places have, and its id is told. Pure; called by the agent when rules are loaded.

import type { EqlExpression, EqlQuery } from '../query/eql-tree.ts';
import { type KqlNode, textOf } from '../query/kql-tree.ts';
import type { Rule } from './rule.ts';

export interface NamedPlaces {
  /** Beginnings of paths, as rules write them up to the first wildcard. Sorted, each once. */
  prefixes: readonly string[];
  /** rule_id of those that ask for files anywhere. */
  anywhere: readonly string[];
}

/** Of an expression: beginnings of which every event that matches has one; undefined: of any path. */
type Beginnings = readonly string[] | undefined;

const PATHS = new Set(['file.path', 'file.Ext.original.path']);

export function filePlaces(rules: readonly Rule[]): NamedPlaces {
  const prefixes = new Set<string>();
  const anywhere: string[] = [];
  for (const rule of rules) {
    if (rule.sensors?.includes('file') !== true) continue;
    const found = ofRule(rule);
    for (const prefix of found ?? []) prefixes.add(prefix);
    if (found === undefined) anywhere.push(rule.rule_id);
  }
  return { prefixes: [...prefixes].sort(), anywhere: anywhere.sort() };
}

function ofRule({ compiled, program }: Rule): Beginnings {
  return program === undefined ? ofKql(compiled.tree as KqlNode) : ofEql(program.tree);
}

function ofKql(node: KqlNode): Beginnings {
  switch (node.kind) {
    case 'and':
      return narrowest(node.parts.map(ofKql));
    case 'or':
      return together(node.parts.map(ofKql));
    case 'is':
      return node.field !== null && PATHS.has(textOf(node.field)) ? beginnings([textOf(node.value)]) : undefined;
    default:
      return undefined;
  }
}

/** Of a sequence, those of all stages that are of files. */
function ofEql(query: EqlQuery): Beginnings {
  const events = query.kind === 'event' ? [query.query] : query.stages.map((stage) => stage.query);
  const ofFiles = events.filter(({ category }) => category === null || category === 'file');
  return together(ofFiles.map(({ condition }) => ofExpression(condition)));
}

function ofExpression(node: EqlExpression): Beginnings {
  switch (node.kind) {
    case 'and':
      return narrowest(node.parts.map(ofExpression));
    case 'or':
      return together(node.parts.map(ofExpression));
    case 'compare':
      if (node.operator !== '==') return undefined;
      return isPath(node.left)
        ? beginningsOf([node.right])
        : isPath(node.right)
          ? beginningsOf([node.left])
          : undefined;
    case 'in':
      return isPath(node.value) ? beginningsOf(node.options) : undefined;
    case 'like':
      return isPath(node.value) ? beginningsOf(node.patterns) : undefined;
    case 'call':
      return node.name === 'startswith' && isPath(node.parts[0]) ? beginningsOf(node.parts.slice(1)) : undefined;
    default:
      return undefined;
  }
}

function isPath(node: EqlExpression | undefined): boolean {
  return node?.kind === 'field' && node.stage === undefined && PATHS.has(node.name);
}

function beginningsOf(nodes: readonly EqlExpression[]): Beginnings {
  const texts = nodes.map((node) => (node.kind === 'literal' && typeof node.value === 'string' ? node.value : ''));
  return beginnings(texts);
}

/** A pattern that begins with a wildcard, or nearly, is of any path. */
function beginnings(patterns: readonly string[]): Beginnings {
  const cut = patterns.map((text) => text.split(/[*?]/, 1)[0]!);
  return cut.some((text) => !/^\/[^/]+/.test(text)) ? undefined : cut;
}

function narrowest(parts: readonly Beginnings[]): Beginnings {
  const known = parts.filter((part) => part !== undefined);
  return known.length === 0 ? undefined : known.reduce((a, b) => (b.length < a.length ? b : a));
}

function together(parts: readonly Beginnings[]): Beginnings {
  const known = parts.filter((part) => part !== undefined);
  return known.length < parts.length ? undefined : known.flat();
}
