// Regular expressions of Elastic Defend's behaviour rules -> Lucene's. Their engine knows none of Lucene's optional operators, so
// `~ & < @ # "` are themselves; `^` at the begin and `$` at the end say what holds anyway; `\t \n \r` are the characters. In: a
// tree as it is parsed, which is changed. Called by eql-parse.ts.

import type { EqlExpression } from './eql-tree.ts';

const CONTROLS: Readonly<Record<string, string>> = { '\\t': '\t', '\\n': '\n', '\\r': '\r' };

/** in: pattern of a behaviour rule; out: the same in Lucene's syntax. */
export function luceneRegex(pattern: string): string {
  const anchored = pattern.replace(/^\^/, '').replace(/(?<!\\)((?:\\\\)*)\$$/, '$1');
  return anchored.replace(/\\.|[~&<@#"]/gsu, (token) => {
    if (token.length === 1) return `\\${token}`;
    return CONTROLS[token] ?? token;
  });
}

/** The patterns of `regex` and of `match()`, of one expression without those below. */
export function regexesOf(node: EqlExpression): readonly EqlExpression[] {
  if (node.kind === 'regex') return node.patterns;
  return node.kind === 'call' && node.name === 'match' ? node.parts.slice(1) : [];
}

/** Of one expression, those below not included. */
export function adaptToLucene(node: EqlExpression): void {
  for (const pattern of regexesOf(node)) {
    if (pattern.kind === 'literal' && typeof pattern.value === 'string') {
      Object.assign(pattern, { value: luceneRegex(pattern.value) });
    }
  }
}
