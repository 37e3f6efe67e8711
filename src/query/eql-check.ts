// What an EQL expression may not be, said before anything is compiled: unknown functions, arguments and operands of a wrong type,
// patterns that cannot be run. Fields are looked up here, unknown ones added to the table. In: tree; out: errors with line and
// caret, or nothing. Called by eql-compile.ts; afterwards no compiling step fails.

import type { Field, FieldTable, FieldType } from '../ecs/fields.ts';
import { ecsType } from '../ecs/known-types.ts';
import type { ForebearError } from '../errors.ts';
import { type EqlFunction, eqlFunction, FUNCTION_NAMES, type ResultType } from './eql-functions.ts';
import { compileRegex } from './eql-regex.ts';
import { RegexFault } from './eql-regex-tree.ts';
import type { EqlCall, EqlEventQuery, EqlExpression, EqlField } from './eql-tree.ts';
import { queryError } from './kql-parse.ts';

export interface CheckContext {
  /** The query, for errors. */
  readonly text: string;
  readonly table: FieldTable;
  /** Type of a field that neither the table nor ECS knows. */
  readonly unknown: 'keyword' | 'dynamic';
  /** Elastic Defend's dialect: addresses are texts too where a text is asked for, numbers where a pattern is. */
  readonly endpoint: boolean;
}

/** `any`: not known before the event is there. */
type Kind = ResultType | 'date' | 'address' | 'null' | 'any';

/** Errors: FB_QUERY_VALUE, FB_QUERY_FUNCTION, FB_QUERY_REGEX. */
export function checkEventQuery(query: EqlEventQuery, context: CheckContext): void {
  condition(query.condition, context);
}

/** The field that a name means. Errors: FB_QUERY_VALUE (an object of ECS in a rule, a nested field). */
export function fieldOf({ name, at }: Pick<EqlField, 'name' | 'at'>, { table, unknown, text }: CheckContext): Field {
  const known = table.get(name);
  if (known?.type === 'nested' || table.nestedAbove(name).length > 0) {
    throw queryError('FB_QUERY_VALUE', `${name}: EQL cannot ask nested fields`, text, at);
  }
  if (known !== undefined) return known;
  // Documents that are not ECS have texts where ECS has objects: `"user": "ann"`.
  if (unknown === 'keyword' && table.all().some((field) => field.name.startsWith(`${name}.`))) {
    throw queryError('FB_QUERY_VALUE', `${name} is an object: ask one of its fields`, text, at);
  }
  const type = ecsType(name);
  return type === undefined && unknown === 'dynamic' ? table.addDynamic(name) : table.add(name, type ?? 'keyword');
}

function condition(node: EqlExpression, context: CheckContext): void {
  const kind = kindOf(node, context);
  if (kind === 'boolean' || kind === 'any' || kind === 'null') return;
  throw queryError('FB_QUERY_VALUE', `a condition is true or false, this is ${WORDS[kind]}`, context.text, node.at);
}

const WORDS: Record<Kind, string> = {
  text: 'a text',
  number: 'a number',
  boolean: 'true or false',
  date: 'a date',
  address: 'an IP address',
  null: 'null',
  any: 'anything',
};

const KINDS: Partial<Record<FieldType, Kind>> = {
  keyword: 'text',
  wildcard: 'text',
  text: 'text',
  long: 'number',
  double: 'number',
  boolean: 'boolean',
  date: 'date',
  ip: 'address',
};

function kindOf(node: EqlExpression, context: CheckContext): Kind {
  switch (node.kind) {
    case 'literal':
      if (node.value === null) return 'null';
      return typeof node.value === 'string' ? 'text' : typeof node.value === 'boolean' ? 'boolean' : 'number';
    case 'field': {
      const field = fieldOf(node, context);
      return field.dynamic ? 'any' : KINDS[field.type]!;
    }
    case 'call':
      return call(node, context);
    case 'arithmetic':
      number(node.left, context);
      number(node.right, context);
      return 'number';
    case 'negative':
      number(node.part, context);
      return 'number';
    case 'compare':
      compare(kindOf(node.left, context), kindOf(node.right, context), node.at, context);
      return 'boolean';
    case 'in': {
      const kind = kindOf(node.value, context);
      for (const option of node.options) compare(kind, kindOf(option, context), option.at, context);
      return 'boolean';
    }
    case 'like':
    case 'regex':
      return pattern(node, context);
    case 'not':
      condition(node.part, context);
      return 'boolean';
    case 'and':
    case 'or':
      for (const part of node.parts) condition(part, context);
      return 'boolean';
    case 'descendant':
      checkEventQuery(node.query, context);
      return 'boolean';
  }
}

