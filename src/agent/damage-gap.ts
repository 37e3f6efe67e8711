// Damage of the journal -> the gap record that tells of it, so that what is gone is known here and at the outputs. Pure.
// Written by the agent at its start (notices.ts) and by `forebear journal repair`; `journal check` knows them again.

import type { JournalDamage } from '../journal/journal.ts';
import type { GapRecord } from '../proto/record-codec.ts';

/** Where it lies, for a person; the detail of its gap record. */
export function placeOf({ segment, offset, bytes }: Pick<JournalDamage, 'segment' | 'offset' | 'bytes'>): string {
  return `${bytes} bytes at ${offset} of ${segment === '' ? 'a missing segment' : segment}`;
}

export function damageGap(damage: JournalDamage): GapRecord {
  const { fromSeq, toSeq } = damage;
  const count = Math.max(0, toSeq - fromSeq + 1);
  return { kind: 'damaged_records', detail: placeOf(damage), count, ...(count > 0 && { fromSeq, toSeq }) };
}

/** Whether the record tells of that damage. */
export function tellsOf(gap: GapRecord, damage: JournalDamage): boolean {
  const { fromSeq, toSeq } = damage;
  if (gap.kind !== 'damaged_records') return false;
  if (toSeq < fromSeq) return gap.detail === placeOf(damage);
  return (gap.fromSeq ?? 0) <= fromSeq && (gap.toSeq ?? -1) >= toSeq;
}
