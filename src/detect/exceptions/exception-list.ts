// One line of Kibana's exception-list export (NDJSON) -> a list, an item, or the details line at the end. Form: Kibana's
// `POST /api/exception_lists/_export`; a rule export holds the same lines beside its rules, which are passed over.
// Every value that decides what is silenced is checked; errors are FB_EXCEPTION_* with the path of the value.
// Pure; called by read-exceptions.ts.
//
// Which rules an item is for: those whose exceptions_list names its list, and those that a tag of the list or of the item
// names: `forebear:rule:RULE_ID`, or `forebear:every-rule`. (Kibana keeps tags through import and export.)

import { parseDate } from '../../ecs/dates.ts';
import { ForebearError } from '../../errors.ts';
import { TomlTable } from '../toml-table.ts';

export interface FieldEntry {
  readonly type: 'match' | 'match_any' | 'wildcard' | 'exists';
  readonly field: string;
  /** operator: excluded. */
  readonly excluded: boolean;
  /** One for match and wildcard, one or more for match_any, none for exists. */
  readonly values: readonly string[];
  /** For messages: entries[0]. */
  readonly path: string;
}

export interface NestedEntry {
  readonly type: 'nested';
  readonly field: string;
  /** Of one and the same object; field names below `field`. */
  readonly entries: readonly FieldEntry[];
  readonly path: string;
}

export type ExceptionEntry = FieldEntry | NestedEntry;

/** Rules that tags name. */
export interface TagScope {
  readonly ruleIds: readonly string[];
  readonly everyRule: boolean;
}

export interface ListFacts extends TagScope {
  readonly list_id: string;
  readonly name: string;
}

export interface ItemFacts extends TagScope {
  readonly item_id: string;
  readonly list_id: string;
  readonly name: string;
  readonly description: string;
  /** All must hold. */
  readonly entries: readonly ExceptionEntry[];
  /** Empty: any. */
  readonly osTypes: readonly string[];
  /** Milliseconds since 1970: for events before. */
  readonly expiresMs?: number;
}

export type ExceptionLine =
  | { readonly kind: 'list'; readonly list: ListFacts }
  | { readonly kind: 'item'; readonly item: ItemFacts }
  | { readonly kind: 'details'; readonly items: number }
  | { readonly kind: 'rule' };

/** What a line says of itself, as far as it can be read; for reports. */
export interface LineIdentity {
  readonly item_id?: string;
  readonly list_id?: string;
  readonly name?: string;
}

/** Lists of detection rules; others (trusted applications, blocklists ...) mean something else. */
const LIST_TYPES = ['detection', 'rule_default', 'endpoint'];
const OS_TYPES = ['linux', 'macos', 'windows'] as const;
const FIELD_TYPES = ['match', 'match_any', 'wildcard', 'exists'] as const;
const OWN_TAG = 'forebear:';

/** in: the object of a line; out: what it is. Throws FB_EXCEPTION_*. */
export function readExceptionLine(object: Readonly<Record<string, unknown>>): ExceptionLine {
  const line = new TomlTable(withoutNulls(object));
  return asExceptionErrors(() => {
    if (line.has('exported_exception_list_item_count') || line.has('exported_count')) return readDetails(line);
    if (line.has('item_id') || line.has('entries')) return { kind: 'item', item: readItem(line) };
    if (line.has('rule_id')) return { kind: 'rule' };
    return { kind: 'list', list: readList(line) };
  });
}

/** Never throws. */
export function identifyLine(object: Readonly<Record<string, unknown>>): LineIdentity {
  const texts = (['item_id', 'list_id', 'name'] as const).flatMap((key) => {
    const value = Object.hasOwn(object, key) ? object[key] : undefined;
    return typeof value === 'string' ? [[key, value.slice(0, 512)]] : [];
  });
  return Object.fromEntries(texts);
}

function readDetails(line: TomlTable): ExceptionLine {
  const key = 'exported_exception_list_item_count';
  return { kind: 'details', items: line.has(key) ? line.integer(key, 0, 1e9) : 0 };
}

function readList(line: TomlTable): ListFacts {
  const list_id = readId(line, 'list_id');
  const type = line.name('type');
  if (!LIST_TYPES.includes(type)) {
    const expected = LIST_TYPES.join(', ');
    throw new ForebearError('FB_EXCEPTION_LIST_TYPE', `type: ${type} lists are not for rules (${expected} are)`);
  }
  return { list_id, name: line.optionalString('name') ?? list_id, ...scopeOf(line) };
}

