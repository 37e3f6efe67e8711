// Rules as lines of Kibana's export, in the project's own words.

export type Line = Record<string, unknown>;

/** A valid rule with the keys that an export writes; `over` replaces or adds. */
export function kibanaRule(over: Line = {}): Line {
  return {
    id: '6d3a0b1e-0000-4000-8000-000000000000',
    updated_at: '2026-01-01T00:00:00.000Z',
    updated_by: 'me',
    created_at: '2026-01-01T00:00:00.000Z',
    created_by: 'me',
    rule_id: 'rule-1',
    name: 'A name',
    description: 'What it means',
    tags: ['a'],
    interval: '5m',
    enabled: true,
    revision: 0,
    severity: 'low',
    risk_score: 21,
    license: '',
    output_index: '',
    meta: { from: '4m' },
    author: [],
    false_positives: [],
    from: 'now-9m',
    to: 'now',
    max_signals: 100,
    risk_score_mapping: [],
    severity_mapping: [],
    threat: [],
    references: [],
    version: 1,
    exceptions_list: [],
    immutable: false,
    rule_source: { type: 'internal' },
    related_integrations: [],
    required_fields: [],
    setup: '',
    actions: [],
    type: 'query',
    language: 'kuery',
    index: ['logs-endpoint.events.*'],
    query: 'event.category:process and process.name:tool',
    filters: [],
    building_block_type: null,
    timestamp_override: null,
    ...over,
  };
}

export function details(rules: number, items = 0): Line {
  return {
    exported_count: rules,
    exported_rules_count: rules,
    missing_rules: [],
    exported_exception_list_count: items > 0 ? 1 : 0,
    exported_exception_list_item_count: items,
  };
}
