// Records of the journal -> parcels: what is sent of each, and under which id. The same record gives the same parcel in every
// attempt of every run, amends that were folded apart. Pure. Called by the sources of a lane.

import { createHash } from 'node:crypto';
import type { JournalRecord, RecordKindName } from '../journal/journal.ts';
import { decodeEnvelope } from '../proto/alert-codec.ts';
import { foldText } from '../proto/fold-amend.ts';
import { type Amend, decodeAmend } from '../proto/record-codec.ts';
import { textOf } from '../proto/wire.ts';
import type { Parcel } from './output.ts';
import { noticeDocument, undecodableDocument } from './record-document.ts';

export type KnownRecord = JournalRecord & { kindName: RecordKindName };

/** in: an alert's record, what amends it; out: its parcel. A record that cannot be decoded becomes a document that says so. */
export function alertParcel(record: KnownRecord, amends: readonly KnownRecord[]): Parcel {
  return attempt(record, () => {
    const { uuid, documentBytes } = decodeEnvelope(record.payload);
    const amendments = amends.flatMap((amend) => decoded(amend));
    const document = amendments.length === 0 ? documentBytes : utf8(foldText(textOf(documentBytes), amendments));
    const parcel = { ...partsOf(record), id: uuid, document };
    return amends.length === 0 ? parcel : { ...parcel, folded: amends.map(amendParcel) };
  });
}

/** A document of its own for what became known too late to be folded: `_id` = hash(uuid, n), the alert's uuid in it. */
export function amendParcel(record: KnownRecord): Parcel {
  return attempt(record, () => {
    const { uuid, number, document } = decodeAmend(record.payload);
    const base = noticeDocument(record, idOf(record));
    const whole = { ...base, ...document, 'kibana.alert.uuid': uuid, 'forebear.amend.number': number };
    return { ...partsOf(record), id: hash(uuid, number), document: utf8(JSON.stringify(whole)) };
  });
}

/** Gaps, heartbeats, lifecycle and clock records. */
export function noticeParcel(record: KnownRecord): Parcel {
  const id = idOf(record);
  return { ...partsOf(record), id, document: utf8(JSON.stringify(noticeDocument(record, id))) };
}

/** The uuid of the alert that a record is, or is about; undefined when it cannot be decoded. */
export function uuidOf(record: KnownRecord): string | undefined {
  try {
    if (record.kindName === 'alert') return decodeEnvelope(record.payload).uuid;
    return record.kindName === 'amend' ? decodeAmend(record.payload).uuid : undefined;
  } catch {
    return undefined;
  }
}

/** None when it cannot be decoded: uuidOf did not take it for this alert's then. */
function decoded(record: KnownRecord): Amend['document'][] {
  try {
    return [decodeAmend(record.payload).document];
  } catch {
    return [];
  }
}

function attempt(record: KnownRecord, make: () => Parcel): Parcel {
  try {
    return make();
  } catch (error) {
    const id = idOf(record);
    const document = utf8(JSON.stringify(undecodableDocument(record, id, error)));
    return { ...partsOf(record), id, document };
  }
}

function partsOf({ seq, journalId, hostId, kindName, rank, wallMs, payload, link, flags = 0 }: KnownRecord) {
  return { seq, journalId, hostId: hostId ?? '', kind: kindName, rank, wallMs, payload, ...(link && { link, flags }) };
}

function idOf({ journalId, seq }: KnownRecord): string {
  return hash(journalId, seq);
}

function hash(text: string, number: number): string {
  return createHash('sha256').update(`${text}/${number}`).digest('hex').slice(0, 40);
}

function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}
