// Rules for detection tests, compiled from KQL and EQL.

import type { Rule, Threshold } from '../../src/detect/rule.ts';
import type { FieldTable } from '../../src/ecs/fields.ts';
import { anyQuery } from '../../src/query/combine.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import { compileKql } from '../../src/query/kql-compile.ts';

/** A query rule; with `terms`, a new_terms rule over a week. */
export function makeRule(fields: FieldTable, query: string, over: Partial<Rule> = {}, terms?: string[]): Rule {
  const newTerms = { fields: terms ?? [], historyMs: 7 * 86_400_000, historyWindowStart: 'now-7d' };
  return {
    rule_id: 'rule-1',
    name: 'A rule',
    type: terms === undefined ? 'query' : 'new_terms',
    language: 'kuery',
    version: 3,
    severity: 'medium',
    risk_score: 47,
    description: 'what it means',
    query,
    index: ['logs-endpoint.events.*'],
    from: 'now-9m',
    interval: '5m',
    intervalMs: 300_000,
    max_signals: 100,
    author: ['Forebear'],
    license: 'Apache-2.0',
    tags: ['tag'],
    references: ['https://example.org'],
    false_positives: ['none'],
    threat: [],
    note: { en: 'the guide' },
    setup: '',
    osquery: [],
    related: [],
    file: 'a.toml',
    compiled: compileKql(query, fields),
    ...(terms === undefined ? {} : { newTerms }),
    ...over,
  };
}

/** An eql rule; its probes are those of a program, as compile-rule.ts makes it. */
export function makeEqlRule(fields: FieldTable, query: string, over: Partial<Rule> = {}): Rule {
  const program = compileEql(query, fields, { stream: true, endpoint: true });
  const facts = { type: 'eql', language: 'eql', query } as const;
  const compiled = anyQuery(program.probes);
  return { ...makeRule(fields, 'process.name:*'), ...facts, compiled, program, ...over };
}

/** A threshold rule over a KQL query. */
export function makeThresholdRule(
  fields: FieldTable,
  query: string,
  threshold: Partial<Threshold>,
  over: Partial<Rule> = {},
): Rule {
  const counts = { fields: [], value: 2, cardinality: [], ...threshold };
  return { ...makeRule(fields, query), type: 'threshold', threshold: counts, ...over };
}
