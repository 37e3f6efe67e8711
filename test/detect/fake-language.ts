// A query language of three forms joined by ` & `, for tests of what stands behind the language: `f=v` (any element
// equals), `f!=v`, `f?` (has a value). It has a cover and partial evaluation, as kuery has.

import type { SlotValue } from '../../src/ecs/event.ts';
import type { Field, FieldTable } from '../../src/ecs/fields.ts';
import { ForebearError } from '../../src/errors.ts';
import type { CompiledQuery } from '../../src/query/language.ts';

interface Term {
  field: Field;
  operator: '=' | '!=' | '?';
  value: string;
}

export function compileFake(text: string, fields: FieldTable): CompiledQuery {
  return queryOf(
    text.trim() === ''
      ? []
      : text
          .trim()
          .split(' & ')
          .map((part) => parseTerm(part, fields)),
  );
}

export const FAKE_LANGUAGES = { kuery: compileFake };

function parseTerm(part: string, fields: FieldTable): Term {
  const match = /^([\w.@]+)(!=|=|\?)(.*)$/.exec(part);
  if (match === null) throw new ForebearError('FB_QUERY_SYNTAX', `cannot read ${part}`, { line: 1, column: 3 });
  return { field: fields.add(match[1]!, 'keyword'), operator: match[2] as Term['operator'], value: match[3]! };
}

function queryOf(terms: readonly Term[]): CompiledQuery {
  const equal = terms.find(({ operator }) => operator === '=');
  return {
    matches: (slots) => terms.every((term) => holds(term, slots[term.field.slot])),
    fields: [...new Set(terms.map(({ field }) => field))],
    tree: terms,
    given: (fixed) => {
      const known = terms.filter(({ field }) => fixed.has(field.slot));
      if (!known.every((term) => holds(term, fixed.get(term.field.slot)))) return undefined;
      return queryOf(terms.filter((term) => !known.includes(term)));
    },
    ...(equal === undefined ? {} : { cover: [{ field: equal.field, value: equal.value }] }),
  };
}

function holds({ operator, value }: Term, slot: SlotValue): boolean {
  const values = slot === undefined ? [] : Array.isArray(slot) ? slot.map(String) : [String(slot)];
  if (operator === '?') return values.length > 0;
  return values.includes(value) === (operator === '=');
}
