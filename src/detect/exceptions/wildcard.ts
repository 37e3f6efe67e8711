// The patterns of `wildcard` entries, as Elasticsearch's wildcard query has them: `*` any text, `?` one character, a
// backslash takes the next character as it is; case-sensitive. In: pattern; out: a test of the whole text, at worst the
// product of both lengths (the last star is the only place to go back to). Used by compile-item.ts.

import { compileGlob } from '../../query/glob.ts';

type Part = '*' | '?' | { readonly literal: string };

/** Never throws, neither here nor in the test. */
export function compileWildcard(pattern: string): (text: string) => boolean {
  const parts = partsOf(pattern);
  if (!parts.includes('?')) return starsOnly(parts);
  return (text) => matches(parts, [...text]);
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
