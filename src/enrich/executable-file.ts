// Which file a process executes, as the kernel's inode said at the exec (native/wire.h, fb_inode), and whether a file found
// later is still that very one. The key of a file is its facts as text: equal keys are the same content, but for what
// isFresh says. Pure; keys are made by the process tracker, files are judged by hash-io.ts.

import type { Inode } from '../sensor/record.ts';

/** Of an inode: what changes whenever the content does, or tells that it may have. */
export interface FileFacts {
  devMajor: number;
  devMinor: number;
  ino: bigint;
  size: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
}

/** What stat says, and whether it is a regular file. */
export interface FoundFile extends FileFacts {
  regular: boolean;
}

const REMEMBERED = 4096;

/** Keys of inodes; the same text for the same file, so that a million execs of one program share it. */
export class FileKeys {
  readonly #byIno = new Map<bigint, { inode: Inode; key: string }>();

  of(inode: Inode | undefined): string | undefined {
    if (inode === undefined) return undefined;
    const known = this.#byIno.get(inode.ino);
    if (known !== undefined && isSame(known.inode, inode)) return known.key;
    if (this.#byIno.size >= REMEMBERED) this.#byIno.clear();
    const key = fileKey(inode);
    this.#byIno.set(inode.ino, { inode, key });
    return key;
  }
}

/** `major:minor ino size mtime ctime`, decimal, times in nanoseconds since 1970, their 64 bits. */
export function fileKey({ devMajor, devMinor, ino, size, mtimeNs, ctimeNs }: FileFacts): string {
  return `${devMajor}:${devMinor} ${ino} ${size} ${bitsOf(mtimeNs)} ${bitsOf(ctimeNs)}`;
}

/** Times before 1970 and after 2262: anybody may give a file one. */
function bitsOf(ns: bigint): bigint {
  return BigInt.asUintN(64, ns);
}

/** undefined: no key of this version. */
export function parseFileKey(key: string): FileFacts | undefined {
  const match = /^(\d{1,10}):(\d{1,10}) (\d{1,20}) (\d{1,20}) (\d{1,20}) (\d{1,20})$/.exec(key);
  if (match === null) return undefined;
  const [, major, minor, ino, size, mtimeNs, ctimeNs] = match as unknown as string[];
  return {
    devMajor: Number(major),
    devMinor: Number(minor),
    ino: BigInt(ino!),
    size: BigInt(size!),
    mtimeNs: BigInt(mtimeNs!),
    ctimeNs: BigInt(ctimeNs!),
  };
}

function isSame(a: Inode, b: Inode): boolean {
  return isSameInode(a, b) && a.ctimeNs === b.ctimeNs && a.mtimeNs === b.mtimeNs && a.size === b.size;
}

export function isSameInode(a: FileFacts, b: FileFacts): boolean {
  return a.ino === b.ino && a.devMajor === b.devMajor && a.devMinor === b.devMinor;
}

/** Nobody has written, linked, renamed or chmoded it in between. */
export function isUnchanged(a: FileFacts, b: FileFacts): boolean {
  return bitsOf(a.ctimeNs) === bitsOf(b.ctimeNs) && isSameContent(a, b);
}

function isSameContent(a: FileFacts, b: FileFacts): boolean {
  return a.size === b.size && bitsOf(a.mtimeNs) === bitsOf(b.mtimeNs);
}

/**
 * same: nothing has changed. metadata_changed: only ctime has, as by unlink, rename and chmod, but also by a write whose
 * mtime was set back: the content is that of the exec only where the kernel refused writers all the time.
 */
export type FileVerdict = 'same' | 'metadata_changed' | 'changed' | 'other_file' | 'not_regular';

export function judgeFile(executed: FileFacts, found: FoundFile): FileVerdict {
  if (!isSameInode(executed, found)) return 'other_file';
  if (!found.regular) return 'not_regular';
  if (isUnchanged(executed, found)) return 'same';
  return isSameContent(executed, found) ? 'metadata_changed' : 'changed';
}

const TICK_MS = 20;
const COARSE_MS = 2000;

/**
 * Whether the file was changed so shortly before that time that a change shortly after it would bear the same ctime: file
 * systems stamp with the clock's last tick (1 to 10 ms), some with whole seconds. in: milliseconds since 1970 at which
 * the file was executed; out: true also for times that are ahead.
 */
export function isFresh({ ctimeNs }: FileFacts, executedMs: number): boolean {
  const granularityMs = ctimeNs % 1_000_000_000n === 0n ? COARSE_MS : TICK_MS;
  return executedMs - Number(ctimeNs) / 1e6 < granularityMs;
}

/** in: st_dev as stat(2) gives it (glibc's makedev); out: major and minor. */
export function splitDevice(dev: bigint): [major: number, minor: number] {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return [Number(BigInt.asUintN(32, major)), Number(BigInt.asUintN(32, minor))];
}

/** in: text of /proc/self/fdinfo/FD; out: the mount it was opened by, and the kernel's inode number (from Linux 5.14 on). */
export function parseFdInfo(text: string): { mountId?: string; ino?: bigint } {
  const mountId = /^mnt_id:\s*(\d{1,10})$/m.exec(text)?.[1];
  const ino = /^ino:\s*(\d{1,20})$/m.exec(text)?.[1];
  return { ...(mountId !== undefined && { mountId }), ...(ino !== undefined && { ino: BigInt(ino) }) };
}

/** in: text of a mountinfo that has the mount; out: the device of its super block, which the kernel's inode names. */
export function parseMountDevice(text: string, mountId: string): [major: number, minor: number] | undefined {
  const match = new RegExp(`^${mountId} \\d+ (\\d+):(\\d+) `, 'm').exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}
