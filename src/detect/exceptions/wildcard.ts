// The patterns of `wildcard` entries, as Elasticsearch's wildcard query has them: `*` any text, `?` one character, a
// backslash takes the next character as it is; case-sensitive. In: pattern; out: a test of the whole text. Patterns without a
// backslash are those of EQL; what has both that and `?` costs at worst the product of both lengths (the last star is the only place
// to go back to), so such a pattern is bounded. Used by compile-item.ts.

import { compileWildcard as compileEqlWildcard } from '../../query/eql-wildcard.ts';
import { compileGlob } from '../../query/glob.ts';

/** Characters of a pattern with `?`: so that a text of 32 KiB takes it a few milliseconds at most. */
export const MOST_MARKED = 4_000;
/** Where it has a backslash too. */
export const MOST_MIXED = 64;

type Part = '*' | '?' | { readonly literal: string };

/** undefined: the pattern is too long for what is in it. Neither this nor the test throws. */
export function compileWildcard(pattern: string): ((text: string) => boolean) | undefined {
  const escapes = pattern.includes('\\');
  if (pattern.includes('?') && pattern.length > (escapes ? MOST_MIXED : MOST_MARKED)) return undefined;
  if (!escapes) return compileEqlWildcard(pattern).test;
  const parts = partsOf(pattern);
  return parts.includes('?') ? (text) => matches(parts, [...text]) : starsOnly(parts);
}

function partsOf(pattern: string): Part[] {
  const parts: Part[] = [];
  const chars = [...pattern];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    if (char === '*') {
      if (parts.at(-1) !== '*') parts.push('*');
    } else if (char === '?') parts.push('?');
    else if (char === '\\' && i + 1 < chars.length) parts.push({ literal: chars[++i]! });
    else parts.push({ literal: char });
  }
  return parts;
}

/** Without `?` the text between the stars is searched from left to right. */
function starsOnly(parts: readonly Part[]): (text: string) => boolean {
  const segments = [''];
  for (const part of parts) {
    if (typeof part === 'string') segments.push('');
    else segments.push(segments.pop() + part.literal);
  }
  const [only] = segments;
  return segments.length === 1 ? (text) => text === only : compileGlob(segments);
}

/** Characters are code points; a byte that is not UTF-8 (a lone surrogate, text.ts) is one. */
function matches(parts: readonly Part[], text: readonly string[]): boolean {
  let part = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    const wanted = parts[part];
    if (wanted === '*') {
      star = part++;
      starAt = at;
    } else if (wanted === '?' || (wanted !== undefined && wanted.literal === text[at])) {
      part++;
      at++;
    } else if (star === -1) return false;
    else {
      part = star + 1;
      at = ++starAt;
    }
  }
  while (parts[part] === '*') part++;
  return part === parts.length;
}
