// `filters` of a rule (Elasticsearch's query DSL as Kibana's filter bar writes it) -> the same in KQL, or in EQL where it has
// wildcards. In: the parsed value; out: queries that have to hold besides the rule's own, or FB_RULE_FEATURE where one is of a
// form that is not translated: without it the rule would mean more. Pure; called by rule-facts.ts.
//
// Taken are phrase, phrases, exists, range, term, terms, wildcard, prefix, bool, match_all and several of them combined, each
// negated or not; a filter that is switched off in Kibana (meta.disabled) falls away there and here.

import { ForebearError } from '../errors.ts';
import type { RuleFilter } from './rule.ts';

type Value = string | number | boolean;

type Node =
  | { kind: 'and' | 'or'; parts: readonly Node[] }
  | { kind: 'not'; part: Node }
  | { kind: 'is'; field: string; values: readonly Value[] }
  | { kind: 'exists'; field: string }
  | { kind: 'range'; field: string; bounds: readonly (readonly [string, Value])[] }
  | { kind: 'like'; field: string; pattern: string; insensitive: boolean };

/** Deeper is no filter that a person made. */
const MAX_DEPTH = 16;
const MAX_FILTERS = 200;
const COMPARISONS: Readonly<Record<string, string>> = { gte: '>=', gt: '>', lte: '<=', lt: '<', from: '>=', to: '<=' };
/** Keys beside the bounds that change nothing here; `format` where it is that of KQL's own dates. */
const RANGE_OPTIONS = ['boost', 'relation'];
const DATE_FORMAT = /^(strict_)?date_optional_time(\|\|epoch_millis)?$/;

/** in: the value of `filters`, undefined where there is none. Throws FB_RULE_VALUE, FB_RULE_FEATURE. */
export function readFilters(value: unknown): readonly RuleFilter[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new ForebearError('FB_RULE_VALUE', 'rule.filters: expected a list');
  if (value.length > MAX_FILTERS) throw new ForebearError('FB_RULE_VALUE', `rule.filters: more than ${MAX_FILTERS}`);
  return value.flatMap((filter, i) => readFilter(filter, `rule.filters[${i}]`) ?? []);
}

function readFilter(value: unknown, path: string): RuleFilter | undefined {
  const node = filterNode(value, path, 0);
  return node && printed(node);
}

/** undefined: it is switched off. */
function filterNode(value: unknown, path: string, depth: number): Node | undefined {
  const filter = objectAt(value, path);
  const meta = filter.meta === undefined || filter.meta === null ? {} : objectAt(filter.meta, `${path}.meta`);
  if (meta.disabled === true) return undefined;
  const { meta: _meta, $state: _state, query, ...legacy } = filter;
  const body = query === undefined || query === null ? legacy : query;
  const node = meta.type === 'combined' ? combined(meta, path, depth) : readNode(body, `${path}.query`, depth);
  return meta.negate === true ? { kind: 'not', part: node } : node;
}

/** Several filters in one, as Kibana's filter bar joins them: their own forms stand in `params`. */
function combined({ relation, params }: Readonly<Record<string, unknown>>, path: string, depth: number): Node {
  const at = `${path}.meta`;
  if (depth > MAX_DEPTH) throw untranslated(at, 'combined');
  if (!Array.isArray(params)) throw new ForebearError('FB_RULE_VALUE', `${at}.params: expected a list`);
  if (relation !== 'AND' && relation !== 'OR') throw untranslated(at, `relation ${String(relation)}`);
  const parts = params.flatMap((one, i) => filterNode(one, `${at}.params[${i}]`, depth + 1) ?? []);
  if (parts.length === 0) throw untranslated(at, 'combined of nothing');
  return { kind: relation === 'OR' ? 'or' : 'and', parts };
}

