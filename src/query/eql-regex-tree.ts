// Patterns of `regex` -> tree: Lucene's syntax, all of its optional operators on, as Elasticsearch 9.5.3 reads them. `.` any
// character, `^` and `$` themselves, `@` any text, `#` nothing, `~` complement, `&` both, `<1-99>` numbers, `"..."` itself,
// `\d \w \s` in ASCII, `\` before anything but a letter that itself. Without case single ASCII letters are both, ranges stay as
// they are. `(?` and back-references, which Lucene takes for characters, are refused: nobody means that. Called by eql-regex.ts.

/** Code points from and to, both included. */
export type Range = readonly [number, number];

export type RegexNode =
  | {
      readonly kind: 'chars';
      readonly ranges: readonly Range[] /** The one character that is meant. */;
      readonly char?: string;
    }
  | { readonly kind: 'sequence' | 'choice' | 'both'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly part: RegexNode; readonly least: number; readonly most: number }
  | { readonly kind: 'complement'; readonly part: RegexNode };

/** Why a pattern is refused, and where: offset in it. */
export class RegexFault extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** Characters (UTF-16 units): Elasticsearch's index.max_regex_length. */
export const MAX_PATTERN = 1000;
const MAX_NESTING = 100;
const MAX_REPEAT = 1000;
const LAST = 0x10ffff;
const ANY: readonly Range[] = [[0, LAST]];
const range = (from: string, to = from): Range => [from.charCodeAt(0), to.charCodeAt(0)];
const CLASSES = new Map<string, readonly Range[]>([
  ['d', [range('0', '9')]],
  ['w', [range('0', '9'), range('A', 'Z'), range('_'), range('a', 'z')]],
  ['s', [range('\t', '\n'), range('\r'), range(' ')]],
]);

/** in: pattern, whether the case of ASCII letters is ignored; out: its tree; throws RegexFault. */
export function parseRegex(pattern: string, insensitive: boolean): RegexNode {
  if (pattern.length > MAX_PATTERN) {
    throw new RegexFault(`the pattern has ${pattern.length} characters, at most ${MAX_PATTERN} are taken`, MAX_PATTERN);
  }
  return new Parser(pattern, insensitive).whole();
}

/** What is in none of the ranges, which are sorted. */
export function inverted(ranges: readonly Range[]): Range[] {
  const others: Range[] = [];
  let from = 0;
  for (const [low, high] of [...ranges].sort(([a], [b]) => a - b)) {
    if (low > from) others.push([from, low - 1]);
    from = Math.max(from, high + 1);
  }
  if (from <= LAST) others.push([from, LAST]);
  return others;
}

class Parser {
  readonly #pattern: string;
  readonly #insensitive: boolean;
  #at = 0;
  #depth = 0;
  #groups = 0;
  /** Of each character that stands for itself: the same ranges wherever it stands, so that they are one set. */
  readonly #casesOf = new Map<string, readonly Range[]>();

  constructor(pattern: string, insensitive: boolean) {
    this.#pattern = pattern;
    this.#insensitive = insensitive;
  }

