// The query and the filters of a rule -> what runs: one query, or a program of several. In: facts, languages, the table of the
// events; out: what a Rule has beside its facts. Errors are those of the languages (FB_QUERY_*), with the place in the query.
// Pure; called by compile-rule.ts.

import type { Field, FieldTable } from '../ecs/fields.ts';
import { ForebearError } from '../errors.ts';
import { allQueries, anyQuery } from '../query/combine.ts';
import type { EqlOptions, EqlProgram } from '../query/eql-program.ts';
import type { CompiledQuery } from '../query/language.ts';
import type { Languages } from './languages.ts';
import type { RuleFacts, RuleFilter } from './rule.ts';

export interface Compiled {
  readonly compiled: CompiledQuery;
  readonly program?: EqlProgram;
}

/** An error in the rule's own query; others are about its filters. */
export class QueryFault extends Error {
  readonly fault: ForebearError;
  readonly query: string;

  constructor(fault: ForebearError, query: string) {
    super(fault.message);
    this.fault = fault;
    this.query = query;
  }
}

/** Throws QueryFault, FB_RULE_LANGUAGE, FB_RULE_FEATURE (filters). */
export function compileQuery(facts: RuleFacts, languages: Languages, fields: FieldTable): Compiled {
  const filters = (facts.filters ?? []).map((filter) => compileFilter(filter, languages, fields));
  if (facts.language === 'kuery') {
    const query = ofRule(facts, () => languages.kuery(facts.query, fields));
    return { compiled: allQueries([query, ...filters]) };
  }
  const compile = languages.eql;
  if (compile === undefined) throw new ForebearError('FB_RULE_LANGUAGE', 'rule.language: no eql here');
  const program = filtered(
    ofRule(facts, () => compile(facts.query, fields, eqlOptions(facts))),
    filters,
  );
  return { compiled: anyQuery(program.probes), program };
}

/** Fields that it reads, keys and references to other stages included. */
export function fieldsRead({ compiled, program }: Compiled): readonly Field[] {
  return program === undefined ? compiled.fields : [...new Set([...program.fields, ...compiled.fields])];
}

function eqlOptions({ dialect, eqlFields }: RuleFacts): EqlOptions {
  return {
    stream: true,
    ...(dialect === 'endpoint' && { endpoint: true }),
    ...(eqlFields?.category !== undefined && { categoryField: eqlFields.category }),
  };
}

/** Elasticsearch applies a filter to each event before stages are looked at. */
function filtered(program: EqlProgram, filters: readonly CompiledQuery[]): EqlProgram {
  if (filters.length === 0) return program;
  return { ...program, probes: program.probes.map((probe) => allQueries([probe, ...filters])) };
}

function compileFilter({ language, text }: RuleFilter, languages: Languages, fields: FieldTable): CompiledQuery {
  try {
    if (language === 'kuery') return languages.kuery(text, fields);
    const probe = languages.eql?.(text, fields, { stream: true }).probes[0];
    if (probe !== undefined) return probe;
  } catch (cause) {
    if (!(cause instanceof ForebearError)) throw cause;
    const [line] = cause.message.split('\n', 1);
    throw new ForebearError('FB_RULE_FEATURE', `rule.filters: ${text}: ${line}`, { cause });
  }
  throw new ForebearError('FB_RULE_LANGUAGE', `rule.filters: no ${language} here`);
}

function ofRule<T>({ query }: RuleFacts, compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    throw error instanceof ForebearError ? new QueryFault(error, query) : error;
  }
}