/** One clause of the DSL: an object of one key. */
function readNode(value: unknown, path: string, depth: number): Node {
  const entries = Object.entries(objectAt(value, path));
  if (entries.length !== 1 || depth > MAX_DEPTH)
    throw untranslated(path, entries.map(([key]) => key).join(', ') || 'nothing');
  const [clause, body] = entries[0]!;
  const at = `${path}.${clause}`;
  switch (clause) {
    case 'match_all':
      return { kind: 'and', parts: [] };
    case 'exists':
      return { kind: 'exists', field: fieldName(objectAt(body, at).field, at) };
    case 'bool':
      return readBool(objectAt(body, at), at, depth);
    case 'match':
    case 'match_phrase':
    case 'term':
      return readIs(body, at, clause);
    case 'terms':
      return readTerms(body, at);
    case 'range':
      return readRange(body, at);
    case 'wildcard':
    case 'prefix':
      return readPattern(body, at, clause);
    default:
      throw untranslated(path, clause);
  }
}

function readBool(bool: Readonly<Record<string, unknown>>, path: string, depth: number): Node {
  const { must, filter, should, must_not, minimum_should_match: least, boost: _boost, ...other } = bool;
  const [strange] = Object.keys(other);
  if (strange !== undefined) throw untranslated(path, strange);
  const read = (list: unknown, key: string) =>
    (list === undefined || list === null ? [] : Array.isArray(list) ? list : [list]).map((one, i) =>
      readNode(one, `${path}.${key}[${i}]`, depth + 1),
    );
  const needed = [...read(must, 'must'), ...read(filter, 'filter')];
  const any = read(should, 'should');
  const asked = least === undefined || least === null ? (needed.length === 0 ? 1 : 0) : Number(least);
  if (asked !== 0 && asked !== 1) throw untranslated(path, `minimum_should_match ${String(least)}`);
  const parts = [
    ...needed,
    ...(any.length > 0 && asked === 1 ? [{ kind: 'or' as const, parts: any }] : []),
    ...read(must_not, 'must_not').map((part) => ({ kind: 'not' as const, part })),
  ];
  return { kind: 'and', parts };
}

/** `match` is taken where it is a phrase, as older filters write it, or has one word only. */
function readIs(body: unknown, path: string, clause: string): Node {
  const [field, said] = oneField(body, path);
  const inner = isObject(said) ? said : undefined;
  const value = inner === undefined ? said : (inner.query ?? inner.value);
  if (clause === 'match' && inner?.type !== 'phrase' && /\s/.test(String(value))) throw untranslated(path, 'match');
  if (inner?.case_insensitive === true) {
    return { kind: 'like', field, pattern: plain(String(scalarAt(value, path)), path), insensitive: true };
  }
  return { kind: 'is', field, values: [scalarAt(value, path)] };
}

function readTerms(body: unknown, path: string): Node {
  const [field, said] = oneField(body, path);
  if (!Array.isArray(said) || said.length === 0) throw untranslated(path, 'terms without a list');
  return { kind: 'is', field, values: said.map((value) => scalarAt(value, path)) };
}

function readRange(body: unknown, path: string): Node {
  const [field, said] = oneField(body, path);
  const bounds = Object.entries(objectAt(said, path)).flatMap(([key, value]): [string, Value][] => {
    if (value === null || RANGE_OPTIONS.includes(key)) return [];
    if (key === 'format' && DATE_FORMAT.test(String(value))) return [];
    const operator = Object.hasOwn(COMPARISONS, key) ? COMPARISONS[key] : undefined;
    if (operator === undefined) throw untranslated(path, key);
    return [[operator, scalarAt(value, path)]];
  });
  return bounds.length === 0 ? { kind: 'exists', field } : { kind: 'range', field, bounds };
}

