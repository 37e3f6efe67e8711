// EQL conditions find what a real Elasticsearch found with the queries that its EQL makes of them.

import { expect, test } from 'vitest';
import { ANSWERS, DOCUMENTS } from './eql-answers.ts';
import { matchingEql } from './eql-documents.ts';

test.each(ANSWERS)('%s', (condition, _, found) => {
  expect(matchingEql(condition, DOCUMENTS)).toEqual(found);
});

test('each condition finds some, but not all, or is here for finding none', () => {
  const none = ANSWERS.filter(([, , found]) => found.length === 0).map(([condition]) => condition);
  expect(none).toEqual(['l == 42.5', 't <= "2024-03"']);
});
