// KQL text -> syntax tree, by the parser made from kql.peggy. Called by kql-compile.ts.
// Length and nesting are bounded before the recursive parser runs, so no text can exhaust the stack.

import { ForebearError } from '../errors.ts';
import { placeOf, renderCaret } from './caret.ts';
import { SyntaxError as PeggyError, parse } from './generated/kql-parser.js';
import type { KqlNode } from './kql-tree.ts';

/** UTF-16 units. The longest rule query of the corpus has about 4,000. */
export const MAX_LENGTH = 256 * 1024;
/** Parentheses and braces. Elasticsearch refuses more than 30. */
export const MAX_NESTING = 200;

/**
 * in: query text; out: tree; errors: FB_QUERY_SYNTAX, FB_QUERY_TOO_LARGE, with line and column and a caret.
 * The syntax: kql.peggy.
 */
export function parseKql(text: string): KqlNode {
  checkSize(text);
  try {
    return parse(text) as KqlNode;
  } catch (thrown) {
    if (!(thrown instanceof PeggyError)) throw thrown;
    const { message, hint } = explain(text, thrown);
    throw queryError('FB_QUERY_SYNTAX', message, text, thrown.location.start.offset, hint);
  }
}

/** An error about one place of a query: message, line and caret. The end is on the last line that says something. */
export function queryError(code: string, message: string, text: string, offset: number, hint?: string): ForebearError {
  const details = hint === undefined ? {} : { hint };
  const { length } = text.trimEnd();
  const at = offset === text.length && text.includes('\n', length) ? length : offset;
  return new ForebearError(code, renderCaret(message, text, at), { ...placeOf(text, at), ...details });
}

function checkSize(text: string): void {
  if (text.length > MAX_LENGTH) {
    throw new ForebearError(
      'FB_QUERY_TOO_LARGE',
      `the query has ${text.length} characters, at most ${MAX_LENGTH} are taken`,
    );
  }
  const deep = firstTooDeep(text);
  if (deep !== -1) {
    throw queryError('FB_QUERY_TOO_LARGE', `more than ${MAX_NESTING} levels of ( and {`, text, deep);
  }
}

/** Offset of the first bracket below MAX_NESTING levels, or -1. Escapes and quoted text are skipped. */
function firstTooDeep(text: string): number {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (char === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (char === '(' || char === '{') depth++;
    else if (char === ')' || char === '}') depth--;
    if (depth > MAX_NESTING) return at;
  }
  return -1;
}

function explain(text: string, error: PeggyError): { message: string; hint?: string } {
  const at = error.location.start.offset;
  const rest = text.slice(at);
  if (rest.startsWith('"') && /^"(\\.|[^"\\])*$/s.test(rest)) return { message: 'this quote is never closed' };
  const found =
    at >= text.length ? 'the query ends' : `there is ${JSON.stringify(String.fromCodePoint(text.codePointAt(at)!))}`;
  const message = `expected ${expectations(error)}, but ${found} here`;
  const around = text.slice(Math.max(0, at - 4), at + 5);
  if (/not\(|\)(and|or)|(and|or)\(|not\s+not/i.test(around)) {
    return { message, hint: '`and`, `or` and `not` need white space on both sides, and `not` takes no second `not`' };
  }
  if (/^not\s/i.test(rest)) return { message, hint: 'put a value that has the word `not` in it in quotes' };
  if (/^[\\():<>"*{}]/.test(rest))
    return { message, hint: 'put the value in quotes, or write \\ before the character' };
  return { message };
}

/** What the grammar would have taken, most useful names only. */
function expectations(error: PeggyError): string {
  const names = new Set<string>();
  for (const expected of error.expected ?? []) {
    if (expected.type === 'literal') names.add(`"${expected.text}"`);
    else if (expected.type === 'end') names.add('the end');
    else if (expected.type === 'other' && expected.description !== 'white space') names.add(expected.description);
  }
  const list = [...names].sort();
  const last = list.pop() ?? 'something else';
  return list.length === 0 ? last : `${list.join(', ')} or ${last}`;
}
