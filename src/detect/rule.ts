// A rule as the detector runs it, whatever file form it came from (toml-rule.ts; Kibana exports follow).
// Names are Elastic's.

import type { EqlProgram } from '../query/eql-program.ts';
import type { CompiledQuery } from '../query/language.ts';

export type Severity = 'low' | 'medium' | 'high' | 'critical';

export interface Threat {
  framework: string;
  tactic: { id: string; name: string; reference: string };
  technique: {
    id: string;
    name: string;
    reference: string;
    subtechnique: { id: string; name: string; reference: string }[];
  }[];
}

export interface OsqueryStep {
  label: string;
  query: string;
}

export interface RelatedRule {
  rule_id: string;
  name: string;
}

export interface NewTerms {
  /** 1 to 3 field names. */
  fields: readonly string[];
  /** Length of the history window, and the date math it was written as, e.g. now-7d. */
  historyMs: number;
  historyWindowStart: string;
}

/** So many matching events with the same values of `fields` (none: all together) within the rule's window `from`. */
export interface Threshold {
  readonly fields: readonly string[];
  readonly value: number;
  /** And at least so many different values of that field among them. */
  readonly cardinality: readonly { readonly field: string; readonly value: number }[];
}

/** Repeats with the same values of `groupBy` within the duration are counted in the open alert. */
export interface Suppression {
  /** 1 to 3; none where a threshold rule is suppressed: its own fields. */
  readonly groupBy: readonly string[];
  /** Absent: per rule execution, here the rule's interval. */
  readonly durationMs?: number;
  /** doNotSuppress: an event without one of the fields makes an alert of its own. */
  readonly missingFields: 'suppress' | 'doNotSuppress';
}

/** Fields that an EQL rule takes instead of the usual. */
export interface EqlFields {
  readonly category?: string;
  readonly timestamp?: string;
  readonly tiebreaker?: string;
}

/** One severity_mapping or risk_score_mapping entry: the event's value overrides the rule's. */
export interface SeverityOverride {
  field: string;
  value: string;
  severity: Severity;
}

/** What an endpoint behaviour rule says besides: kept for the alert's document and for `rules show`; nothing is done by it. */
export interface Behavior {
  readonly osList: readonly string[];
  readonly minEndpointVersion?: string;
  readonly actions: readonly BehaviorAction[];
  readonly optionalActions: readonly BehaviorAction[];
}

/** E.g. kill_process of the process whose id is in `field` of the event of stage `state`. */
export interface BehaviorAction {
  readonly action: string;
  readonly field?: string;
  readonly state?: number;
  readonly tree?: boolean;
}

export interface RiskScoreOverride {
  field: string;
  /** "" takes the field's own number as the score. */
  value: string;
  riskScore?: number;
}

export interface RuleFilter {
  readonly language: 'kuery' | 'eql';
  readonly text: string;
}

/** What a rule says of itself, whatever file form it came from, before its query is compiled. */
export interface RuleFacts {
  rule_id: string;
  name: string;
  type: 'query' | 'new_terms' | 'eql' | 'threshold';
  language: 'kuery' | 'eql';
  /** Elastic Defend's behaviour dialect of EQL, and what such a rule's alert is. */
  dialect?: 'endpoint';
  version: number;
  /** As the file writes it, where that is no whole number: 1.0.33. */
  versionText?: string;
  severity: Severity;
  risk_score: number;
  description: string;
  query: string;
  /** What the rule's `filters` mean: has to hold besides the query. Of a sequence: for each of its events. */
  filters?: readonly RuleFilter[];
  index: readonly string[];
  /** Date math, e.g. now-9m, and interval, e.g. 5m. */
  from: string;
  interval: string;
  /** interval in milliseconds: max_signals counts alerts per this much time. */
  intervalMs: number;
  max_signals: number;
  author: readonly string[];
  license: string;
  tags: readonly string[];
  references: readonly string[];
  false_positives: readonly string[];
  threat: readonly Threat[];
  /** The investigation guide as Markdown, by language tag; `en` is always there where any is ("" when none). */
  note: Readonly<Record<string, string>>;
  setup: string;
  osquery: readonly OsqueryStep[];
  related: readonly RelatedRule[];
  newTerms?: NewTerms;
  threshold?: Threshold;
  suppression?: Suppression;
  eqlFields?: EqlFields;
  /** timestamp_override: on a stream every event is looked at when it happens; kept for the document. */
  timestampOverride?: string;
  /** list_id of each exception list that the rule names. */
  exceptionLists?: readonly string[];
  /** `default` where the alert is only a building block for others. */
  buildingBlock?: string;
  severityOverrides?: readonly SeverityOverride[];
  riskScoreOverrides?: readonly RiskScoreOverride[];
  /** Field whose value becomes the alert's rule name. */
  nameOverride?: string;
  behavior?: Behavior;
  /** `enabled = false`: it is judged and listed, and does not run. */
  disabled?: true;
  /** Where it was loaded from, and the line there, of files that hold several. */
  file: string;
  line?: number;
}

export interface Rule extends RuleFacts {
  /** Of a sequence or sample: any of its probes. */
  compiled: CompiledQuery;
  /** EQL: the stages and what binds them. */
  program?: EqlProgram;
  /** Kinds of events it can match here: exec, fork, exit ... (host-abilities.ts). */
  sensors?: readonly string[];
  /** What of it cannot take part on this host though it runs, one sentence each. */
  limits?: readonly string[];
}
