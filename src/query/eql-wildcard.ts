// Patterns of `like` and `:`: `*` any text, `?` one character, nothing escapes them. In: pattern; out: a test of the whole value,
// and a part that a value cannot do without. Steps grow with the length of the value times a 32nd of the longest piece
// between two stars: pieces are found from the left, once each, those with `?` by one bit per character.

import { foldCase } from './eql-values.ts';
import { compileGlob, type TextTest } from './glob.ts';
import type { Pattern } from './pattern-set.ts';
import { work } from './work.ts';

/** What a text takes for each 32 characters of a pattern with `?`, in searches for a word. */
const MARKED = 8;
/** Surrogate pairs are one character for `?`. */
const ASTRAL = /[\ud800-\udfff]/;

export function hasWildcards(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

/** in: pattern, in lower case if the values will be; out: its test. */
export function compileWildcard(pattern: string): Pattern {
  const pieces = pattern.split('*');
  const part = longest(pattern.split(/[*?]+/));
  if (!pattern.includes('?')) {
    const test = pieces.length === 1 ? (text: string) => text === pattern : compileGlob(pieces);
    return { test, part: foldCase(part), searches: pieces.length > 2 ? 1 : 0, cost: 40 };
  }
  const searches = MARKED * Math.ceil(pattern.length / 32);
  return { test: withMarks(pieces, part), part: foldCase(part), searches, cost: 100 };
}

/** The part that an index looks for, or the whole where nothing is wild. */
export function longest(parts: readonly string[]): string {
  return parts.reduce((best, part) => (part.length > best.length ? part : best), '');
}

/** Pieces between stars, some with `?`. */
function withMarks(pieces: readonly string[], part: string): TextTest {
  const compiled = pieces.map((piece) => new Piece(piece));
  const [first, ...rest] = compiled as [Piece, ...Piece[]];
  const last = rest.pop();
  const least = compiled.reduce((sum, { length }) => sum + length, 0);
  return (text) => {
    if (!text.includes(part)) return false;
    const codes = codesOf(text);
    const { length } = codes;
    if (length < least || !first.isAt(codes, 0)) return false;
    if (last === undefined) return length === first.length;
    const end = length - last.length;
    let at = first.length;
    for (const piece of rest) {
      const found = piece.endAfter(codes, at, end);
      work.steps += ((found === -1 ? end : found) - at) * piece.words;
      if (found === -1) return false;
      at = found;
    }
    return at <= end && last.isAt(codes, end);
  };
}

let lastText = '';
let lastCodes: ArrayLike<number> = [];

/** The last answer is kept: of a list each pattern asks for the same text. */
function codesOf(text: string): ArrayLike<number> {
  if (text === lastText) return lastCodes;
  lastText = text;
  lastCodes = ASTRAL.test(text) ? Array.from(text, (char) => char.codePointAt(0)!) : unitsOf(text);
  return lastCodes;
}

function unitsOf(text: string): Uint16Array {
  const units = new Uint16Array(text.length);
  for (let i = 0; i < units.length; i++) units[i] = text.charCodeAt(i);
  return units;
}

const ANY = -1;

/** A piece without stars. */
class Piece {
  readonly #codes: readonly number[];
  /** Words of 32 bits that a step takes. */
  readonly words: number;
  /** Of each character its places in the piece, as bits; of all others the places of `?`. */
  readonly #masks = new Map<number, Int32Array>();
  /** The same of ASCII, one after the other. */
  readonly #ascii: Int32Array;
  readonly #others: Int32Array;
  readonly #state: Int32Array;

  constructor(piece: string) {
    this.#codes = Array.from(piece, (char) => (char === '?' ? ANY : char.codePointAt(0)!));
    this.words = Math.max(1, Math.ceil(this.#codes.length / 32));
    this.#others = this.#maskOf(ANY);
    for (const code of new Set(this.#codes)) if (code !== ANY) this.#masks.set(code, this.#maskOf(code));
    this.#state = new Int32Array(this.words);
    this.#ascii = new Int32Array(128 * this.words);
    for (let code = 0; code < 128; code++) this.#ascii.set(this.#masks.get(code) ?? this.#others, code * this.words);
  }

  get length(): number {
    return this.#codes.length;
  }

  #maskOf(code: number): Int32Array {
    const mask = new Int32Array(this.words);
    this.#codes.forEach((own, i) => {
      if (own === code || own === ANY) mask[i >> 5]! |= 1 << (i & 31);
    });
    return mask;
  }

  isAt(codes: ArrayLike<number>, at: number): boolean {
    return this.#codes.every((code, i) => code === ANY || code === codes[at + i]);
  }

  /** Where the leftmost place of the piece from `at` on ends, not beyond `end`; -1: there is none. Shift-and. */
  endAfter(codes: ArrayLike<number>, at: number, end: number): number {
    const { length } = this;
    if (length === 0) return at;
    const state = this.#state.fill(0);
    const lastWord = (length - 1) >> 5;
    const lastBit = 1 << ((length - 1) & 31);
    for (let i = at; i < end; i++) {
      const code = codes[i]!;
      const mask = code < 128 ? this.#ascii : (this.#masks.get(code) ?? this.#others);
      const from = code < 128 ? code * this.words : 0;
      let carry = 1;
      for (let word = 0; word < state.length; word++) {
        const before = state[word]!;
        state[word] = ((before << 1) | carry) & mask[from + word]!;
        carry = before >>> 31;
      }
      if ((state[lastWord]! & lastBit) !== 0) return i + 1;
    }
    return -1;
  }
}
