// Rules for detection tests, compiled from KQL.

import type { Rule } from '../../src/detect/rule.ts';
import type { FieldTable } from '../../src/ecs/fields.ts';
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
