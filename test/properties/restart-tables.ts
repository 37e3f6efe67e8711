// What the alerts of an agent that was started again may have differently from those of one that was not, and why.

import type { Alert } from '../../src/detect/alert.ts';
import { execFromText } from '../../src/enrich/entity-id.ts';
import { START } from '../enrich/fake-host.ts';
import { isPartOf, type MayDiffer } from './comparison.ts';

export const AFTER_A_RESTART: readonly MayDiffer[] = [
  { path: 'event.sequence', why: 'counts from the start of the agent', holds: areNumbers },
  { path: 'kibana.alert.original_event.sequence', why: 'the same', holds: areNumbers },
  {
    path: 'forebear.parent_source',
    why: 'whose exec was seen before the restart is read from /proc after it',
    holds: (before, after) => before === 'kernel' && after === 'procfs',
  },
  {
    path: 'process.Ext.ancestry',
    why: 'earlier images, and ancestors that left (but creators and leaders), are not kept',
    holds: isPartOf,
  },
  {
    path: 'forebear.ancestors',
    why: 'ancestors that left are not kept, or as a name only',
    holds: (before, after) => isPartOf(executables(before), executables(after)),
  },
  { path: 'forebear.lineage', why: 'the same', holds: isLineage },
  {
    path: 'process.group_leader',
    why: 'a new group shows in its next record, or in the iteration: who led it may have left before the record',
    holds: (before, after) => before === undefined && after !== undefined,
  },
];

export const AFTER_A_CRASH: readonly MayDiffer[] = [
  { path: 'gaps', why: 'how much was kept back is lost with the last minute, or what is new again is', holds: isCount },
  { path: 'forebear.gaps', why: 'the same', holds: isCount },
  {
    path: 'forebear.new_terms',
    why: 'a sighting of the last minute is lost, the one before it counts',
    holds: isOlder,
  },
];

function areNumbers(before: unknown, after: unknown): boolean {
  return typeof before === 'number' && typeof after === 'number';
}

function executables(ancestors: unknown): unknown {
  return (ancestors as { executable?: unknown } | undefined)?.executable ?? [];
}

interface Kept {
  kind: string;
}

/** Nothing else is told differently. */
function isCount(before: unknown, after: unknown): boolean {
  const others = (gaps: unknown) => ((gaps as Kept[] | undefined) ?? []).filter(({ kind }) => kind !== 'capped_alerts');
  return JSON.stringify(others(before)) === JSON.stringify(others(after));
}

function isOlder(before: unknown, after: unknown): boolean {
  const [was, is] = [before, after].map((history) => (history as { last_seen?: string }).last_seen);
  return is === undefined || (was !== undefined && Date.parse(is) < Date.parse(was));
}

interface Ancestor {
  pid: number;
  start?: string;
  entity_id?: string;
  executable?: string;
  name?: string;
  command_line?: string;
  user_id?: string;
  source: string;
}

/**
 * Who is there was there before, as the same image; what is known of it was known before, and is the same. Whoever forked the
 * process is there, at the least.
 */
function isLineage(before: unknown, after: unknown): boolean {
  const known = new Map((before as Ancestor[]).map((ancestor) => [ancestor.pid, ancestor]));
  const order = [...known.keys()];
  const pids = (after as Ancestor[]).map(({ pid }) => pid);
  const creatorIsThere = isPartOf(order.slice(-2), pids.slice(-2)) && pids.length > 1;
  return (
    creatorIsThere &&
    isPartOf(order, pids) &&
    (after as Ancestor[]).every((ancestor) => isSame(known.get(ancestor.pid)!, ancestor))
  );
}

function isSame(before: Ancestor, { source, user_id, ...after }: Ancestor): boolean {
  // Of one that left there is no more than its name.
  const userToo = source === 'unknown' ? {} : { user_id };
  return Object.entries({ ...after, ...userToo }).every(([key, value]) => before[key as keyof Ancestor] === value);
}

/** Whether the alert's process, or one that it comes from, began or became another program between those boot times. */
export function changedBetween({ document }: Alert, fromNs: bigint, toNs: bigint): boolean {
  const { lineage } = (document as { forebear: { lineage: Ancestor[] } }).forebear;
  const wallMs = (bootNs: bigint) => Math.floor(START.wallOffsetMs + Number(bootNs) / 1e6);
  return lineage.some(({ start = '', entity_id = '.0' }) => {
    const execNs = execFromText(entity_id.split('.')[1]!);
    const began = Date.parse(start) >= wallMs(fromNs) && Date.parse(start) <= wallMs(toNs);
    return began || (execNs >= fromNs && execNs <= toNs);
  });
}
