// A batch -> the body of a _bulk request: for each parcel an action line, then its document as it is. In: parcels and the
// names of the indexes; out: NDJSON. Always `create`: an API key that may only create cannot overwrite, and what is there
// already is told as 409. Called by elasticsearch.ts.

import type { Parcel } from '../output.ts';
import { readDocument, textAt } from './ecs-document.ts';

export interface IndexNames {
  /** Of alerts and their late amends; {yyyy.MM.dd} and {yyyy.MM} are the document's day or month, UTC. */
  index: string;
  /** Of all other records. */
  agent_index: string;
}

const NEWLINE = Buffer.from('\n');

/** in: one parcel or more; out: UTF-8, ending in a newline. */
export function bulkBody(batch: readonly Parcel[], names: IndexNames): Buffer {
  const parts: Uint8Array[] = [];
  for (const parcel of batch) {
    const action = { create: { _index: indexOf(parcel, names), _id: parcel.id } };
    parts.push(Buffer.from(`${JSON.stringify(action)}\n`), parcel.document, NEWLINE);
  }
  return Buffer.concat(parts);
}

/**
 * Where a parcel belongs: by its document alone, so that a second attempt, days later, asks for the same place and is
 * found to be a duplicate.
 */
export function indexOf(parcel: Parcel, { index, agent_index }: IndexNames): string {
  const name = parcel.kind === 'alert' || parcel.kind === 'amend' ? index : agent_index;
  if (!name.includes('{')) return name;
  const [year, month, day] = dayOf(parcel).split('-');
  return name.replaceAll('{yyyy.MM.dd}', `${year}.${month}.${day}`).replaceAll('{yyyy.MM}', `${year}.${month}`);
}

const DAY = /^\d{4}-\d\d-\d\d(?=T)/;
/** How the agent's documents begin: their fields are sorted. */
const BEGIN = /^\{"@timestamp":"(\d{4}-\d\d-\d\d)T/;
const BEGIN_BYTES = 32;

/** yyyy-MM-dd of @timestamp; of the record where the document has none of four digits' years. */
function dayOf(parcel: Parcel): string {
  const { document, wallMs } = parcel;
  const begin = BEGIN.exec(Buffer.from(document.subarray(0, BEGIN_BYTES)).toString('latin1'));
  if (begin !== null) return begin[1]!;
  return DAY.exec(timestampOf(parcel))?.[0] ?? new Date(Math.min(wallMs, 8.64e15)).toISOString().slice(0, 10);
}

/** "" for what is no JSON object: that the engine will say. */
function timestampOf(parcel: Parcel): string {
  return textAt(readDocument(parcel) ?? {}, '@timestamp');
}
