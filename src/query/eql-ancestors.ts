// `descendant of [...]` of Elastic Defend's behaviour rules: which processes had an event that its query matches, and whether one of
// them is an ancestor of the process of an event. Bounded. Made by eql-compile.ts; the detector calls `note`.

import type { Scalar, SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { Tracked } from './eql-program.ts';
import type { Leaf } from './plan.ts';

/** Processes remembered for one query. */
const MAX_TRACKED = 10_000;

export class TrackedAncestors implements Tracked {
  /** Numbered once the stages are. */
  probe = -1;
  /** What the predicate reads; slots undefined, as the answer is not the event's alone. */
  readonly leaf: Leaf;
  readonly holds: Tracked['holds'];
  readonly #process: number;
  /** Entity ids in the order in which they were noted last. */
  readonly #noted = new Set<Scalar>();
  #evicted = 0;

  constructor(table: FieldTable) {
    const fields = ['process.Ext.ancestry', 'process.parent.entity_id', 'process.entity_id'].map((name) =>
      table.add(name, 'keyword'),
    );
    const [ancestry, parent, own] = fields.map(({ slot }) => slot) as [number, number, number];
    this.#process = own;
    const test = (slots: readonly SlotValue[]) =>
      this.#noted.size > 0 && (this.#has(slots[parent], slots[own]) || this.#has(slots[ancestry], slots[own]));
    this.holds = test;
    this.leaf = { kind: 'leaf', test, slots: undefined, cost: 500, fields: () => fields };
  }

  get size(): number {
    return this.#noted.size;
  }

  get evicted(): number {
    return this.#evicted;
  }

  note(slots: readonly SlotValue[]): void {
    const id = slots[this.#process];
    if (id === undefined || typeof id === 'object') return;
    this.#noted.delete(id);
    this.#noted.add(id);
    if (this.#noted.size <= MAX_TRACKED) return;
    const [oldest] = this.#noted;
    this.#noted.delete(oldest!);
    this.#evicted++;
  }

  /** The process itself is none of its ancestors. */
  #has(ids: SlotValue, own: SlotValue): boolean {
    if (ids === undefined) return false;
    if (typeof ids !== 'object') return ids !== own && this.#noted.has(ids);
    for (const id of ids as readonly Scalar[]) if (id !== own && this.#noted.has(id)) return true;
    return false;
  }
}
