// <state>/leaders.json: what saved-leaders.ts makes, written by the agent every few seconds and at the stop, read at the next
// start. A reader sees the old file or the new one, never half of one; not synced, as after a crash of the machine it is
// another boot's. A crash of the agent loses what has changed since the last writing.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ForebearError, reasonOf } from '../errors.ts';
import type { Counters } from '../stats.ts';
import { type SavedLeaders, SCHEMA } from './saved-leaders.ts';

/**
 * out: what a run on this boot has left; undefined: nothing, or another boot's, or a damaged file (counted).
 * Throws FB_ENRICH_LEADERS_NEWER: made by a newer version; untouched.
 */
export function readLeaders(directory: string, bootId: string, counters: Counters): SavedLeaders | undefined {
  const file = fileIn(directory);
  const text = textOf(file);
  if (text === undefined) return undefined;
  try {
    const saved = JSON.parse(text) as SavedLeaders;
    refuseNewer(saved?.schema, file);
    return saved.bootId === bootId ? saved : undefined;
  } catch (error) {
    if (error instanceof ForebearError) throw error;
    counters.add('enrich_leader_files_damaged_total');
    return undefined;
  }
}

/** Throws the system's error. */
export function writeLeaders(directory: string, saved: SavedLeaders): void {
  const file = fileIn(directory);
  writeFileSync(`${file}.new`, JSON.stringify(saved), { mode: 0o640 });
  renameSync(`${file}.new`, file);
}

function fileIn(directory: string): string {
  return join(directory, 'leaders.json');
}

function refuseNewer(schema: unknown, file: string): void {
  if (typeof schema !== 'number') throw new Error('no schema');
  if (schema <= SCHEMA) return;
  throw new ForebearError('FB_ENRICH_LEADERS_NEWER', `${file} has schema ${schema}, this version knows ${SCHEMA}`, {
    hint: 'install the newer forebear again, or move the file away: who leads which session is then found anew',
  });
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ForebearError('FB_ENRICH_LEADERS_READ', `${file}: ${reasonOf(error)}`, { cause: error });
  }
}
