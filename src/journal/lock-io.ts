// One writer per journal directory. The lock must die with its holder, however it dies: a lock that the kernel keeps, never
// a file whose presence means "locked". The default is the one that node:sqlite takes for us, an fcntl lock on the empty
// file `lock`; whoever has flock (the addon) may pass that instead. All writers of one directory must use the same.

import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ForebearError } from '../errors.ts';
import { journalError } from './failure.ts';
import { systemCode } from './journal-io.ts';

/** Takes the lock on a file, made if need be, without waiting. out: releases it; undefined when another holds it. */
export type LockFile = (path: string) => (() => void) | undefined;

/** Held until released or until the process ends. Throws the system's or SQLite's errors when the file cannot be opened. */
export const sqliteLock: LockFile = (path) => {
  makeFile(path);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // An exclusive transaction that writes nothing: the file stays empty, and no rollback journal is put beside it, for
    // which a full disk would have no room.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    const { errcode } = error as { errcode?: number };
    if (errcode === 5) return undefined; // SQLITE_BUSY
    throw error;
  }
  return () => database.close();
};

/**
 * SQLite would make it readable by all. Never opened when it is there: closing it again would drop every fcntl lock that this
 * process has on it, that of a writer that lives included.
 */
function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'ax', 0o640));
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

/** Takes the journal's lock. Throws FB_JOURNAL_LOCKED when another writer has it, FB_JOURNAL_IO when it cannot be tried. */
export function takeLock(lock: LockFile, directory: string): () => void {
  let release: (() => void) | undefined;
  try {
    release = lock(`${directory}/lock`);
  } catch (error) {
    throw journalError(error, `cannot lock ${directory}`);
  }
  if (release !== undefined) return release;
  throw new ForebearError('FB_JOURNAL_LOCKED', `another forebear agent writes to ${directory}`, {
    hint: 'Stop it (systemctl stop forebear), or give this one a directory of its own with --state.',
  });
}
