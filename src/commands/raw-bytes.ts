// Text of a document that was not UTF-8, with its own bytes again: forebear.raw has them (ecs/document.ts). In: a document, the event that
// was read from it; out: that event as it was made. Called by why.ts.

import type { EcsEvent, Scalar } from '../ecs/event.ts';
import { decodeText } from '../text.ts';
import { objectsAt } from './document.ts';

/** Entries that name no text of the event are left out. */
export function restoreBytes(document: unknown, event: EcsEvent): void {
  for (const { field, index, bytes } of objectsAt(document, 'forebear.raw')) {
    if (typeof field !== 'string' || typeof bytes !== 'string') continue;
    const value = event.get(field);
    const text = decodeText(Buffer.from(bytes, 'base64'));
    if (typeof value === 'string') event.set(event.table.slot(field), text);
    if (!Array.isArray(value) || typeof index !== 'number') continue;
    const list = [...(value as readonly Scalar[])];
    if (typeof list[index] === 'string') event.set(event.table.slot(field), list.with(index, text));
  }
}