function readPattern(body: unknown, path: string, clause: 'wildcard' | 'prefix'): Node {
  const [field, said] = oneField(body, path);
  const inner = isObject(said) ? said : { value: said };
  const text = String(scalarAt(inner.value ?? inner.wildcard ?? inner.prefix, path));
  const pattern = clause === 'prefix' ? `${plain(text, path)}*` : text;
  if (pattern.includes('\\')) throw untranslated(path, 'a backslash in a pattern');
  return { kind: 'like', field, pattern, insensitive: inner.case_insensitive === true };
}

function plain(text: string, path: string): string {
  if (/[*?]/.test(text)) throw untranslated(path, '* or ? as themselves');
  return text;
}

function oneField(body: unknown, path: string): [string, unknown] {
  const { boost: _boost, ...fields } = objectAt(body, path);
  const entries = Object.entries(fields);
  if (entries.length !== 1) throw untranslated(path, 'more than one field');
  return [fieldName(entries[0]![0], path), entries[0]![1]];
}

function fieldName(name: unknown, path: string): string {
  if (typeof name === 'string' && /^[A-Za-z_@][\w@-]*(\.[\w@-]+)*$/.test(name)) return name;
  throw untranslated(path, `the field ${JSON.stringify(name)}`);
}

function scalarAt(value: unknown, path: string): Value {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  throw new ForebearError('FB_RULE_VALUE', `${path}: expected a text, a number, true or false`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectAt(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value;
  throw new ForebearError('FB_RULE_VALUE', `${path}: expected a table`);
}

function untranslated(path: string, what: string): ForebearError {
  const message = `${path}: ${what}: a filter of that form is not translated; without it the rule would mean more`;
  return new ForebearError('FB_RULE_FEATURE', message, { hint: 'write what it means into rule.query' });
}

function printed(node: Node): RuleFilter {
  return hasPattern(node)
    ? { language: 'eql', text: `any where ${eqlOf(node)}` }
    : { language: 'kuery', text: kqlOf(node) };
}

function hasPattern(node: Node): boolean {
  if (node.kind === 'and' || node.kind === 'or') return node.parts.some(hasPattern);
  return node.kind === 'not' ? hasPattern(node.part) : node.kind === 'like';
}

function kqlOf(node: Node): string {
  switch (node.kind) {
    case 'and':
    case 'or':
      return node.parts.length === 0 ? '*' : node.parts.map((part) => `(${kqlOf(part)})`).join(` ${node.kind} `);
    case 'not':
      return `not (${kqlOf(node.part)})`;
    case 'exists':
      return `${node.field}:*`;
    case 'range':
      return node.bounds.map(([operator, value]) => `${node.field} ${operator} ${quoted(String(value))}`).join(' and ');
    case 'is':
      return `${node.field}:(${node.values.map((value) => quoted(String(value))).join(' or ')})`;
    case 'like':
      throw new Error('a pattern is written in EQL');
  }
}

function eqlOf(node: Node): string {
  switch (node.kind) {
    case 'and':
    case 'or':
      return node.parts.length === 0 ? 'true' : node.parts.map((part) => `(${eqlOf(part)})`).join(` ${node.kind} `);
    case 'not':
      return `not (${eqlOf(node.part)})`;
    case 'exists':
      return `${eqlField(node.field)} != null`;
    case 'range':
      return node.bounds
        .map(([operator, value]) => `${eqlField(node.field)} ${operator} ${literal(value)}`)
        .join(' and ');
    case 'is':
      return `${eqlField(node.field)} in (${node.values.map(literal).join(', ')})`;
    case 'like':
      return `${eqlField(node.field)} like${node.insensitive ? '~' : ''} ${quoted(node.pattern)}`;
  }
}

function eqlField(name: string): string {
  return name
    .split('.')
    .map((part) => (part.includes('-') ? `\`${part}\`` : part))
    .join('.');
}

function literal(value: Value): string {
  return typeof value === 'string' ? quoted(value) : String(value);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** A quoted text of both languages. */
function quoted(text: string): string {
  return `"${text.replace(/["\\\n\r\t]/g, (char) => ESCAPES[char]!)}"`;
}
