// Bytes to lines: every way in which a file may end its lines, and what is cut where reads meet.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { type Line, LineSplitter, readLines } from '../../src/commands/ndjson.ts';
import { fakeIo } from './fake-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'forebear-ndjson-'));
afterAll(() => rmSync(folder, { recursive: true }));

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

test.each([
  ['as it is', (bytes: Buffer) => bytes],
  ['zstd', zstdCompressSync],
  ['gzip', gzipSync],
  ['empty', () => Buffer.alloc(0)],
])('a file, %s', async (name, pack) => {
  const file = join(folder, name.replace(/ /g, '-'));
  writeFileSync(file, pack(BYTES));
  expect(await linesOf(file)).toEqual(name === 'empty' ? [] : LINES);
});

test('a compressed file that is cut: what precedes comes, then an error', async () => {
  const file = join(folder, 'cut');
  const whole = zstdCompressSync(
    Buffer.from(Array.from({ length: 200_000 }, (_, i) => `{"n":${Math.sin(i)}}`).join('\n')),
  );
  writeFileSync(file, whole.subarray(0, whole.length - 100));
  const lines: Line[] = [];
  await expect(linesOf(file, lines)).rejects.toMatchObject({ code: 'FB_COMMAND_INPUT' });
  expect(lines.length).toBeGreaterThan(1000);
});

async function linesOf(file: string, lines: Line[] = []): Promise<Line[]> {
  for await (const some of readLines(file, fakeIo())) lines.push(...some);
  return lines;
}

test('a recording where documents are read is told as such', async () => {
  const file = join(folder, 'recording');
  const bytes = Buffer.from('FBRECORD\u0001 and more', 'latin1');
  writeFileSync(file, zstdCompressSync(bytes));
  const stdin = async function* () {
    yield bytes;
  };
  const message = expect.stringContaining('recording');
  for (const from of [file, '-']) {
    const lines = readLines(from, fakeIo({ stdin }));
    await expect(lines.next()).rejects.toMatchObject({ code: 'FB_COMMAND_INPUT', message });
  }
});