  whole(): RegexNode {
    if (this.#pattern === '') return { kind: 'sequence', parts: [] };
    const node = this.#choice();
    if (!this.#ended) throw this.#fault('this parenthesis is never opened');
    return node;
  }

  /** `|` binds weaker than `&`. */
  #choice(): RegexNode {
    const parts = [this.#both()];
    while (this.#take('|')) parts.push(this.#both());
    return parts.length === 1 ? parts[0]! : { kind: 'choice', parts };
  }

  #both(): RegexNode {
    const parts = [this.#sequence()];
    while (this.#take('&')) parts.push(this.#sequence());
    return parts.length === 1 ? parts[0]! : { kind: 'both', parts };
  }

  #sequence(): RegexNode {
    const parts: RegexNode[] = [];
    const begin = this.#at;
    while (!this.#ended && !'|)&'.includes(this.#peek())) parts.push(this.#repeated());
    if (parts.length === 0) throw this.#fault('an alternative is empty: write `(a|b)?` for `(a|b|)`', begin);
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts };
  }

  #repeated(): RegexNode {
    let part = this.#single();
    for (;;) {
      if (this.#take('?')) part = { kind: 'repeat', part, least: 0, most: 1 };
      else if (this.#take('*')) part = { kind: 'repeat', part, least: 0, most: Infinity };
      else if (this.#take('+')) part = { kind: 'repeat', part, least: 1, most: Infinity };
      else if (this.#peek() === '{') part = { kind: 'repeat', part, ...this.#counts() };
      else return part;
    }
  }

  #counts(): { least: number; most: number } {
    const match = /^\{(\d+)(,(\d*))?\}/.exec(this.#pattern.slice(this.#at, this.#at + 20));
    if (match === null) throw this.#fault('`{` needs a count: {2}, {2,} or {2,4}');
    const [all, first, comma, second] = match;
    const least = Number(first);
    const most = comma === undefined ? least : second === '' ? Infinity : Number(second);
    if (least > MAX_REPEAT || (most > MAX_REPEAT && most !== Infinity)) {
      throw this.#fault(`more than ${MAX_REPEAT} repetitions`);
    }
    if (most < least) throw this.#fault('the second count is smaller than the first');
    this.#at += all.length;
    return { least, most };
  }

  #single(): RegexNode {
    const at = this.#at;
    const char = this.#next();
    switch (char) {
      case '.':
        return { kind: 'chars', ranges: ANY };
      case '@':
        return { kind: 'repeat', part: { kind: 'chars', ranges: ANY }, least: 0, most: Infinity };
      case '#':
        return { kind: 'chars', ranges: [] };
      case '~':
        if (this.#ended) throw this.#fault('`~` is the complement of what follows: nothing does', at);
        return this.#nested(at, () => ({ kind: 'complement', part: this.#single() }));
      case '<':
        return this.#numbers(at);
      case '"':
        return this.#quoted(at);
      case '(':
        return this.#nested(at, () => this.#group(at));
      case '[':
        return this.#class(at);
      case '\\':
        return this.#escape(at);
      default:
        return this.#literal(char);
    }
  }

  #nested(at: number, parse: () => RegexNode): RegexNode {
    if (++this.#depth > MAX_NESTING) throw this.#fault(`more than ${MAX_NESTING} levels`, at);
    const node = parse();
    this.#depth--;
    return node;
  }

  #group(open: number): RegexNode {
    this.#groups++;
    if (this.#take(')')) return { kind: 'sequence', parts: [] };
    if (this.#peek() === '?') throw this.#fault('there is no `(?` here: no look-around, no `(?:`, no `(?i)`', open);
    const node = this.#choice();
    if (!this.#take(')')) throw this.#fault('this parenthesis is never closed', open);
    return node;
  }

  #quoted(open: number): RegexNode {
    const end = this.#pattern.indexOf('"', this.#at);
    if (end === -1) throw this.#fault('this quote is never closed; \\" is the character', open);
    const text = this.#pattern.slice(this.#at, end);
    this.#at = end + 1;
    return { kind: 'sequence', parts: Array.from(text, (char) => this.#literal(char)) };
  }

  /** `<7-12>`: decimal numbers from 7 to 12; with as many digits where both ends have as many. */
  #numbers(open: number): RegexNode {
    const match = /^(\d{1,3})-(\d{1,3})>/.exec(this.#pattern.slice(this.#at, this.#at + 12));
    if (match === null) throw this.#fault('`<` begins numbers, <1-999>; \\< is the character', open);
    const [all, first, last] = match as unknown as [string, string, string];
    this.#at += all.length;
    const [low, high] = [Number(first), Number(last)].sort((a, b) => a - b) as [number, number];
    const width = first.length === last.length ? first.length : 0;
    const parts: RegexNode[] = [];
    for (let number = low; number <= high; number++) {
      const digits = Array.from(String(number).padStart(width, '0'), (digit) => this.#literal(digit));
      const zero: RegexNode = { kind: 'repeat', part: this.#literal('0'), least: 0, most: Infinity };
      parts.push({ kind: 'sequence', parts: width === 0 ? [zero, ...digits] : digits });
    }
    return { kind: 'choice', parts };
  }

  #escape(at: number): RegexNode {
    const char = this.#escaped(at);
    if (/[1-9]/.test(char) && Number(char) <= this.#groups) {
      throw this.#fault(`there are no back-references: the digit is ${char}, without backslash`, at);
    }
    return /[A-Za-z]/.test(char) ? { kind: 'chars', ranges: this.#predefined(char, at) } : this.#literal(char);
  }

  #escaped(at: number): string {
    if (this.#ended) throw this.#fault('the pattern ends with a backslash', at);
    return this.#next();
  }

  /** `\d` and its like, `\D` their others. */
  #predefined(letter: string, at: number): readonly Range[] {
    const ranges = CLASSES.get(letter.toLowerCase());
    if (ranges === undefined) throw this.#fault(`there is no class \\${letter}`, at);
    return letter === letter.toLowerCase() ? ranges : inverted(ranges);
  }

  #literal(char: string): RegexNode {
    return { kind: 'chars', ranges: this.#cases(char), char };
  }

  #cases(char: string): readonly Range[] {
    const known = this.#casesOf.get(char);
    if (known !== undefined) return known;
    const other = otherCase(char);
    const codes = this.#insensitive && other !== char ? [char, other] : [char];
    const ranges = codes.map((one): Range => [one.codePointAt(0)!, one.codePointAt(0)!]);
    this.#casesOf.set(char, ranges);
    return ranges;
  }

  #class(open: number): RegexNode {
    const others = this.#take('^');
    const ranges: Range[] = [];
    do {
      if (this.#ended) throw this.#fault('this bracket is never closed', open);
      ranges.push(...this.#member());
    } while (!this.#take(']'));
    return { kind: 'chars', ranges: others ? inverted(ranges) : ranges };
  }

  #member(): readonly Range[] {
    const at = this.#at;
    if (this.#peek() === '\\' && /[A-Za-z]/.test(this.#pattern[at + 1] ?? '')) {
      this.#at += 2;
      return this.#predefined(this.#pattern[at + 1]!, at);
    }
    const low = this.#classChar();
    const next = this.#pattern[this.#at + 1];
    if (this.#peek() !== '-' || next === ']' || next === undefined) return this.#cases(low);
    this.#at++;
    const high = this.#classChar();
    if (high.codePointAt(0)! < low.codePointAt(0)!) throw this.#fault('the range runs backwards', at);
    return [[low.codePointAt(0)!, high.codePointAt(0)!]];
  }

  #classChar(): string {
    const at = this.#at;
    const char = this.#next();
    return char === '\\' ? this.#escaped(at) : char;
  }

  get #ended(): boolean {
    return this.#at >= this.#pattern.length;
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
