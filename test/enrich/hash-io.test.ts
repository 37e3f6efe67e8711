// Real files and processes: what is hashed, and that nothing but the executed file is. The facts of the exec are those that
// stat gives before it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileKey, splitDevice } from '../../src/enrich/executable-file.ts';
import type { HashAnswer, HashRequest } from '../../src/enrich/hash-answer.ts';
import { LinuxFileHasher } from '../../src/enrich/hash-io.ts';

const MIB = 1 << 20;
const O_PATH = 0o10000000;
let folder: string;
let file: string;
const running: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fb-hash-'));
  file = join(folder, 'program');
  copyFileSync('/bin/sleep', file);
  chmodSync(file, 0o755);
});
afterEach(async () => {
  for (const child of running.splice(0)) await killed(child);
  rmSync(folder, { recursive: true, force: true });
});

const hasher = new LinuxFileHasher({ maxBytes: 16 * MIB, also: [] });
const hashOf = (path: string, kind = 'sha256') => createHash(kind).update(readFileSync(path)).digest('hex');

/** What the kernel would say of it at an exec now. */
function keyOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  const [devMajor, devMinor] = splitDevice(dev);
  return fileKey({ devMajor, devMinor, ino, size, mtimeNs, ctimeNs });
}

async function started(path = file): Promise<ChildProcess & { pid: number }> {
  const child = spawn(path, ['1000'], { stdio: 'ignore' });
  running.push(child);
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  return child as ChildProcess & { pid: number };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** Executed a minute after it was changed, unless said. */
function request(key: string, over: Partial<HashRequest> = {}): HashRequest {
  const executedMs = Number(key.split(' ')[4]) / 1e6 + 60_000;
  return { file: key, pid: 0, path: file, inHost: true, executedMs, member: () => undefined, ...over };
}

/** As the queue does it: held at once, hashed later. */
async function hash(asked: HashRequest, meanwhile: () => void | Promise<void> = () => {}): Promise<HashAnswer> {
  const held = asked.pid === 0 ? undefined : hasher.pin(asked.pid);
  await meanwhile();
  const answer = await hasher.hash(asked, held);
  if (held !== undefined) hasher.unpin(held);
  return answer;
}

describe('a process that lives', () => {
  it.each<[what: string, doubt: string | undefined, meanwhile: () => void]>([
    ['is left alone', undefined, () => {}],
    ['lost its file', 'metadata_changed', () => unlinkSync(file)],
    ['renamed its file', 'metadata_changed', () => renameSync(file, `${file}.old`)],
    [
      'has another file in its place',
      'metadata_changed',
      () => {
        copyFileSync('/bin/true', `${file}.new`);
        renameSync(`${file}.new`, file);
      },
    ],
    [
      'has a link to itself in its place',
      'metadata_changed',
      () => {
        renameSync(file, `${file}.old`);
        symlinkSync(`${file}.old`, file);
      },
    ],
    ['has one link more', 'metadata_changed', () => linkSync(file, `${file}.link`)],
  ])('and %s', async (_what, reason, meanwhile) => {
    const truth = hashOf(file);
    const key = keyOf(file);
    const { pid } = await started();
    expect(await hash(request(key, { pid }), meanwhile)).toEqual({
      hashes: { sha256: truth },
      ...(reason !== undefined && { reason }),
    });
  });

  it('is not written to by anybody: what the kernel promises', async () => {
    await started();
    expect(() => writeFileSync(file, 'x')).toThrow(expect.objectContaining({ code: 'ETXTBSY' }));
  });

  it('and has executed another file since: the old one is looked for by its path', async () => {
    const key = keyOf(file);
    const truth = hashOf(file);
    const other = join(folder, 'other');
    copyFileSync('/bin/sleep', other);
    chmodSync(other, 0o755);
    const { pid } = await started(other);
    expect(await hash(request(key, { pid }))).toEqual({ hashes: { sha256: truth } });
    expect(await hash(request(key, { pid }), () => unlinkSync(file))).toEqual({ reason: 'gone' });
  });

  it('and was changed within the tick of its exec: not proven', async () => {
    const key = keyOf(file);
    const { pid } = await started();
    const asked = request(key, { pid });
    expect(await hash({ ...asked, executedMs: asked.executedMs - 60_000 + 3 })).toEqual({
      hashes: { sha256: hashOf(file) },
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

describe('a process that ends once it is held', () => {
  it.each<[what: string, expected: (truth: string) => HashAnswer, then: () => void]>([
    ['and nothing happens', (truth) => ({ hashes: { sha256: truth } }), () => {}],
    ['and its file is deleted', () => ({ reason: 'changed' }), () => unlinkSync(file)],
    ['and its file is written', () => ({ reason: 'changed' }), () => writeFileSync(file, 'x')],
    ['and its file is written with the same size and time', () => ({ reason: 'changed' }), () => rewrite(file)],
  ])('%s', async (_what, expected, then) => {
    const [key, truth] = [keyOf(file), hashOf(file)];
    const child = await started();
    const answer = await hash(request(key, { pid: child.pid }), async () => {
      await killed(child);
      then();
    });
    expect(answer).toEqual(expected(truth));
  });
});

/** Other bytes, everything else as it was as far as an owner can. */
function rewrite(path: string): void {
  const { size, atime, mtime } = statSync(path);
  writeFileSync(path, Buffer.alloc(size, 1));
  utimesSync(path, atime, mtime);
}

/** Whether this process has it open for more than to hold it. */
function isRead(path: string): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`) !== path) return false;
      const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
      return (Number.parseInt(flags ?? '0', 8) & O_PATH) === 0;
    } catch {
      return false;
    }
  });
}

describe('a process that has gone', () => {
  it.each<[what: string, expected: 'hash' | string, then: () => void]>([
    ['and its file is there', 'hash', () => {}],
    ['and its file is not', 'gone', () => unlinkSync(file)],
    [
      'and its folder is a file',
      'gone',
      () => {
        rmSync(folder, { recursive: true });
        writeFileSync(folder, '');
      },
    ],
    [
      'and another file is there',
      'other_file',
      () => {
        copyFileSync('/bin/true', `${file}.new`);
        renameSync(`${file}.new`, file);
      },
    ],
    ['and its file was written', 'changed', () => writeFileSync(file, 'x')],
    ['and its file was written with the same size and time', 'changed', () => rewrite(file)],
    ['and its file has another mode', 'changed', () => chmodSync(file, 0o700)],
    [
      'and a link to it is there',
      'changed',
      () => {
        linkSync(file, `${file}.link`);
      },
    ],
    [
      'and a symbolic link to it is there',
      'other_file',
      () => {
        renameSync(file, `${file}.old`);
        symlinkSync(`${file}.old`, file);
      },
    ],
    [
      'and a symbolic link to what never ends is there',
      'other_file',
      () => {
        renameSync(file, `${file}.old`);
        symlinkSync('/dev/zero', file);
      },
    ],
    [
      'and a FIFO is there',
      'other_file',
      () => {
        renameSync(file, `${file}.old`);
        spawnSync('mkfifo', [file]);
      },
    ],
    [
      'and a folder is there',
      'other_file',
      () => {
        renameSync(file, `${file}.old`);
        mkdirSync(file);
      },
    ],
    [
      'and a device is found at its path',
      'other_file',
      () => {
        renameSync(folder, `${folder}.old`);
        symlinkSync('/dev', folder);
        file = join(folder, 'zero');
      },
    ],
  ])('%s: %s', async (_what, expected, then) => {
    const [key, truth] = [keyOf(file), hashOf(file)];
    const moved = `${folder}.old`;
    try {
      then();
      const answer = expected === 'hash' ? { hashes: { sha256: truth } } : { reason: expected };
      expect(await hash(request(key, { pid: 0 }))).toEqual(answer);
    } finally {
      rmSync(moved, { recursive: true, force: true });
    }
  });

  it('and whose file is written while it is read', async () => {
    writeFileSync(file, Buffer.alloc(16 * MIB, 7));
    const answer = hash(request(keyOf(file)));
    for (let i = 0; i < 100_000 && !isRead(file); i++) await new Promise((resolve) => setImmediate(resolve));
    expect(isRead(file)).toBe(true);
    rewrite(file);
    expect(await answer).toEqual({ reason: 'changed' });
  });

  it('and left no path, or no process in its mounts', async () => {
    const { path: _path, ...pathless } = request(keyOf(file));
    expect(await hash(pathless)).toEqual({ reason: 'gone' });
    expect(await hash(request(keyOf(file), { inHost: false }))).toEqual({ reason: 'gone' });
    expect(await hash(request(keyOf(file), { inHost: false, member: () => process.pid }))).toEqual({
      hashes: { sha256: hashOf(file) },
    });
  });

  it('and its file bears a name that is not UTF-8', async () => {
    const name = Buffer.concat([Buffer.from(`${folder}/p`), Buffer.from([0xff])]);
    copyFileSync(file, name);
    const key = keyOf(name as unknown as string);
    expect(await hash(request(key, { path: `${folder}/p\udcff` }))).toEqual({ hashes: { sha256: hashOf(file) } });
  });
});

describe('limits', () => {
  it('the size: the last byte decides, and no byte is read of what is larger', async () => {
    writeFileSync(file, Buffer.alloc(16 * MIB, 7));
    expect(await hash(request(keyOf(file)))).toEqual({ hashes: { sha256: hashOf(file) } });
    writeFileSync(file, Buffer.alloc(16 * MIB + 1, 7));
    expect(await hash(request(keyOf(file)))).toEqual({ reason: 'too_large' });
  });

  it('none at all: a limit of 0 hashes nothing', async () => {
    const none = new LinuxFileHasher({ maxBytes: 0, also: [] });
    expect(await none.hash(request(keyOf(file)), undefined)).toEqual({ reason: 'too_large' });
  });

  it('a key that is none', async () => expect(await hash(request('x'))).toEqual({ reason: 'unknown_file' }));

  it('no file stays open, whatever became of it', async () => {
    const open = () => readdirSync('/proc/self/fd').length;
    const before = open();
    const key = keyOf(file);
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
  const hashes = { sha256: hashOf(file), sha1: hashOf(file, 'sha1'), md5: hashOf(file, 'md5') };
  expect(await all.hash(request(keyOf(file)), undefined)).toEqual({ hashes });
});
