// Patterns of `regex`: Lucene's syntax, which Elasticsearch runs on the whole value, translated for RE2, which takes time linear
// in the value. In: pattern; out: a test, and texts of which a value has one. `.` any character, `^` and `$` themselves, `@` any
// text, `#` nothing, `"..."` itself, `\d \w \s` in ASCII, `\` before anything but a letter that itself. What RE2 cannot run is
// refused: `~` (complement), `&` (both), `<1-9>` (numbers). Without case single letters are both, ranges stay as they are: read
// off Elasticsearch 9.5.3. Called by the compiler.

import { RE2JS } from 're2js';
import { foldCase } from './eql-values.ts';
import type { TextTest } from './glob.ts';

export interface Regex {
  readonly test: TextTest;
  /** Lower case; a value that matches has one of them in it, but for the case of ASCII letters. Undefined: none is known. */
  readonly parts?: readonly string[];
}

/** Why a pattern is refused, and where: offset in it. */
export class RegexFault extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const MAX_NESTING = 100;
const MAX_REPEAT = 1000;
const MAX_PARTS = 32;
/** Members of character classes. */
const CLASSES: Readonly<Record<string, string>> = {
  d: '0-9',
  w: '0-9A-Za-z_',
  s: ' \\t\\n\\r',
  D: '\\x{0}-/:-\\x{10FFFF}',
  W: '\\x{0}-/:-@\\[-\\^`{-\\x{10FFFF}',
  S: '\\x{0}-\\x{8}\\x{b}\\x{c}\\x{e}-\\x{1f}!-\\x{10FFFF}',
};

/** in: pattern, whether the case of ASCII letters is ignored; out: its test; throws RegexFault. */
export function compileRegex(pattern: string, insensitive: boolean): Regex {
  const { source, needs } = new Translator(pattern, insensitive).whole();
  const run = compiled(source);
  if (needs === undefined || needs.length > MAX_PARTS) return { test: (text) => run.testExact(text) };
  const parts = [...new Set(needs.map(foldCase))];
  if (insensitive) {
    const has = (text: string) => parts.some((part) => text.includes(part));
    return { test: (text) => has(foldCase(text)) && run.testExact(text), parts };
  }
  return { test: (text) => needs.some((part) => text.includes(part)) && run.testExact(text), parts };
}

function compiled(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch {
    throw new RegexFault('this pattern is too large to run in linear time', 0);
  }
}

/** A piece of the pattern for RE2. */
interface Piece {
  readonly source: string;
  /** The one text that it matches, where it is one. */
  readonly text?: string;
  /** Texts of which what it matches has one. */
  readonly needs?: readonly string[];
}

class Translator {
  readonly #pattern: string;
  readonly #insensitive: boolean;
  #at = 0;
  #depth = 0;

  constructor(pattern: string, insensitive: boolean) {
    this.#pattern = pattern;
    this.#insensitive = insensitive;
  }

