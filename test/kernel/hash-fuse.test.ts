// A file system that lies or does not answer: its files are not hashed, and it costs one thread and a bounded time. Needs FUSE.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { fileKey, splitDevice } from '../../src/enrich/executable-file.ts';
import type { HashRequest } from '../../src/enrich/hash-answer.ts';
import { LinuxFileHasher } from '../../src/enrich/hash-io.ts';
import { HashQueue } from '../../src/enrich/hash-queue.ts';
import { until } from './agent-process.ts';

const DAEMON = resolve(import.meta.dirname, 'hostile_fuse.py');
let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fb-fuse-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  spawnSync('umount', ['-l', folder]);
  rmSync(folder, { recursive: true, force: true });
});

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to mount';
  if (!existsSync('/dev/fuse')) return '/dev/fuse is missing';
  return spawnSync('python3', ['-V']).error === undefined
    ? undefined
    : 'python3 is missing, which the file system is written in';
}

/** Mounts it, or skips the test. */
async function mounted(context: TestContext, ...more: string[]): Promise<void> {
  const why = whyNot();
  if (why !== undefined) context.skip(why);
  const daemon = spawn('python3', [DAEMON, folder, '/bin/sleep', ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(daemon);
  let said = '';
  for (const stream of [daemon.stdout, daemon.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  await until(
    () => said !== '',
    () => 'the file system',
  );
  if (!said.includes('mounted')) context.skip(`FUSE cannot be mounted here: ${said.trim()}`);
}

function keyOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  const [devMajor, devMinor] = splitDevice(dev);
  return fileKey({ devMajor, devMinor, ino, size, mtimeNs, ctimeNs });
}

/** Runs it. out: the request for its hash. */
async function running(path: string): Promise<HashRequest> {
  const child = spawn(path, ['1000'], { stdio: 'ignore' });
  children.push(child);
  await new Promise((done, failed) => child.once('spawn', done).once('error', failed));
  return { file: keyOf(path), pid: child.pid!, path, inHost: true, executedMs: Date.now(), member: () => undefined };
}

describe('a program on FUSE', () => {
  const hasher = new LinuxFileHasher({ maxBytes: 1 << 26, also: [] });

  it('is not hashed: what it gives to us need not be what was executed', async (context) => {
    await mounted(context);
    const request = await running(join(folder, 'program'));
    const pinned = hasher.pin(request.pid)!;
    expect(await hasher.hash(request, pinned)).toEqual({ reason: 'untrusted_filesystem' });
    expect(await hasher.hash(request, undefined)).toEqual({ reason: 'untrusted_filesystem' });
    hasher.unpin(pinned);
  });

  it('that does not answer holds up others for a while, not for ever, and gives the thread back when it is gone', async (context) => {
    await mounted(context, 'silent');
    const news: string[] = [];
    const queue = new HashQueue({
      hasher,
      stallMs: 300,
      onNews: (told) => void news.push(told.kind === 'hash' ? (told.reason ?? 'hash') : told.kind),
    });
    const hostile = await running(join(folder, 'program'));
    const good = await running('/bin/sleep');
    const told = (count: number) =>
      until(
        () => news.length >= count,
        () => `${count} answers, not ${news}`,
      );
    queue.want(hostile);
    queue.want(good);
    await told(2);
    expect(news).toEqual(['stalled', 'stalled']);
    queue.want(good);
    await told(3);
    expect(news[2]).toBe('stalled');
    children[0]!.kill('SIGKILL');
    await until(
      () => {
        if (news.at(-1) !== 'hash' && queue.open === 0) queue.want(good);
        return news.at(-1) === 'hash';
      },
      () => `a hash, not ${news.at(-1)}`,
    );
  });
});
