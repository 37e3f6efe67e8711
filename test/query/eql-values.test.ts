// What an EQL predicate is on documents: the list of those that match. Answers from Elasticsearch's documentation and its translator
// tests; eql-answers.ts has those that a real Elasticsearch gave.

import { describe, expect, test } from 'vitest';
import { matchingEql } from './eql-documents.ts';

const TEXTS = [{ k: 'abc' }, { k: 'ABC' }, { k: ['x', 'abc'] }, {}, { k: 'a*c' }, { k: 'a🐧c' }];
const NUMBERS = [{ l: 1 }, { l: 42 }, { l: '9007199254740993' }, {}, { l: [1, 42] }, { l: -7 }];

describe('texts', () => {
  test.each([
    ['k == "abc"', [0, 2]],
    ['k != "abc"', [1, 3, 4, 5]],
    ['not k == "abc"', [1, 3, 4, 5]],
    ['"abc" == k', [0, 2]],
    ['k : "abc"', [0, 1, 2]],
    ['k : "A*"', [0, 1, 2, 4, 5]],
    ['k like "a*"', [0, 2, 4, 5]],
    ['k like "a?c"', [0, 2, 4, 5]],
    ['k like~ "A?C"', [0, 1, 2, 4, 5]],
    ['k in ("a*c", "ABC")', [1, 4]],
    ['k in~ ("A*C")', [4]],
    ['k not in ("abc", "ABC")', [3, 4, 5]],
    ['k in (null, "abc")', [0, 2]],
    ['k == null', [3]],
    ['k != null', [0, 1, 2, 4, 5]],
    ['not (k == null)', [0, 1, 2, 4, 5]],
    ['k regex "a.c"', [0, 2, 4, 5]],
    ['k regex~ ("A[AB]C", "x")', [0, 1, 2]],
    ['k regex "a"', []],
    ['k like "*"', [0, 1, 2, 4, 5]],
    ['k > "a"', [0, 2, 4, 5]],
    ['startsWith(k, "ab")', [0, 2]],
    ['startsWith~(k, "AB")', [0, 1, 2]],
    ['endsWith(k, "BC") or stringContains~(k, "B")', [0, 1, 2]],
    ['startsWith(k, "ab") == false', [1, 3, 4, 5]],
    ['length(k) == 3', [0, 1, 2, 4]],
    ['length(k) != 3', [2, 5]],
    ['not length(k) == 3', [3, 5]],
    ['length(k) == null', [3]],
    ['length(k) in (1, 4)', [2, 5]],
    ['length(k) not in (1, 4)', [0, 1, 3, 4]],
    ['concat(k, "-", k) == "abc-abc"', [0, 2]],
    ['?k == "abc" and `k` == "abc"', [0, 2]],
  ])('%s', (condition, matching) => {
    expect(matchingEql(condition, TEXTS)).toEqual(matching);
  });
});

describe('numbers', () => {
  test.each([
    ['l == 42', [1, 4]],
    ['l == "42"', [1, 4]],
    ['l == 9007199254740993', [2]],
    ['l == 9007199254740992', []],
    ['l > -7 and l < 42.5', [0, 1, 4]],
    ['l != 1', [1, 2, 3, 5]],
    ['l + 1 == 43', [1, 4]],
    ['l / 2 == -3', [5]],
    ['l / 2.0 == -3.5', [5]],
    ['l % 3 == -1', [5]],
    ['-l == 7', [5]],
    ['l == -(3 + 4)', [5]],
    ['l * 2 + 1 == 3', [0, 4]],
    ['l / 0 == null', [0, 1, 2, 3, 4, 5]],
    ['number(string(l)) == l', [0, 1, 2, 4, 5]],
  ])('%s', (condition, matching) => {
    expect(matchingEql(condition, NUMBERS)).toEqual(matching);
  });
});

describe('constants', () => {
  test.each([
    ['true', true],
    ['false', false],
    ['null', false],
    ['not null', false],
    ['null == null', true],
    ['1 < 2 and "b" > "a"', true],
    ['not (1 == null)', true],
    ['null < 1 or true', true],
    ['between("welcome to event query language", " ", " ") == "to"', true],
    ['between("welcome to event query language", " ", " ", true) == "to event query"', true],
    ['cidrMatch("192.168.1.1", "192.168.0.0/16", "10.0.0.0/8")', true],
    ['concat("a", 1, true) == "a1true"', true],
    ['concat("a", null) == null', true],
    ['divide(4, 3) == 1 and divide(4, 3.0) > 1.3', true],
    ['endsWith("regsvr32.exe", ".exe")', true],
    ['indexOf("user.domain.com", ".") == 4 and indexOf("user.domain.com", ".", 5) == 11', true],
    ['indexOf("a", "b") == null', true],
    ['length("") == 0', true],
    ['modulo(10, 3) == 1', true],
    ['number("1337") == 1337 and number("0xdeadbeef", 16) == 3735928559 and number("-32.5") == -32.5', true],
    ['number("dead", 16) == 57005 and number("x") == null', true],
    ['number("+5") == 5 and number("-.5") == -0.5 and number("1e2") == 100.0 and number("5.") == 5.0', true],
    ['number("9223372036854775807") == 9223372036854775807 and number("9223372036854775808") > 1', true],
    [`number("${'1'.repeat(400)}") > 1 and number("${'1'.repeat(401)}") == null`, true],
    ['string(5) == "5" and string(true) == "true"', true],
    ['stringContains("process.exe", "cess")', true],
    ['stringContains("process.exe", "") or stringContains~("", "") or stringContains("", "a")', false],
    ['startsWith("a", "") and endsWith("a", "")', true],
    ['substring("start regsvr32.exe", 6) == "regsvr32.exe"', true],
    ['substring("start regsvr32.exe", 0, 5) == "start" and substring("abc", -2, -1) == "b"', true],
    ['wildcard("net.exe", "n?t*")', true],
    ['"net.exe" like "N*"', false],
    ['"Net" : ("x", "n*")', true],
    ['"a\\u{1f427}\\t" == "a🐧\\t" and """\\t""" == "\\\\t"', true],
    ['9223372036854775807 + 1 == null', true],
  ])('%s', (condition, matches) => {
    expect(matchingEql(condition, [{}])).toEqual(matches ? [0] : []);
  });
});

test.each([
  ['(false or b) == false', [{ b: true }, { b: false }, {}], [1, 2]],
  ['(true and b) != true', [{ b: true }, { b: false }, {}], [1, 2]],
  ['b == false', [{ b: true }, { b: false }, {}], [1]],
  ['d in (indexOf(k, "x"), 0)', [{ d: -0 }, { d: 0 }, { d: 1, k: 'ax' }, { d: 1 }], [1, 2]],
  ['k in~ (concat(w, "y"), "AB")', [{ k: 'XY', w: 'x' }, { k: 'ab' }, { k: 'y' }], [0, 1]],
])('%s: predicates beside fields and computed values', (condition, documents, matching) => {
  expect(matchingEql(condition, documents)).toEqual(matching);
});
