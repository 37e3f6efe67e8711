// What KQL values mean on each type of field. The answers of the tables were taken from a real Elasticsearch 9.5.3, asked
// the query that Kibana makes; an empty list is "none of them", a string is the code of the refusal.

import { describe, expect, test } from 'vitest';
import { matching } from './documents.ts';
import { failure } from './failure.ts';

const VALUE = 'FB_QUERY_VALUE';

interface Table {
  field: string;
  values: readonly unknown[];
  rows: readonly (readonly [string, readonly number[] | string])[];
}

const LONG = 'x'.repeat(1024);

const TABLES: Record<string, Table> = {
  long: {
    field: 'l',
    values: [
      42,
      42.7,
      -42.7,
      '42',
      '42.9',
      '042',
      '4.2e1',
      '{"l":9007199254740993}',
      '{"l":9223372036854775807}',
      '+42',
      0,
    ],
    rows: [
      ['l:42', [0, 1, 3, 4, 5, 6, 9]],
      ['l:042', [0, 1, 3, 4, 5, 6, 9]],
      ['l:4.2e1', [0, 1, 3, 4, 5, 6, 9]],
      ['l:"42"', [0, 1, 3, 4, 5, 6, 9]],
      ['l:+42', [0, 1, 3, 4, 5, 6, 9]],
      ['l:42.', [0, 1, 3, 4, 5, 6, 9]],
      ['l:42.7', []],
      ['l:.5', []],
      ['l:-42', [2]],
      ['l:9007199254740993', [7]],
      ['l:9007199254740993.0', [7]],
      ['l:9007199254740992', []],
      ['l:9223372036854775807', [8]],
      ['l:9223372036854775808', []],
      ['l:1e400', []],
      ['l:NaN', []],
      ['l:-0', [10]],
      ['l:*', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
      ['l > 42', [7, 8]],
      ['l > 41.5', [0, 1, 3, 4, 5, 6, 7, 8, 9]],
      ['l >= 42.5', [7, 8]],
      ['l < -41.5', [2]],
      ['l <= -42.5', []],
      ['l < 0.5', [2, 10]],
      ['l > 9007199254740992.5', [7, 8]],
      ['l >= 9007199254740994', [8]],
      ['l > null', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
      ['l:abc', VALUE],
      ['l:""', VALUE],
      ['l:" 42"', VALUE],
      ['l:42d', VALUE],
      ['l:0x2A', VALUE],
      ['l:4_2', VALUE],
      ['l:true', VALUE],
      ['l:null', VALUE],
      ['l:4*', VALUE],
      ['l:**', VALUE],
      ['l > abc', VALUE],
      ['l > NaN', VALUE],
      ['l < 9223372036854775808', VALUE],
      ['l > 1e30', VALUE],
    ],
  },
  double: {
    field: 'd',
    values: [42, 42.5, '42', '42.50', '{"d":-0.0}', 0, 1e300, ' 42', '42d'],
    rows: [
      ['d:42', [0, 2, 7, 8]],
      ['d:42d', [0, 2, 7, 8]],
      ['d:" 42"', [0, 2, 7, 8]],
      ['d:4.25e1', [1, 3]],
      ['d:0', [5]],
      ['d:-0', [4]],
      ['d >= 0', [0, 1, 2, 3, 5, 6, 7, 8]],
      ['d >= -0', [0, 1, 2, 3, 4, 5, 6, 7, 8]],
      ['d < 0', [4]],
      ['d > 42', [1, 3, 6]],
      ['d <= 42.5', [0, 1, 2, 3, 4, 5, 7, 8]],
      ['d:NaN', []],
      ['d > NaN', []],
      ['d > 1e400', []],
      ['d:abc', VALUE],
      ['d:""', VALUE],
      ['d:4*', VALUE],
    ],
  },
  boolean: {
    field: 'b',
    values: [true, false, 'true', 'false', '', [true, false]],
    rows: [
      ['b:true', [0, 2, 5]],
      ['b:"false"', [1, 3, 4, 5]],
      ['b > false', [0, 2, 5]],
      ['b < true', [1, 3, 4, 5]],
      ['b:*', [0, 1, 2, 3, 4, 5]],
      ['b:""', VALUE],
      ['b:True', VALUE],
      ['b:1', VALUE],
      ['b:t*', VALUE],
    ],
  },
  ip: {
    field: 'i',
    values: [
      '10.0.0.1',
      '::ffff:10.0.0.1',
      '10.0.0.2',
      '2001:db8::1',
      '2001:DB8:0::1',
      '192.168.1.255',
      '::1',
      'fe80::1%eth0',
    ],
    rows: [
      ['i:10.0.0.1', [0, 1]],
      ['i:"::ffff:10.0.0.1"', [0, 1]],
      ['i:\\:\\:ffff\\:a00\\:1', [0, 1]],
      ['i:"2001:db8::1"', [3, 4]],
      ['i:10.0.0.0/8', [0, 1, 2]],
      ['i:10.0.0.1/32', [0, 1]],
      ['i:10.0.0.1/0', [0, 1, 2, 5]],
      ['i:"2001:db8::/32"', [3, 4]],
      ['i:"::/0"', [0, 1, 2, 3, 4, 5, 6, 7]],
      ['i:(10.0.0.0/31 or "::1")', [0, 1, 6]],
      ['i > 10.0.0.1', [2, 3, 4, 5, 7]],
      ['i < 10.0.0.2', [0, 1, 6]],
      ['i <= "2001:db8::1"', [0, 1, 2, 3, 4, 5, 6]],
      ['i:10.0.*', VALUE],
      ['i:010.0.0.1', VALUE],
      ['i:10.0.0.1/33', VALUE],
      ['i:10.0.0.1/', VALUE],
      ['i:"::ffff:10.0.0.0/104"', VALUE],
      ['i > 10.0.0.0/8', VALUE],
      ['i:1.2.3', VALUE],
      ['i:abc', VALUE],
    ],
  },
  date: {
    field: 't',
    values: [
      '2024-03-01T00:00:00Z',
      '2024-03-01T12:00:00Z',
      '2024-03-31T23:59:59.999Z',
      '2024-04-01',
      '2024',
      1711929599999,
      '1711929599999.7',
      '2024-03-15T12:30:15,5+02:00',
      '2026-11-25T12:30:15.500Z',
      '2026-11-26T00:00:00Z',
      5,
    ],
    rows: [
      // what is missing of the time is filled up, a missing day is the first of the month
      ['t:2024-03', [0, 1]],
      ['t <= 2024-03', [0, 1, 4, 10]],
      ['t > 2024-03-01', [2, 3, 5, 6, 7, 8, 9]],
      ['t >= 2024-03-01', [0, 1, 2, 3, 5, 6, 7, 8, 9]],
      ['t < 2024-03-01', [4, 10]],
      ['t:2024', [4]],
      ['t:"2024-03-15T10:30"', [7]],
      ['t:2024-03-01T12', [1]],
      ['t:2024-03-15T', [7]],
      ['t:"2024-03-15||/M"', [0, 1, 2, 5, 6, 7]],
      ['t:"2024-02-15||+1M/M"', [0, 1, 2, 5, 6, 7]],
      ['t:1711929599999', [2, 5, 6]],
      ['t:5', [10]],
      ['t > now', [9]],
      ['t > now/d', [9]],
      ['t >= now/d', [8, 9]],
      ['t:now/d', [8]],
      ['t < now-1y/y', [0, 1, 2, 3, 4, 5, 6, 7, 10]],
      ['t:now', [8]],
      ['t:null', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
      ['t:abc', VALUE],
      ['t:2024-3', VALUE],
      ['t:2024-02-30', VALUE],
      ['t:now-1q', VALUE],
      ['t:now-', VALUE],
      ['t:NOW', VALUE],
      ['t:2024-*', VALUE],
      ['t:true', VALUE],
    ],
  },
  keyword: {
    field: 'k',
    values: [
      'a',
      'A',
      'a b',
      'a  b',
      '',
      'null',
      'true',
      LONG,
      `${LONG}x`,
      [`${LONG}x`, 'a'],
      'a*b',
      'a\\b',
      ' a ',
      42,
      true,
      '🐧',
      '\uffee',
    ],
    rows: [
      ['k:a', [0, 9]],
      ['k:A', [1]],
      ['k:a b', [2]],
      ['k:a  b', [3]],
      ['k:""', [4]],
      ['k:"null"', [5]],
      ['k:true', [6, 14]],
      ['k:42', [13]],
      ['k:" a "', [12]],
      ['k:x*', [7]],
      ['k:a*', [0, 2, 3, 9, 10, 11]],
      ['k:*b', [2, 3, 10, 11]],
      ['k:a*b', [2, 3, 10, 11]],
      ['k:a\\*b', [10]],
      ['k:a\\**', [10]],
      ['k:*\\\\*', [11]],
      ['k:"a*"', []],
      ['k:a?b', []],
      ['k:*', [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16]],
      ['k:**', [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16]],
      ['k > a', [2, 3, 5, 6, 7, 10, 11, 14, 15, 16]],
      ['k < a', [1, 4, 12, 13]],
      ['k > "\uffee"', [15]],
      ['k >= 5*', [0, 2, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16, 1].sort((a, b) => a - b)],
      ['k:null', VALUE],
      [`k:${LONG}`, [7]],
      [`k:${LONG}x`, []],
      [`not k:${LONG}x*`, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]],
    ],
  },
  wildcard: {
    field: 'w',
    values: [`${LONG}x`, 'a b'],
    rows: [
      ['w:x*', [0]],
      ['w:*x', [0]],
      [`w:${LONG}x`, [0]],
      ['w:*', [0, 1]],
      ['w > x', [0]],
      ['w:*a b*', [1]],
    ],
  },
  text: {
    field: 'm',
    values: [
      'The quick brown fox',
      'Quick-brown FOX jumps',
      'foo.bar baz_qux',
      "can't stop",
      '3.14 and 1,000',
      'C:\\Windows\\System32',
      ['quick', 'brown'],
      '日本語 テスト',
      '...',
      '/usr/bin/x',
    ],
    rows: [
      ['m:QUICK', [0, 1, 6]],
      ['m:stop fox', [0, 1, 3]],
      ['m:"quick brown"', [0, 1]],
      ['m:"brown quick"', []],
      ['m:foo', []],
      ['m:foo.bar', [2]],
      ['m:"bar baz_qux"', []],
      ['m:QU*', [0, 1, 6]],
      ['m:qui*wn', []],
      ['m:*quick brown*', [0, 1, 6]],
      ['m:"quick*"', [0, 1, 6]],
      ['m:/usr/bin/*', []],
      ['m:usr', [9]],
      ['m:can', []],
      ["m:can't", [3]],
      ['m:1', []],
      ['m:system32', [5]],
      ['m:日', [7]],
      ['m:テ', []],
      ['m:"..."', []],
      ['m:**', [0, 1, 2, 3, 4, 5, 6, 7, 9]],
      ['m:*', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
      ['m < b', [4]],
      ['m:null', VALUE],
    ],
  },
};

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

describe('names, lists and missing values', () => {
  const documents = [
    { k: 'a', o: { k: 'x', l: 5 } },
    { k: ['a', 'b'], 'o.k': 'y' },
    { o: { l: 7 }, m: 'a word' },
    {},
    {
      n: [
        { k: 'a', l: 1 },
        { k: 'b', l: 2 },
      ],
    },
    { n: { k: 'a', l: 2 }, l: 5 },
    { 'n.k': 'z' },
  ];
  const rows: [string, number[] | string][] = [
    ['', [0, 1, 2, 3, 4, 5, 6]],
    ['*:*', [0, 1, 2, 3, 4, 5, 6]],
    ['*', [0, 1, 2, 3, 4, 5, 6]],
    ['k:(a and b)', [1]],
    ['k:(a and not b)', [0]],
    ['not k:a', [2, 3, 4, 5, 6]],
    ['k:(not a)', [2, 3, 4, 5, 6]],
    ['not k:*', [2, 3, 4, 5, 6]],
    ['o:*', [0, 1, 2]],
    ['o.*:x', [0]],
    ['o.*:5', [0]],
    ['o.*:*', [0, 1, 2]],
    ['o* >= 5', [0, 1, 2]],
    ['"o.*":x', []],
    ['o:x', []],
    ['zz:a', []],
    ['not zz:a', [0, 1, 2, 3, 4, 5, 6]],
    ['zz > 1', []],
    ['zz:*', []],
    // free text: every field that can take it
    ['a', [0, 1, 2]],
    ['"a word"', [2]],
    ['5', [0, 5]],
    ['x or y', [0, 1]],
    ['wor*', [2]],
    ['x* wor*', [0, 2]],
    ['null:a', [0, 1, 2]],
    ['null', VALUE],
    // nested: the objects stay apart
    ['n:{ k:a and l:1 }', [4]],
    ['n:{ k:a and l:2 }', [5]],
    ['n:{ k:a } and n:{ l:2 }', [4, 5]],
    ['n:{ not k:a }', [4, 6]],
    ['not n:{ k:a }', [0, 1, 2, 3, 6]],
    ['n:{ k:(a or z) }', [4, 5, 6]],
    ['n:{ k:* }', [4, 5, 6]],
    ['n:{ l > 1 }', [4, 5]],
    ['n:*', []],
    ['*.k:z', [6]],
    ['n.k:a', 'FB_QUERY_NESTED'],
    ['n:{ o.k:a }', []],
    ['o:{ k:x }', 'FB_QUERY_NESTED'],
  ];
  test.each(rows)('%s', (query, answer) => {
    if (typeof answer === 'string') expect(failure(() => matching(query, documents)).code).toBe(answer);
    else expect(matching(query, documents)).toEqual(answer);
  });

  test('braces declare a field nested that nobody knows', () => {
    const flags = [
      {
        f: [
          { a: 1, b: 1 },
          { a: 2, b: 2 },
        ],
      },
      { f: { a: 1, b: 2 } },
    ];
    expect(matching('f:{ a:1 and b:2 }', flags)).toEqual([1]);
    expect(matching('f.a:1 and f.b:2', flags)).toEqual([0, 1]);
  });

  test('a field that grows out of later documents is reached by patterns, objects and free text', () => {
    const later = [{ new: { one: 'x' } }, { new: { two: 7 } }, { other: 'x' }];
    expect(matching('new:*', later)).toEqual([0, 1]);
    expect(matching('ne*:7', later)).toEqual([1]);
    expect(matching('x', later)).toEqual([0, 2]);
  });
});
