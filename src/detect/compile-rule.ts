// One rule of a file -> verdict: a rule that runs, or the error that says why it does not. Pure, never throws; in steps, so that
// whoever judges hundreds of rules beside a stream of events can let it through between them. Called by load-rules-io.ts. Order of
// checks: the form, what a host evaluates, values, where the rule's events come from, the query, what of it this host can fill.

import { FieldTable } from '../ecs/fields.ts';
import { ecsType } from '../ecs/known-types.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import { fieldsOfAlert } from './alert-reason.ts';
import { isBehaviorRule, readBehavior } from './behavior-rule.ts';
import { type Compiled, compileQuery, fieldsRead, QueryFault } from './compile-query.ts';
import { type HostAbilities, sourceOf } from './host-abilities.ts';
import type { Languages } from './languages.ts';
import { judgeReach, kindsIn, type Reach, refuseLeftOut, sensorsOf } from './reach.ts';
import { judgeProgram } from './reach-program.ts';
import type { Rule, RuleFacts } from './rule.ts';
import { readRule } from './rule-facts.ts';
import { notesOf } from './rule-keys.ts';
import { shortError } from './short-error.ts';
import { assertSupported } from './supported.ts';
import { type Place, placeInFile, placeOfPath } from './toml-place.ts';
import { identify, parseToml, type RuleIdentity } from './toml-rule.ts';
import { TomlTable } from './toml-table.ts';

export interface RuleContext {
  /** The table of the events that the rules will see; fields that only the rules name are added. */
  readonly fields: FieldTable;
  readonly languages: Languages;
  /** What the host can see; absent: events are documents of any origin (replay), nothing is refused for that. */
  readonly abilities?: HostAbilities;
  /** Exception lists that are loaded, by list_id: without its lists a rule would alert where it was told not to. */
  readonly exceptionLists?: Pick<ReadonlySet<string>, 'has'>;
}

/** A rule as it stands in a file. */
export interface RuleText {
  readonly file: string;
  /** TOML, or one rule in JSON. */
  readonly text: string;
  /** JSON: what was parsed, and in which line of the file, 1-based, the text begins. */
  readonly json?: Readonly<Record<string, unknown>>;
  readonly line?: number;
}

export interface RuleVerdict extends RuleIdentity {
  readonly file: string;
  /** Of files that hold several rules. */
  readonly line?: number;
  /** Kinds of events that the rule takes, or, where it is refused for that, needs. */
  sensors: readonly string[];
  /** Fields that it reads, sorted. */
  fields: readonly string[];
  /** What of it is passed over: misspelt keys, what only Kibana does. One sentence each. */
  notes?: readonly string[];
  /** One of these two is there; both where a rule that ran goes on as it was (kept), as the file is now at fault. */
  rule?: Rule;
  error?: ForebearError;
  kept?: true;
}

/**
 * out: the verdict, with as much of the rule's identity as can be read; to be gone on with after each step: none of them is much more
 * than one compilation.
 */
export function* judgeSteps(source: RuleText, context: RuleContext): Generator<void, RuleVerdict> {
  const { file, line } = source;
  const verdict: RuleVerdict = { file, ...(line !== undefined && { line }), sensors: [], fields: [] };
  try {
    const root = source.json === undefined ? parseToml(source.text) : new TomlTable({ rule: source.json });
    Object.assign(verdict, identify(root));
    yield;
    const facts = readFacts(root, source, verdict);
    judgeLists(facts, context);
    if (context.abilities !== undefined) judgeSource(facts, context.abilities, verdict);
    verdict.rule = yield* compileSteps(facts, context, verdict);
  } catch (error) {
    verdict.error = shortError(placed(error, source));
  }
  return verdict;
}

function readFacts(root: TomlTable, source: RuleText, verdict: RuleVerdict): RuleFacts {
  const isBehavior = isBehaviorRule(root);
  const rule = root.table('rule');
  const notes = notesOf(root, isBehavior);
  if (notes.length > 0) verdict.notes = notes;
  if (!isBehavior) assertSupported(rule);
  const facts = isBehavior ? readBehavior(root, source.file) : readRule(root, source.file);
  verdict.language = facts.language;
  return source.line === undefined ? facts : { ...facts, line: source.line };
}

function judgeLists({ exceptionLists = [] }: RuleFacts, context: RuleContext): void {
  const missing = exceptionLists.filter((list) => context.exceptionLists?.has(list) !== true);
  if (missing.length === 0) return;
  const lists = missing.length === 1 ? `the list ${missing[0]} is` : `the lists ${missing.join(', ')} are`;
  throw new ForebearError('FB_RULE_EXCEPTIONS', `rule.exceptions_list: ${lists} not loaded`, {
    hint: 'name the file that has it with --exceptions or exceptions.paths',
  });
}

