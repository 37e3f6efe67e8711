// Alert <-> the bytes that the journal stores (proto/forebear/alert/v1/alert.proto). The envelope is decoded without parsing
// the document: tail filters by it, ship passes the document on as it is. Called by the agent, tail, show and ship.
// From later versions: unknown fields are ignored, unknown severities and gaps are shown rather than hidden.

import type { Alert } from '../detect/alert.ts';
import type { Severity } from '../detect/rule.ts';
import type { Gap } from '../ecs/event.ts';
import { decodeText, encodeText } from '../text.ts';
import { forebear } from './generated/alert.js';
import {
  bigintFromHalves,
  bigintToHalves,
  boundElements,
  decodeDocument,
  decoding,
  fromHalves,
  type Halves,
  textOf,
  toHalves,
  wellFormed,
} from './wire.ts';

const wire = forebear.alert.v1;

/** Everything but the parsed document. */
export interface AlertEnvelope extends Omit<Alert, 'document'> {
  /** The ECS document, JSON in UTF-8, as it was stored. */
  documentBytes: Uint8Array;
}

/** The journal's rank of an alert: retention keeps space for 2 and above. */
export const RANK_OF: Readonly<Record<Severity, number>> = { low: 0, medium: 1, high: 2, critical: 3 };

const SEVERITIES: readonly Severity[] = ['low', 'medium', 'high', 'critical'];

/** Position + 1 is the number on the wire; append only. */
const GAP_KINDS: readonly Gap['kind'][] = [
  'lost_records',
  'truncated',
  'unreadable',
  'unknown_parent',
  'unknown_session',
  'capped_alerts',
  'document_cut',
];

export function encodeAlert(alert: Alert): Uint8Array {
  const message = {
    uuid: wellFormed(alert.uuid),
    rule: { ruleId: wellFormed(alert.rule_id), name: wellFormed(alert.ruleName), version: alert.ruleVersion },
    severity: RANK_OF[alert.severity] + 1,
    riskScore: alert.riskScore,
    eventTime: encodeTime(alert.eventWallMs),
    detectedTime: encodeTime(alert.detectedWallMs),
    eventBootId: wellFormed(alert.eventBootId),
    eventBootNs: bigintToHalves(alert.eventBootNs),
    host: { id: wellFormed(alert.hostId), name: wellFormed(alert.hostName) },
    reason: wellFormed(alert.reason),
    gaps: alert.gaps.map(({ kind, detail, count }) => ({
      kind: GAP_KINDS.indexOf(kind) + 1,
      detail: wellFormed(detail),
      count,
    })),
    terms: (alert.terms ?? []).map(encodeText),
    document: Buffer.from(JSON.stringify(alert.document), 'utf8'),
    ...(alert.selftest === true && { selftest: true }),
    ...(alert.group !== undefined && { group: wellFormed(alert.group) }),
  };
  return wire.Alert.encode(message as unknown as forebear.alert.v1.Alert.$Properties).finish();
}

/** Throws FB_PROTO_MALFORMED when the bytes are no alert. */
export function decodeEnvelope(bytes: Uint8Array): AlertEnvelope {
  const message = decoding('an alert', () => {
    boundElements(bytes);
    return wire.Alert.decode(bytes);
  });
  const terms = message.terms.map(decodeText);
  return {
    uuid: message.uuid,
    rule_id: message.rule?.ruleId ?? '',
    ruleName: message.rule?.name ?? '',
    ruleVersion: message.rule?.version ?? 0,
    severity: decodeSeverity(message.severity),
    riskScore: message.riskScore,
    eventWallMs: decodeTime(message.eventTime),
    detectedWallMs: decodeTime(message.detectedTime),
    eventBootId: message.eventBootId,
    eventBootNs: bigintFromHalves(message.eventBootNs as number | Halves),
    hostId: message.host?.id ?? '',
    hostName: message.host?.name ?? '',
    reason: message.reason,
    gaps: message.gaps.map(decodeGap),
    ...(terms.length > 0 && { terms }),
    ...(message.selftest && { selftest: true }),
    ...(message.group !== '' && { group: message.group }),
    documentBytes: message.document,
  };
}

/** Throws FB_PROTO_MALFORMED when the bytes are no alert, or its document no JSON object. */
export function decodeAlert(bytes: Uint8Array): Alert {
  const { documentBytes, ...envelope } = decodeEnvelope(bytes);
  return { ...envelope, document: decodeDocument(documentBytes) };
}

/** The stored JSON of an alert's document. Throws FB_PROTO_MALFORMED. */
export function documentText(bytes: Uint8Array): string {
  return textOf(decodeEnvelope(bytes).documentBytes);
}

/** Milliseconds since 1970 (fraction allowed) -> seconds and nanoseconds. */
function encodeTime(wallMs: number) {
  const micros = Number.isFinite(wallMs) ? Math.round(wallMs * 1000) : 0;
  const seconds = Math.floor(micros / 1e6);
  return { seconds: toHalves(seconds), nanos: (micros - seconds * 1e6) * 1000 };
}

function decodeTime(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  const seconds = fromHalves((time?.seconds ?? 0) as number | Halves);
  return seconds * 1000 + (time?.nanos ?? 0) / 1e6;
}

function decodeSeverity(number: number): Severity {
  if (number === 0) return 'low';
  return SEVERITIES[number - 1] ?? 'critical';
}

function decodeGap(gap: forebear.alert.v1.Gap.$Properties): Gap {
  const number = gap.kind ?? 0;
  const kind = GAP_KINDS[number - 1];
  const detail = gap.detail ?? '';
  const count = gap.count ?? 0;
  return kind === undefined
    ? { kind: 'unreadable', detail: `gap kind ${number}: ${detail}`, count }
    : { kind, detail, count };
}
