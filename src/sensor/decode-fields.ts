// Payload of one field -> values. Called by decode.ts, which has checked that a struct is there in full.
// Text is decoded without loss (src/text.ts).

import { decodeText } from '../text.ts';
import { INODE, TASK, TASK_FLAG } from './layout.ts';
import type { Inode, TaskState } from './record.ts';

/** struct fb_task; argc, arg_bytes and the exec flags are read by decode.ts. */
export function readTask(bytes: Buffer): TaskState {
  return {
    tgid: bytes.readUInt32LE(TASK.tgid),
    startNs: bytes.readBigUInt64LE(TASK.startNs),
    ppid: bytes.readUInt32LE(TASK.ppid),
    parentStartNs: bytes.readBigUInt64LE(TASK.parentStartNs),
    pgid: bytes.readUInt32LE(TASK.pgid),
    groupLeaderStartNs: bytes.readBigUInt64LE(TASK.groupStartNs),
    sid: bytes.readUInt32LE(TASK.sid),
    sessionLeaderStartNs: bytes.readBigUInt64LE(TASK.sessionStartNs),
    uid: bytes.readUInt32LE(TASK.uid),
    euid: bytes.readUInt32LE(TASK.euid),
    suid: bytes.readUInt32LE(TASK.suid),
    gid: bytes.readUInt32LE(TASK.gid),
    egid: bytes.readUInt32LE(TASK.egid),
    sgid: bytes.readUInt32LE(TASK.sgid),
    capPermitted: bytes.readBigUInt64LE(TASK.capPermitted),
    capEffective: bytes.readBigUInt64LE(TASK.capEffective),
    ttyMajor: bytes.readUInt32LE(TASK.ttyMajor),
    ttyMinor: bytes.readUInt32LE(TASK.ttyMinor),
    pidNs: bytes.readUInt32LE(TASK.pidNs),
    mntNs: bytes.readUInt32LE(TASK.mntNs),
    userNs: bytes.readUInt32LE(TASK.userNs),
    netNs: bytes.readUInt32LE(TASK.netNs),
    groupCount: bytes.readUInt32LE(TASK.groupCount),
    comm: readComm(bytes.subarray(TASK.comm, TASK.comm + TASK.commBytes)),
    kernelThread: (bytes.readUInt32LE(TASK.flags) & TASK_FLAG.kernelThread) !== 0,
  };
}

function readComm(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return decodeText(end < 0 ? bytes : bytes.subarray(0, end));
}

export function readInode(bytes: Buffer): Inode {
  return {
    ino: bytes.readBigUInt64LE(INODE.ino),
    size: bytes.readBigUInt64LE(INODE.bytes),
    mtimeNs: bytes.readBigUInt64LE(INODE.mtimeNs),
    ctimeNs: bytes.readBigUInt64LE(INODE.ctimeNs),
    devMajor: bytes.readUInt32LE(INODE.devMajor),
    devMinor: bytes.readUInt32LE(INODE.devMinor),
    mode: bytes.readUInt32LE(INODE.mode),
    nlink: bytes.readUInt32LE(INODE.nlink),
    uid: bytes.readUInt32LE(INODE.uid),
    gid: bytes.readUInt32LE(INODE.gid),
  };
}

/** __u32[]; a rest of less than four bytes is left out. */
export function readGroups(bytes: Buffer | undefined): number[] {
  const groups: number[] = [];
  for (let at = 0; bytes !== undefined && at + 4 <= bytes.length; at += 4) groups.push(bytes.readUInt32LE(at));
  return groups;
}

/**
 * An argument area: each string ends in NUL, the last one perhaps not (cut). An empty area is no argument, "\0" an empty one.
 * Decoded as a whole: NUL is no part of any longer UTF-8 sequence, so this equals decoding each by itself.
 */
export function readAreas(area: Buffer | undefined): string[] {
  if (area === undefined || area.length === 0) return [];
  const strings = decodeText(area).split('\0');
  if (area[area.length - 1] === 0) strings.pop();
  return strings;
}

/** NAME=value of an environment area for the names asked for; a cut last one comes as far as it is carried. */
export function readNamedVariables(area: Buffer, names: ReadonlySet<string>): string[] {
  const variables: string[] = [];
  let start = 0;
  // latin1: one character per byte, so that offsets in the text are offsets in the bytes
  for (const variable of area.toString('latin1').split('\0')) {
    const equals = variable.indexOf('=');
    if (equals > 0 && names.has(variable.slice(0, equals)))
      variables.push(decodeText(area.subarray(start, start + variable.length)));
    start += variable.length + 1;
  }
  return variables;
}
