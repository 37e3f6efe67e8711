// SensorRecord -> bytes of native/wire.h: the inverse of src/sensor/decode.ts, for every test that feeds a sensor. What is
// not given gets the value of a plain root process: encodeRecord({ kind: 'exec', executable: '/bin/true', args: ['true'] }).

import ipaddr from 'ipaddr.js';
import {
  CALL,
  CALL_NUMBER,
  CREATOR,
  CREDENTIALS,
  EXIT,
  FAMILY,
  FIELD,
  FIELD_FLAG,
  FIELD_HEAD,
  FILE,
  FILE_FLAG,
  FILE_OP,
  HEAD,
  INODE,
  KIND,
  NETWORK,
  NETWORK_OP,
  TASK,
  TASK_FLAG,
  WIRE_VERSION,
} from '../../src/sensor/layout.ts';
import type {
  CallRecord,
  CredentialsRecord,
  ExecRecord,
  ExitRecord,
  FileRecord,
  ForkRecord,
  Inode,
  NetworkRecord,
  Part,
  SessionRecord,
  TaskRecord,
  TaskState,
  UserAndGroupIds,
} from '../../src/sensor/record.ts';
import { encodeText } from '../../src/text.ts';

type Loose<R> = Partial<Omit<R, 'kind' | 'task' | 'inode' | 'creator' | 'before'>> & {
  task?: Partial<TaskState>;
  inode?: Partial<Inode>;
};
export type RecordInput =
  | ({ kind: 'exec' } & Loose<ExecRecord>)
  | ({ kind: 'fork'; creator?: Partial<ForkRecord['creator']> } & Loose<ForkRecord>)
  | ({ kind: 'exit' } & Loose<ExitRecord>)
  | ({ kind: 'task' } & Loose<TaskRecord>)
  | ({ kind: 'session' } & Loose<SessionRecord>)
  | ({ kind: 'file' } & Loose<FileRecord>)
  | ({ kind: 'network' } & Loose<NetworkRecord>)
  | ({ kind: 'call' } & Loose<CallRecord>)
  | ({ kind: 'credentials'; before?: Partial<UserAndGroupIds> } & Loose<CredentialsRecord>);

export interface EncodedField {
  id: number;
  flags?: number;
  payload: Uint8Array;
}

export const PLAIN_TASK: TaskState = {
  tgid: 100,
  startNs: 5_000_000_000n,
  ppid: 1,
  parentStartNs: 10_000_000n,
  pgid: 100,
  groupLeaderStartNs: 5_000_000_000n,
  sid: 100,
  sessionLeaderStartNs: 5_000_000_000n,
  uid: 0,
  euid: 0,
  suid: 0,
  gid: 0,
  egid: 0,
  sgid: 0,
  capPermitted: 0x1ff_ffff_ffffn,
  capEffective: 0x1ff_ffff_ffffn,
  ttyMajor: 0,
  ttyMinor: 0,
  pidNs: 4026531836,
  mntNs: 4026531841,
  userNs: 4026531837,
  netNs: 4026531840,
  groupCount: 0,
  comm: 'test',
  kernelThread: false,
};

const PLAIN_INODE: Inode = {
  ino: 42n,
  size: 4096n,
  mtimeNs: 1_700_000_000_000_000_000n,
  ctimeNs: 1_700_000_000_000_000_000n,
  devMajor: 8,
  devMinor: 1,
  mode: 0o100755,
  nlink: 1,
  uid: 0,
  gid: 0,
};

/** One record as the kernel side writes it. */
export function encodeRecord(input: RecordInput): Uint8Array {
  return encodeFields(KIND[input.kind], input.bootNs ?? 6_000_000_000n, fieldsOf(input));
}

/** A batch: records back to back. */
export function encodeBatch(inputs: readonly RecordInput[]): Uint8Array {
  return Buffer.concat(inputs.map((input) => encodeRecord(input)));
}

