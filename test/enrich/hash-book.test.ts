import { expect, it } from 'vitest';
import { factFromJson, factToJson } from '../../src/enrich/fact-json.ts';
import { HASH_REASONS, type HashAnswer, isHashAnswer, isLasting } from '../../src/enrich/hash-answer.ts';
import { HashBook } from '../../src/enrich/hash-book.ts';

const hashes = (letter: string) => ({ sha256: letter.repeat(64) });

it('keeps what holds for every exec of the file, and forgets what does not', () => {
  const book = new HashBook();
  const kept = HASH_REASONS.filter((reason) => {
    book.answer(reason, { reason });
    return book.find(reason) !== undefined;
  });
  expect(kept).toEqual(['too_large', 'untrusted_filesystem']);
  book.answer('proven', { hashes: hashes('a') });
  book.answer('doubted', { hashes: hashes('a'), reason: 'fresh_file' });
  expect([book.find('proven'), book.find('doubted')]).toEqual([{ hashes: hashes('a') }, undefined]);
  expect(isLasting({ hashes: hashes('a'), reason: 'metadata_changed' })).toBe(false);
});

it('is bounded: the file that was not looked at for longest goes first', () => {
  const book = new HashBook(2);
  for (const file of ['a', 'b']) book.answer(file, { hashes: hashes(file) });
  book.find('a');
  book.answer('c', { hashes: hashes('c') });
  expect(['a', 'b', 'c'].map((file) => book.find(file) !== undefined)).toEqual([true, false, true]);
  expect(book.size).toBe(2);
});

it('knows which answers are to come', () => {
  const book = new HashBook();
  book.late('a');
  expect(book.stateOf('a')).toBeUndefined();
  book.ask('a');
  expect(book.stateOf('a')).toBe('asked');
  book.late('a');
  expect(book.stateOf('a')).toBe('late');
  book.answer('a', { reason: 'gone' });
  expect(book.stateOf('a')).toBeUndefined();
});

it.each<[boolean, unknown]>([
  [true, { hashes: hashes('a') }],
  [true, { hashes: { ...hashes('a'), md5: 'b'.repeat(32) }, reason: 'fresh_file' }],
  [true, { reason: 'gone' }],
  [false, {}],
  [false, { reason: 'a word' }],
  [false, { hashes: {} }],
  [false, { hashes: { sha256: 5 } }],
  [false, { hashes: { sha256: 'x'.repeat(64) } }],
  [false, { hashes: { ...hashes('a'), other: 'a'.repeat(64) } }],
  [false, { hashes: 'a' }],
])('a recorded answer is taken: %s, %j', (taken, answer) => {
  expect(isHashAnswer(answer as { hashes?: unknown })).toBe(taken);
  const line = JSON.stringify({ at: 1, fact: { kind: 'hash', file: 'f', ...(answer as HashAnswer) } });
  if (taken) expect(factToJson(factFromJson(line))).toBe(line);
  else expect(() => factFromJson(line)).toThrow(expect.objectContaining({ code: 'FB_ENRICH_FACT_INVALID' }));
});
