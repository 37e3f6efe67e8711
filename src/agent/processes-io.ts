// Processes as /proc has them, for alerts of the agent's own: who is that pid, who are its ancestors, who holds that BPF object. Read
// only where something was found, so its cost does not matter. Processes that have gone, or that cannot be read, are left out.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hasKernelPids } from '../enrich/procfs-io.ts';
import { attempt } from '../errors.ts';

export interface SeenProcess {
  pid: number;
  ppid: number;
  name: string;
  executable?: string;
  args: readonly string[];
  /** Real user id. */
  uid?: number;
}

const ANCESTORS_MAX = 16;
const ARGS_MAX_BYTES = 1024;

/** undefined: it is gone. */
function processOf(pid: number): SeenProcess | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string) => new RegExp(`^${name}:\\t([^\\t\\n]+)`, 'm').exec(status)?.[1];
    const executable = attempt(() => readlinkSync(`/proc/${pid}/exe`));
    const args = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '';
    const uid = field('Uid');
    return {
      pid,
      ppid: Number(field('PPid') ?? 0),
      name: field('Name') ?? '',
      ...(executable !== undefined && { executable }),
      args: args.slice(0, ARGS_MAX_BYTES).split('\0').filter(Boolean),
      ...(uid !== undefined && { uid: Number(uid) }),
    };
  } catch {
    return undefined;
  }
}

/** Itself last, its oldest ancestor first. */
export function ancestryOf(pid: number): SeenProcess[] {
  const chain: SeenProcess[] = [];
  for (let next = pid; next > 0 && chain.length < ANCESTORS_MAX; ) {
    const process = processOf(next);
    if (process === undefined) break;
    chain.unshift(process);
    next = process.ppid;
  }
  return chain;
}

/**
 * in: ids of BPF maps or programs; out: for each that somebody but this process holds, the pids. undefined: only part of the
 * processes of this kernel is in this /proc. fdinfo has map_id: and prog_id:, that of a link the program's.
 */
export function holdersOf(what: 'map' | 'prog', ids: ReadonlySet<number>): Map<number, number[]> | undefined {
  if (!hasKernelPids()) return undefined;
  const holders = new Map<number, number[]>();
  const pids = readdirSync('/proc').map(Number);
  for (const pid of pids.filter((number) => number > 0 && number !== process.pid)) {
    for (const id of heldBy(pid, what)) if (ids.has(id)) holders.set(id, [...(holders.get(id) ?? []), pid]);
  }
  return holders;
}

function heldBy(pid: number, what: 'map' | 'prog'): Set<number> {
  const fds = attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  const found = fds.flatMap((fd) => {
    const link = attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? '';
    if (!/^anon_inode:\[?bpf[-_](map|prog|link)/.test(link)) return [];
    const info = attempt(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')) ?? '';
    return [...info.matchAll(/^(map|prog)_id:\s*(\d+)/gm)]
      .filter(([, of]) => of === what)
      .map(([, , id]) => Number(id));
  });
  return new Set(found);
}
