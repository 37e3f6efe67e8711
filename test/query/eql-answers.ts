// EQL conditions, the query that Elasticsearch's EQL makes of each (its translator's tests say so), and the documents that a real
// Elasticsearch 9.5.3 found with it. Its EQL plugin itself is not to be had for tests (not in Maven Central); scripts are left out.
// Read by eql-answers.test.ts, and by test/servers/eql-answers.test.ts, which asks again.

export const MAPPING = {
  properties: {
    k: { type: 'keyword', ignore_above: 1024 },
    l: { type: 'long' },
    d: { type: 'double' },
    b: { type: 'boolean' },
    i: { type: 'ip' },
    t: { type: 'date' },
  },
} as const;

const LONG = 'x'.repeat(1025);

export const DOCUMENTS: readonly Readonly<Record<string, unknown>>[] = [
  { k: 'abc', l: 1, b: true },
  { k: 'ABC', l: 42, b: false },
  { k: 'ÄB' },
  { k: 'äb' },
  { k: '\u212a' },
  { k: ['k', 'x'], l: [1, 42] },
  { k: 'K', d: 0.5 },
  { k: 'ſ', d: 1 },
  { k: 's', i: '10.1.2.3' },
  { k: 'a\nc', i: '::1' },
  { k: 'a🐧c', i: ['192.168.0.1', '10.0.0.1'] },
  { k: 'a.c', t: '2024-03-15T12:30:15Z' },
  { k: 'a*c', t: '2024-03-31T23:59:59.999Z' },
  { k: 'a?c', t: '2024-04-01' },
  { k: '5' },
  { k: LONG },
  { k: [LONG, 'abc'] },
  { k: '' },
  {},
  { l: -7, d: -7.5 },
];

type Dsl = Readonly<Record<string, unknown>>;

const term = (field: string, value: unknown, insensitive = false): Dsl => ({
  term: { [field]: { value, ...(insensitive && { case_insensitive: true }) } },
});
const wildcard = (value: string, insensitive = false): Dsl => ({
  wildcard: { k: { value: value.replace(/\\/g, '\\\\'), case_insensitive: insensitive } },
});
const prefix = (value: string, insensitive = false): Dsl => ({
  prefix: { k: { value, case_insensitive: insensitive } },
});
const range = (field: string, bound: Dsl): Dsl => ({ range: { [field]: bound } });
const exists = (field: string): Dsl => ({ exists: { field } });
const not = (...queries: Dsl[]): Dsl => ({ bool: { must_not: queries } });
const any = (...queries: Dsl[]): Dsl => ({ bool: { should: queries } });
const all = (...queries: Dsl[]): Dsl => ({ bool: { must: queries } });

/** Condition, query, indices of the documents. */
export const ANSWERS: readonly (readonly [string, Dsl, readonly number[]])[] = [
  ['k == "abc"', term('k', 'abc'), [0, 16]],
  ['k != "abc"', not(term('k', 'abc')), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19]],
  ['k : "abc"', term('k', 'abc', true), [0, 1, 16]],
  ['k : "äb"', term('k', 'äb', true), [3]],
  ['k : "k"', term('k', 'k', true), [5, 6]],
  ['k : "s"', term('k', 's', true), [8]],
  ['k == 5', term('k', 5), [14]],
  ['k like "a?c"', wildcard('a?c'), [0, 9, 10, 11, 12, 13, 16]],
  ['k like~ "A?C"', wildcard('A?C', true), [0, 1, 9, 10, 11, 12, 13, 16]],
  ['k : "a*"', wildcard('a*', true), [0, 1, 9, 10, 11, 12, 13, 16]],
  ['k : "*B"', wildcard('*B', true), [2, 3]],
  ['k : "?"', wildcard('?', true), [4, 5, 6, 7, 8, 14]],
  ['k like "*"', exists('k'), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17]],
  ['not k like "a*"', not(wildcard('a*')), [1, 2, 3, 4, 5, 6, 7, 8, 14, 15, 17, 18, 19]],
  ['k in ("abc", "5", "?")', { terms: { k: ['abc', '5', '?'] } }, [0, 14, 16]],
  [
    'k not in ("abc", "k")',
    not({ terms: { k: ['abc', 'k'] } }),
    [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19],
  ],
  ['k in~ ("aBc", "A*C")', any(term('k', 'aBc', true), term('k', 'A*C', true)), [0, 1, 12, 16]],
  ['k == null', not(exists('k')), [15, 18, 19]],
  ['k != null', exists('k'), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17]],
  ['k == ""', term('k', ''), [17]],
  ['startsWith(k, "a")', prefix('a'), [0, 9, 10, 11, 12, 13, 16]],
  ['startsWith~(k, "AB")', prefix('AB', true), [0, 1, 16]],
  ['endsWith(k, "c")', wildcard('*c'), [0, 9, 10, 11, 12, 13, 16]],
  ['stringContains~(k, "B")', wildcard('*B*', true), [0, 1, 2, 3, 16]],
  ['startsWith(k, "a") == false', not(prefix('a')), [1, 2, 3, 4, 5, 6, 7, 8, 14, 15, 17, 18, 19]],
  ['k > "a" and k < "b"', all(range('k', { gt: 'a' }), range('k', { lt: 'b' })), [0, 9, 10, 11, 12, 13, 16]],
  ['l == 42', term('l', 42), [1, 5]],
  ['l == "42"', term('l', '42'), [1, 5]],
  ['l == 42.5', term('l', 42.5), []],
  ['l > 0.5', range('l', { gt: 0.5 }), [0, 1, 5]],
  ['l != 1', not(term('l', 1)), [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]],
  ['l in (1, 2)', { terms: { l: [1, 2] } }, [0, 5]],
  [
    'not (l > -10 and l < 2)',
    not(all(range('l', { gt: -10 }), range('l', { lt: 2 }))),
    [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
  ],
  ['d == 1', term('d', 1), [7]],
  ['d <= 0.5', range('d', { lte: 0.5 }), [6, 19]],
  ['b', term('b', true), [0]],
  ['b != true', not(term('b', true)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]],
  ['not b == false', not(term('b', false)), [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]],
  ['i == "10.1.2.3"', term('i', '10.1.2.3'), [8]],
  ['cidrMatch(i, "10.0.0.0/8", "::1")', { terms: { i: ['10.0.0.0/8', '::1'] } }, [8, 9, 10]],
  [
    'not cidrMatch(i, "10.0.0.0/8")',
    not({ terms: { i: ['10.0.0.0/8'] } }),
    [0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19],
  ],
  ['t == "2024-03-15T12:30:15Z"', term('t', '2024-03-15T12:30:15Z'), [11]],
  ['t <= "2024-03"', range('t', { lte: '2024-03' }), []],
  ['t > "2024-03"', range('t', { gt: '2024-03' }), [11, 12, 13]],
];
