// About how much heap an event takes that is kept, so that what keeps many stays within it. Used by found-store.ts and stage-candidates.ts.

import type { EcsEvent, SlotValue } from '../ecs/event.ts';

/** Without its texts: slots, gaps, and V8's heads. */
const EVENT_BYTES = 2560;
/** V8 takes two bytes for each character of a text that has one of these. */
const WIDE = /[\u0100-\uffff]/;

/** Twice where the document that it was read from is kept with it. */
export function eventBytes({ slots, source }: EcsEvent): number {
  const bytes = EVENT_BYTES + slots.reduce<number>((sum, value) => sum + bytesOf(value), 0);
  return source === undefined ? bytes : 2 * bytes;
}

function bytesOf(value: SlotValue): number {
  if (typeof value === 'string') return value.length * (WIDE.test(value) ? 2 : 1);
  if (!Array.isArray(value)) return 0;
  return (value as readonly SlotValue[]).reduce<number>((sum, one) => sum + 16 + bytesOf(one), 0);
}
