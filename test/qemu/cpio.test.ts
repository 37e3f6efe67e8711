// The form in which files go into a guest and come out of it.

import { expect, it } from 'vitest';
import { type Entry, pack, unpack } from './cpio.ts';

const file = (path: string, text: string): Entry => ({ path, mode: 0o644, data: Buffer.from(text) });

it('gives back what was put in, of whatever length', () => {
  const texts = ['', 'a', 'ab', 'abc', 'abcd', 'abcde'];
  const files = texts.map((text, i) => file(`${'name'.slice(0, i % 5)}-${i}/of/file`, text));
  const found = unpack(Buffer.concat(pack(files)));
  expect([...found].map(([path, data]) => [path, data.toString()])).toEqual(
    files.map(({ path, data }) => [path, data.toString()]),
  );
});

it('has each folder once, before what lies in it', () => {
  const text = Buffer.concat(pack([file('a/b/c', ''), file('a/b/d', ''), file('a/e', '')])).toString('latin1');
  expect([...text.matchAll(/[0-9a-f]{110,}(\w[\w/]*|TRAILER!!!)\0/g)].map((match) => match[1])).toEqual([
    'a',
    'a/b',
    'a/b/c',
    'a/b/d',
    'a/e',
    'TRAILER!!!',
  ]);
});

it.each([0, 60, 130])('says where an archive is cut: %i bytes', (length) => {
  const archive = Buffer.concat(pack([file('name', 'text')]));
  expect(() => unpack(archive.subarray(0, length))).toThrow(/cpio entry at byte/);
});
