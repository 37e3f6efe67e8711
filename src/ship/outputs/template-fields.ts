// The fields of what is delivered -> the mappings of an index: the agent's own vocabulary (ecs/fields.ts) with ECS' types, and
// what alerts and the agent's records add. In: an engine's abilities; out: "properties" as Elasticsearch and OpenSearch take
// them. Pure; called by templates.ts.

import { FieldTable, type FieldType } from '../../ecs/fields.ts';

/** Types that not every engine has, or not by this name. */
export type SpecialType = 'wildcard' | 'match_only_text' | 'flattened';

export type Mapping = Readonly<Record<string, unknown>>;
export interface Properties {
  [name: string]: Mapping & { properties?: Properties };
}
/** The mapping of a special type, or of its stand-in. */
export type Special = (type: SpecialType) => Mapping;

/** ECS' bound for keyword: longer values stay in the document and cannot be searched. */
const KEYWORD = { type: 'keyword', ignore_above: 1024 } as const;
/**
 * Characters of four bytes at most: below the 32,766 bytes that Lucene takes as one term, and OpenSearch 3 as a wildcard's
 * value [tried: beyond it the whole document is refused, so a long command line would hide its alert]. Words are found in .text.
 */
export const LONGEST = { ignore_above: 8191 } as const;

/** Beside the event's: what detect/alert-document.ts and detect/rule-document.ts write, with the types of Kibana's alerts. */
const OF_ALERTS: Partial<Record<FieldType, string>> = {
  keyword: `
    kibana.alert.uuid kibana.alert.status kibana.alert.workflow_status kibana.alert.severity kibana.alert.new_terms
    kibana.alert.building_block_type kibana.alert.ancestors.id kibana.alert.ancestors.type kibana.alert.ancestors.index
    kibana.alert.rule.author kibana.alert.rule.building_block_type kibana.alert.rule.category
    kibana.alert.rule.consumer kibana.alert.rule.false_positives kibana.alert.rule.from kibana.alert.rule.interval
    kibana.alert.rule.license kibana.alert.rule.name kibana.alert.rule.producer kibana.alert.rule.references
    kibana.alert.rule.rule_id kibana.alert.rule.rule_type_id kibana.alert.rule.severity kibana.alert.rule.tags
    kibana.alert.rule.to kibana.alert.rule.type kibana.alert.rule.version
    kibana.alert.rule.parameters.history_window_start kibana.alert.rule.parameters.index
    kibana.alert.rule.parameters.language kibana.alert.rule.parameters.new_terms_fields
    kibana.alert.rule.parameters.query kibana.alert.rule.parameters.type
    kibana.alert.rule.threat.framework kibana.alert.rule.threat.tactic.id kibana.alert.rule.threat.tactic.name
    kibana.alert.rule.threat.tactic.reference kibana.alert.rule.threat.technique.id
    kibana.alert.rule.threat.technique.name kibana.alert.rule.threat.technique.reference
    kibana.alert.rule.threat.technique.subtechnique.id kibana.alert.rule.threat.technique.subtechnique.name
    kibana.alert.rule.threat.technique.subtechnique.reference
    kibana.alert.group.id kibana.alert.ancestors.rule kibana.alert.suppression.terms.field
    kibana.alert.suppression.terms.value kibana.alert.threshold_result.terms.field
    kibana.alert.threshold_result.terms.value kibana.alert.threshold_result.cardinality.field
    kibana.alert.rule.timestamp_override kibana.alert.rule.rule_name_override
    kibana.alert.rule.parameters.threshold.field kibana.alert.rule.parameters.threshold.cardinality.field
    kibana.alert.rule.parameters.alert_suppression.group_by
    kibana.alert.rule.parameters.alert_suppression.duration.unit
    kibana.alert.rule.parameters.alert_suppression.missing_fields_strategy
    kibana.alert.rule.parameters.event_category_override kibana.alert.rule.parameters.timestamp_field
    kibana.alert.rule.parameters.tiebreaker_field
    kibana.alert.rule.parameters.os_list kibana.alert.rule.parameters.min_endpoint_version
    kibana.alert.rule.parameters.actions.action kibana.alert.rule.parameters.actions.field
    kibana.alert.rule.parameters.optional_actions.action kibana.alert.rule.parameters.optional_actions.field
    rule.author rule.category rule.description rule.id rule.license rule.name rule.reference rule.version
    threat.framework threat.tactic.id threat.tactic.name threat.tactic.reference threat.technique.id
    threat.technique.name threat.technique.reference threat.technique.subtechnique.id
    threat.technique.subtechnique.name threat.technique.subtechnique.reference
    forebear.boot_id forebear.gaps.detail forebear.gaps.kind forebear.lineage.entity_id
    forebear.lineage.executable forebear.lineage.name forebear.lineage.source forebear.lineage.user_id
    forebear.new_terms.history
  `,
  wildcard: `forebear.lineage.command_line`,
  text: `kibana.alert.reason kibana.alert.rule.description kibana.alert.rule.note kibana.alert.rule.setup`,
  date: `
    kibana.alert.original_time kibana.alert.start kibana.alert.last_detected
    kibana.alert.suppression.start kibana.alert.suppression.end kibana.alert.threshold_result.from
    forebear.lineage.start forebear.new_terms.last_seen
  `,
  double: `kibana.alert.risk_score kibana.alert.rule.risk_score`,
  long: `
    kibana.alert.ancestors.depth kibana.alert.depth kibana.alert.rule.max_signals kibana.alert.group.index
    kibana.alert.suppression.docs_count kibana.alert.threshold_result.count
    kibana.alert.threshold_result.cardinality.value kibana.alert.rule.parameters.threshold.value
    kibana.alert.rule.parameters.threshold.cardinality.value
    kibana.alert.rule.parameters.alert_suppression.duration.value
    kibana.alert.rule.parameters.actions.state kibana.alert.rule.parameters.optional_actions.state
    forebear.gaps.count forebear.lineage.pid forebear.raw.index
  `,
  boolean: `
    kibana.alert.rule.enabled forebear.selftest kibana.alert.rule.parameters.actions.tree
    kibana.alert.rule.parameters.optional_actions.tree
  `,
};

