// Syntax tree -> EQL text on one line that parses to the same tree (places apart). For explanations, and for the round-trip test.

import { eqlFunction } from './eql-functions.ts';
import type { EqlExpression, EqlField, EqlValue } from './eql-tree.ts';

/** in: tree; out: EQL. */
export function printEql(node: EqlExpression): string {
  switch (node.kind) {
    case 'literal':
      return printValue(node.value);
    case 'field':
      return printField(node);
    case 'call':
      return `${eqlFunction(node.name)?.name ?? node.name}${node.insensitive ? '~' : ''}(${node.parts.map(printEql).join(', ')})`;
    case 'arithmetic':
      return `${operand(node.left)} ${node.operator} ${operand(node.right)}`;
    case 'negative':
      return `-${operand(node.part)}`;
    case 'compare':
      return `${operand(node.left)} ${node.operator} ${operand(node.right)}`;
    case 'like':
    case 'regex':
      return `${operand(node.value)} ${patternOperator(node)} ${list(node.patterns)}`;
    case 'in':
      return `${operand(node.value)} in${node.insensitive ? '~' : ''} (${node.options.map(printEql).join(', ')})`;
    case 'and':
    case 'or':
      return node.parts.map(operand).join(` ${node.kind} `);
    case 'not':
      return `not ${operand(node.part)}`;
    case 'descendant':
      return `descendant of [${printCategory(node.query.category)} where ${printEql(node.query.condition)}]`;
  }
}

export function printCategory(category: string | null): string {
  return category === null ? 'any' : printText(category);
}

function patternOperator({ kind, insensitive }: { kind: 'like' | 'regex'; insensitive: boolean }): string {
  if (kind === 'like' && insensitive) return ':';
  return `${kind}${insensitive ? '~' : ''}`;
}

function list(patterns: readonly EqlExpression[]): string {
  return patterns.length === 1 ? printEql(patterns[0]!) : `(${patterns.map(printEql).join(', ')})`;
}

/** In parentheses whatever is made of parts: the tree, not precedence, says what belongs together. */
function operand(node: EqlExpression): string {
  const simple = ['literal', 'field', 'call', 'descendant'].includes(node.kind);
  const signed =
    node.kind === 'literal' && (typeof node.value === 'number' || typeof node.value === 'bigint') && node.value < 0;
  return simple && !signed ? printEql(node) : `(${printEql(node)})`;
}

function printField({ name, optional, stage }: EqlField): string {
  const parts = stage === undefined ? [] : [stage];
  const plain = /^[A-Za-z_@]\w*(\.[A-Za-z_@]\w*)*$/.test(name) && !KEYWORD.test(name);
  return `${optional ? '?' : ''}${[...parts, plain ? name : `\`${name.replaceAll('`', '``')}\``].join('.')}`;
}

const KEYWORD =
  /^(and|any|by|false|in|join|like|maxspan|not|null|of|or|regex|sample|sequence|true|until|where|with)(\.|$)/;

function printValue(value: EqlValue): string {
  if (typeof value === 'string') return printText(value);
  if (typeof value !== 'number') return String(value);
  const text = String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function printText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to be escaped
  const escaped = text.replace(/["\\]/g, '\\$&').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, codeOf);
  return `"${escaped}"`;
}

function codeOf(char: string): string {
  return `\\u{${char.charCodeAt(0).toString(16).padStart(2, '0')}}`;
}
