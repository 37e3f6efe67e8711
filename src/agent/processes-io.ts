// Processes as /proc has them, for alerts of the agent's own: who is that pid, who are its ancestors, who holds that BPF object. Read
// only where something was found, so its cost does not matter. Processes that have gone, or that cannot be read, are left out.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

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
export function processOf(pid: number): SeenProcess | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string) => new RegExp(`^${name}:\\t(\\S+)`, 'm').exec(status)?.[1];
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

/** Pids, but this one, that hold a BPF map or program of these ids: fdinfo has map_id: and prog_id:. */
export function holdersOf(what: 'map' | 'prog', ids: ReadonlySet<number>): number[] {
  const pids = readdirSync('/proc').map(Number);
  return pids.filter((pid) => pid > 0 && pid !== process.pid && holds(pid, what, ids));
}

function holds(pid: number, what: 'map' | 'prog', ids: ReadonlySet<number>): boolean {
  const links = attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return links.some((fd) => {
    const link = attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? '';
    if (!/^anon_inode:\[?bpf[-_](map|prog|link)/.test(link)) return false;
    const info = attempt(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')) ?? '';
    return [...info.matchAll(new RegExp(`^${what}_id:\\s*(\\d+)`, 'gm'))].some((match) => ids.has(Number(match[1])));
  });
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
