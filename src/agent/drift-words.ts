// Files that differ, in words and as a section of an alert. Pure; used by protection.ts.

import type { Drift, FileState } from './file-watch.ts';

const NAMED = 20;

export function wordsOfDrifts(drifts: readonly Drift[]): string {
  const named = drifts.slice(0, NAMED).map(({ path, before, now }) => `${path} (${short(before)} -> ${short(now)})`);
  return [...named, ...(drifts.length > NAMED ? [`${drifts.length - NAMED} more`] : [])].join(', ');
}

/** Hashes in full are in the alert. */
function short(state: FileState): string {
  return state.replace(/sha256 ([0-9a-f]{12})[0-9a-f]*/, 'sha256 $1');
}

export function pathsOf(drifts: readonly Drift[]): string {
  return drifts
    .slice(0, NAMED)
    .map(({ path }) => path)
    .join(', ');
}

export function filesSection(drifts: readonly Drift[]): Record<string, unknown> {
  if (drifts.length === 0) return {};
  const files = drifts.slice(0, NAMED).map(({ path, before, now, sinceMs }) => {
    return { path, before, now, since: new Date(sinceMs).toISOString() };
  });
  return { files, ...(drifts.length > NAMED && { more_files: drifts.length - NAMED }) };
}
