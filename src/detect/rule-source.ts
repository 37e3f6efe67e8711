// What a file of a rule tree holds, told by its content: one rule in TOML, rules and exceptions of a Kibana export (a JSON object a
// line, or one JSON text), events beside a rule for its test, or nothing of ours. In: bytes, name; out: rules as texts, lines of
// exceptions, faults with their line. In steps: an export may have thousands of lines. Pure; called by load-rules-io.ts.
// Form of an export: Kibana's `POST /api/detection_engine/rules/_export`; its last line counts what it holds.

import { ForebearError, reasonOf } from '../errors.ts';
import type { RuleText } from './compile-rule.ts';

type Line = 'rule' | 'exception' | 'details' | 'connector' | 'event' | 'unknown';

/** 1-based. */
export interface TextLine {
  readonly line: number;
  readonly text: string;
}

export interface Parts {
  readonly rules: readonly RuleText[];
  /** Of exception lists and items, and the line that counts them. */
  readonly exceptions: readonly TextLine[];
  readonly faults: readonly ForebearError[];
  /** There is no rule: what it holds instead, in a word. */
  readonly other?: OtherContent;
}

export type OtherContent = 'exceptions' | 'events' | 'something else';

/** Of one file. */
const MOST_FAULTS = 100;

type Json = Readonly<Record<string, unknown>>;

