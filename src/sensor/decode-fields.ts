// Payload of one field -> values. Called by decode.ts; the frame has checked that a struct is there in full. Text is decoded
// without loss (src/text.ts).

import { decodeRange } from '../text.ts';
import type { Frame } from './frame.ts';
import { CREATOR, CREDENTIALS, EXIT, FIELD, FIELD_FLAG, INODE, TASK, TASK_FLAG } from './layout.ts';
import type { CredentialsRecord, ExitRecord, ForkRecord, Inode, TaskState } from './record.ts';
import type { WantedNames } from './variable-names.ts';

/** struct fb_task; argc, arg_bytes and the exec flags are read by decode.ts. */
export function readTask(frame: Frame): TaskState {
  const { view } = frame;
  const at = frame.start(FIELD.task);
  return {
    tgid: view.getUint32(at + TASK.tgid, true),
    startNs: view.getBigUint64(at + TASK.startNs, true),
    ppid: view.getUint32(at + TASK.ppid, true),
    parentStartNs: view.getBigUint64(at + TASK.parentStartNs, true),
    pgid: view.getUint32(at + TASK.pgid, true),
    groupLeaderStartNs: view.getBigUint64(at + TASK.groupStartNs, true),
    sid: view.getUint32(at + TASK.sid, true),
    sessionLeaderStartNs: view.getBigUint64(at + TASK.sessionStartNs, true),
    uid: view.getUint32(at + TASK.uid, true),
    euid: view.getUint32(at + TASK.euid, true),
    suid: view.getUint32(at + TASK.suid, true),
    gid: view.getUint32(at + TASK.gid, true),
    egid: view.getUint32(at + TASK.egid, true),
    sgid: view.getUint32(at + TASK.sgid, true),
    capPermitted: view.getBigUint64(at + TASK.capPermitted, true),
    capEffective: view.getBigUint64(at + TASK.capEffective, true),
    ttyMajor: view.getUint32(at + TASK.ttyMajor, true),
    ttyMinor: view.getUint32(at + TASK.ttyMinor, true),
    pidNs: view.getUint32(at + TASK.pidNs, true),
    mntNs: view.getUint32(at + TASK.mntNs, true),
    userNs: view.getUint32(at + TASK.userNs, true),
    netNs: view.getUint32(at + TASK.netNs, true),
    groupCount: view.getUint32(at + TASK.groupCount, true),
    comm: readComm(frame, at + TASK.comm),
    kernelThread: (view.getUint32(at + TASK.flags, true) & TASK_FLAG.kernelThread) !== 0,
  };
}

function readComm({ bytes }: Frame, at: number): string {
  let end = at;
  while (end < at + TASK.commBytes && bytes[end] !== 0) end++;
  return decodeRange(bytes, at, end);
}

export function readInode(frame: Frame, id: number = FIELD.inode): Inode {
  const { view } = frame;
  const at = frame.start(id);
  return {
    ino: view.getBigUint64(at + INODE.ino, true),
    size: view.getBigUint64(at + INODE.bytes, true),
    mtimeNs: view.getBigInt64(at + INODE.mtimeNs, true),
    ctimeNs: view.getBigInt64(at + INODE.ctimeNs, true),
    devMajor: view.getUint32(at + INODE.devMajor, true),
    devMinor: view.getUint32(at + INODE.devMinor, true),
    mode: view.getUint32(at + INODE.mode, true),
    nlink: view.getUint32(at + INODE.nlink, true),
    uid: view.getUint32(at + INODE.uid, true),
    gid: view.getUint32(at + INODE.gid, true),
  };
}

export function readCreator(frame: Frame): ForkRecord['creator'] {
  const { view } = frame;
  const at = frame.start(FIELD.creator);
  return { tgid: view.getUint32(at + CREATOR.tgid, true), startNs: view.getBigUint64(at + CREATOR.startNs, true) };
}

export function readExit(frame: Frame): Pick<ExitRecord, 'endNs' | 'code'> {
  const { view } = frame;
  const at = frame.start(FIELD.exit);
  return { endNs: view.getBigUint64(at + EXIT.endNs, true), code: view.getUint32(at + EXIT.code, true) };
}

