// Words of analysed text. The answers are those of Elasticsearch 9.5.3's standard analyzer (_analyze).

import { expect, test } from 'vitest';
import { analyze } from '../../src/query/analyze.ts';

test.each([
  ['', []],
  ['The QUICK brown', ['the', 'quick', 'brown']],
  ['foo.bar baz_qux a-b', ['foo.bar', 'baz_qux', 'a', 'b']],
  ["can't 'quoted' it’s", ["can't", 'quoted', 'it’s']],
  ['3.14 1,000 1.a a.1 1:2', ['3.14', '1,000', '1', 'a', 'a', '1', '1', '2']],
  ['foo:bar user@example.com', ['foo:bar', 'user', 'example.com']],
  ['a.. .b _ __ _c_', ['a', 'b', '_c_']],
  ['日本語 テスト ひら 々', ['日', '本', '語', 'テスト', 'ひ', 'ら', '々']],
  ['ÀÉ straße ΟΔΟΣ İ', ['àé', 'straße', 'οδοσ', 'i']],
  ['한글 ขก ع٣', ['한글', 'ขก', 'ع٣']],
  ['😀😀 👨‍👩‍👧 🇩🇪', ['😀', '😀', '👨‍👩‍👧', '🇩🇪']],
  ['e\u0301t\u200de a\u00adb', ['e\u0301t\u200de', 'a\u00adb']],
  ['... -- "" \\', []],
])('%j', (text, words) => {
  expect(analyze(text)).toEqual(words);
});

test('a word is cut at 255 characters', () => {
  expect(analyze('x'.repeat(600)).map((word) => word.length)).toEqual([255, 255, 90]);
});
