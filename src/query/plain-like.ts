// Whether a text is as a pattern says, read plainly: character by character, and where it goes wrong the last star takes one more. For
// the reference interpreters, which share nothing of this with the compilers, and for `why`. No regular expression: with a few
// stars it would take hours on a text that somebody made for it.

/** Any text, and any one character; other signs are the characters themselves. */
export const ANY = Symbol('*');
export const ONE = Symbol('?');

export type Sign = string | typeof ANY | typeof ONE;

/** in: pattern, all characters of a text; out: whether all of it is so. Steps: their lengths multiplied, at most. */
export function isLike(signs: readonly Sign[], text: ArrayLike<string>): boolean {
  let [at, sign, star, begin] = [0, 0, -1, 0];
  while (at < text.length) {
    if (signs[sign] === ANY) {
      star = sign++;
      begin = at;
    } else if (signs[sign] === ONE || signs[sign] === text[at]) {
      sign++;
      at++;
    } else if (star === -1) {
      return false;
    } else {
      sign = star + 1;
      at = ++begin;
    }
  }
  return signs.slice(sign).every((one) => one === ANY);
}

/** in: what stands between stars; out: whether a text is so. Of KQL, where the star is all there is. */
export function isBetweenStars(segments: readonly string[], text: string): boolean {
  if (segments.length === 1) return segments[0] === text;
  const signs = segments.flatMap((segment, i): Sign[] => (i === 0 ? segment.split('') : [ANY, ...segment.split('')]));
  return isLike(signs, text);
}
