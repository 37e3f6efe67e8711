// Analysed text (field type text: message) as Elasticsearch's standard analyzer does it: words by the boundary rules of
// UAX #29, lower case code point by code point, no stop words, words cut at 255 characters. Letters, digits and
// underscores make words; `:` `.` `'` join letters, `,` `.` `'` join digits; Chinese characters and Hiragana stand alone.
// Where it is simpler than Lucene: the Hebrew quotation rules, and what is an emoji. Called by the KQL predicates.

const MAX_WORD = 255;

/** L letter, N digit, E underscore and such, K Katakana, S stands alone, T Thai and such, P emoji, X mark, mids, '' none. */
type Kind = 'L' | 'N' | 'E' | 'K' | 'S' | 'T' | 'P' | 'X' | 'midLetter' | 'midNumber' | 'midBoth' | '';

const KINDS: readonly (readonly [Kind, RegExp])[] = [
  ['midBoth', /['.\u2018\u2019\u2024\ufe52\uff07\uff0e]/u],
  ['midLetter', /[:\u00b7\u0387\u055f\u05f4\u2027\ufe13\ufe55\uff1a]/u],
  ['midNumber', /[,;\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b]/u],
  ['P', /[\p{Emoji_Presentation}\u{1f1e6}-\u{1f1ff}]/u],
  ['T', /[[\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]--\p{Nd}]/v],
  ['X', /[[\p{M}\p{Cf}\u{1f3fb}-\u{1f3ff}]--[\u200b]]/v],
  ['N', /[\p{Nd}\u066b]/u],
  ['E', /\p{Pc}/u],
  ['K', /[\p{sc=Katakana}\u3031-\u3035\u309b\u309c\u30a0\u30fc\uff70]/u],
  ['S', /[[\p{sc=Han}\p{sc=Hiragana}]--[\u3005]]/v],
  ['L', /[[\p{Alphabetic}\u02c2-\u02c5\u02d2-\u02d7\u055a-\u055c\u055e\u058a\u05f3]--[\p{Ideographic}--\u3005]]/v],
];

const FLAG_HALF = /^[\u{1f1e6}-\u{1f1ff}]$/u;
const ASCII = Array.from({ length: 128 }, (_, code) => lookUp(String.fromCharCode(code)));
const WORDLIKE = new Set<Kind>(['L', 'N', 'K', 'T', 'S', 'P']);
const JOINS = new Set(['LL', 'LN', 'LE', 'NL', 'NN', 'NE', 'EL', 'EN', 'EE', 'EK', 'KK', 'KE', 'TT']);

/** in: text; out: its words in order, lower case. */
export function analyze(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let isWord = false;
  let last: Kind = '';
  let mid: { kind: Kind; text: string } | undefined;
  const flush = () => {
    if (isWord) for (let at = 0; at < word.length; at += MAX_WORD) words.push(word.slice(at, at + MAX_WORD));
    word = '';
    isWord = false;
    last = '';
    mid = undefined;
  };
  for (const char of text) {
    const kind = kindOf(char);
    if (kind === 'X') {
      if (mid !== undefined) mid.text += char;
      else if (word !== '') word += lower(char);
      continue;
    }
    if (mid !== undefined) {
      if (kind === last && bridges(mid.kind, kind)) word += mid.text;
      else flush();
      mid = undefined;
    } else if (word !== '' && kind.startsWith('mid') && bridges(kind, last)) {
      mid = { kind, text: char };
      continue;
    }
    if (!JOINS.has(last + kind) && !(kind === 'P' && last === 'P' && joinsEmoji(word, char))) flush();
    if (kind === '' || kind.startsWith('mid')) continue;
    word += lower(char);
    isWord ||= WORDLIKE.has(kind);
    last = kind;
  }
  flush();
  return words;
}

/** Lower case as Java's Character.toLowerCase: one code point for one, no final sigma. */
export function lower(text: string): string {
  if (/^[\0-\x7f]*$/.test(text)) return text.toLowerCase();
  let lowered = '';
  for (const char of text) lowered += String.fromCodePoint(char.toLowerCase().codePointAt(0)!);
  return lowered;
}

/** Emoji joined by U+200D, and two regional indicators (a flag), are one word. */
function joinsEmoji(word: string, char: string): boolean {
  return word.endsWith('\u200d') || (FLAG_HALF.test(word) && FLAG_HALF.test(char));
}

function bridges(mid: Kind, side: Kind): boolean {
  if (side === 'L') return mid === 'midLetter' || mid === 'midBoth';
  return side === 'N' && (mid === 'midNumber' || mid === 'midBoth');
}

function kindOf(char: string): Kind {
  return ASCII[char.charCodeAt(0)] ?? lookUp(char);
}

function lookUp(char: string): Kind {
  return KINDS.find(([, pattern]) => pattern.test(char))?.[0] ?? '';
}
