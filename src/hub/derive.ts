// What the hub keeps of a record besides its bytes: columns to filter by. Pure. A payload that cannot be decoded costs only
// these: the record is kept, and passed on, as it came. Called by ingest-io.ts.

import { RECORD_KINDS, type RecordKindName } from '../journal/journal.ts';
import { decodeEnvelope, RANK_OF } from '../proto/alert-codec.ts';
import type { IngestRecord } from '../proto/ingest-codec.ts';
import { decodeAmend, decodeGap, decodeLifecycle } from '../proto/record-codec.ts';

export type Derived =
  | {
      of: 'alert';
      uuid: string;
      eventMs: number;
      ruleId: string;
      ruleName: string;
      rank: number;
      user: string | null;
      selftest: boolean;
      /** Of the alert itself; the host that sent it may be another. */
      hostId: string;
    }
  | { of: 'amend'; uuid: string; number: number }
  | { of: 'gap'; kind: string; count: number; detail: string }
  | { of: 'heartbeat' }
  | { of: 'lifecycle'; stopped: boolean }
  | { of: 'nothing' }
  | { of: 'undecodable' };

/** Characters. Ours have 40. */
const MOST_ID = 128;
const MOST_TEXT = 512;

const NAMES = new Map<number, RecordKindName>(
  Object.entries(RECORD_KINDS).map(([name, kind]) => [kind, name as RecordKindName]),
);

/** The name of a kind; undefined: of a later version. */
export function kindName(kind: number): RecordKindName | undefined {
  return NAMES.get(kind);
}

/** Never throws. */
export function derive(record: Pick<IngestRecord, 'kind' | 'payload'>): Derived {
  try {
    return decode(kindName(record.kind), record.payload);
  } catch {
    return { of: 'undecodable' };
  }
}

function decode(kind: RecordKindName | undefined, payload: Uint8Array): Derived {
  if (kind === 'alert') return alertOf(payload);
  if (kind === 'heartbeat') return { of: 'heartbeat' };
  if (kind === 'lifecycle') return { of: 'lifecycle', stopped: decodeLifecycle(payload).event === 'stop' };
  if (kind === 'gap') {
    const { kind: what, count, detail } = decodeGap(payload);
    return { of: 'gap', kind: what, count: Number.isFinite(count) ? count : 0, detail: cut(detail) };
  }
  if (kind === 'amend') {
    const { uuid, number } = decodeAmend(payload);
    return { of: 'amend', uuid: idOf(uuid), number };
  }
  return { of: 'nothing' };
}

function alertOf(payload: Uint8Array): Derived {
  const { documentBytes, ...alert } = decodeEnvelope(payload);
  return {
    of: 'alert',
    uuid: idOf(alert.uuid),
    eventMs: Number.isFinite(alert.eventWallMs) ? alert.eventWallMs : 0,
    ruleId: cut(alert.rule_id),
    ruleName: cut(alert.ruleName),
    rank: RANK_OF[alert.severity],
    user: userOf(documentBytes),
    selftest: alert.selftest === true,
    hostId: alert.hostId,
  };
}

/** It stands in an index, and whole or not at all is what tells alerts apart. Throws. */
function idOf(uuid: string): string {
  if (uuid.length > MOST_ID) throw new Error(`a uuid of ${uuid.length} characters`);
  return uuid;
}

/** Columns are for filters; the payload has all of it. */
function cut(text: string): string {
  return text.length <= MOST_TEXT ? text : text.slice(0, MOST_TEXT).toWellFormed();
}

/** user.name of the process. Throws when the document is no JSON. */
function userOf(document: Uint8Array): string | null {
  const parsed = JSON.parse(Buffer.from(document).toString('utf8')) as Maybe;
  const name = parsed?.process?.user?.name ?? parsed?.user?.name;
  return typeof name === 'string' ? cut(name.toWellFormed()) : null;
}

type Maybe = { process?: { user?: { name?: unknown } | null } | null; user?: { name?: unknown } | null } | null;
