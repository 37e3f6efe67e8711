// The ancestors of a process, nearest first: by who forked whom, whatever has become of the parents since. Written into
// each event (entity ids, executables) and, for alerts only, as the tree that `show` draws.

import type { LineageEntry } from '../ecs/event.ts';
import { cut } from './argument-views.ts';
import type { ProcessEntry } from './process-entry.ts';

/** Ancestors named in process.Ext.ancestry and forebear.ancestors.executable. */
const ANCESTORS_MAX = 20;
/** Depth of the tree of an alert, the process itself included. */
const LINEAGE_MAX = 32;

export type OriginOf = (entry: ProcessEntry) => ProcessEntry | undefined;

export interface Ancestry {
  /** Earlier images of the process itself, then its ancestors and theirs. */
  entityIds: string[];
  /** Executables of the ancestors that are known. */
  executables: string[];
}

/** in: a process; out: at most 20 of each, nearest first. */
export function ancestryOf(entry: ProcessEntry, originOf: OriginOf): Ancestry {
  const entityIds: string[] = [];
  const executables: string[] = [];
  addEarlier(entityIds, entry);
  let ancestor = originOf(entry);
  for (let i = 0; ancestor !== undefined && i < ANCESTORS_MAX; i++) {
    entityIds.push(ancestor.entityId);
    addEarlier(entityIds, ancestor);
    if (ancestor.image.executable !== undefined) executables.push(ancestor.image.executable);
    ancestor = originOf(ancestor);
  }
  if (entityIds.length > ANCESTORS_MAX) entityIds.length = ANCESTORS_MAX;
  return { entityIds, executables };
}

function addEarlier(entityIds: string[], entry: ProcessEntry): void {
  if (!entry.hasExecd) return;
  for (const execNs of entry.earlier ?? []) entityIds.push(entry.entityIdAt(execNs));
  entityIds.push(entry.entityIdAt(0n));
}

/** in: a process, nanoseconds since boot -> milliseconds since 1970; out: oldest known ancestor first, itself last. */
export function lineageOf(entry: ProcessEntry, originOf: OriginOf, wallMs: (bootNs: bigint) => number): LineageEntry[] {
  const nearestFirst: LineageEntry[] = [];
  let next: ProcessEntry | undefined = entry;
  while (next !== undefined && nearestFirst.length < LINEAGE_MAX) {
    nearestFirst.push(lineageEntry(next, wallMs(next.startNs)));
    const origin = originOf(next);
    const forkedBy = next.creatorTgid === 0 ? next.ppid : next.creatorTgid;
    if (origin === undefined && forkedBy > 0) nearestFirst.push({ pid: forkedBy, source: 'unknown' });
    next = origin;
  }
  return nearestFirst.slice(0, LINEAGE_MAX).reverse();
}

function lineageEntry(entry: ProcessEntry, startMs: number): LineageEntry {
  const { executable, name } = entry.image;
  const commandLine = cut(entry.image.args()).join(' ');
  return {
    pid: entry.tgid,
    entity_id: entry.entityId,
    user_id: String(entry.context.euid),
    startMs,
    source: sourceOf(entry),
    ...(name === undefined ? {} : { name }),
    ...(executable === undefined ? {} : { executable }),
    ...(commandLine === '' ? {} : { command_line: commandLine }),
  };
}

function sourceOf(entry: ProcessEntry): LineageEntry['source'] {
  if (!entry.hasExecd && entry.creatorTgid !== 0) return 'fork';
  const { source, executable } = entry.image;
  if (source === 'kernel' || source === 'procfs') return source;
  return executable === undefined ? 'unknown' : 'kernel';
}
