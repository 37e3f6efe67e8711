// What KQL values mean on each type of field: the tables of value-tables.ts.

import { describe, expect, test } from 'vitest';
import { matching } from './documents.ts';
import { failure } from './failure.ts';
import { TABLES, VALUE } from './value-tables.ts';

describe.each(Object.entries(TABLES))('%s', (_, { field, values, rows }) => {
  const documents = values.map((value) =>
    typeof value === 'string' && value.startsWith('{') ? value : { [field]: value },
  );
  test.each(rows)('%.60s', (query, answer) => {
    if (typeof answer === 'string') expect(failure(() => matching(query, documents)).code).toBe(answer);
    else expect(matching(query, documents)).toEqual(answer);
  });
});

test('a refused value says where it stands', () => {
  const error = failure(() => matching('k:a and\n l:(1 or two)', []));
  expect(error).toMatchObject({ code: VALUE, line: 2, column: 10 });
  expect(error.message.split('\n').slice(1)).toEqual(['   l:(1 or two)', '           ^']);
});
