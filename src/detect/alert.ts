// What the detector hands on: envelope facts (for filtering and sending without parsing) and the ECS document.
// proto/ turns it into the bytes that the journal stores.

import type { Gap } from '../ecs/event.ts';
import type { Severity } from './rule.ts';

export interface Alert {
  /** kibana.alert.uuid = hash(event id, rule id, rule version, terms). */
  uuid: string;
  rule_id: string;
  ruleName: string;
  ruleVersion: number;
  severity: Severity;
  riskScore: number;
  /** Of the event, and of the detection; milliseconds since 1970. */
  eventWallMs: number;
  detectedWallMs: number;
  /** Of the event: the boot, and CLOCK_BOOTTIME within it. */
  eventBootId: string;
  eventBootNs: bigint;
  hostId: string;
  hostName: string;
  /** kibana.alert.reason. */
  reason: string;
  /** What touches this alert: lost records, cuts, unknown ancestors; closed list in proto/. Empty: none known. */
  gaps: readonly Gap[];
  /** The tuple that was new, new_terms rules only: what state is rebuilt from. */
  terms?: readonly string[];
  /**
   * The group that a threshold rule counted, or that the rule suppresses by (combinations.ts): what state is rebuilt from.
   */
  group?: string;
  /** Set off by `forebear selftest` (forebear.selftest in the document); it has no terms, and counts for no limit. */
  selftest?: true;
  /** The nested ECS document, ready for JSON. */
  document: Readonly<Record<string, unknown>>;
}

/** What became known of an alert after it was made: goes into the journal behind it. */
export interface AlertAmend {
  readonly uuid: string;
  readonly severity: string;
  /** With the uuid it is the amend's id: of two of the same number endpoints keep one. Default 1, which hashes have. */
  readonly number?: number;
  /** ECS fields to merge into the alert's document, nested. */
  readonly document: Readonly<Record<string, unknown>>;
}
