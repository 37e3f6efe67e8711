// Builds forebear_VERSION_ARCH.deb as `npm run package` does, but hardly compressed. Called by the tests that install it.

import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

const TOP = resolve(import.meta.dirname, '../..');

export interface BuiltPackage {
  file: string;
  sha256: string;
}

export function whyNoPackage(): string | undefined {
  return spawnSync('sh', ['-c', 'command -v dpkg-deb']).status === 0 ? undefined : 'needs dpkg-deb';
}

/** Throws with what scripts/package said when it fails. */
export function buildPackage(version: string): BuiltPackage {
  const { status, stdout, stderr } = spawnSync('bash', ['scripts/package', '--fast', '--version', version], {
    cwd: TOP,
    encoding: 'utf8',
    timeout: 120_000,
  });
  const file = /^package: (\S+\.deb),/m.exec(stdout)?.[1];
  const sha256 = /^package: sha256 ([0-9a-f]{64})$/m.exec(stdout)?.[1];
  if (status !== 0 || file === undefined || sha256 === undefined)
    throw new Error(`scripts/package: ${stderr || stdout}`);
  return { file: join(TOP, file), sha256 };
}
