// kibana.alert.uuid: a hash of what makes an alert the same alert, so that it has one id for ever, live and in replay,
// and a create-only endpoint takes it once (invariants.md, Identity). Pure; called by detector.ts.

import { createHash } from 'node:crypto';
import { toDocument } from '../ecs/document.ts';
import type { EcsEvent } from '../ecs/event.ts';
import { encodeText } from '../text.ts';

export interface AlertIdentity {
  readonly eventId: string;
  readonly rule_id: string;
  readonly version: number;
  readonly terms?: readonly string[];
}

/**
 * in: identity; out: UUID of version 8 (RFC 9562, custom) from the first 16 bytes of SHA-256 over the parts, each with its
 * length in bytes before it. If you change this, alerts of former versions are no longer recognised as the same.
 */
export function alertId({ eventId, rule_id, version, terms = [] }: AlertIdentity): string {
  return idOf('alert', [eventId, rule_id, String(version), ...terms]);
}

/** What an alert that no single event makes is known by, and the form in which its parts come. */
export type IdKind = 'alert' | 'sequence' | 'block' | 'threshold';

/**
 * sequence: rule, version, the ids of its events in stage order. block: the sequence's uuid, place in it. threshold: rule, version,
 * group, start of the window. As alertId; the kind comes first, so that none is taken for another.
 */
export function idOf(kind: IdKind, parts: readonly string[]): string {
  const hash = createHash('sha256').update(`forebear ${kind} 1\n`);
  for (const part of parts) {
    const bytes = encodeText(part);
    hash.update(`${bytes.length}:`).update(bytes);
  }
  const bytes = hash.digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/**
 * The identity of an event: its own id (live events), else the event.id that its document has, else a hash of that
 * document. in: event; out: the same text for the same event.
 */
export function eventIdOf(event: EcsEvent): string {
  if (event.id !== '') return event.id;
  const said = event.get('event.id');
  if (typeof said === 'string' && said !== '') return said;
  return createHash('sha256').update(textOf(event)).digest('hex');
}

function textOf(event: EcsEvent): string {
  try {
    return JSON.stringify(event.source ?? event.wallMs);
  } catch (error) {
    // Nested so deep that it takes the stack.
    if (error instanceof RangeError) return JSON.stringify(toDocument(event));
    throw error;
  }
}
