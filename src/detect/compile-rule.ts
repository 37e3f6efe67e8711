// Text of a rule file -> verdict: a rule that runs, or the error that says why it does not. Pure, never throws.
// Called by load-rules-io.ts for each file. Order of checks: TOML, what this version evaluates, values, where the rule's
// events come from, the query, what of it this host can fill.

import { FieldTable } from '../ecs/fields.ts';
import { ecsType } from '../ecs/known-types.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import type { CompiledQuery } from '../query/language.ts';
import { fieldsOfAlert } from './alert-reason.ts';
import { type HostAbilities, reachesOneOf, sourceOf } from './host-abilities.ts';
import type { Languages } from './languages.ts';
import { judgeReach } from './reach.ts';
import type { Rule, RuleFacts } from './rule.ts';
import { placeInFile } from './toml-place.ts';
import { assertSupported, identify, parseToml, type RuleIdentity, readRule } from './toml-rule.ts';

export interface RuleContext {
  /** The table of the events that the rules will see; fields that only the rules name are added. */
  readonly fields: FieldTable;
  readonly languages: Languages;
  /** What the host can see; absent: events are documents of any origin (replay), nothing is refused for that. */
  readonly abilities?: HostAbilities;
  /** Exception lists that are loaded, by list_id: without its lists a rule would alert where it was told not to. */
  readonly exceptionLists?: Pick<ReadonlySet<string>, 'has'>;
}

export interface RuleVerdict extends RuleIdentity {
  readonly file: string;
  /** Kinds of events that the rule takes, or, where it is refused for that, needs. */
  sensors: readonly string[];
  /** Fields that it reads, sorted. */
  fields: readonly string[];
  /** One of these two is there. */
  rule?: Rule;
  error?: ForebearError;
}

/** in: text of a file in Elastic's TOML form; out: the verdict, with as much of the rule's identity as can be read. */
export function judgeToml(text: string, file: string, context: RuleContext): RuleVerdict {
  const verdict: RuleVerdict = { file, sensors: [], fields: [] };
  try {
    const root = parseToml(text);
    Object.assign(verdict, identify(root));
    assertSupported(root);
    const facts = readRule(root, file);
    verdict.language = facts.language;
    judgeLists(facts, context);
    if (context.abilities !== undefined) judgeIndex(facts, context.abilities, verdict);
    verdict.rule = compileFacts(facts, text, context, verdict);
  } catch (error) {
    verdict.error = asRuleError(error);
  }
  return verdict;
}

function judgeLists({ exceptionLists = [] }: RuleFacts, context: RuleContext): void {
  const missing = exceptionLists.filter((list) => context.exceptionLists?.has(list) !== true);
  if (missing.length === 0) return;
  const lists = missing.length === 1 ? `the list ${missing[0]} is` : `the lists ${missing.join(', ')} are`;
  throw new ForebearError('FB_RULE_EXCEPTIONS', `rule.exceptions_list: ${lists} not loaded`, {
    hint: 'name the file that has it with --exceptions or exceptions.paths',
  });
}

function judgeIndex(facts: RuleFacts, abilities: HostAbilities, verdict: RuleVerdict): void {
  if (reachesOneOf(facts.index, abilities.dataStreams)) return;
  verdict.sensors = [...new Set(facts.index.map(sourceOf))];
  throw new ForebearError(
    'FB_RULE_SENSOR',
    `rule.index: needs events from ${verdict.sensors.join(', ')}, which this host does not make (${facts.index.join(', ')})`,
  );
}

/**
 * Compiles against a table of its own first, so that a refused rule leaves no fields behind; twice, so that the fields
 * that only this rule names are known there and `f:*` is about one field.
 */
function compileFacts(facts: RuleFacts, text: string, context: RuleContext, verdict: RuleVerdict): Rule {
  const scratch = new FieldTable();
  compileAt(facts, text, context, scratch);
  const draft = compileAt(facts, text, context, scratch);
  const terms = facts.newTerms?.fields ?? [];
  verdict.fields = [...new Set([...draft.fields.map(({ name }) => name), ...terms])].sort();
  const reach = context.abilities === undefined ? {} : judgeReach(draft, terms, scratch, context.abilities, verdict);
  for (const name of [...terms, ...fieldsOfAlert(facts)]) context.fields.add(name, ecsType(name) ?? 'keyword');
  return { ...facts, ...reach, compiled: compileAt(facts, text, context, context.fields) };
}

function compileAt(facts: RuleFacts, text: string, context: RuleContext, fields: FieldTable): CompiledQuery {
  const compile = context.languages[facts.language];
  if (compile === undefined) throw new ForebearError('FB_RULE_LANGUAGE', `rule.language: no ${facts.language} here`);
  try {
    return compile(facts.query, fields);
  } catch (error) {
    throw error instanceof ForebearError ? placed(error, facts.query, text) : error;
  }
}

/** An error's place in the query -> its place in the file. */
function placed(error: ForebearError, query: string, text: string): ForebearError {
  const { line, column = 1, hint } = error;
  const place = line === undefined ? undefined : placeInFile(text, query, { line, column });
  const details = { ...(hint === undefined ? {} : { hint }), ...place, cause: error };
  return new ForebearError(error.code, `rule.query: ${error.message}`, details);
}

function asRuleError(error: unknown): ForebearError {
  if (error instanceof ForebearError) return error;
  return new ForebearError('FB_RULE_INTERNAL', `could not be judged: ${reasonOf(error)}`, { cause: error });
}
