// The state directory and the journal's in it, made where they are not there. Called by the commands that write state.

import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { journalDirectory } from '../config.ts';
import { ForebearError, reasonOf } from '../errors.ts';

/** Both are there and can be written afterwards. Throws FB_STATE_DIRECTORY. */
export function makeStateDirectory(directory: string): void {
  try {
    for (const path of [directory, journalDirectory(directory)]) {
      makeFolder(path);
      accessSync(path, constants.W_OK | constants.X_OK);
    }
  } catch (cause) {
    const hint = 'name a directory that can be written with --state, or run as root';
    const message = `the state directory cannot be used: ${reasonOf(cause)}`;
    throw new ForebearError('FB_STATE_DIRECTORY', message, { hint, cause });
  }
}

/** With its parents. mkdir's own `recursive` never returns for a dangling link, or below /proc. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o750 });
}
