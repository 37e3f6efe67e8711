// A match -> the alert: envelope facts and the ECS document with kibana.alert.*, rule.*, threat.* and forebear.*.
// Pure; called by detector.ts. Form: Kibana's alert documents, as rules.md lists them ("The alert document").
// @timestamp and all times but last_detected are the event's, so that a replay makes the same document.

import { toDocument } from '../ecs/document.ts';
import type { EcsEvent, Gap, LineageEntry } from '../ecs/event.ts';
import { isoText } from '../ecs/event-time.ts';
import type { Alert } from './alert.ts';
import { reasonOfAlert, type Verdict, verdictOf } from './alert-reason.ts';
import { type Cut, limitDocument } from './document-limit.ts';
import type { Shape } from './kinds/kind.ts';
import type { NewTuple } from './new-terms.ts';
import type { Rule } from './rule.ts';
import { type RuleDocument, ruleDocument } from './rule-document.ts';

type Table = Readonly<Record<string, unknown>>;

export interface Match {
  readonly rule: Rule;
  readonly event: EcsEvent;
  /** Not asked for where there is a shape. */
  readonly eventId: string;
  readonly uuid: string;
  readonly tuple?: NewTuple;
  /** Of an alert that tells of several events. */
  readonly shape?: Shape;
  /** kibana.alert.suppression. */
  readonly suppression?: Table;
  /** By which its state is found again. */
  readonly group?: string;
  /** What this match adds to the event's own gaps. */
  readonly gaps: readonly Gap[];
  readonly detectedWallMs: number;
  readonly selftest: boolean;
}

/** Paths named in the document and in gaps; what is cut beyond is one more entry. */
const MAX_MARKS = 16;
const documents = new WeakMap<Rule, RuleDocument>();

/** in: a match; out: the alert, its document at most 64 KiB with gap document_cut for what is missing. */
export function buildAlert(match: Match): Alert {
  const { rule, event, tuple } = match;
  const verdict = verdictOf(rule, event);
  const reason = reasonOfAlert(event, verdict);
  const gaps = [...event.gaps, ...match.gaps];
  const base = match.shape?.base ?? toDocument(event);
  const forebear = vendorSection(match, base, gaps);
  const whole = { ...timed(base, event), ...sections(match, base, verdict, reason), ...forebear };
  const { document, cuts } = limitDocument(whole);
  const marks = cuts.length === 0 ? [] : cutGaps(cuts);
  return {
    uuid: match.uuid,
    rule_id: rule.rule_id,
    ruleName: verdict.ruleName,
    ruleVersion: rule.version,
    severity: verdict.severity,
    riskScore: verdict.riskScore,
    eventWallMs: event.wallMs,
    detectedWallMs: match.detectedWallMs,
    eventBootId: event.bootId,
    eventBootNs: event.bootNs,
    hostId: textOf(event, 'host.id'),
    hostName: textOf(event, 'host.name'),
    reason,
    gaps: [...gaps, ...marks],
    ...(tuple === undefined || match.selftest ? {} : { terms: tuple.values }),
    ...(match.selftest && { selftest: true }),
    ...(match.group === undefined ? {} : { group: match.group }),
    document: withBlocks(marks.length === 0 ? document : marked(document, gaps, marks), match.shape?.blocks),
  };
}

/** Behind the limit of the alert's own document: whoever made them has limited each. */
function withBlocks(document: Table, sequence: Shape['blocks']): Table {
  return sequence === undefined ? document : { ...document, forebear: { ...asTable(document.forebear), sequence } };
}

/** An alert has a time that any reader understands, also where a replayed document has none or no date. */
function timed(base: Table, event: EcsEvent): Table {
  return event.get('@timestamp') === undefined ? { ...base, '@timestamp': isoText(event.wallMs) } : base;
}

function sections(match: Match, base: Table, verdict: Verdict, reason: string): Table {
  const about = aboutRule(match.rule);
  const rule = { ...about.ecs, name: verdict.ruleName };
  const kibana = { alert: kibanaAlert(match, base, verdict, reason, { ...about.kibana, name: verdict.ruleName }) };
  const event = { ...asTable(base.event), kind: 'alert' };
  return { event, rule, kibana, ...(about.threat === undefined ? {} : { threat: about.threat }) };
}

