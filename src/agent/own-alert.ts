// Alerts of Forebear's own, about itself: made as alerts of rules are, of an event that stands for what was found, so that filters,
// endpoints and `show` treat them as any other. in: the rule that stands for the finding, the finding; out: the alert. Pure; called
// by canary-alert.ts and protection.ts.

import type { Alert } from '../detect/alert.ts';
import { buildAlert } from '../detect/alert-document.ts';
import { alertId } from '../detect/alert-id.ts';
import type { Rule } from '../detect/rule.ts';
import { EcsEvent, type Gap, type LineageEntry, type SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { eventId } from '../enrich/event-id.ts';
import { constantsOf } from '../enrich/host.ts';
import type { HostFacts } from '../enrich/surroundings.ts';

export interface OwnAlertParts {
  fields: FieldTable;
  host: HostFacts;
  version: string;
  bootId: string;
  /** Of the agent. */
  pid: number;
  executable: string;
  uid: number;
  detectedMs: () => number;
}

export interface Finding {
  rule: Rule;
  /** event.action; with the time it is what makes the alert's id. */
  action: string;
  /** Milliseconds since 1970, CLOCK_BOOTTIME. */
  wallMs: number;
  bootNs: bigint;
  /** What several findings of one moment differ by. */
  terms?: readonly string[];
  /** A sentence. */
  reason: string;
  /** An exec that has to do with it: its process and lineage become the alert's. */
  witness?: EcsEvent;
  /** Fields beside those of the witness. */
  values?: Readonly<Record<string, SlotValue>>;
  /** Of what no exec was seen: ancestors, oldest first, itself last. */
  lineage?: readonly LineageEntry[];
  /** Under forebear in the document. */
  section: Readonly<Record<string, unknown>>;
  gaps?: readonly Gap[];
}

/** Without what its finder adds: when, and the action. */
export type Found = Pick<Finding, 'rule' | 'reason' | 'section'> & Partial<Finding>;

/** The same finding at the same time gives the same uuid. */
export function ownAlert(parts: OwnAlertParts, finding: Finding): Alert {
  const { rule, terms = [] } = finding;
  const event = eventOf(parts, finding);
  const { rule_id, version } = rule;
  const uuid = alertId({ eventId: event.id, rule_id, version, terms });
  const facts = { rule, event, eventId: event.id, uuid, gaps: [], selftest: false };
  return withReason(buildAlert({ ...facts, detectedWallMs: parts.detectedMs() }), finding);
}

function eventOf(parts: OwnAlertParts, finding: Finding): EcsEvent {
  const { witness, lineage, wallMs, bootNs, action, values = {}, gaps = [] } = finding;
  const { fields, bootId } = parts;
  const event = witness === undefined ? new EcsEvent(fields) : new EcsEvent(fields, [...witness.slots]);
  event.bootId = bootId;
  event.bootNs = bootNs;
  event.wallMs = wallMs;
  event.id = eventId(bootId, bootNs, parts.pid, action);
  if (lineage !== undefined) event.lineage = () => lineage;
  else if (witness?.lineage !== undefined) event.lineage = witness.lineage;
  event.gaps.push(...(witness?.gaps ?? []), ...gaps);
  const own = { ...ownValues(event, action), ...values };
  for (const [name, value] of [...constantsOf(parts.host, parts), ...Object.entries(own)]) {
    event.set(fields.slot(name), value);
  }
  return event;
}

function ownValues(event: EcsEvent, action: string): Record<string, SlotValue> {
  return {
    '@timestamp': event.wallMs,
    'event.created': event.wallMs,
    'event.id': event.id,
    'event.action': action,
    'event.category': ['process'],
    'event.type': ['info'],
    'event.module': 'forebear',
    'event.dataset': 'forebear.agent',
    'data_stream.dataset': 'forebear.agent',
  };
}

/** The words for a rule's match do not fit. */
function withReason(alert: Alert, { reason, section }: Finding): Alert {
  const { document } = alert;
  const kibana = document.kibana as { alert: object };
  const forebear = { ...(document.forebear as object | undefined), ...section };
  return {
    ...alert,
    reason,
    document: { ...document, forebear, kibana: { ...kibana, alert: { ...kibana.alert, reason } } },
  };
}
