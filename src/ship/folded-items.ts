// Records -> what a lane is given: parcels of those that the output wants, amends folded into their alerts. Shared by the sources:
// the journal's (journal-source-io.ts) and the hub's. In: records in order; out: items in the same order.

import type { CommonSettings, ShippedKind } from '../config/outputs.ts';
import { decodeEnvelope, RANK_OF } from '../proto/alert-codec.ts';
import { type Folded, Folding } from './folding.ts';
import type { Parcel } from './output.ts';
import { alertParcel, amendParcel, type KnownRecord, noticeParcel } from './parcels.ts';
import type { Item, Position } from './source.ts';
import { Pulling, type Waiting } from './wait.ts';

export type Wanted = Pick<CommonSettings, 'severity' | 'selftest'> & { kinds: ReadonlySet<ShippedKind> };

export interface FoldingOptions<R extends KnownRecord> {
  wanted: Wanted;
  waiting: Waiting;
  positionOf(record: R): Position;
  /** Of an alert and of what amends it; default: the alert's uuid. */
  keyOf?: (record: KnownRecord) => string | undefined;
}

/** Ends with the records, or with the signal. Throws what they throw, behind what they gave before. */
export async function* foldedItems<R extends KnownRecord>(
  records: AsyncIterator<R>,
  { wanted, waiting, positionOf, keyOf }: FoldingOptions<R>,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  const folding = new Folding(() => waiting.nowMs(), keyOf);
  const pulling = new Pulling(records, waiting);
  const item = (folded: Folded) => itemOf(folded, wanted, positionOf(folded.record as R));
  let fault: { error: unknown } | undefined;
  while (fault === undefined) {
    const found = await pulling.pull(folding.waitMs(), signal).catch((error: unknown) => {
      fault = { error };
    });
    if (found?.done === true || fault !== undefined) break;
    if (found !== undefined) folding.add(found.value);
    const at = found === undefined ? 'waited' : 'read';
    for (let next = folding.take(at); next !== undefined; next = folding.take(at)) yield item(next);
  }
  if (signal.aborted) return;
  for (let next = folding.take('end'); next !== undefined; next = folding.take('end')) yield item(next);
  if (fault !== undefined) throw fault.error;
}

export function itemOf(folded: Folded, wanted: Wanted, position: Position): Item {
  const parcel = folded.isFolded || !isWanted(folded.record, wanted) ? undefined : parcelOf(folded);
  return { position, ...(parcel && { parcel }) };
}

function isWanted(record: KnownRecord, { kinds, severity, selftest }: Wanted): boolean {
  if (!kinds.has(record.kindName)) return false;
  if (record.kindName !== 'alert' && record.kindName !== 'amend') return true;
  return record.rank >= RANK_OF[severity] && (selftest || !isSelftest(record));
}

function parcelOf({ record, amends }: Folded): Parcel {
  if (record.kindName === 'alert') return alertParcel(record, amends);
  return record.kindName === 'amend' ? amendParcel(record) : noticeParcel(record);
}

function isSelftest({ kindName, payload }: KnownRecord): boolean {
  if (kindName !== 'alert') return false;
  try {
    return decodeEnvelope(payload).selftest === true;
  } catch {
    return false;
  }
}