/** A record of any kind number and fields, well framed. */
export function encodeFields(kind: number, bootNs: bigint, fields: readonly EncodedField[]): Buffer {
  const parts: Uint8Array[] = fields.flatMap(({ id, flags = 0, payload }) => {
    const head = Buffer.alloc(FIELD_HEAD.size);
    head.writeUInt16LE(id, FIELD_HEAD.id);
    head.writeUInt16LE(flags, FIELD_HEAD.flags);
    head.writeUInt32LE(payload.length, FIELD_HEAD.length);
    return [head, payload, Buffer.alloc(-payload.length & 7)];
  });
  const head = Buffer.alloc(HEAD.size);
  const length = parts.reduce((sum, part) => sum + part.length, HEAD.size as number);
  head.writeUInt32LE(length, HEAD.length);
  head[HEAD.version] = WIRE_VERSION;
  head[HEAD.kind] = kind;
  head.writeBigUInt64LE(bootNs, HEAD.bootNs);
  return Buffer.concat([head, ...parts]);
}

function fieldsOf(input: RecordInput): EncodedField[] {
  const flags = flagsOf(input);
  const text = (id: number, part: Part, value: string | undefined, extra = 0): EncodedField[] =>
    value === undefined ? [] : [{ id, flags: flags(part) | extra, payload: encodeText(value) }];
  const fields: EncodedField[] = [{ id: FIELD.task, payload: encodeTask(input) }];
  if (input.kind === 'fork') return [...fields, { id: FIELD.creator, payload: encodeCreator(input.creator ?? {}) }];
  if (input.kind === 'exit') return [...fields, { id: FIELD.exit, payload: encodeExit(input) }];
  if (input.kind === 'session') return fields;
  if (input.kind === 'file') {
    fields.push({ id: FIELD.file, payload: encodeFile(input) });
    fields.push(...text(FIELD.path, 'path', input.path), ...text(FIELD.oldPath, 'old_path', input.oldPath));
    fields.push(...text(FIELD.linkTarget, 'link_target', input.linkTarget));
    const inode = input.inode && encodeInode({ ...PLAIN_INODE, ...input.inode });
    return inode === undefined ? fields : [...fields, { id: FIELD.fileInode, payload: inode }];
  }
  if (input.kind === 'network') {
    fields.push({ id: FIELD.network, payload: encodeNetwork(input) });
    if (input.message) fields.push({ id: FIELD.message, flags: flags('message'), payload: input.message });
    return fields;
  }
  if (input.kind === 'call') {
    return [...fields, { id: FIELD.call, payload: encodeCall(input) }, ...text(FIELD.name, 'name', input.name)];
  }
  if (input.kind === 'credentials') fields.push({ id: FIELD.credentials, payload: encodeCredentials(input) });
  const deleted = input.kind === 'exec' && input.deleted === true ? FIELD_FLAG.deleted : 0;
  if ('inode' in input && input.inode)
    fields.push({ id: FIELD.inode, payload: encodeInode({ ...PLAIN_INODE, ...input.inode }) });
  if (input.groups) fields.push({ id: FIELD.groups, flags: flags('groups'), payload: encodeGroups(input.groups) });
  if (input.kind === 'credentials') return fields;
  fields.push(...text(FIELD.executable, 'executable', input.executable, deleted));
  if (input.kind === 'exec') {
    fields.push(...text(FIELD.filename, 'filename', input.filename));
    fields.push(...text(FIELD.interpreter, 'interpreter', input.interpreter));
    fields.push(...text(FIELD.cwd, 'cwd', input.cwd));
    fields.push({ id: FIELD.args, flags: flags('args'), payload: encodeArea(input.args ?? []) });
    fields.push({ id: FIELD.env, flags: flags('env'), payload: encodeArea(input.env ?? []) });
  }
  fields.push(...text(FIELD.cgroup, 'cgroup', input.cgroup));
  fields.push(...text(FIELD.parentExecutable, 'parent_executable', input.parentExecutable));
  return fields;
}

