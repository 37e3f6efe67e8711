// A dead letter as its file has it: one JSON object with all that it takes to send the parcel again. Pure. The files are
// dead-letters-io.ts's; anything may lie in them, and a parcel of the wrong shape would keep its lane for ever.

import { RECORD_KINDS, type RecordKindName } from '../journal/journal.ts';
import type { Parcel } from './output.ts';

export interface DeadLetter {
  schema: 1;
  output: string;
  seq: number;
  journal_id: string;
  host_id: string;
  kind: RecordKindName;
  rank: number;
  wall_ms: number;
  /** Of the document at the endpoint. */
  id: string;
  rejected_ms: number;
  reason: string;
  /** JSON text. */
  document: string;
  /** Base64. */
  payload: string;
}

/** in: what was refused, why, by which output, when. out: JSON of one line. */
export function encodeLetter(parcel: Parcel, of: { reason: string; output: string; nowMs: number }): string {
  const { seq, journalId, hostId = '', kind, rank, wallMs, id } = parcel;
  const letter: DeadLetter = {
    ...{ schema: 1, output: of.output, seq, journal_id: journalId, host_id: hostId, kind },
    ...{ rank, wall_ms: wallMs, id, rejected_ms: of.nowMs, reason: of.reason },
    document: Buffer.from(parcel.document).toString('utf8'),
    payload: Buffer.from(parcel.payload).toString('base64'),
  };
  return JSON.stringify(letter);
}

/** Throws Error, SyntaxError for what is none. */
export function decodeLetter(text: string): DeadLetter {
  const letter = JSON.parse(text) as DeadLetter | null;
  if (letter?.schema !== 1) throw new Error('it is not of this version');
  const { id, document, payload, journal_id, host_id, kind, reason, seq, rank, wall_ms, rejected_ms } = letter;
  const areTexts = [id, document, payload, journal_id, host_id, reason].every((value) => typeof value === 'string');
  const areNumbers = [seq, rank, wall_ms, rejected_ms].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (!areTexts || !areNumbers || !Object.hasOwn(RECORD_KINDS, kind) || rank > 3) throw new Error('it is damaged');
  return letter;
}

/** What is sent again of it. Throws Error: a line break ends a document for most endpoints, and who knows what follows. */
export function parcelOf(letter: DeadLetter): Parcel {
  if (letter.document.includes('\n')) throw new Error('its document has more than one line');
  return {
    ...{ seq: letter.seq, journalId: letter.journal_id, hostId: letter.host_id, kind: letter.kind, rank: letter.rank },
    ...{ wallMs: letter.wall_ms, id: letter.id },
    document: Buffer.from(letter.document, 'utf8'),
    payload: Buffer.from(letter.payload, 'base64'),
  };
}
