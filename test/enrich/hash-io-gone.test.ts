// Files of processes that have gone: what is hashed, and that nothing but the executed file is, nor anything waited for.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { HashAnswer } from '../../src/enrich/hash-answer.ts';
import { at, hash, hashOf, isRead, keyOf, killed, MIB, request, rewrite, started } from './hash-files.ts';

describe('a process that ends once it is held', () => {
  it.each<[what: string, expected: (truth: string) => HashAnswer, then: () => void]>([
    ['and nothing happens', (truth) => ({ hashes: { sha256: truth } }), () => {}],
    ['and its file is deleted', () => ({ reason: 'changed' }), () => unlinkSync(at.file)],
    ['and its file is written', () => ({ reason: 'changed' }), () => writeFileSync(at.file, 'x')],
    ['and its file is written with the same size and time', () => ({ reason: 'changed' }), () => rewrite(at.file)],
  ])('%s', async (_what, expected, then) => {
    const [key, truth] = [keyOf(at.file), hashOf(at.file)];
    const child = await started();
    const answer = await hash(request(key, { pid: child.pid }), async () => {
      await killed(child);
      then();
    });
    expect(answer).toEqual(expected(truth));
  });
});

describe('a process that has gone', () => {
  it.each<[what: string, expected: 'hash' | string, then: () => void]>([
    ['and its file is there', 'hash', () => {}],
    ['and its file is not', 'gone', () => unlinkSync(at.file)],
    [
      'and its folder is a file',
      'gone',
      () => {
        rmSync(at.folder, { recursive: true });
        writeFileSync(at.folder, '');
      },
    ],
    [
      'and another file is there',
      'other_file',
      () => {
        copyFileSync('/bin/true', `${at.file}.new`);
        renameSync(`${at.file}.new`, at.file);
      },
    ],
    ['and its file was written', 'changed', () => writeFileSync(at.file, 'x')],
    ['and its file was written with the same size and time', 'changed', () => rewrite(at.file)],
    ['and its file has another mode', 'changed', () => chmodSync(at.file, 0o700)],
    [
      'and a link to it is there',
      'changed',
      () => {
        linkSync(at.file, `${at.file}.link`);
      },
    ],
    [
      'and a symbolic link to it is there',
      'other_file',
      () => {
        renameSync(at.file, `${at.file}.old`);
        symlinkSync(`${at.file}.old`, at.file);
      },
    ],
    [
      'and a symbolic link to what never ends is there',
      'other_file',
      () => {
        renameSync(at.file, `${at.file}.old`);
        symlinkSync('/dev/zero', at.file);
      },
    ],
    [
      'and a FIFO is there',
      'other_file',
      () => {
        renameSync(at.file, `${at.file}.old`);
        spawnSync('mkfifo', [at.file]);
      },
    ],
    [
      'and a folder is there',
      'other_file',
      () => {
        renameSync(at.file, `${at.file}.old`);
        mkdirSync(at.file);
      },
    ],
    [
      'and a device is found at its path',
      'other_file',
      () => {
        renameSync(at.folder, `${at.folder}.old`);
        symlinkSync('/dev', at.folder);
        at.file = join(at.folder, 'zero');
      },
    ],
  ])('%s: %s', async (_what, expected, then) => {
    const [key, truth] = [keyOf(at.file), hashOf(at.file)];
    const moved = `${at.folder}.old`;
    try {
      then();
      const answer = expected === 'hash' ? { hashes: { sha256: truth } } : { reason: expected };
      expect(await hash(request(key, { pid: 0 }))).toEqual(answer);
    } finally {
      rmSync(moved, { recursive: true, force: true });
    }
  });

  it('and whose file is written while it is read', async () => {
    writeFileSync(at.file, Buffer.alloc(16 * MIB, 7));
    const answer = hash(request(keyOf(at.file)));
    for (let i = 0; i < 100_000 && !isRead(at.file); i++) await new Promise((resolve) => setImmediate(resolve));
    expect(isRead(at.file)).toBe(true);
    rewrite(at.file);
    expect(await answer).toEqual({ reason: 'changed' });
  });

  it('and left no path, or no process in its mounts', async () => {
    const { path: _path, ...pathless } = request(keyOf(at.file));
    expect(await hash(pathless)).toEqual({ reason: 'gone' });
    expect(await hash(request(keyOf(at.file), { inHost: false }))).toEqual({ reason: 'gone' });
    expect(await hash(request(keyOf(at.file), { inHost: false, member: () => process.pid }))).toEqual({
      hashes: { sha256: hashOf(at.file) },
    });
  });

  it('and its file bears a name that is not UTF-8', async () => {
    const name = Buffer.concat([Buffer.from(`${at.folder}/p`), Buffer.from([0xff])]);
    copyFileSync(at.file, name);
    const key = keyOf(name as unknown as string);
    expect(await hash(request(key, { path: `${at.folder}/p\udcff` }))).toEqual({ hashes: { sha256: hashOf(at.file) } });
  });
});