  whole(): Piece {
    if (this.#pattern === '') return { source: '' };
    const piece = this.#union();
    if (this.#at < this.#pattern.length) throw this.#fault('this parenthesis is never opened');
    return piece;
  }

  #union(): Piece {
    const parts = [this.#concatenation()];
    while (this.#take('|')) parts.push(this.#concatenation());
    if (parts.length === 1) return parts[0]!;
    if (parts.some(({ source }) => source === ''))
      throw this.#fault('an alternative is empty: write `(a|b)?` for `(a|b|)`');
    const needs = parts.map(needsOf);
    return {
      source: `(?:${parts.map(({ source }) => source).join('|')})`,
      ...(needs.every((need) => need !== undefined) && { needs: needs.flat() }),
    };
  }

  #concatenation(): Piece {
    const parts: Piece[] = [];
    while (this.#at < this.#pattern.length && !/[|)]/.test(this.#peek())) {
      if (this.#peek() === '&') throw this.#fault('`&` (both patterns) cannot be run in linear time; escape it: \\&');
      parts.push(this.#repeated());
    }
    return joined(parts);
  }

  #repeated(): Piece {
    let piece = this.#single();
    for (;;) {
      if (this.#take('?')) piece = { source: `(?:${piece.source})?` };
      else if (this.#take('*')) piece = { source: `(?:${piece.source})*` };
      else if (this.#take('+')) piece = repeat(piece, '+', 1);
      else if (this.#peek() === '{') piece = this.#counted(piece);
      else return piece;
    }
  }

  #counted(piece: Piece): Piece {
    const match = /^\{(\d+)(,(\d*))?\}/.exec(this.#pattern.slice(this.#at, this.#at + 20));
    if (match === null) throw this.#fault('`{` needs a count: {2}, {2,} or {2,4}');
    const [all, least, more, most] = match as unknown as [string, string, string?, string?];
    const high = most === undefined || most === '' ? Number(least) : Number(most);
    if (Number(least) > MAX_REPEAT || high > MAX_REPEAT) throw this.#fault(`more than ${MAX_REPEAT} repetitions`);
    if (high < Number(least)) throw this.#fault('the second count is smaller than the first');
    this.#at += all.length;
    return repeat(piece, `{${least}${more ?? ''}}`, Number(least));
  }

  #single(): Piece {
    const char = this.#next();
    switch (char) {
      case '.':
        return { source: '(?s:.)' };
      case '@':
        return { source: '(?s:.*)' };
      case '#':
        return { source: '[^\\x{0}-\\x{10FFFF}]' };
      case '~':
        throw this.#fault('`~` (complement) cannot be run in linear time; escape it: \\~', this.#at - 1);
      case '<':
        throw this.#fault('`<` (numbers, named patterns) is not taken; escape it: \\<', this.#at - 1);
      case '"':
        return this.#quoted();
      case '(':
        return this.#group();
      case '[':
        return { source: this.#class() };
      case '\\':
        return this.#escape();
      default:
        return this.#literal(char);
    }
  }

  #quoted(): Piece {
    const end = this.#pattern.indexOf('"', this.#at);
    if (end === -1) throw this.#fault('this quote is never closed', this.#at - 1);
    const text = this.#pattern.slice(this.#at, end);
    this.#at = end + 1;
    return joined(Array.from(text, (char) => this.#literal(char)));
  }

  #group(): Piece {
    const open = this.#at - 1;
    if (++this.#depth > MAX_NESTING) throw this.#fault(`more than ${MAX_NESTING} levels of parentheses`, open);
    const piece = this.#union();
    if (!this.#take(')')) throw this.#fault('this parenthesis is never closed', open);
    this.#depth--;
    return { ...piece, source: `(?:${piece.source})` };
  }

  #escape(): Piece {
    if (this.#at >= this.#pattern.length) throw this.#fault('the pattern ends with a backslash', this.#at - 1);
    const char = this.#next();
    if (!/[A-Za-z]/.test(char)) return this.#literal(char);
    return { source: `[${this.#predefined(char)}]` };
  }

  /** The members of `\d` and its like. */
  #predefined(letter: string): string {
    const members = CLASSES[letter];
    if (members === undefined) throw this.#fault(`there is no class \\${letter}; a tab is a tab`, this.#at - 2);
    return members;
  }

  #literal(char: string): Piece {
    const other = otherCase(char);
    if (!this.#insensitive || other === char) return { source: escaped(char), text: char };
    return { source: `[${char}${other}]`, text: char };
  }

  #class(): string {
    const open = this.#at - 1;
    const not = this.#take('^') ? '^' : '';
    let body = '';
    do {
      if (this.#at >= this.#pattern.length) throw this.#fault('this bracket is never closed', open);
      body += this.#member();
    } while (!this.#take(']'));
    return `[${not}${body}]`;
  }

  #member(): string {
    const at = this.#at;
    if (this.#pattern[at] === '\\' && /[A-Za-z]/.test(this.#pattern[at + 1] ?? '')) {
      this.#at += 2;
      return this.#predefined(this.#pattern[at + 1]!);
    }
    const low = this.#classChar();
    const next = this.#pattern[this.#at + 1];
    if (this.#peek() !== '-' || next === ']' || next === undefined) {
      return this.#insensitive ? escaped(low) + escaped(otherCase(low)) : escaped(low);
    }
    this.#at++;
    const high = this.#classChar();
    if (high.codePointAt(0)! < low.codePointAt(0)!) throw this.#fault('the range runs backwards', at);
    return `${escaped(low)}-${escaped(high)}`;
  }

  #classChar(): string {
    const char = this.#next();
    if (char !== '\\') return char;
    if (this.#at >= this.#pattern.length) throw this.#fault('the pattern ends with a backslash', this.#at - 1);
    return this.#next();
  }

  #peek(): string {
    return this.#pattern[this.#at] ?? '';
  }

  #take(char: string): boolean {
    if (this.#pattern[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #next(): string {
    const char = String.fromCodePoint(this.#pattern.codePointAt(this.#at)!);
    this.#at += char.length;
    return char;
  }

  #fault(message: string, at = this.#at): RegexFault {
    return new RegexFault(message, at);
  }
}

function otherCase(char: string): string {
  if (char >= 'a' && char <= 'z') return char.toUpperCase();
  return char >= 'A' && char <= 'Z' ? char.toLowerCase() : char;
}

function escaped(char: string): string {
  return /^[0-9A-Za-z]$/.test(char) ? char : `\\x{${char.codePointAt(0)!.toString(16)}}`;
}

function repeat(piece: Piece, times: string, least: number): Piece {
  const needs = least === 0 ? undefined : needsOf(piece);
  return { source: `(?:${piece.source})${times}`, ...(needs && { needs }) };
}

function needsOf({ text, needs }: Piece): readonly string[] | undefined {
  return text === undefined || text === '' ? needs : [text];
}

/** Neighbours that are texts are one text; of what the whole needs the longest is kept. */
function joined(parts: readonly Piece[]): Piece {
  const source = parts.map((part) => part.source).join('');
  if (parts.every(({ text }) => text !== undefined)) return { source, text: parts.map(({ text }) => text).join('') };
  let best: readonly string[] | undefined;
  let run = '';
  const consider = (needs: readonly string[] | undefined) => {
    if (needs !== undefined && shortest(needs) > (best === undefined ? 0 : shortest(best))) best = needs;
  };
  for (const part of parts) {
    if (part.text !== undefined) {
      run += part.text;
      continue;
    }
    consider([run]);
    run = '';
    consider(part.needs);
  }
  consider([run]);
  return { source, ...(best && { needs: best }) };
}

function shortest(texts: readonly string[]): number {
  return Math.min(...texts.map(({ length }) => length));
}
