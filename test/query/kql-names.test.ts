// Names, lists, missing values, free text and nested objects in KQL, over a few documents.

import { describe, expect, test } from 'vitest';
import { matching } from './documents.ts';
import { failure } from './failure.ts';

const VALUE = 'FB_QUERY_VALUE';

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
