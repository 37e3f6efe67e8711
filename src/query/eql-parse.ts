// EQL text -> syntax tree, by the parser made from eql.peggy. Called by eql-compile.ts. Length, nesting and depth are bounded
// here, so no text can exhaust the stack of whoever walks the tree; names of stages are bound (`event0.process.name`), and what
// a sequence or a sample needs is asked for.

import { ForebearError } from '../errors.ts';
import { adaptToLucene, regexesOf } from './eql-endpoint.ts';
import type { EqlExpression, EqlField, EqlQuery, EqlStage } from './eql-tree.ts';
import { SyntaxError as PeggyError, parse } from './generated/eql-parser.js';
import { queryError } from './kql-parse.ts';

/** UTF-16 units. The longest rule query of the corpus has about 12,000. */
export const MAX_LENGTH = 256 * 1024;
/** Parentheses and brackets, and how deep an expression may be in all. */
export const MAX_NESTING = 200;
const MAX_DEPTH = 1000;
/** Regular expressions: each may take some milliseconds to be made. */
export const MAX_REGEXES = 100;
/** Elasticsearch's. */
const MAX_RUNS = 100;
const MAX_STAGES = 256;

/**
 * in: query text, whether Elastic Defend's dialect is taken too; out: tree. Errors: FB_QUERY_SYNTAX, FB_QUERY_TOO_LARGE, with line,
 * column and a caret. The syntax: eql.peggy.
 */
export function parseEql(text: string, endpoint = false): EqlQuery {
  checkSize(text);
  const query = parsed(text);
  checkTree(query, text, endpoint);
  if (query.kind !== 'event') checkStages(query, text, endpoint);
  else if (!endpoint) refuseDescendants(query.query.condition, text);
  return query;
}

function parsed(text: string): EqlQuery {
  try {
    return parse(text) as EqlQuery;
  } catch (thrown) {
    if (!(thrown instanceof PeggyError)) throw thrown;
    const { message, hint } = explain(text, thrown);
    throw queryError('FB_QUERY_SYNTAX', message, text, thrown.location.start.offset, hint);
  }
}

function checkSize(text: string): void {
  if (text.length > MAX_LENGTH) {
    const message = `the query has ${text.length} characters, at most ${MAX_LENGTH} are taken`;
    throw new ForebearError('FB_QUERY_TOO_LARGE', message);
  }
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === '(' || token === '[') depth++;
    else if (token === ')' || token === ']') depth--;
    if (depth > MAX_NESTING) {
      throw queryError('FB_QUERY_TOO_LARGE', `more than ${MAX_NESTING} levels of ( and [`, text, index);
    }
  }
}

/**
 * Brackets, and what brackets may stand in without being any: raw texts, texts, names and comments as eql.peggy has them. What is
 * never closed is taken to its end, so that each character is looked at once.
 */
const TOKEN = /"""[^\r\n]*?"""(?!")|"(?:\\[^\r\n]|[^"\\\r\n])*"?|`[^`]*`?|\/\/[^\r\n]*|\/\*(?:.*?\*\/|.*)|[([\])]/gs;

/** Without recursion: chains of `not`, `-` and `+` are as deep as they are long. */
function checkTree(query: EqlQuery, text: string, endpoint: boolean): void {
  let regexes = 0;
  const open = conditionsOf(query).map((node) => ({ node, depth: 1 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next;
    const fail = (message: string) => queryError('FB_QUERY_TOO_LARGE', message, text, node.at);
    if (depth > MAX_DEPTH) throw fail(`the expression is more than ${MAX_DEPTH} levels deep`);
    regexes += regexesOf(node).length;
    if (regexes > MAX_REGEXES) throw fail(`more than ${MAX_REGEXES} regular expressions`);
    if (endpoint) adaptToLucene(node);
    for (const part of partsOf(node)) open.push({ node: part, depth: depth + 1 });
  }
}

export function conditionsOf(query: EqlQuery): EqlExpression[] {
  if (query.kind === 'event') return [query.query.condition];
  return [...query.stages, ...(query.until ? [query.until] : [])].map((stage) => stage.query.condition);
}

/** The expressions directly below one, a tracked query's condition included. */
export function partsOf(node: EqlExpression): readonly EqlExpression[] {
  switch (node.kind) {
    case 'literal':
    case 'field':
      return [];
    case 'call':
    case 'and':
    case 'or':
      return node.parts;
    case 'not':
    case 'negative':
      return [node.part];
    case 'arithmetic':
    case 'compare':
      return [node.left, node.right];
    case 'like':
    case 'regex':
      return [node.value, ...node.patterns];
    case 'in':
      return [node.value, ...node.options];
    case 'descendant':
      return [node.query.condition];
  }
}

type Joining = Exclude<EqlQuery, { kind: 'event' }>;

function checkStages(query: Joining, text: string, endpoint: boolean): void {
  const fail = (message: string, at: number): never => {
    throw queryError('FB_QUERY_SYNTAX', message, text, at);
  };
  const { stages, until, kind, by } = query;
  const first = stages[0]!;
  const count = stages.reduce((sum, { runs }) => sum + runs, 0);
  if (count < 2) fail(`a ${kind} has two events or more`, first.at);
  if (count > MAX_STAGES) fail(`more than ${MAX_STAGES} events`, first.at);
  for (const stage of [...stages, ...(until ? [until] : [])]) {
    if (stage.by.length !== first.by.length) fail('every event needs as many `by` fields as the first', stage.at);
    if (stage.runs < 1 || stage.runs > MAX_RUNS) fail(`\`runs\` is 1 to ${MAX_RUNS}`, stage.at);
    if (!endpoint) refuseDescendants(stage.query.condition, text);
    if (!endpoint && stage.name !== undefined) fail('`as` is taken in Elastic Defend’s behaviour rules only', stage.at);
  }
  if (until?.missing || (until?.runs ?? 1) > 1) fail('`until` takes one event, without `!` and `with runs`', until!.at);
  if (kind === 'sample') checkSample(query, fail);
  const missing = stages.find((stage) => stage.missing);
  if (missing !== undefined && query.maxspanMs === undefined) fail('a missing event needs `with maxspan`', missing.at);
  if (stages.every((stage) => stage.missing)) fail('a sequence needs an event that is there', first.at);
  if (by.some(({ stage }) => stage !== undefined)) fail('a key is a field of the event', by[0]!.at);
  bindNames(query);
}