function readItem(line: TomlTable): ItemFacts {
  const item_id = readId(line, 'item_id');
  return {
    item_id,
    list_id: readId(line, 'list_id'),
    name: line.optionalString('name') ?? item_id,
    description: line.optionalString('description') ?? '',
    entries: someEntries(line).map(readEntry),
    osTypes: readOsTypes(line),
    ...readExpiry(line),
    ...scopeOf(line),
  };
}

/** Ids name counters and stand in messages. */
function readId(line: TomlTable, key: string): string {
  const id = line.name(key);
  if (id.length <= 256) return id;
  throw new ForebearError('FB_EXCEPTION_VALUE', `${key}: expected at most 256 characters, found ${id.length}`);
}

/** No entries at all would be an item that hides everything. */
function someEntries(table: TomlTable): TomlTable[] {
  const entries = table.tables('entries');
  if (entries.length > 0) return entries;
  throw new ForebearError('FB_EXCEPTION_VALUE', `${table.at('entries')}: expected one or more, found none`);
}

function readEntry(entry: TomlTable): ExceptionEntry {
  if (entry.name('type') !== 'nested') return readFieldEntry(entry);
  return {
    type: 'nested',
    field: entry.name('field'),
    entries: someEntries(entry).map(readFieldEntry),
    path: entry.path,
  };
}

function readFieldEntry(entry: TomlTable): FieldEntry {
  const type = entry.name('type');
  if (type === 'list') {
    throw new ForebearError(
      'FB_EXCEPTION_VALUE_LIST',
      `${entry.path}: value lists live in Elasticsearch; not on a host`,
    );
  }
  if (!(FIELD_TYPES as readonly string[]).includes(type)) {
    const expected = [...FIELD_TYPES, 'nested'].join(', ');
    throw new ForebearError('FB_EXCEPTION_TYPE', `${entry.at('type')}: expected one of ${expected}, found ${type}`);
  }
  const excluded = entry.oneOf('operator', ['included', 'excluded']) === 'excluded';
  return {
    type: type as FieldEntry['type'],
    field: entry.name('field'),
    excluded,
    values: valuesOf(entry, type),
    path: entry.path,
  };
}

function valuesOf(entry: TomlTable, type: string): string[] {
  if (type === 'exists') return [];
  if (type !== 'match_any') return [entry.string('value')];
  const values = entry.strings('value');
  if (values.length > 0) return values;
  throw new ForebearError('FB_EXCEPTION_VALUE', `${entry.at('value')}: expected one or more texts, found none`);
}

function readOsTypes(line: TomlTable): string[] {
  const types = line.strings('os_types');
  const strange = types.find((type) => !(OS_TYPES as readonly string[]).includes(type));
  if (strange === undefined) return types;
  throw new ForebearError('FB_EXCEPTION_VALUE', `os_types: expected ${OS_TYPES.join(', ')}, found ${strange}`);
}

function readExpiry(line: TomlTable): { expiresMs?: number } {
  const text = line.optionalString('expire_time');
  if (text === undefined) return {};
  const date = /^\d{4}-/.test(text) ? parseDate(text) : undefined;
  if (date !== undefined) return { expiresMs: date.ms };
  throw new ForebearError(
    'FB_EXCEPTION_VALUE',
    `expire_time: expected a date such as 2030-01-01T00:00:00Z, found ${text}`,
  );
}

/** A mistyped tag of ours must not mean "for no rule". */
function scopeOf(line: TomlTable): TagScope {
  const own = line
    .strings('tags')
    .filter((tag) => tag.startsWith(OWN_TAG))
    .map((tag) => tag.slice(OWN_TAG.length));
  const strange = own.find((tag) => tag !== 'every-rule' && !/^rule:./.test(tag));
  if (strange !== undefined) {
    const known = `${OWN_TAG}rule:RULE_ID and ${OWN_TAG}every-rule`;
    throw new ForebearError('FB_EXCEPTION_VALUE', `tags: ${OWN_TAG}${strange} means nothing; there are ${known}`);
  }
  const ruleIds = own.flatMap((tag) => (tag === 'every-rule' ? [] : [tag.slice('rule:'.length)]));
  return { ruleIds, everyRule: own.includes('every-rule') };
}

/** Exports write null for what is not set. */
function withoutNulls(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}

/** The reader of tables is that of rules: FB_RULE_VALUE -> FB_EXCEPTION_VALUE. */
function asExceptionErrors<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ForebearError)) throw error;
    throw new ForebearError(error.code.replace('FB_RULE_', 'FB_EXCEPTION_'), error.message, { cause: error });
  }
}