/** By the first character that says something: rules in TOML begin with a key, a comment or a table. */
export function looksLikeJson(bytes: Uint8Array): boolean {
  const head = new TextDecoder().decode(bytes.subarray(0, 4096)).replace(/^\ufeff/, '');
  return /^\s*(\{|\[\s*(\{|\]\s*$))/.test(head);
}

/** TOML that is something else by its own account: a hunt of detection-rules, a Python project. */
export function otherToml(text: string): OtherContent | undefined {
  const tables = [...text.matchAll(/^\[\[?\s*([\w-]+)/gm)].map(([, name]) => name);
  return !tables.includes('rule') && ['hunt', 'project', 'tool'].some((name) => tables.includes(name))
    ? 'something else'
    : undefined;
}

/** Whether the first line of a file is an event, so that the rest of it need not be read. */
export function beginsWithEvent(head: Uint8Array): boolean {
  const end = head.indexOf(10);
  if (end === -1) return false;
  try {
    return kindOf(objectOf(JSON.parse(decode(head.subarray(0, end))))) === 'event';
  } catch {
    return false;
  }
}

/** A file of JSON: one object a line, or where it is no such file, one text. */
export function* jsonSteps(bytes: Uint8Array, file: string): Generator<void, Parts> {
  const whole = oneText(bytes, file);
  return whole ?? (yield* lineSteps(bytes, file));
}

/** The first line of a text over several lines; lines of objects begin with one. */
const OPENING = /^\ufeff?\s*(\{|\[\s*\{?)\s*$/;

/** One rule, or a list of them, over several lines; undefined: it is not one text. */
function oneText(bytes: Uint8Array, file: string): Parts | undefined {
  const end = bytes.indexOf(10);
  const first = decodeLoose(bytes.subarray(0, Math.max(end, 0)));
  if (end === -1 || isJson(first)) return undefined;
  try {
    const text = decode(bytes);
    return rulesIn(parse(text), text, file);
  } catch (error) {
    return OPENING.test(first) ? brokenText(decodeLoose(bytes), error) : undefined;
  }
}

function rulesIn(value: unknown, text: string, file: string): Parts {
  const objects = (Array.isArray(value) ? value : [value]).map(objectOf);
  const isSingle = !Array.isArray(value);
  const rules = objects.flatMap((json) =>
    json !== undefined && kindOf(json) === 'rule' ? [{ file, text, json, ...(isSingle && { line: 1 }) }] : [],
  );
  return { rules, exceptions: [], faults: [], ...(rules.length === 0 && { other: 'something else' as const }) };
}

/** Whatever it was meant to be. */
function brokenText(text: string, error: unknown): Parts {
  const [, said] = /\(line (\d+) column \d+\)/.exec(reasonOf(error)) ?? [];
  const before = text.slice(0, Math.max(text.indexOf('\ufffd'), 0));
  const line = said === undefined ? before.split('\n').length : Number(said);
  return { rules: [], exceptions: [], faults: [at(error, line)] };
}

function* lineSteps(bytes: Uint8Array, file: string): Generator<void, Parts> {
  const rules: RuleText[] = [];
  const exceptions: TextLine[] = [];
  const faults = new LineFaults();
  const kinds = new Set<Line>();
  let line = 0;
  for (const slice of linesOf(bytes)) {
    line++;
    try {
      const text = decode(slice).trim();
      if (text === '') continue;
      const json = objectOf(parse(text));
      const kind = json === undefined ? 'unknown' : kindOf(json);
      kinds.add(kind);
      if (kind === 'rule') rules.push({ file, text, json: json!, line });
      if (kind === 'exception' || kind === 'details') exceptions.push({ line, text });
      if (kind === 'details') assertComplete(json!, rules.length);
      if (kind === 'unknown') throw new ForebearError('FB_RULE_FORMAT', 'is neither a rule nor an exception');
    } catch (error) {
      faults.add(line, slice, error);
    }
    yield;
  }
  const found = { rules, exceptions, faults: faults.told() };
  if (!kinds.has('exception')) return rules.length > 0 ? found : without(kinds, found.faults);
  // What is broken may have been a rule or an exception: neither may end by it.
  const lines = [...exceptions, ...faults.lines].sort((a, b) => a.line - b.line);
  return { ...found, exceptions: lines, ...(rules.length === 0 && { other: 'exceptions' as const }) };
}

/** Lines of one file that say nothing: the first hundred each for itself. */
class LineFaults {
  readonly lines: TextLine[] = [];
  readonly #errors: ForebearError[] = [];
  #more = 0;

  add(line: number, bytes: Uint8Array, error: unknown): void {
    if (this.#errors.length === MOST_FAULTS) this.#more++;
    else {
      this.#errors.push(at(error, line));
      this.lines.push({ line, text: decodeLoose(bytes) });
    }
  }

  told(): readonly ForebearError[] {
    if (this.#more === 0) return this.#errors;
    return [...this.#errors, new ForebearError('FB_RULE_FORMAT', `${this.#more} more lines are at fault`)];
  }
}

/** A file of events, or of nothing that is known; what is wrong with an export that was cut off is said. */
function without(kinds: ReadonlySet<Line>, faults: readonly ForebearError[]): Parts {
  const none = { rules: [], exceptions: [], faults: [] };
  if (kinds.has('event')) return { ...none, other: 'events' };
  const ofExport = kinds.has('details') || kinds.has('connector') || kinds.size === 0;
  const said = faults.filter(({ code }) => code !== 'FB_RULE_FORMAT');
  return ofExport && said.length > 0 ? { ...none, faults: said } : { ...none, other: 'something else' };
}

function kindOf(json: Json | undefined): Line {
  if (json === undefined) return 'unknown';
  const has = (key: string) => Object.hasOwn(json, key) && json[key] !== null;
  if (has('exported_count') || has('exported_rules_count') || has('exported_exception_list_count')) return 'details';
  if (has('item_id') || has('list_id')) return 'exception';
  if (has('rule_id') || (has('risk_score') && has('severity') && has('type'))) return 'rule';
  if (has('@timestamp') || has('event') || Object.keys(json).some((key) => /^(event|process|host)(\.|$)/.test(key))) {
    return 'event';
  }
  return has('attributes') && has('type') ? 'connector' : 'unknown';
}

/** An export that was cut off runs fewer rules than was meant. */
function assertComplete(details: Json, found: number): void {
  const said = details.exported_rules_count;
  if (typeof said !== 'number' || said <= found) return;
  throw new ForebearError('FB_RULE_INCOMPLETE', `the last line counts ${said} rules, ${found} are there`);
}

function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(10, from);
    const to = end === -1 ? bytes.length : end;
    yield bytes.subarray(from, to);
    from = to + 1;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ForebearError('FB_RULE_JSON', `not JSON: ${reasonOf(cause)}`, { cause });
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function objectOf(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ForebearError('FB_RULE_ENCODING', 'is not UTF-8', { cause });
  }
}

function decodeLoose(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function at(error: unknown, line: number): ForebearError {
  const code = error instanceof ForebearError ? error.code : 'FB_RULE_INTERNAL';
  return new ForebearError(code, reasonOf(error), { line, cause: error });
}
