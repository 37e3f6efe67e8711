// The shipper's directory: lock, cursors/NAME, dead/, resend/, status.json. Made with mode 0750; only the shipper writes, the
// agent reads cursors. Called by ship.ts.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ForebearError, plainReason } from '../errors.ts';
import { Cursor } from '../journal/cursor.ts';
import { nodeJournalIo } from '../journal/journal-io.ts';
import { sqliteLock } from '../journal/lock-io.ts';
import type { ShipStatus } from './ship-status.ts';

/** Where an output's cursor lies. in: the shipper's directory, the output's name. */
export function cursorFile(directory: string, output: string): string {
  return join(directory, 'cursors', output);
}

/** Makes the directory and takes its lock. out: releases it. Throws FB_SHIP_LOCKED, FB_SHIP_DIRECTORY. */
export function lockShipDirectory(directory: string): () => void {
  let release: (() => void) | undefined;
  try {
    mkdirSync(join(directory, 'cursors'), { recursive: true, mode: 0o750 });
    release = sqliteLock(join(directory, 'lock'));
  } catch (cause) {
    const hint = 'name a directory that can be written with ship.directory, or run as its owner';
    throw new ForebearError('FB_SHIP_DIRECTORY', `cannot use ${directory}: ${plainReason(cause)}`, { hint, cause });
  }
  if (release !== undefined) return release;
  const hint = 'stop it (systemctl stop forebear-ship), or let it do the work';
  throw new ForebearError('FB_SHIP_LOCKED', `another forebear ship works with ${directory}`, { hint });
}

/** Rejects with FB_JOURNAL_*, and the system's errors where its folder cannot be made. */
export async function openCursor(directory: string, output: string): Promise<Cursor> {
  mkdirSync(join(directory, 'cursors'), { recursive: true, mode: 0o750 });
  return await Cursor.open(nodeJournalIo, cursorFile(directory, output));
}

/** Readers see the old one or the new one. Throws the system's error. */
export function writeShipStatus(directory: string, status: ShipStatus): void {
  const file = join(directory, 'status.json');
  writeFileSync(`${file}.new`, `${JSON.stringify(status)}\n`, { mode: 0o640 });
  renameSync(`${file}.new`, file);
}
