import { describe, expect, it } from 'vitest';
import { termHash, termKey, termValues } from '../../src/detect/term-key.ts';
import { readTermLine, termLine } from '../../src/detect/term-lines.ts';
import type { RuleTerms } from '../../src/detect/term-store.ts';

const NOW = Date.UTC(2026, 10, 24, 10);
const SEEN = '2026-11-24T09:00:00.000Z';
const FIELDS = ['process.name', 'process.args', 'user.name'];

function history(keys: string[], over: Partial<RuleTerms> = {}): RuleTerms {
  const at = (wallMs: number) => ({ bootId: 'b', bootNs: 1n, wallMs });
  const seen = new Map(keys.map((key) => [key, at(NOW - 3_600_000)]));
  return { rule_id: 'r', fields: 'process.name', queryHash: 'q', start: at(NOW - 7_200_000), seen, ...over };
}

const TUPLES: readonly (readonly string[])[] = [
  ['/usr/bin/dash'],
  [''],
  ['', '', ''],
  ['1:a', '3:b:c'],
  ['/\udcff', 'é', '\udcc3'],
  ['🜚\u202e\n"\\', '\0'],
  ['a'.repeat(250)],
];

describe('a key', () => {
  it.each(TUPLES.map((values) => [values]))('of %j gives back its values', (values) => {
    const key = termKey(values);
    expect(termValues(key)).toEqual(values);
    expect(termHash(key)).toBeUndefined();
  });

  it('that was too long has a hash', () => {
    expect(termHash(termKey(['a'.repeat(257)]))).toMatch(/^[\w-]{43}$/);
  });

  it.each(['', ':', '3:ab', '1a', 'x:a', '1:a2', '-1:a', '9999:a', '1.0:a', '1:ab'])('%j is none', (key) => {
    expect(termValues(key)).toBeUndefined();
  });
});

describe('a line', () => {
  it.each([...TUPLES, ['b'.repeat(1_000)]].map((values) => [values]))('of %j loses nothing', (values) => {
    const fields = FIELDS.slice(0, values.length);
    const key = termKey(values);
    const line = JSON.stringify(termLine(history([key], { fields: fields.join(' ') }), key));
    expect(line.isWellFormed() && !/\\ud[89a-f]/.test(line)).toBe(true);
    expect(readTermLine(line, NOW)).toEqual({
      rule_id: 'r',
      fields,
      key,
      lastSeenMs: NOW - 3_600_000,
      sinceMs: NOW - 7_200_000,
    });
  });

  it('says which terms are only there as a hash', () => {
    const key = termKey(['b'.repeat(1_000)]);
    expect(termLine(history([key]), key)).toEqual({
      rule_id: 'r',
      fields: ['process.name'],
      sha256: termHash(key),
      last_seen: SEEN,
      since: '2026-11-24T08:00:00.000Z',
    });
  });

  it('of a key that termKey does not make is none', () => {
    expect(termLine(history(['3:ab']), '3:ab')).toBeUndefined();
  });

  it('brings bytes that make a character together as that character', () => {
    const text = JSON.stringify({ rule_id: 'r', fields: ['a'], values: ['\udcc3\udca9'], last_seen: SEEN });
    expect(readTermLine(text, NOW).key).toBe(termKey(['é']));
  });

  const good = { rule_id: 'r', fields: ['process.name'], values: ['a'], last_seen: SEEN };
  it.each<[string, unknown, RegExp]>([
    ['text', 'x', /^not JSON: /],
    ['a list', '[]', /^not a JSON object$/],
    ['null', 'null', /^not a JSON object$/],
    ['no rule', { ...good, rule_id: 5 }, /^rule_id: /],
    ['a rule of two lines', { ...good, rule_id: 'a\nb' }, /^rule_id: /],
    ['no field', { ...good, fields: [] }, /^fields: /],
    ['four fields', { ...good, fields: ['a', 'b', 'c', 'd'] }, /^fields: /],
    ['a field with a blank', { ...good, fields: ['a b'] }, /^fields: /],
    ['values that are none', { ...good, values: 'a' }, /^values: /],
    ['too few values', { ...good, fields: ['a', 'b'] }, /^values: expected as many as fields: 2$/],
    ['a number', { ...good, values: [1] }, /^values: /],
    ['null as value', { ...good, values: [null] }, /^values: /],
    ['no base64', { ...good, values: [{ base64: '/' }] }, /^values: /],
    ['neither values nor hash', { ...good, values: undefined }, /^sha256: /],
    ['a short hash', { ...good, values: undefined, sha256: 'abc' }, /^sha256: /],
    ['both', { ...good, sha256: 'a'.repeat(43) }, /exclude each other/],
    ['no time', { ...good, last_seen: 5 }, /^last_seen: /],
    ['no such day', { ...good, last_seen: '2026-13-40T00:00:00Z' }, /^last_seen: /],
    ['the future', { ...good, last_seen: '2026-11-24T11:00:01Z' }, /^last_seen: .* lies in the future$/],
    ['a bad since', { ...good, since: 'now' }, /^since: /],
  ])('with %s is refused', (_what, line, message) => {
    const text = typeof line === 'string' ? line : JSON.stringify(line);
    const refused = expect.objectContaining({ code: 'FB_LEARN_LINE', message: expect.stringMatching(message) });
    expect(() => readTermLine(text, NOW)).toThrow(refused);
  });
});
