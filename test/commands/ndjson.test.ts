// Bytes to lines: every way in which a file may end its lines, and what is cut where reads meet.

import { expect, test } from 'vitest';
import { type Line, LineSplitter } from '../../src/commands/ndjson.ts';

/** The bytes in pieces of `size`. */
function split(bytes: Uint8Array, size: number, maxLine?: number): Line[] {
  const splitter = new LineSplitter(maxLine);
  const lines: Line[] = [];
  for (let at = 0; at < bytes.length; at += size) lines.push(...splitter.push(bytes.subarray(at, at + size)));
  return [...lines, ...splitter.end()];
}

const BYTES = Buffer.from('\ufeff{"a":"é🐧"}\r\n\n  \r\n{"b":1}\n{"c":2}', 'utf8');
const LINES = [
  { number: 1, text: '{"a":"é🐧"}' },
  { number: 4, text: '{"b":1}' },
  { number: 5, text: '{"c":2}' },
];

test.each([1, 2, 3, 5, 7, 1000])('the same lines however they are read: %d bytes at a time', (size) => {
  expect(split(BYTES, size)).toEqual(LINES);
});

test('no line after the last line end', () => {
  expect(split(Buffer.from('a\n'), 10)).toEqual([{ number: 1, text: 'a' }]);
  expect(split(Buffer.from(''), 10)).toEqual([]);
});

test('bytes that are not UTF-8 are the fault of their line alone', () => {
  const lines = split(Buffer.from([0x61, 10, 0x62, 0xff, 10, 0x63]), 2);
  expect(lines).toEqual([
    { number: 1, text: 'a' },
    { number: 2, text: '', fault: 'not UTF-8' },
    { number: 3, text: 'c' },
  ]);
});

test('a line beyond the limit is a fault, the next one is read', () => {
  const lines = split(Buffer.from(`${'x'.repeat(100)}\nok\n${'y'.repeat(20)}`), 8, 20);
  expect(lines.map(({ text, fault }) => (fault === undefined ? text : 'fault'))).toEqual([
    'fault',
    'ok',
    'y'.repeat(20),
  ]);
});
