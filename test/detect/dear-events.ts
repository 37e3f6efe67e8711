// Events of 32 KiB made to be dear to evaluate, for the bounds' test and `bench worst`: every text field that rules read is full of one
// character, of what the rules look for, or of what nearly is it; or there are 10,000 arguments.

import type { Rule } from '../../src/detect/rule.ts';
import type { EcsEvent, SlotValue } from '../../src/ecs/event.ts';
import type { Field, FieldTable } from '../../src/ecs/fields.ts';
import { execEvent } from './events.ts';

export const DEAR_BYTES = 32 * 1024;
/** What an event has at most in one keyword. */
const KEYWORD = 1024;
const MANY_ELEMENTS = 10_000;
/** They decide whether rules take the event at all, and stay as they are. */
const KEPT = /^(event\.|host\.os\.|@timestamp$)/;

type Fill = (length: number) => string;

/** in: the table, rules compiled against it; out: name and event of each kind. */
export function dearEvents(fields: FieldTable, rules: readonly Pick<Rule, 'compiled'>[]): [string, EcsEvent][] {
  const literals = literalsOf(rules);
  const some = literals.length === 0 ? ['x'] : literals;
  const kinds: [string, Fill][] = [
    ['one character', (length) => 'a'.repeat(length)],
    ['what the rules look for', filledWith(some)],
    ['nearly what they look for', filledWith(some.map((text) => text.slice(0, -1)))],
    ['capitals, other scripts', (length) => 'Aé/Ω'.repeat(length / 4)],
  ];
  const texts = kinds.map(([name, fill]): [string, EcsEvent] => [name, filled(fields, rules, fill)]);
  const many = filled(fields, rules, filledWith(some));
  many.set(
    fields.slot('process.args'),
    Array.from({ length: MANY_ELEMENTS }, (_, i) => some[i % some.length]!),
  );
  return [...texts, [`${MANY_ELEMENTS} arguments`, many]];
}

/** Each from another place on, so that a short one has what the long one has further behind. */
function filledWith(texts: readonly string[]): Fill {
  let at = 0;
  return (length) => {
    let filled = '';
    while (filled.length < length) filled += `${texts[at++ % texts.length]!} `;
    return filled.slice(0, length);
  };
}

/** What is looked for within texts. */
function literalsOf(rules: readonly Pick<Rule, 'compiled'>[]): string[] {
  const literals = new Set<string>();
  for (const { compiled } of rules) {
    compiled.coverBy?.(({ value, how }) => {
      if (how === 'contains') literals.add(value as string);
      return 1;
    });
  }
  return [...literals];
}

function filled(fields: FieldTable, rules: readonly Pick<Rule, 'compiled'>[], fill: Fill): EcsEvent {
  const event = execEvent(fields);
  const read = new Set(rules.flatMap(({ compiled }) => compiled.fields));
  for (const field of read) if (!KEPT.test(field.name)) event.set(field, fieldValue(field, fill));
  return event;
}

function fieldValue(field: Field, fill: Fill): SlotValue {
  if (field.type === 'long' || field.type === 'double' || field.type === 'date') return 7;
  if (field.type === 'boolean') return true;
  if (field.type === 'ip') return Array.from({ length: 100 }, (_, i) => `10.0.${i}.7`);
  if (field.type !== 'keyword') return fill(DEAR_BYTES);
  if (/\.(args|env_vars)$/.test(field.name)) return Array.from({ length: DEAR_BYTES / KEYWORD }, () => fill(KEYWORD));
  return fill(KEYWORD);
}
