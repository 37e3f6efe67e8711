// Parsers of what /proc and its like hold: text or bytes in, facts out. Pure and never throwing: a file that is cut, empty
// or of another form gives undefined or less. Formats: proc(5), getent(1), os-release(5). Read by procfs-io.ts, host-io.ts.

import { decodeText } from '../text.ts';

/** From /proc/PID/stat. Numbers are those of the reader's pid namespace. */
export interface ProcStat {
  pid: number;
  comm: string;
  ppid: number;
  pgid: number;
  sid: number;
  ttyMajor: number;
  ttyMinor: number;
  kernelThread: boolean;
  /** start_boottime in ticks of 10 ms. */
  startTicks: number;
}

/** Kernel flag of the task, include/linux/sched.h. */
const PF_KTHREAD = 0x00200000;

/** in: /proc/PID/stat; comm may hold blanks and parentheses, so fields count from the last one. */
export function parseStat(text: string): ProcStat | undefined {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 0 || close < open) return undefined;
  const pid = Number(text.slice(0, open));
  // rest[0] is field 3, the state.
  const rest = text
    .slice(close + 2)
    .split(' ')
    .map(Number);
  const [ppid, pgid, sid, tty, flags, startTicks] = [rest[1], rest[2], rest[3], rest[4], rest[6], rest[19]];
  if (!isId(pid) || !isId(ppid) || !isId(startTicks) || tty === undefined || flags === undefined) return undefined;
  return {
    pid,
    comm: text.slice(open + 1, close),
    ppid,
    pgid: pgid ?? 0,
    sid: sid ?? 0,
    ...terminal(tty),
    kernelThread: (flags & PF_KTHREAD) !== 0,
    startTicks,
  };
}

/** dev_t as proc(5) prints it: major in bits 8..19, minor in 0..7 and 20..31. */
function terminal(device: number): { ttyMajor: number; ttyMinor: number } {
  return { ttyMajor: (device >> 8) & 0xfff, ttyMinor: (device & 0xff) | ((device >>> 12) & 0xfff00) };
}

/** Ticks differ by at most one from the kernel's nanoseconds: both are cut, not rounded. */
export function sameStart(startTicks: number, startNs: bigint): boolean {
  return Math.abs(startTicks - Number(startNs / 10_000_000n)) <= 1;
}

/** From /proc/PID/status. */
export interface ProcStatus {
  /** Real, effective, saved. */
  uids: readonly [number, number, number];
  gids: readonly [number, number, number];
  groups: readonly number[];
  capPermitted: bigint;
  capEffective: bigint;
}

export function parseStatus(text: string): ProcStatus | undefined {
  const lines = new Map(text.split('\n').map((line) => splitOnce(line, ':')));
  const uids = numbers(lines.get('Uid'));
  const gids = numbers(lines.get('Gid'));
  if (uids.length < 3 || gids.length < 3) return undefined;
  return {
    uids: [uids[0]!, uids[1]!, uids[2]!],
    gids: [gids[0]!, gids[1]!, gids[2]!],
    groups: numbers(lines.get('Groups')),
    capPermitted: hex(lines.get('CapPrm')),
    capEffective: hex(lines.get('CapEff')),
  };
}

/**
 * in: /proc/PID/cmdline; out: the arguments. Empty ones at the end are dropped: a process that writes a title over its
 * arguments pads with NUL, and the two cannot be told apart.
 */
export function parseCmdline(bytes: Uint8Array): string[] {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end === 0 ? [] : decodeText(bytes.subarray(0, end)).split('\0');
}

/** in: /proc/PID/cgroup; out: the path in the unified hierarchy, or where that is the root in the first other one that is not. */
export function parseCgroup(text: string): string | undefined {
  const paths = text.split('\n').flatMap((line) => {
    const second = line.indexOf(':', line.indexOf(':') + 1);
    return second < 0 ? [] : [{ unified: line.startsWith('0::'), path: line.slice(second + 1) }];
  });
  const unified = paths.find((entry) => entry.unified && entry.path !== '/');
  return (unified ?? paths.find((entry) => entry.path !== '/') ?? paths[0])?.path;
}

/** The target of /proc/PID/exe, without the kernel's mark of a file that has no link left. */
export function executableOf(link: string): string {
  return link.endsWith(' (deleted)') ? link.slice(0, -' (deleted)'.length) : link;
}

/** in: the target of /proc/PID/ns/KIND such as `mnt:[4026531841]`; out: the inode number, 0 when it has another form. */
export function parseNamespace(link: string): number {
  return Number(/:\[([0-9]+)\]$/.exec(link)?.[1] ?? 0);
}

/** in: lines as of passwd(5) or group(5); out: [id, name], malformed lines left out; the first of two with one id counts. */
export function parseNames(text: string): [number, string][] {
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name === undefined || name === '' || id === undefined || !/^[0-9]{1,10}$/.test(id)) continue;
    if (!names.has(Number(id))) names.set(Number(id), name);
  }
  return [...names];
}

/** in: NAME=value lines, values perhaps quoted as in a shell (os-release, /run/systemd/sessions); out: the values. */
export function parseAssignments(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [name, value] = splitOnce(line.trim(), '=');
    if (/^[A-Z][A-Z0-9_]*$/.test(name)) values.set(name, unquote(value));
  }
  return values;
}

function unquote(value: string): string {
  const quote = value[0];
  if (value.length < 2 || (quote !== '"' && quote !== "'") || !value.endsWith(quote)) return value;
  const inner = value.slice(1, -1);
  return quote === '"' ? inner.replace(/\\([\\"$`])/g, '$1') : inner;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function numbers(text: string | undefined): number[] {
  return (text ?? '')
    .trim()
    .split(/\s+/)
    .filter((word) => /^[0-9]+$/.test(word))
    .map(Number);
}

function hex(text: string | undefined): bigint {
  const digits = (text ?? '').trim();
  return /^[0-9a-f]{1,16}$/i.test(digits) ? BigInt(`0x${digits}`) : 0n;
}

function isId(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0;
}