/** What may stand beside what: a constant is read as the other side's type, so texts go with everything. */
function compare(left: Kind, right: Kind, at: number, context: CheckContext): void {
  if (left === right || [left, right].some((kind) => kind === 'any' || kind === 'null' || kind === 'text')) return;
  if ([left, right].sort().join() === 'date,number') return;
  const message = `${WORDS[left]} cannot be compared with ${WORDS[right]}`;
  throw queryError('FB_QUERY_VALUE', message, context.text, at);
}

function number(node: EqlExpression, context: CheckContext): void {
  const kind = kindOf(node, context);
  if (kind === 'number' || kind === 'any' || kind === 'null') return;
  throw queryError('FB_QUERY_VALUE', `this needs a number, not ${WORDS[kind]}`, context.text, node.at);
}

function pattern(node: Extract<EqlExpression, { kind: 'like' | 'regex' }>, context: CheckContext): Kind {
  const kind = kindOf(node.value, context);
  if (!isText(kind, context) && !(context.endpoint && kind === 'number')) {
    const message = `patterns are for texts, this is ${WORDS[kind]}`;
    throw queryError('FB_QUERY_VALUE', message, context.text, node.value.at);
  }
  for (const one of node.patterns) {
    if (one.kind !== 'literal' || typeof one.value !== 'string') {
      throw queryError('FB_QUERY_VALUE', 'a pattern has to be a text in quotes', context.text, one.at);
    }
    if (node.kind === 'regex') regex(one.value, node.insensitive, one.at, context);
  }
  return 'boolean';
}

function regex(source: string, insensitive: boolean, at: number, { text }: CheckContext): void {
  try {
    compileRegex(source, insensitive);
  } catch (thrown) {
    throw thrown instanceof RegexFault ? regexError(thrown, text, at) : thrown;
  }
}

function regexError(fault: RegexFault, text: string, at: number): ForebearError {
  return queryError('FB_QUERY_REGEX', `${fault.message} (character ${fault.at + 1} of the pattern)`, text, at);
}

function isText(kind: Kind, { endpoint }: CheckContext): boolean {
  return kind === 'text' || kind === 'any' || kind === 'null' || (endpoint && kind === 'address');
}

function call(node: EqlCall, context: CheckContext): Kind {
  const fail = (message: string, at = node.at, hint?: string): never => {
    throw queryError('FB_QUERY_FUNCTION', message, context.text, at, hint);
  };
  const found = eqlFunction(node.name);
  if (found === undefined) {
    fail(`there is no function ${node.name}`, node.at, `the functions are ${FUNCTION_NAMES.join(', ')}`);
  }
  const known = found!;
  const [least, most] = [known.least ?? known.takes.length, known.more ? Infinity : known.takes.length];
  const { length } = node.parts;
  if (length < least || length > most) fail(`${known.name} takes ${countWords(least, most)}, not ${length}`);
  if (node.insensitive && !known.tilde) fail(`${known.name} has no form that ignores case: write it without \`~\``);
  for (const [i, part] of node.parts.entries()) argument(part, i, known, context, fail);
  constants(node, known, context, fail);
  return known.result;
}

type Fail = (message: string, at?: number, hint?: string) => never;

function argument(part: EqlExpression, i: number, known: EqlFunction, context: CheckContext, fail: Fail): void {
  const wanted = known.takes[Math.min(i, known.takes.length - 1)]!;
  const kind = kindOf(part, context);
  if (wanted === 'any' || kind === 'any' || kind === 'null' || kind === wanted) return;
  if (wanted === 'text' && isText(kind, context)) return;
  if (wanted === 'address' && kind === 'text') return;
  fail(`argument ${i + 1} of ${known.name} has to be ${WORDS[wanted]}, and is ${WORDS[kind]}`, part.at);
}

/** Patterns and networks: they are compiled once. */
function constants(node: EqlCall, known: EqlFunction, { text }: CheckContext, fail: Fail): void {
  if (known.constantFrom === undefined) return;
  for (const [i, part] of node.parts.entries()) {
    if (i < known.constantFrom || (part.kind === 'literal' && typeof part.value === 'string')) continue;
    fail(`argument ${i + 1} of ${known.name} has to be a constant text`, part.at);
  }
  for (const part of node.parts.slice(known.constantFrom)) {
    const { value } = part as { value: string };
    try {
      known.make(node.insensitive, [null, value]);
    } catch (thrown) {
      if (thrown instanceof RegexFault) throw regexError(thrown, text, part.at);
      fail((thrown as Error).message, part.at);
    }
  }
}

function countWords(least: number, most: number): string {
  if (most === Infinity) return `${least} arguments or more`;
  return least === most ? `${least} argument${least === 1 ? '' : 's'}` : `${least} to ${most} arguments`;
}
