// The functions of EQL as a table: what they take, what they give, what they compute. Semantics from Elasticsearch's function
// reference and its script processors: an argument without a value gives no value; where Elasticsearch fails the search
// (division by 0, a text that is no number, 64 bits exceeded) this gives no value. Case is ignored for ASCII letters.
// Called by the compiler (types) and by the scalars of both evaluators.

import { ipKey, ipRange } from '../ecs/ip.ts';
import { compileRegex } from './eql-regex.ts';
import type { ArithmeticOperator, EqlValue } from './eql-tree.ts';
import { foldCase, inLong, isNumeric, numberOf, textOfValue } from './eql-values.ts';
import { compileWildcard } from './eql-wildcard.ts';

export type ArgumentType = 'text' | 'number' | 'boolean' | 'any' | 'address';
export type ResultType = 'text' | 'number' | 'boolean';
/** in: the arguments' values; out: the result, null: none. Never throws. */
export type Apply = (values: readonly EqlValue[]) => EqlValue;

export interface EqlFunction {
  readonly name: string;
  readonly result: ResultType;
  /** Of each argument; the last one is repeated when `more`. */
  readonly takes: readonly ArgumentType[];
  /** How many have to be there; default: all. */
  readonly least?: number;
  readonly more?: true;
  /** Whether `name~` ignores case. */
  readonly tilde?: true;
  /** Arguments from here on have to be constants. */
  readonly constantFrom?: number;
  /** constants: of each argument its value where it is known. Throws Error for a constant that cannot be. */
  make(insensitive: boolean, constants: readonly (EqlValue | undefined)[]): Apply;
}

type Texts = (...texts: string[]) => EqlValue;

const same = (text: string) => text;

/** All arguments are texts. */
const onTexts =
  (compute: Texts) =>
  (insensitive: boolean): Apply => {
    const fold = insensitive ? foldCase : same;
    return (values) => (values.every((value) => typeof value === 'string') ? compute(...values.map(fold)) : null);
  };

const arithmetic = (operator: ArithmeticOperator) => () => (values: readonly EqlValue[]) =>
  calculate(operator, values[0]!, values[1]!);

const TABLE: readonly EqlFunction[] = [
  { name: 'add', result: 'number', takes: ['number', 'number'], make: arithmetic('+') },
  { name: 'divide', result: 'number', takes: ['number', 'number'], make: arithmetic('/') },
  { name: 'modulo', result: 'number', takes: ['number', 'number'], make: arithmetic('%') },
  { name: 'multiply', result: 'number', takes: ['number', 'number'], make: arithmetic('*') },
  { name: 'subtract', result: 'number', takes: ['number', 'number'], make: arithmetic('-') },
  { name: 'between', result: 'text', takes: ['text', 'text', 'text', 'boolean'], least: 3, tilde: true, make: between },
  { name: 'cidrMatch', result: 'boolean', takes: ['address', 'text'], more: true, constantFrom: 1, make: cidrMatch },
  { name: 'concat', result: 'text', takes: ['any'], more: true, make: () => concat },
  {
    name: 'endsWith',
    result: 'boolean',
    takes: ['text', 'text'],
    tilde: true,
    make: onTexts((a, b) => a!.endsWith(b!)),
  },
  { name: 'indexOf', result: 'number', takes: ['text', 'text', 'number'], least: 2, tilde: true, make: indexOf },
  { name: 'length', result: 'number', takes: ['text'], make: onTexts((text) => BigInt(text!.length)) },
  { name: 'match', result: 'boolean', takes: ['text', 'text'], more: true, tilde: true, constantFrom: 1, make: match },
  { name: 'number', result: 'number', takes: ['text', 'number'], least: 1, make: () => toNumber },
  {
    name: 'startsWith',
    result: 'boolean',
    takes: ['text', 'text'],
    tilde: true,
    make: onTexts((a, b) => a!.startsWith(b!)),
  },
  {
    name: 'string',
    result: 'text',
    takes: ['any'],
    make:
      () =>
      ([value]) =>
        value! === null ? null : textOfValue(value!),
  },
  {
    name: 'stringContains',
    result: 'boolean',
    takes: ['text', 'text'],
    tilde: true,
    // The empty text is in none.
    make: onTexts((a, b) => b !== '' && a!.includes(b!)),
  },
  { name: 'substring', result: 'text', takes: ['text', 'number', 'number'], least: 2, make: () => substring },
  {
    name: 'wildcard',
    result: 'boolean',
    takes: ['text', 'text'],
    more: true,
    tilde: true,
    constantFrom: 1,
    make: wildcard,
  },
];

const BY_NAME = new Map(TABLE.map((one) => [one.name.toLowerCase(), one]));

/** in: name in lower case, without `~`. */
export function eqlFunction(name: string): EqlFunction | undefined {
  return BY_NAME.get(name);
}

/** All names, as they are written. */
export const FUNCTION_NAMES: readonly string[] = TABLE.map(({ name }) => name);

