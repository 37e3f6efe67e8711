// Matching against a text with `*`: the only wildcard of KQL. In: the segments between the stars. Linear in the value
// for each segment: the leftmost place is always a right one when `*` is all there is.

import { work } from './work.ts';

export type TextTest = (text: string) => boolean;

/** in: two segments or more; out: a test of the whole value, case-sensitive. */
export function compileGlob(segments: readonly string[]): TextTest {
  const first = segments[0]!;
  const last = segments.at(-1)!;
  const inner = segments.slice(1, -1).filter((segment) => segment !== '');
  const least = first.length + last.length;
  if (inner.length === 0) return endsTest(first, last, least);
  const [only] = inner;
  if (inner.length === 1 && least === 0) {
    return (text) => {
      work.steps += text.length;
      return text.includes(only!);
    };
  }
  return (text) => {
    if (text.length < least || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    for (const segment of inner) {
      const found = text.indexOf(segment, at);
      work.steps += (found === -1 ? text.length : found) - at;
      if (found === -1) return false;
      at = found + segment.length;
    }
    return at <= text.length - last.length;
  };
}

function endsTest(first: string, last: string, least: number): TextTest {
  if (least === 0) return () => true;
  if (last === '') return (text) => text.startsWith(first);
  if (first === '') return (text) => text.endsWith(last);
  return (text) => text.length >= least && text.startsWith(first) && text.endsWith(last);
}