function flagsOf(input: RecordInput): (part: Part) => number {
  return (part) =>
    (input.truncated?.includes(part) ? FIELD_FLAG.truncated : 0) |
    (input.unreadable?.includes(part) ? FIELD_FLAG.fault : 0) |
    (input.unreachable?.includes(part) ? FIELD_FLAG.unreachable : 0);
}

const TASK_U64 = [
  ['startNs', TASK.startNs],
  ['parentStartNs', TASK.parentStartNs],
  ['sessionLeaderStartNs', TASK.sessionStartNs],
  ['groupLeaderStartNs', TASK.groupStartNs],
  ['capPermitted', TASK.capPermitted],
  ['capEffective', TASK.capEffective],
] as const;
const TASK_U32 = [
  'tgid',
  'ppid',
  'pgid',
  'sid',
  'uid',
  'euid',
  'suid',
  'gid',
  'egid',
  'sgid',
  'ttyMajor',
  'ttyMinor',
  'pidNs',
  'mntNs',
  'userNs',
  'netNs',
  'groupCount',
] as const;

function encodeTask(input: RecordInput): Buffer {
  const task = { ...PLAIN_TASK, ...input.task };
  const bytes = Buffer.alloc(TASK.size);
  for (const [name, at] of TASK_U64) bytes.writeBigUInt64LE(task[name], at);
  for (const name of TASK_U32) bytes.writeUInt32LE(task[name], TASK[name]);
  let flags = task.kernelThread ? TASK_FLAG.kernelThread : 0;
  if (input.kind === 'exec') {
    for (const name of ['setuid', 'setgid', 'memfd', 'script'] as const) if (input[name]) flags |= TASK_FLAG[name];
    bytes.writeUInt32LE(input.argc ?? input.args?.length ?? 0, TASK.argc);
    bytes.writeUInt32LE(input.argBytes ?? encodeArea(input.args ?? []).length, TASK.argBytes);
  }
  bytes.writeUInt32LE(flags, TASK.flags);
  bytes.set(encodeText(task.comm).subarray(0, TASK.commBytes - 1), TASK.comm);
  return bytes;
}

function encodeCreator(creator: Partial<ForkRecord['creator']>): Buffer {
  const bytes = Buffer.alloc(CREATOR.size);
  bytes.writeBigUInt64LE(creator.startNs ?? PLAIN_TASK.parentStartNs, CREATOR.startNs);
  bytes.writeUInt32LE(creator.tgid ?? PLAIN_TASK.ppid, CREATOR.tgid);
  bytes.writeUInt32LE(creator.tgid ?? PLAIN_TASK.ppid, CREATOR.tid);
  return bytes;
}

function encodeExit(input: { endNs?: bigint; code?: number; bootNs?: bigint }): Buffer {
  const bytes = Buffer.alloc(EXIT.size);
  bytes.writeBigUInt64LE(input.endNs ?? input.bootNs ?? 6_000_000_000n, EXIT.endNs);
  bytes.writeUInt32LE(input.code ?? 0, EXIT.code);
  return bytes;
}

/** Ids before that are not given are those after it. */
function encodeCredentials(input: RecordInput & { kind: 'credentials' }): Buffer {
  const { uid, euid, suid, gid, egid, sgid, tgid } = { ...PLAIN_TASK, ...input.task };
  const { fsuid = euid, fsgid = egid, tid = tgid } = input;
  const before: UserAndGroupIds = { uid, euid, suid, fsuid, gid, egid, sgid, fsgid, ...input.before };
  const bytes = Buffer.alloc(CREDENTIALS.size);
  for (const name of ['uid', 'euid', 'suid', 'fsuid', 'gid', 'egid', 'sgid', 'fsgid'] as const) {
    bytes.writeUInt32LE(before[name], CREDENTIALS[name]);
  }
  bytes.writeUInt32LE(fsuid, CREDENTIALS.newFsuid);
  bytes.writeUInt32LE(fsgid, CREDENTIALS.newFsgid);
  bytes.writeUInt32LE(tid, CREDENTIALS.tid);
  return bytes;
}

