// Values of documents that their events do not have, by field, for a line at the end. Used by query and replay.

import type { Dropped } from '../ecs/flatten.ts';
import { escapeText } from './terminal.ts';

const OTHER = { depth: 'nested too deep', fields: 'beyond the number of fields that are kept' };
const MAX_NAMES = 1000;
const SHOWN = 5;

export class DroppedValues {
  readonly #counts = new Map<string, number>();

  add(dropped: readonly Dropped[]): void {
    for (const { field, reason } of dropped) {
      const name = reason === 'type' ? field : OTHER[reason];
      const what = this.#counts.size < MAX_NAMES || this.#counts.has(name) ? name : 'other fields';
      this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    }
  }

  /** A line, if there is something to say. */
  lines(): string[] {
    const values = [...this.#counts].sort((a, b) => b[1] - a[1]);
    if (values.length === 0) return [];
    const named = values.slice(0, SHOWN).map(([what, count]) => `${escapeText(what)} (${count})`);
    const more = values.length > SHOWN ? ', ...' : '';
    return [`values left out because they do not fit their field: ${named.join(', ')}${more}`];
  }
}
