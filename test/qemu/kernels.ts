// Other kernels to boot: Debian's, as scripts/kernels fetched them. Which ones: `npm test` takes one, `npm run matrix`
// names all in FOREBEAR_KERNELS. out: where they lie, or why they cannot be booted here.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const BUILD = resolve(import.meta.dirname, '../../build');

/** Debian 12's 6.1: the release that README.md names, in this host's own archive whatever its mirror holds beside that. */
const ONE = 'bookworm';
/** Where Debian's newest kernel is, whose tracing programs can be preempted. */
export const NEWEST = 'sid';

export const SUITES: readonly string[] = (process.env.FOREBEAR_KERNELS ?? ONE).split(' ').filter(Boolean);

export interface Kernel {
  suite: string;
  image: string;
  /** Its module for overlay mounts; undefined: not unpacked. */
  overlay?: string;
}

export function kernelOf(suite: string): Kernel {
  const folder = join(BUILD, 'kernels', suite);
  const overlay = join(folder, 'overlay.ko');
  return { suite, image: join(folder, 'vmlinuz'), ...(existsSync(overlay) && { overlay }) };
}

/** Why the kernel of that suite cannot be booted here; undefined: it can. No root needed. */
export function whyNoGuest(suite: string): string | undefined {
  if (process.arch !== 'x64') return 'guests under qemu are built for x86_64';
  if (!existsSync('/bin/busybox')) return 'no busybox (scripts/setup --test installs it)';
  if (spawnSync('qemu-system-x86_64', ['--version']).status !== 0) {
    return 'no qemu-system-x86_64 (scripts/setup --test installs it)';
  }
  if (!existsSync(join(BUILD, 'test/qemu_hand_out'))) return 'build/test/qemu_hand_out is not built (scripts/build)';
  return existsSync(kernelOf(suite).image) ? undefined : `no kernel of Debian ${suite} (scripts/kernels ${suite})`;
}

/** "6.1.0-56-cloud-amd64", out of what the guest says of itself. in: the lines of its kernel log. */
export function releaseOf(kernelLog: string): string {
  return /Linux version (\S+)/.exec(kernelLog)?.[1] ?? 'unknown';
}

/** The suites' names as a test's name wants them, with the release where the kernel is there. */
export function describeSuite(suite: string): string {
  const file = join(BUILD, 'kernels', suite, 'release');
  return existsSync(file) ? `${suite} (${readFileSync(file, 'latin1').trim().replace('linux-image-', '')})` : suite;
}
