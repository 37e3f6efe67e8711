// Real files and processes for the tests of hash-io.ts. The facts of the exec are those that stat gives before it.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { fileKey, splitDevice } from '../../src/enrich/executable-file.ts';
import type { HashAnswer, HashRequest } from '../../src/enrich/hash-answer.ts';
import { LinuxFileHasher } from '../../src/enrich/hash-io.ts';

export const MIB = 1 << 20;
const O_PATH = 0o10000000;
/** The folder of a test, and a program in it. */
export const at = { folder: '', file: '' };
export const running: ChildProcess[] = [];
beforeEach(() => {
  at.folder = mkdtempSync(join(tmpdir(), 'fb-hash-'));
  at.file = join(at.folder, 'program');
  copyFileSync('/bin/sleep', at.file);
  chmodSync(at.file, 0o755);
});
afterEach(async () => {
  for (const child of running.splice(0)) await killed(child);
  rmSync(at.folder, { recursive: true, force: true });
});

export const hasher = new LinuxFileHasher({ maxBytes: 16 * MIB, also: [] });
export const hashOf = (path: string, kind = 'sha256') => createHash(kind).update(readFileSync(path)).digest('hex');

/** What the kernel would say of it at an exec now. */
export function keyOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  const [devMajor, devMinor] = splitDevice(dev);
  return fileKey({ devMajor, devMinor, ino, size, mtimeNs, ctimeNs });
}

export async function started(path = at.file): Promise<ChildProcess & { pid: number }> {
  const child = spawn(path, ['1000'], { stdio: 'ignore' });
  running.push(child);
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  return child as ChildProcess & { pid: number };
}

export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** Executed a minute after it was changed, unless said. */
export function request(key: string, over: Partial<HashRequest> = {}): HashRequest {
  const executedMs = Number(key.split(' ')[4]) / 1e6 + 60_000;
  return { file: key, pid: 0, path: at.file, inHost: true, executedMs, member: () => undefined, ...over };
}

/** As the queue does it: held at once, hashed later. */
export async function hash(asked: HashRequest, meanwhile: () => void | Promise<void> = () => {}): Promise<HashAnswer> {
  const held = asked.pid === 0 ? undefined : hasher.pin(asked.pid);
  await meanwhile();
  const answer = await hasher.hash(asked, held);
  if (held !== undefined) hasher.unpin(held);
  return answer;
}

/** Other bytes, everything else as it was as far as an owner can. */
export function rewrite(path: string): void {
  const { size, atime, mtime } = statSync(path);
  writeFileSync(path, Buffer.alloc(size, 1));
  utimesSync(path, atime, mtime);
}

/** Whether this process has it open for more than to hold it. */
export function isRead(path: string): boolean {
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
