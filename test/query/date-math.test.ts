// Date math: the span that an operand names, from a fixed reference time. Compared with Elasticsearch 9.5.3 where the
// text is in kql-values.test.ts too.

import { expect, test } from 'vitest';
import { parseDateMath } from '../../src/query/date-math.ts';

const NOW = '2024-02-29T12:34:56.789Z';

test.each([
  ['now', NOW, NOW],
  ['now/d', '2024-02-29T00:00:00.000Z', '2024-02-29T23:59:59.999Z'],
  ['now-1d/d', '2024-02-28T00:00:00.000Z', '2024-02-28T23:59:59.999Z'],
  ['now/d-1d', '2024-02-28T00:00:00.000Z', '2024-02-28T23:59:59.999Z'],
  ['now+1y', '2025-02-28T12:34:56.789Z', '2025-02-28T12:34:56.789Z'],
  ['now-1M', '2024-01-29T12:34:56.789Z', '2024-01-29T12:34:56.789Z'],
  ['now/M', '2024-02-01T00:00:00.000Z', '2024-02-29T23:59:59.999Z'],
  ['now/y', '2024-01-01T00:00:00.000Z', '2024-12-31T23:59:59.999Z'],
  ['now/w', '2024-02-26T00:00:00.000Z', '2024-03-03T23:59:59.999Z'],
  ['now/h', '2024-02-29T12:00:00.000Z', '2024-02-29T12:59:59.999Z'],
  ['now+h', '2024-02-29T13:34:56.789Z', '2024-02-29T13:34:56.789Z'],
  ['now-90s/m', '2024-02-29T12:33:00.000Z', '2024-02-29T12:33:59.999Z'],
  ['2024-01-31||+1M', '2024-02-29T00:00:00.000Z', '2024-02-29T00:00:00.000Z'],
  ['2024-02||/M', '2024-02-01T00:00:00.000Z', '2024-02-29T23:59:59.999Z'],
  ['2024-02', '2024-02-01T00:00:00.000Z', '2024-02-01T23:59:59.999Z'],
  ['2024-02-01T10:20+02:00', '2024-02-01T08:20:00.000Z', '2024-02-01T08:20:59.999Z'],
])('%s', (text, first, last) => {
  const operand = parseDateMath(text)!;
  const nowMs = Date.parse(NOW);
  expect([operand.first(nowMs), operand.last(nowMs)].map((ms) => new Date(ms).toISOString())).toEqual([first, last]);
});

test.each([
  'now-',
  'now-1',
  'now-1q',
  'now/2d',
  'now||/d',
  'NOW',
  'now ',
  '2024-02||x',
  '||/d',
  '',
  'tomorrow',
  'now+99999999999d',
  `now${'+1M'.repeat(101)}`,
])('%j is none', (text) => {
  expect(parseDateMath(text)).toBeUndefined();
});