function judgeSource({ index, behavior }: RuleFacts, abilities: HostAbilities, verdict: RuleVerdict): void {
  const os = behavior?.osList ?? [];
  if (os.length > 0 && !os.includes('linux')) {
    throw new ForebearError('FB_RULE_SENSOR', `rule.os_list: is for ${os.join(' and ')} only`);
  }
  if (kindsIn(index, abilities).length > 0) return;
  const off = kindsIn(index, { ...abilities, kinds: abilities.off ?? [] });
  verdict.sensors = sensorsOf(off);
  refuseLeftOut(off, 'rule.index');
  const words = [...new Set(index.map(sourceOf))];
  const missing = index.filter((pattern) => ENDPOINT.test(pattern)).map(sourceOf);
  verdict.sensors = missing.length > 0 ? [...new Set(missing)] : words;
  const needs = missing.length > 0 ? `${verdict.sensors.join(' or ')} events` : `events from ${words.join(', ')}`;
  throw new ForebearError(
    'FB_RULE_SENSOR',
    `rule.index: needs ${needs}, which this host does not make (${index.join(', ')})`,
  );
}

/** Those of Elastic Defend are a host's own: of the patterns of a rule the ones that count. */
const ENDPOINT = /^logs-endpoint\.events\.[a-z]/;

/**
 * Compiles against a table of its own first, so that a refused rule leaves no fields behind; twice, so that the fields
 * that only this rule names are known there and `f:*` is about one field.
 */
function* compileSteps(facts: RuleFacts, context: RuleContext, verdict: RuleVerdict): Generator<void, Rule> {
  const scratch = new FieldTable();
  const first = compileQuery(facts, context.languages, scratch);
  yield;
  const draft = first.compiled.open ? compileQuery(facts, context.languages, scratch) : first;
  const needed = neededFields(facts);
  verdict.fields = [...new Set([...fieldsRead(draft).map(({ name }) => name), ...needed])].sort();
  yield;
  const reach = reachOf(draft, facts, scratch, context.abilities, verdict);
  yield;
  for (const name of [...needed, ...suppressedBy(facts), ...fieldsOfAlert(facts)]) {
    context.fields.add(name, ecsType(name) ?? 'keyword');
  }
  return { ...facts, ...reach, ...compileQuery(facts, context.languages, context.fields) };
}

/** Without them no alert can come about. */
function neededFields({ newTerms, threshold }: RuleFacts): string[] {
  const counted = threshold?.cardinality.map(({ field }) => field) ?? [];
  return [...(newTerms?.fields ?? []), ...(threshold?.fields ?? []), ...counted];
}

function suppressedBy({ suppression }: RuleFacts): readonly string[] {
  return suppression?.groupBy ?? [];
}

function reachOf(
  { compiled, program }: Compiled,
  facts: RuleFacts,
  fields: FieldTable,
  abilities: HostAbilities | undefined,
  said: RuleVerdict,
): Partial<Reach> {
  if (abilities === undefined) return {};
  const neededBy = facts.newTerms === undefined ? 'rule.threshold' : 'rule.new_terms';
  const context = { fields, abilities, said, neededBy, kinds: kindsIn(facts.index, abilities) };
  const needed = neededFields(facts);
  const reach = program === undefined ? judgeReach(compiled, needed, context) : judgeProgram(program, needed, context);
  const unfilled = suppressedBy(facts).filter((name) => !abilities.fills(name));
  const limits = [
    ...(reach.limits ?? []),
    ...unfilled.map((name) => `suppressed by ${name}, which is never filled here`),
  ];
  return limits.length > 0 ? { ...reach, limits } : reach;
}

/** With the place in the file: of the query's fault, of the value that is wrong, or the line of the rule. */
function placed(error: unknown, source: RuleText): ForebearError {
  if (error instanceof QueryFault) {
    const { line, column = 1 } = error.fault;
    const place = line === undefined ? undefined : placeInFile(source.text, error.query, { line, column });
    return relocated(error.fault, 'rule.query: ', place, source);
  }
  const fault = asRuleError(error);
  if (fault.line !== undefined) return fault;
  const [path] = fault.message.split(': ', 1);
  return relocated(fault, '', source.json === undefined ? placeOfPath(source.text, path!) : undefined, source);
}

function relocated(
  { code, message, hint }: ForebearError,
  prefix: string,
  place: Place | undefined,
  { line }: RuleText,
): ForebearError {
  const inFile = line === undefined ? place : { ...place, line: line + (place?.line ?? 1) - 1 };
  const details = { ...(hint !== undefined && { hint }), ...inFile };
  return new ForebearError(code, prefix + message, details);
}

function asRuleError(error: unknown): ForebearError {
  if (error instanceof ForebearError) return error;
  return new ForebearError('FB_RULE_INTERNAL', `could not be judged: ${reasonOf(error)}`, { cause: error });
}
