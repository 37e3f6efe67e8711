// Hand-validated reading of parsed TOML, and of JSON, whose null is an absent key: each getter checks one value and says
// where it is when it is wrong, e.g. `rule.new_terms.value[0]: expected a string, found a number`. Used by the readers of
// rules and of exceptions; throws FB_RULE_VALUE and FB_RULE_MISSING.

import { ForebearError } from '../errors.ts';

/** Bounds of any text and any list in a rule: what is larger is an attack or a mistake. */
const MAX_TEXT = 256 * 1024;
const MAX_LIST = 10_000;

export class TomlTable {
  readonly path: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>, path = '') {
    this.#values = values;
    this.path = path;
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#values, key) && this.#values[key] !== null;
  }

  isText(key: string): boolean {
    return this.has(key) && typeof this.#values[key] === 'string';
  }

  isTable(key: string): boolean {
    return this.has(key) && kindOf(this.#values[key]) === 'a table';
  }

  /** Present, and neither "" nor the empty list or table that exports write for "none". */
  says(key: string): boolean {
    if (!this.has(key)) return false;
    const value = this.#values[key];
    return typeof value === 'object' ? Object.keys(value as object).length > 0 : value !== '';
  }

  /** As it is, for what has a form of its own. */
  raw(key: string): unknown {
    return this.has(key) ? this.#values[key] : undefined;
  }

  boolean(key: string): boolean {
    const value = this.#required(key);
    if (typeof value !== 'boolean') throw wrong(this.at(key), 'true or false', kindOf(value));
    return value;
  }

  keys(): string[] {
    return Object.keys(this.#values).filter((key) => this.has(key));
  }

  string(key: string): string {
    return asString(this.#required(key), this.at(key));
  }

  optionalString(key: string): string | undefined {
    return this.has(key) ? this.string(key) : undefined;
  }

  /** A text that must say something. */
  name(key: string): string {
    const text = this.string(key).trim();
    if (text === '') throw wrong(this.at(key), 'a text that is not empty', '""');
    return text;
  }

  oneOf<T extends string>(key: string, allowed: readonly T[]): T {
    const text = this.string(key);
    const found = allowed.find((value) => value === text);
    if (found === undefined) throw wrong(this.at(key), `one of ${allowed.join(', ')}`, JSON.stringify(text));
    return found;
  }

  /** A list of texts; empty when the key is absent. */
  strings(key: string): string[] {
    return this.#list(key).map((value, i) => asString(value, `${this.at(key)}[${i}]`));
  }

  number(key: string, min: number, max: number): number {
    const value = this.#required(key);
    if (typeof value !== 'number' || Number.isNaN(value)) throw wrong(this.at(key), 'a number', kindOf(value));
    if (value < min || value > max) throw wrong(this.at(key), `a number from ${min} to ${max}`, String(value));
    return value;
  }

  integer(key: string, min: number, max: number): number {
    const value = this.number(key, min, max);
    if (!Number.isInteger(value)) throw wrong(this.at(key), 'a whole number', String(value));
    return value;
  }

  /** A table that must be there. */
  table(key: string): TomlTable {
    return asTable(this.#required(key), this.at(key));
  }

  optionalTable(key: string): TomlTable | undefined {
    return this.has(key) ? this.table(key) : undefined;
  }

  /** An array of tables; empty when the key is absent. */
  tables(key: string): TomlTable[] {
    return this.#list(key).map((value, i) => asTable(value, `${this.at(key)}[${i}]`));
  }

  /** The full path of a key of this table. */
  at(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  #required(key: string): unknown {
    if (this.has(key)) return this.#values[key];
    throw new ForebearError('FB_RULE_MISSING', `${this.at(key)}: is missing`);
  }

  #list(key: string): unknown[] {
    if (!this.has(key)) return [];
    const value = this.#values[key];
    if (!Array.isArray(value)) throw wrong(this.at(key), 'a list', kindOf(value));
    if (value.length > MAX_LIST) throw wrong(this.at(key), `at most ${MAX_LIST} entries`, String(value.length));
    return value;
  }
}

function asString(value: unknown, path: string): string {
  if (typeof value !== 'string') throw wrong(path, 'a string', kindOf(value));
  if (value.length > MAX_TEXT) throw wrong(path, `at most ${MAX_TEXT} characters`, String(value.length));
  return value;
}

function asTable(value: unknown, path: string): TomlTable {
  if (kindOf(value) !== 'a table') throw wrong(path, 'a table', kindOf(value));
  return new TomlTable(value as Record<string, unknown>, path);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (Number.isNaN(value)) return 'nan';
  if (value instanceof Date) return 'a date';
  if (typeof value === 'object' && value !== null) return 'a table';
  return typeof value === 'bigint' ? 'a number too large' : `a ${typeof value}`;
}

function wrong(path: string, expected: string, found: string): ForebearError {
  return new ForebearError('FB_RULE_VALUE', `${path}: expected ${expected}, found ${found}`);
}
