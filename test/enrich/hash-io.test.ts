// Files of processes that live, and limits.

import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LinuxFileHasher } from '../../src/enrich/hash-io.ts';
import { at, hash, hashOf, keyOf, killed, MIB, request, running, started } from './hash-files.ts';

describe('a process that lives', () => {
  it.each<[what: string, doubt: string | undefined, meanwhile: () => void]>([
    ['is left alone', undefined, () => {}],
    ['lost its file', 'metadata_changed', () => unlinkSync(at.file)],
    ['renamed its file', 'metadata_changed', () => renameSync(at.file, `${at.file}.old`)],
    [
      'has another file in its place',
      'metadata_changed',
      () => {
        copyFileSync('/bin/true', `${at.file}.new`);
        renameSync(`${at.file}.new`, at.file);
      },
    ],
    [
      'has a link to itself in its place',
      'metadata_changed',
      () => {
        renameSync(at.file, `${at.file}.old`);
        symlinkSync(`${at.file}.old`, at.file);
      },
    ],
    ['has one link more', 'metadata_changed', () => linkSync(at.file, `${at.file}.link`)],
  ])('and %s', async (_what, reason, meanwhile) => {
    const truth = hashOf(at.file);
    const key = keyOf(at.file);
    const { pid } = await started();
    expect(await hash(request(key, { pid }), meanwhile)).toEqual({
      hashes: { sha256: truth },
      ...(reason !== undefined && { reason }),
    });
  });

  it('is not written to by anybody: what the kernel promises', async () => {
    await started();
    expect(() => writeFileSync(at.file, 'x')).toThrow(expect.objectContaining({ code: 'ETXTBSY' }));
  });

  it('and has executed another file since: the old one is looked for by its path', async () => {
    const key = keyOf(at.file);
    const truth = hashOf(at.file);
    const other = join(at.folder, 'other');
    copyFileSync('/bin/sleep', other);
    chmodSync(other, 0o755);
    const { pid } = await started(other);
    expect(await hash(request(key, { pid }))).toEqual({ hashes: { sha256: truth } });
    expect(await hash(request(key, { pid }), () => unlinkSync(at.file))).toEqual({ reason: 'gone' });
  });

  it('and was changed within the tick of its exec: not proven', async () => {
    const key = keyOf(at.file);
    const { pid } = await started();
    const asked = request(key, { pid });
    expect(await hash({ ...asked, executedMs: asked.executedMs - 60_000 + 3 })).toEqual({
      hashes: { sha256: hashOf(at.file) },
      reason: 'fresh_file',
    });
  });

  it('in memory alone', async (context) => {
    const script =
      'import os,sys\nf=os.memfd_create("m",0)\nos.write(f,open("/bin/sleep","rb").read())\nos.execve(f,["m","1000"],{})';
    const child = spawn('python3', ['-c', script], { stdio: 'ignore' });
    const refused = new Promise((resolve) => child.once('error', resolve));
    if (spawnSync('python3', ['-V']).error !== undefined) {
      await refused;
      return context.skip('python3 is missing, which makes a file in memory');
    }
    running.push(child);
    const exe = `/proc/${child.pid}/exe`;
    await expect.poll(() => statSync(exe, { throwIfNoEntry: false })?.size).toBe(statSync('/bin/sleep').size);
    const key = keyOf(exe);
    const asked = request(key, { pid: child.pid!, path: '/memfd:m' });
    expect(await hash(asked)).toEqual({ hashes: { sha256: hashOf('/bin/sleep') } });
    expect(await hash(asked, () => killed(child))).toEqual({ hashes: { sha256: hashOf('/bin/sleep') } });
    expect(await hash(asked)).toEqual({ reason: 'gone' });
  });
});

describe('limits', () => {
  it('the size: the last byte decides, and no byte is read of what is larger', async () => {
    writeFileSync(at.file, Buffer.alloc(16 * MIB, 7));
    expect(await hash(request(keyOf(at.file)))).toEqual({ hashes: { sha256: hashOf(at.file) } });
    writeFileSync(at.file, Buffer.alloc(16 * MIB + 1, 7));
    expect(await hash(request(keyOf(at.file)))).toEqual({ reason: 'too_large' });
  });

  it('none at all: a limit of 0 hashes nothing', async () => {
    const none = new LinuxFileHasher({ maxBytes: 0, also: [] });
    expect(await none.hash(request(keyOf(at.file)), undefined)).toEqual({ reason: 'too_large' });
  });

  it('a key that is none', async () => expect(await hash(request('x'))).toEqual({ reason: 'unknown_file' }));

  it('no file stays open, whatever became of it', async () => {
    const open = () => readdirSync('/proc/self/fd').length;
    const before = open();
    const key = keyOf(at.file);
    const { pid } = await started();
    for (const asked of [request(key, { pid }), request(key), request('x'), request(key, { path: '/none' })]) {
      await hash(asked);
    }
    await new Promise((resolve) => setImmediate(resolve));
    await expect.poll(open).toBe(before);
  });
});

it('makes sha1 and md5 in the same reading, where they are asked for', async () => {
  const all = new LinuxFileHasher({ maxBytes: 16 * MIB, also: ['sha1', 'md5'] });
  const hashes = { sha256: hashOf(at.file), sha1: hashOf(at.file, 'sha1'), md5: hashOf(at.file, 'md5') };
  expect(await all.hash(request(keyOf(at.file)), undefined)).toEqual({ hashes });
});