function checkSample({ stages, by, until, maxspanMs }: Joining, fail: (message: string, at: number) => never): void {
  const first = stages[0]!;
  if (by.length + first.by.length === 0) fail('a sample needs `by`', first.at);
  const odd = stages.find(({ missing, runs }) => missing || runs > 1);
  if (odd !== undefined || until !== undefined || maxspanMs !== undefined) {
    fail('a sample has no order: `![`, `runs`, `until` and `maxspan` have no meaning there', (odd ?? first).at);
  }
}

function refuseDescendants(node: EqlExpression, text: string): void {
  if (node.kind === 'descendant') {
    const message = '`descendant of` is taken in Elastic Defend’s behaviour rules only';
    throw queryError('FB_QUERY_SYNTAX', message, text, node.at);
  }
  for (const part of partsOf(node)) refuseDescendants(part, text);
}

/** `event0.process.name` in a stage after `[...] as event0` reads that event. The tree is ours until it is handed out. */
function bindNames({ stages, until }: Joining): void {
  const names = new Set<string>();
  for (const stage of [...stages, ...(until ? [until] : [])]) {
    if (names.size > 0) bind(stage.query.condition, names);
    if (stage.name !== undefined) names.add(stage.name);
  }
}

function bind(node: EqlExpression, names: ReadonlySet<string>): void {
  if (node.kind === 'field') {
    const dot = node.name.indexOf('.');
    const stage = node.name.slice(0, Math.max(0, dot));
    if (names.has(stage)) Object.assign(node as EqlField, { stage, name: node.name.slice(dot + 1) });
  }
  if (node.kind !== 'descendant') for (const part of partsOf(node)) bind(part, names);
}

/** in: stages; out: the number of the stage with that name among those of the program, where each of its runs is one; the first. */
export function stageNamed(stages: readonly EqlStage[], name: string): number {
  const before = stages.slice(
    0,
    stages.findIndex((stage) => stage.name === name),
  );
  return before.reduce((sum, { runs }) => sum + runs, 0);
}

function explain(text: string, error: PeggyError): { message: string; hint?: string } {
  const at = error.location.start.offset;
  const rest = text.slice(at);
  if (error.expected === null || error.expected === undefined) return { message: error.message };
  const found =
    at >= text.length ? 'the query ends' : `there is ${JSON.stringify(String.fromCodePoint(text.codePointAt(at)!))}`;
  const message = `expected ${expectations(error)}, but ${found} here`;
  const before = text.slice(Math.max(0, at - 40), at);
  const hint = HINTS.find(([left, right]) => left.test(before) && right.test(rest))?.[2];
  return hint === undefined ? { message } : { message, hint };
}

/** A quote that begins no text: it is never closed on its line, or an escape in it is none. */
const NO_TEXT = /^(?:"""(?![^\r\n]*""")|"(?!"")(?!(?:[^"\\\r\n]|\\[btnfr"'\\]|\\u\{[0-9a-f]{2,8}\})*"))/i;

/** What stands before the place, what stands there, and what to do about it. */
const HINTS: readonly (readonly [RegExp, RegExp, string])[] = [
  [/[^=!<>]$/, /^=[^=]/, 'equality is `==`; `:` ignores case'],
  [/$/, /^!:/, 'write `not field : "value"`'],
  [/\bnot\s+$/, /^(like|regex|:)/, 'write `not` before the field: `not field like "value"`'],
  [
    /$/,
    /^(AND|OR|NOT|IN|LIKE|REGEX|WHERE|BY|WITH|UNTIL|SEQUENCE|SAMPLE)\b/,
    'keywords are in lower case; a field of that name goes into `backticks`',
  ],
  [/$/, /^\?["']/, 'raw texts are """written so"""'],
  [/$/, /^'/, 'texts are in double quotes'],
  [/\bin~?\s*$/, /^["\d]/, '`in` takes a list: `in ("a", "b")`'],
  [/$/, NO_TEXT, 'a text ends on the line that it begins on; \\ begins an escape, but not in """raw texts"""'],
  [/\b(child|event|parent)\s+$/, /^of\b/, 'of the relations between processes only `descendant of` is taken'],
  [/\w$/, /^\[/, 'elements of arrays have no numbers here: a predicate is true if it is for any of them'],
  [/[=<>]\s*$/, /^\d/, 'a number is followed by a blank or an operator'],
];

/** What the grammar would have taken, most useful names only. */
function expectations(error: PeggyError): string {
  const names = new Set<string>();
  for (const expected of error.expected ?? []) {
    if (expected.type === 'literal') names.add(`"${expected.text}"`);
    else if (expected.type === 'end') names.add('the end');
    else if (expected.type === 'other' && expected.description !== 'blank') names.add(expected.description);
  }
  const list = [...names].sort();
  if (list.length > 8) return 'an expression or an operator';
  const last = list.pop() ?? 'something else';
  return list.length === 0 ? last : `${list.join(', ')} or ${last}`;
}