/** Beside the event's: what record-document.ts and parcels.ts write of records that are no alerts, and of late amends. */
const OF_RECORDS: Partial<Record<FieldType, string>> = {
  keyword: `
    forebear.journal.id forebear.gap.kind forebear.gap.detail
    forebear.lifecycle.event forebear.lifecycle.version forebear.lifecycle.detail forebear.lifecycle.boot_id
    forebear.lifecycle.rule_set_hash forebear.heartbeat.link forebear.heartbeat.version
    forebear.heartbeat.boot_id forebear.heartbeat.rule_set_hash
  `,
  date: `forebear.gap.from forebear.gap.to forebear.clock.found forebear.clock.expected`,
  long: `
    forebear.journal.seq forebear.gap.count forebear.gap.from_seq forebear.gap.to_seq forebear.clock.step_ms
    forebear.heartbeat.seq forebear.amend.number
  `,
};

/** Those of ECS' fields that have a .text beside them, for words within. */
const WITH_TEXT =
  /(command_line|executable|working_directory|user\.name|host\.os\.(name|full))$|^process\.((parent|previous|(entry|group|session)_leader)\.)*name$/;

/** What an event can have. */
export function eventProperties(special: Special): Properties {
  const properties: Properties = {};
  for (const { name, type } of new FieldTable().all()) put(properties, name, mappingOf(name, type, special));
  // Data streams want it exact: a document without a time has no place in them.
  put(properties, '@timestamp', { type: 'date', ignore_malformed: false });
  return properties;
}

/** What alerts add to it. */
export function alertProperties(special: Special): Properties {
  const properties = propertiesOf(OF_ALERTS, special);
  // The events of a sequence, each a whole document: to be read, not to be searched.
  put(properties, 'forebear.sequence', { type: 'object', enabled: false });
  for (const { name, type } of new FieldTable().all()) {
    const copy = `kibana.alert.original_${name}`;
    if (name.startsWith('event.')) put(properties, copy, mappingOf(copy, type, special));
  }
  return properties;
}

/** What the journal's other records add to it. */
export function recordProperties(special: Special): Properties {
  const properties = propertiesOf(OF_RECORDS, special);
  // Their names have labels that nobody bounds: one field for all of them.
  put(properties, 'forebear.counters', special('flattened'));
  return properties;
}

function propertiesOf(table: Partial<Record<FieldType, string>>, special: Special): Properties {
  const properties: Properties = {};
  for (const [type, names] of Object.entries(table)) {
    for (const name of names.trim().split(/\s+/)) put(properties, name, mappingOf(name, type as FieldType, special));
  }
  return properties;
}

function mappingOf(name: string, type: FieldType, special: Special): Mapping {
  const fields = WITH_TEXT.test(name) ? { fields: { text: special('match_only_text') } } : {};
  if (type === 'keyword') return { ...KEYWORD, ...fields };
  if (type === 'wildcard') return { ...special('wildcard'), ...LONGEST, ...fields };
  return type === 'text' ? special('match_only_text') : { type };
}

/** Sets the mapping of a dotted name within nested "properties". */
function put(properties: Properties, name: string, mapping: Mapping): void {
  const keys = name.split('.');
  const last = keys.pop()!;
  let level = properties;
  for (const key of keys) {
    level[key] ??= { properties: {} };
    level = level[key].properties!;
  }
  level[last] = mapping;
}