function encodeFile(input: RecordInput & { kind: 'file' }): Buffer {
  const flags = Object.entries(FILE_FLAG).filter(([name]) => input[name as keyof typeof FILE_FLAG] === true);
  const bytes = Buffer.alloc(FILE.size);
  bytes.writeUInt32LE(FILE_OP[input.operation ?? 'creation'], FILE.op);
  const bits = flags.reduce((all, [, flag]) => all | flag, 0);
  bytes.writeUInt32LE(bits, FILE.flags);
  bytes.writeUInt32LE(input.tid ?? input.task?.tgid ?? PLAIN_TASK.tgid, FILE.tid);
  return bytes;
}

function encodeNetwork(input: RecordInput & { kind: 'network' }): Buffer {
  const bytes = Buffer.alloc(NETWORK.size);
  bytes.set(ipaddr.parse(input.localAddress ?? '127.0.0.1').toByteArray(), NETWORK.local);
  bytes.set(ipaddr.parse(input.remoteAddress ?? '127.0.0.1').toByteArray(), NETWORK.remote);
  bytes.writeBigUInt64LE(input.cookie ?? 0n, NETWORK.cookie);
  bytes.writeBigUInt64LE(input.sent ?? 0n, NETWORK.sent);
  bytes.writeBigUInt64LE(input.received ?? 0n, NETWORK.received);
  bytes.writeUInt16LE(input.localPort ?? 0, NETWORK.localPort);
  bytes.writeUInt16LE(input.remotePort ?? 0, NETWORK.remotePort);
  bytes.writeUInt16LE(FAMILY[input.family ?? 'ipv4'], NETWORK.family);
  bytes[NETWORK.op] = NETWORK_OP[input.operation ?? 'connection_attempted'];
  bytes[NETWORK.protocol] = input.operation === 'lookup_result' ? 17 : 6;
  bytes.writeInt32LE(input.result ?? 0, NETWORK.result);
  bytes.writeUInt32LE(input.tid ?? input.task?.tgid ?? PLAIN_TASK.tgid, NETWORK.tid);
  bytes.writeUInt32LE({ egress: 0, ingress: 1, unknown: 2 }[input.direction ?? 'egress'], NETWORK.flags);
  return bytes;
}

function encodeCall(input: RecordInput & { kind: 'call' }): Buffer {
  const bytes = Buffer.alloc(CALL.size);
  for (const [i, value] of (input.args ?? []).entries()) bytes.writeBigUInt64LE(value, CALL.args + 8 * i);
  bytes.writeUInt32LE(CALL_NUMBER[input.call ?? 'memfd_create'], CALL.call);
  bytes.writeUInt32LE(input.tid ?? input.task?.tgid ?? PLAIN_TASK.tgid, CALL.tid);
  bytes.writeInt32LE(input.result ?? 0, CALL.result);
  return bytes;
}

function encodeInode(inode: Inode): Buffer {
  const bytes = Buffer.alloc(INODE.size);
  bytes.writeBigUInt64LE(inode.ino, INODE.ino);
  bytes.writeBigUInt64LE(inode.size, INODE.bytes);
  bytes.writeBigInt64LE(inode.mtimeNs, INODE.mtimeNs);
  bytes.writeBigInt64LE(inode.ctimeNs, INODE.ctimeNs);
  for (const name of ['devMajor', 'devMinor', 'mode', 'nlink', 'uid', 'gid'] as const) {
    bytes.writeUInt32LE(inode[name], INODE[name]);
  }
  return bytes;
}

function encodeGroups(groups: readonly number[]): Buffer {
  const bytes = Buffer.alloc(groups.length * 4);
  groups.forEach((group, i) => {
    bytes.writeUInt32LE(group, i * 4);
  });
  return bytes;
}

/** Each string with its NUL, as in memory. */
export function encodeArea(strings: readonly string[]): Buffer {
  return Buffer.concat(strings.flatMap((text) => [encodeText(text), Uint8Array.of(0)]));
}