function kibanaAlert(
  { uuid, event, eventId, tuple, shape, ...match }: Match,
  base: Table,
  verdict: Verdict,
  reason: string,
  rule: Table,
): Table {
  return {
    uuid,
    status: 'active',
    workflow_status: 'open',
    depth: shape?.depth ?? 1,
    ancestors: shape?.ancestors ?? [{ id: eventId, type: 'event', index: '', depth: 0 }],
    original_time: isoText(event.wallMs),
    original_event: asTable(base.event),
    reason,
    severity: verdict.severity,
    risk_score: verdict.riskScore,
    ...(tuple === undefined ? {} : { new_terms: tuple.values.map((value) => value.toWellFormed()) }),
    ...(match.rule.buildingBlock === undefined ? {} : { building_block_type: match.rule.buildingBlock }),
    ...shape?.alert,
    ...(match.suppression === undefined ? {} : { suppression: match.suppression }),
    start: isoText(event.wallMs),
    last_detected: isoText(match.detectedWallMs),
    rule,
  };
}

/** Ours, if any: the process tree at the moment of the event, what was not seen, how long the terms had not been seen. */
function vendorSection({ event, tuple, selftest }: Match, base: Table, gaps: readonly Gap[]): Table {
  const lineage = event.lineage?.() ?? [];
  const forebear = {
    ...asTable(base.forebear),
    ...(selftest && { selftest }),
    ...(event.bootId === '' ? {} : { boot_id: event.bootId }),
    ...(lineage.length === 0 ? {} : { lineage: lineage.map(lineageEntry) }),
    ...(gaps.length === 0 ? {} : { gaps: gaps.map(wellFormedGap) }),
    ...(tuple === undefined ? {} : { new_terms: historyOf(tuple) }),
  };
  return Object.keys(forebear).length === 0 ? {} : { forebear };
}

function historyOf({ history, lastSeenMs }: NewTuple): Table {
  return lastSeenMs === undefined ? { history } : { history, last_seen: isoText(lastSeenMs) };
}

function lineageEntry({ startMs, ...entry }: LineageEntry): Table {
  const start = startMs === undefined ? {} : { start: isoText(startMs) };
  const texts = Object.entries({ ...entry, ...start }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    texts.map(([key, value]) => [key, typeof value === 'string' ? value.toWellFormed() : value]),
  );
}

function wellFormedGap({ kind, detail, count }: Gap): Table {
  return { kind, detail: detail.toWellFormed(), count };
}

function cutGaps(cuts: readonly Cut[]): Gap[] {
  const marks: Gap[] = cuts.slice(0, MAX_MARKS).map(({ path, count }) => cutGap(path, count));
  const rest = cuts.length - marks.length;
  return rest === 0 ? marks : [...marks, cutGap('further fields', rest)];
}

function cutGap(path: string, count: number): Gap {
  return { kind: 'document_cut', detail: path.slice(0, 120).toWellFormed(), count };
}

/** The marks stand in the document too, after it was cut: limitDocument left room for them. */
function marked(document: Table, gaps: readonly Gap[], marks: readonly Gap[]): Table {
  const kept = gaps
    .slice(0, MAX_MARKS)
    .map(({ kind, detail, count }) => ({ kind, detail: detail.slice(0, 120), count }));
  return { ...document, forebear: { ...asTable(document.forebear), gaps: [...kept, ...marks].map(wellFormedGap) } };
}

function aboutRule(rule: Rule): RuleDocument {
  const known = documents.get(rule);
  if (known !== undefined) return known;
  const made = ruleDocument(rule);
  documents.set(rule, made);
  return made;
}

function asTable(value: unknown): Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Table) : {};
}

function textOf(event: EcsEvent, field: string): string {
  const value = event.get(field);
  return typeof value === 'string' ? value : Array.isArray(value) ? String(value[0]) : '';
}
