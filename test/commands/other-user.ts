// Programs run as a user without rights: nobody, by setpriv.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './built.ts';

export const NOBODY = 65_534;
/** setpriv and its options; a command follows. */
export const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];

/** Why this checkout's programs cannot be run as another user; undefined when they can. */
export function whyNotAsNobody(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to become another user';
  const seen = asNobody('test', '-r', join(ROOT, 'dist/main.js'));
  if (seen.error !== undefined) return 'setpriv is missing (package util-linux)';
  return seen.status === 0 ? undefined : 'other users cannot enter the folder of this checkout';
}

export function asNobody(...command: string[]): SpawnSyncReturns<string> {
  return spawnSync(AS_NOBODY[0]!, [...AS_NOBODY.slice(1), ...command], { encoding: 'utf8' });
}