/** Whole numbers stay whole (`7 / 2` is 3, and -7 % 3 is -1), with others they become broken ones. */
export function calculate(operator: ArithmeticOperator, left: EqlValue, right: EqlValue): EqlValue {
  if (!isNumeric(left) || !isNumeric(right)) return null;
  if (typeof left !== 'bigint' || typeof right !== 'bigint') return broken(operator, Number(left), Number(right));
  switch (operator) {
    case '+':
      return inLong(left + right);
    case '-':
      return inLong(left - right);
    case '*':
      return inLong(left * right);
    case '/':
      return right === 0n ? null : inLong(left / right);
    case '%':
      return right === 0n ? null : left % right;
  }
}

function broken(operator: ArithmeticOperator, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '%':
      return left % right;
  }
}

/** What stands between the first `left` and the next (greedy: the last) `right`; '' when one is not there. */
function between(insensitive: boolean): Apply {
  const fold = insensitive ? foldCase : same;
  return ([text, left, right, greedy = false]) => {
    if (typeof text !== 'string' || typeof left !== 'string' || typeof right !== 'string') return null;
    if (typeof greedy !== 'boolean') return null;
    if (text === '' || left === '' || right === '') return text;
    const within = fold(text);
    const begin = within.indexOf(fold(left));
    if (begin === -1) return '';
    const from = begin + left.length;
    const to = greedy ? within.lastIndexOf(fold(right)) : within.indexOf(fold(right), from);
    return to < from ? '' : text.slice(from, to);
  };
}

function cidrMatch(_insensitive: boolean, constants: readonly (EqlValue | undefined)[]): Apply {
  const ranges = constants.slice(1).map((block) => {
    const range = typeof block === 'string' ? ipRange(block) : undefined;
    if (range === undefined) throw new Error(`${JSON.stringify(block)} is no IP address and no network in CIDR form`);
    return range;
  });
  return ([address]) => {
    if (typeof address !== 'string') return null;
    const key = ipKey(address);
    return key === undefined ? null : ranges.some(({ low, high }) => key >= low && key <= high);
  };
}

/** UTF-16 units of a text that is put together; a longer one is no value. */
export const MAX_TEXT = 65_536;

function concat(values: readonly EqlValue[]): EqlValue {
  let text = '';
  for (const value of values) {
    if (value === null) return null;
    text += textOfValue(value);
    if (text.length > MAX_TEXT) return null;
  }
  return text;
}

function indexOf(insensitive: boolean): Apply {
  const fold = insensitive ? foldCase : same;
  return ([text, part, start = 0n]) => {
    if (typeof text !== 'string' || typeof part !== 'string' || (start !== null && !isNumeric(start))) return null;
    const index = fold(text).indexOf(fold(part), Number(start ?? 0));
    return index === -1 ? null : BigInt(index);
  };
}

function match(insensitive: boolean, constants: readonly (EqlValue | undefined)[]): Apply {
  const tests = constants.slice(1).map((pattern) => compileRegex(String(pattern), insensitive).test);
  return ([text]) => (typeof text === 'string' ? tests.some((test) => test(text)) : null);
}

function wildcard(insensitive: boolean, constants: readonly (EqlValue | undefined)[]): Apply {
  const fold = insensitive ? foldCase : same;
  const tests = constants.slice(1).map((pattern) => compileWildcard(fold(String(pattern))).test);
  return ([value]) => {
    if (typeof value !== 'string') return null;
    const text = fold(value);
    return tests.some((test) => test(text));
  };
}

/** Decimal and broken numbers; `0x` is base 16 unless another base is asked for. */
function toNumber([text, base = null]: readonly EqlValue[]): EqlValue {
  if (typeof text !== 'string' || (base !== null && !isNumeric(base))) return null;
  const hexadecimal = text.startsWith('0x');
  const radix = base === null ? (hexadecimal ? 16 : 10) : Number(base);
  if (radix === 10) return numberOf(text);
  return wholeInBase(hexadecimal && radix === 16 ? text.slice(2) : text, radix);
}

function wholeInBase(text: string, radix: number): EqlValue {
  if (!Number.isInteger(radix) || radix < 2 || radix > 36 || text.length > 65) return null;
  const digits = text.replace(/^[+-]/, '').toLowerCase();
  if (digits === '') return null;
  let whole = 0n;
  for (const digit of digits) {
    const value = /[0-9a-z]/.test(digit) ? Number.parseInt(digit, 36) : 36;
    if (value >= radix) return null;
    whole = whole * BigInt(radix) + BigInt(value);
  }
  return inLong(text.startsWith('-') ? -whole : whole);
}

/** As Python slices: negative positions count from the end. */
function substring([text, start, end = null]: readonly EqlValue[]): EqlValue {
  if (typeof text !== 'string' || !isNumeric(start!) || (end !== null && !isNumeric(end))) return null;
  return text.slice(Number(start), end === null ? undefined : Number(end));
}