export function readCredentials(frame: Frame): Pick<CredentialsRecord, 'tid' | 'before' | 'fsuid' | 'fsgid'> {
  const at = frame.start(FIELD.credentials);
  const number = (offset: number) => frame.view.getUint32(at + offset, true);
  return {
    tid: number(CREDENTIALS.tid),
    before: {
      uid: number(CREDENTIALS.uid),
      euid: number(CREDENTIALS.euid),
      suid: number(CREDENTIALS.suid),
      fsuid: number(CREDENTIALS.fsuid),
      gid: number(CREDENTIALS.gid),
      egid: number(CREDENTIALS.egid),
      sgid: number(CREDENTIALS.sgid),
      fsgid: number(CREDENTIALS.fsgid),
    },
    fsuid: number(CREDENTIALS.newFsuid),
    fsgid: number(CREDENTIALS.newFsgid),
  };
}

/** undefined when the field is absent, or was unreadable with nothing carried. */
export function readText(frame: Frame, id: number): string | undefined {
  const start = frame.start(id);
  const length = frame.length(id);
  if (start < 0 || (length === 0 && (frame.flags(id) & FIELD_FLAG.fault) !== 0)) return undefined;
  return decodeRange(frame.bytes, start, start + length);
}

/** A path that was walked. Where its beginning is cut it has no slash there: it must not look like another one, from the root. */
export function readPath(frame: Frame, id: number): string | undefined {
  const text = readText(frame, id);
  return text === undefined ? undefined : withoutRoot(frame, id, text);
}

/** in: that path; out: the same where it is whole. */
export function withoutRoot(frame: Frame, id: number, path: string): string {
  const isCut = (frame.flags(id) & FIELD_FLAG.truncated) !== 0;
  return isCut && path.length > 1 && path.startsWith('/') ? path.slice(1) : path;
}

/** __u32[]; a rest of less than four bytes is left out. */
export function readGroups(frame: Frame): number[] {
  const groups: number[] = [];
  const start = frame.start(FIELD.groups);
  const count = frame.length(FIELD.groups) >> 2;
  for (let i = 0; i < count; i++) groups.push(frame.view.getUint32(start + 4 * i, true));
  return groups;
}

/**
 * An argument area: each string ends in NUL, the last one perhaps not (cut). An empty area is no argument, "\0" an empty one.
 * Decoded as a whole: NUL is no part of any longer UTF-8 sequence, so this equals decoding each by itself.
 */
export function readArguments(frame: Frame): string[] {
  const length = frame.length(FIELD.args);
  if (length === 0) return [];
  const start = frame.start(FIELD.args);
  const end = start + length;
  const closed = frame.bytes[end - 1] === 0;
  return decodeRange(frame.bytes, start, closed ? end - 1 : end).split('\0');
}

/** NAME=value of the environment area for the names asked for, in its order; a cut last one comes as far as it is carried. */
export function readVariables(frame: Frame, { exact, patterns }: WantedNames): string[] {
  const length = frame.length(FIELD.env);
  if (length === 0 || exact.length + patterns.length === 0) return NO_VARIABLES;
  const start = frame.start(FIELD.env);
  const area = frame.bytes.subarray(start, start + length);
  const found = new Set<number>();
  for (const name of exact) {
    for (let at = area.indexOf(name); at >= 0; at = area.indexOf(name, at + name.length)) {
      if (at === 0 || area[at - 1] === 0) found.add(at);
    }
  }
  if (patterns.length > 0) findPatterns(area, patterns, found);
  if (found.size === 0) return NO_VARIABLES;
  return [...found].sort((a, b) => a - b).map((at) => decodeRange(area, at, endOf(area, at)));
}

const LONGEST_NAME = 128;

function findPatterns(area: Buffer, patterns: WantedNames['patterns'], found: Set<number>): void {
  for (let at = 0; at < area.length; at = endOf(area, at) + 1) {
    const equals = area.subarray(at, at + LONGEST_NAME + 1).indexOf(0x3d);
    if (equals < 0) continue;
    const name = area.toString('latin1', at, at + equals);
    if (!name.includes('\0') && patterns.some((fits) => fits(name))) found.add(at);
  }
}

function endOf(area: Buffer, at: number): number {
  const end = area.indexOf(0, at);
  return end < 0 ? area.length : end;
}

const NO_VARIABLES: string[] = [];
