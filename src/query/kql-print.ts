// Syntax tree -> KQL text that parses to the same tree (places apart). For messages that show a part of a query, and for
// the round-trip test.

import type { KqlLiteral, KqlNode } from './kql-tree.ts';

/** in: tree; out: one line of KQL unless values have line breaks. */
export function printKql(node: KqlNode): string {
  switch (node.kind) {
    case 'all':
      return '';
    case 'and':
    case 'or':
      return node.parts.map(operand).join(` ${node.kind} `);
    case 'not':
      return `not ${operand(node.part)}`;
    case 'nested':
      return `${printLiteral(node.path)}:{ ${printKql(node.part)} }`;
    case 'range':
      return `${printLiteral(node.field)} ${node.operator} ${printLiteral(node.value)}`;
    case 'is':
      return node.field === null ? printLiteral(node.value) : `${printLiteral(node.field)}:${printLiteral(node.value)}`;
  }
}

/** Always in parentheses when it is made of parts: the tree, not precedence, says what belongs together. */
function operand(node: KqlNode): string {
  return node.kind === 'and' || node.kind === 'or' || node.kind === 'not' ? `(${printKql(node)})` : printKql(node);
}

function printLiteral({ segments, quoted }: KqlLiteral): string {
  if (quoted) return `"${segments[0]!.replace(/["\\]/g, '\\$&')}"`;
  return segments.map(printUnquoted).join('*');
}

/** Special characters escaped; the first letter of keywords (`\not` is a line break) and odd white space as \uXXXX. */
function printUnquoted(text: string): string {
  return text
    .replace(/[\\():<>"*{}]/g, '\\$&')
    .replace(
      /(?:[oan](?=(?:r|nd|ot)(?:\s|$)))|[^\S ]/gi,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
}
