// Where the files lie that rules ask for: the kernel lets through events of these places besides those of the configuration
// (sensor/file-filter.ts). In: rules; out: how their paths begin, and which folders are in them. A rule that says nothing of a path, or
// only how it ends, sees what the configured places have. Pure; called by the agent when rules are loaded.

import type { EqlExpression, EqlQuery } from '../query/eql-tree.ts';
import { type KqlNode, textOf } from '../query/kql-tree.ts';
import type { Rule } from './rule.ts';

export interface NamedPlaces {
  /** Beginnings of paths, as rules write them up to the first wildcard. Sorted, each once. */
  prefixes: readonly string[];
  /** Names between slashes, as rules write them, wildcards included: of these, none that are hardly more than a wildcard. */
  folders: readonly string[];
}

/** Of an expression: beginnings of which every event that matches has one; undefined: of any path. */
type Beginnings = readonly string[] | undefined;

const PATHS = new Set(['file.path', 'file.Ext.original.path']);

export function filePlaces(rules: readonly Rule[]): NamedPlaces {
  const prefixes = new Set<string>();
  const folders = new Set<string>();
  for (const rule of rules) {
    if (rule.sensors?.includes('file') !== true) continue;
    for (const prefix of new PathsOf(folders).rule(rule) ?? []) prefixes.add(prefix);
  }
  return { prefixes: [...prefixes].sort(), folders: [...folders].sort() };
}

/** Walks a query. folders: names that it comes by are added. */
class PathsOf {
  readonly #folders: Set<string>;

  constructor(folders: Set<string>) {
    this.#folders = folders;
  }

  rule({ compiled, program }: Rule): Beginnings {
    return program === undefined ? this.#kql(compiled.tree as KqlNode) : this.#eql(program.tree);
  }

  #kql(node: KqlNode): Beginnings {
    switch (node.kind) {
      case 'and':
        return narrowest(node.parts.map((part) => this.#kql(part)));
      case 'or':
        return together(node.parts.map((part) => this.#kql(part)));
      case 'is':
        return node.field !== null && PATHS.has(textOf(node.field)) ? this.#patterns([textOf(node.value)]) : undefined;
      default:
        return undefined;
    }
  }

  /** Of a sequence, those of all stages that are of files. */
  #eql(query: EqlQuery): Beginnings {
    const events = query.kind === 'event' ? [query.query] : query.stages.map((stage) => stage.query);
    const ofFiles = events.filter(({ category }) => category === null || category === 'file');
    return together(ofFiles.map(({ condition }) => this.#expression(condition)));
  }

  #expression(node: EqlExpression): Beginnings {
    switch (node.kind) {
      case 'and':
        return narrowest(node.parts.map((part) => this.#expression(part)));
      case 'or':
        return together(node.parts.map((part) => this.#expression(part)));
      case 'compare':
        if (node.operator !== '==') return undefined;
        return this.#named(node.left, [node.right]) ?? this.#named(node.right, [node.left]);
      case 'in':
        return this.#named(node.value, node.options);
      case 'like':
        return this.#named(node.value, node.patterns);
      case 'call': {
        const found = this.#named(node.parts[0], node.parts.slice(1));
        return node.name === 'startswith' ? found : undefined;
      }
      default:
        return undefined;
    }
  }

  #named(field: EqlExpression | undefined, values: readonly EqlExpression[]): Beginnings {
    const texts = values.map((node) => (node.kind === 'literal' && typeof node.value === 'string' ? node.value : ''));
    return isPath(field) ? this.#patterns(texts) : undefined;
  }

  /** A pattern that begins with a wildcard, or nearly, is of any path. */
  #patterns(patterns: readonly string[]): Beginnings {
    for (const name of patterns.flatMap((text) => text.split('/'))) if (/[^.*?]/.test(name)) this.#folders.add(name);
    const cut = patterns.map((text) => text.split(/[*?]/, 1)[0]!);
    return cut.some((text) => !/^\/[^/]+/.test(text)) ? undefined : cut;
  }
}

function isPath(node: EqlExpression | undefined): boolean {
  return node?.kind === 'field' && node.stage === undefined && PATHS.has(node.name);
}

function narrowest(parts: readonly Beginnings[]): Beginnings {
  const known = parts.filter((part) => part !== undefined);
  return known.length === 0 ? undefined : known.reduce((a, b) => (b.length < a.length ? b : a));
}

function together(parts: readonly Beginnings[]): Beginnings {
  const known = parts.filter((part) => part !== undefined);
  return known.length < parts.length ? undefined : known.flat();
}
