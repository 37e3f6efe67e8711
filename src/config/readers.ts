// How one value of the configuration is read: each reader knows the default as a file writes it, what it expects (for
// the message) and returns undefined for anything else. Called by config.ts only.

import { parseDuration, parseSize } from './units.ts';

export interface Key<T> {
  /** As written in the file. */
  readonly fallback: unknown;
  /** Ends the sentence "expected ...". */
  readonly expected: string;
  /** undefined: not what is expected. */
  read(value: unknown): T | undefined;
}

export function path(fallback: string): Key<string> {
  const read = (value: unknown) =>
    typeof value === 'string' && value !== '' && !value.includes('\0') && value.length <= 4096 ? value : undefined;
  return { fallback, expected: 'a path', read };
}

/** At most 64 values of one kind. */
export function list<T>(fallback: readonly T[], element: Key<T>): Key<readonly T[]> {
  const read = (value: unknown) => {
    if (!Array.isArray(value) || value.length > 64) return undefined;
    const items = value.map((item) => element.read(item));
    return items.includes(undefined) ? undefined : (items as T[]);
  };
  return { fallback, expected: `a list, each item ${element.expected}`, read };
}

/** in: a key that reads a list. */
export function atLeastOne<T>(key: Key<readonly T[]>, expected: string): Key<readonly T[]> {
  const read = (value: unknown) => {
    const items = key.read(value);
    return items === undefined || items.length === 0 ? undefined : items;
  };
  return { fallback: key.fallback, expected, read };
}

/** A table of values of one kind, at most 1024, each under a name. */
export function named<T>(what: string, element: Key<T>): Key<ReadonlyMap<string, T>> {
  const read = (value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date) return undefined;
    const items = Object.entries(value).map(([name, item]) => [name, element.read(item)] as const);
    return items.length > 1024 || items.some(([, item]) => item === undefined)
      ? undefined
      : new Map(items as [string, T][]);
  };
  return { fallback: {}, expected: `a table, by ${what} ${element.expected}`, read };
}

/** "auto", or what the key reads. */
export function autoOr<T>(key: Key<T>): Key<'auto' | T> {
  const read = (value: unknown) => (value === 'auto' ? value : key.read(value));
  return { fallback: 'auto', expected: `"auto" or ${key.expected}`, read };
}

export function oneOf<T extends string>(fallback: T, values: readonly T[]): Key<T> {
  const read = (value: unknown) => values.find((known) => known === value);
  return { fallback, expected: `one of ${values.map((known) => `"${known}"`).join(', ')}`, read };
}

/** Bytes, written with a unit. */
export function size(fallback: string, least: string, most: string): Key<number> {
  return amount(fallback, least, most, 'size', parseSize);
}

/** Milliseconds, written with a unit. */
export function span(fallback: string, least: string, most: string): Key<number> {
  return amount(fallback, least, most, 'duration', parseDuration);
}

export function whole(fallback: number, least: number, most: number): Key<number> {
  const read = (value: unknown) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? value : undefined;
  return { fallback, expected: `a whole number from ${least} to ${most}`, read };
}

function amount(
  fallback: string,
  least: string,
  most: string,
  what: string,
  parse: (text: string) => number | undefined,
): Key<number> {
  const read = (value: unknown) => {
    const found = typeof value === 'string' ? parse(value) : undefined;
    return found !== undefined && found >= parse(least)! && found <= parse(most)! ? found : undefined;
  };
  return { fallback, expected: `a ${what} from "${least}" to "${most}", such as "${fallback}"`, read };
}

export function flag(fallback: boolean): Key<boolean> {
  const read = (value: unknown) => (typeof value === 'boolean' ? value : undefined);
  return { fallback, expected: 'true or false', read };
}

/** Text of a form; without a fallback it has to be given. */
export function text(what: string, form: RegExp, fallback?: string): Key<string> {
  const read = (value: unknown) => (typeof value === 'string' && form.test(value) ? value : undefined);
  return { fallback, expected: what, read };
}

/** null where nothing is given. */
export function optional<T>(key: Key<T>): Key<T | null> {
  const read = (value: unknown) => (value === null ? null : key.read(value));
  return { fallback: null, expected: key.expected, read };
}

/** in: a key that reads a size. */
export function powerOfTwo(key: Key<number>): Key<number> {
  const read = (value: unknown) => {
    const bytes = key.read(value);
    return bytes !== undefined && Number.isInteger(Math.log2(bytes)) ? bytes : undefined;
  };
  return { fallback: key.fallback, expected: `${key.expected}, a power of two`, read };
}
