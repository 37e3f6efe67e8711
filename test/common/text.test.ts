import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeText, encodeText } from '../../src/text.ts';

const cases: [string, number[], string][] = [
  ['plain', [0x2f, 0x61], '/a'],
  ['UTF-8', [0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80], 'é😀'],
  ['a byte that never occurs', [0x2f, 0xff], '/\udcff'],
  ['cut sequence', [0xe2, 0x82], '\udce2\udc82'],
  ['overlong slash', [0xc0, 0xaf], '\udcc0\udcaf'],
  ['encoded surrogate', [0xed, 0xb3, 0xbf], '\udced\udcb3\udcbf'],
  ['byte order mark kept', [0xef, 0xbb, 0xbf, 0x61], '\ufeffa'],
  ['an ideograph whose low surrogate looks like an escape', [0xf0, 0xac, 0x82, 0x9f, 0xff], '\u{2c09f}\udcff'],
  ['above U+10FFFF', [0xf4, 0x90, 0x80, 0x80], '\udcf4\udc90\udc80\udc80'],
];

it.each(cases)('decodes %s', (_name, bytes, text) => {
  expect(decodeText(Uint8Array.from(bytes))).toBe(text);
});

it('gives back the very bytes, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect([...encodeText(decodeText(bytes))]).toEqual([...bytes]);
    }),
  );
});
