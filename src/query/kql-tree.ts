// The syntax tree of KQL: what kql.peggy makes, what is compiled, interpreted and printed.

/** A field name or a value as written, escapes resolved, ends trimmed when unquoted. */
export interface KqlLiteral {
  /** The text between unescaped stars: one segment when there is no wildcard, ['', ''] for a lone `*`. */
  readonly segments: readonly string[];
  readonly quoted: boolean;
  /** Where it begins in the query, UTF-16 units. */
  readonly at: number;
}

export type RangeOperator = '<' | '<=' | '>' | '>=';

export type KqlNode =
  | { readonly kind: 'all' }
  | { readonly kind: 'or' | 'and'; readonly parts: readonly KqlNode[] }
  | { readonly kind: 'not'; readonly part: KqlNode }
  | { readonly kind: 'nested'; readonly path: KqlLiteral; readonly part: KqlNode }
  | KqlRange
  | KqlIs;

export interface KqlRange {
  readonly kind: 'range';
  readonly field: KqlLiteral;
  readonly operator: RangeOperator;
  readonly value: KqlLiteral;
}

/** `field: null` is free text: the value alone. */
export interface KqlIs {
  readonly kind: 'is';
  readonly field: KqlLiteral | null;
  readonly value: KqlLiteral;
}

/** The literal as a string, stars as `*`. */
export function textOf(literal: KqlLiteral): string {
  return literal.segments.join('*');
}

export function hasWildcard(literal: KqlLiteral): boolean {
  return literal.segments.length > 1;
}

/** `*` alone: exists. (`**` is a wildcard that matches any text.) */
export function isStar(literal: KqlLiteral): boolean {
  return literal.segments.length === 2 && literal.segments[0] === '' && literal.segments[1] === '';
}

/** An unquoted null: no value for most types, an open end for ranges. */
export function isNull(literal: KqlLiteral): boolean {
  return !literal.quoted && literal.segments.length === 1 && literal.segments[0] === 'null';
}
