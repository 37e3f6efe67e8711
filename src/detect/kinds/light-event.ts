// An event as it waits for others: thousands may, each with arguments of 32 KiB. In: an event, slots that must stay as they are; out: the
// event itself, or a copy whose long texts are cut and say so. What a rule joins by and compares is spared, so no verdict changes.
// Documents (query, replay) stay whole: they are what is printed. Called by joined.ts.

import { EcsEvent, type Gap, type Scalar, type SlotValue } from '../../ecs/event.ts';

/** Characters of a text, and of all texts of a list. */
const MOST = 1_024;

interface Heavy {
  /** How many slots had a value: a hash comes later. */
  readonly filled: number;
  readonly slots: readonly number[];
  /** With all of them cut. */
  readonly light: EcsEvent;
}

/** One for all rules that keep the event. */
const known = new WeakMap<EcsEvent, Heavy>();

export function lightEvent(event: EcsEvent, spared: ReadonlySet<number>): EcsEvent {
  if (event.source !== undefined) return event;
  const heavy = heavyOf(event);
  if (heavy.slots.length === 0) return event;
  const left = heavy.slots.filter((slot) => !spared.has(slot));
  return left.length === heavy.slots.length ? heavy.light : cut(event, left);
}

function heavyOf(event: EcsEvent): Heavy {
  const before = known.get(event);
  const filled = event.slots.reduce<number>((count, value) => (value === undefined ? count : count + 1), 0);
  if (before?.filled === filled) return before;
  const slots = [...event.slots.keys()].filter((slot) => lengthOf(event.slots[slot]) > MOST);
  const heavy = { filled, slots, light: slots.length === 0 ? event : cut(event, slots) };
  known.set(event, heavy);
  return heavy;
}

function lengthOf(value: SlotValue): number {
  if (typeof value === 'string') return value.length;
  if (!Array.isArray(value)) return 0;
  return (value as readonly Scalar[]).reduce((sum: number, item) => sum + lengthOf(item) + 1, 0);
}

function cut(event: EcsEvent, heavy: readonly number[]): EcsEvent {
  const light = new EcsEvent(event.table, [...event.slots]);
  const gaps: Gap[] = [];
  for (const { name, slot } of event.table.all()) {
    if (!heavy.includes(slot)) continue;
    const value = event.slots[slot];
    light.slots[slot] = shortened(value);
    gaps.push({ kind: 'truncated', detail: name, count: lengthOf(value) - lengthOf(light.slots[slot]) });
  }
  const { id, bootId, bootNs, wallMs } = event;
  return Object.assign(light, { id, bootId, bootNs, wallMs, gaps: [...event.gaps, ...gaps] });
}

function shortened(value: SlotValue): SlotValue {
  if (typeof value === 'string') return begin(value, MOST);
  const kept: Scalar[] = [];
  let left = MOST;
  for (const item of value as readonly Scalar[]) {
    if (left <= 0) break;
    const text = typeof item === 'string' ? begin(item, left) : item;
    kept.push(text);
    left -= lengthOf(text) + 1;
  }
  return kept;
}

/** A copy: a slice would keep the whole text alive. */
function begin(text: string, most: number): string {
  return text.length <= most ? text : structuredClone(text.slice(0, most));
}
