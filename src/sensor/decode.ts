// Bytes of native/wire.h -> SensorRecord. In: batches, whole records back to back, from the ring, from iter/task or from a
// recording. Out: records in the same order. Hostile or damaged bytes cost that record and are counted: nothing throws, and
// nothing loops, since each step goes at least one head forward. Of the environment only the named variables come out.

import { decodeText } from '../text.ts';
import { readAreas, readGroups, readInode, readNamedVariables, readTask } from './decode-fields.ts';
import {
  CREATOR,
  EXIT,
  FIELD,
  FIELD_FLAG,
  FIELD_HEAD,
  HEAD,
  INODE,
  KIND,
  TASK,
  TASK_FLAG,
  WIRE_VERSION,
} from './layout.ts';
import type { ExecRecord, Part, SensorRecord } from './record.ts';
import type { RecordKind } from './sensor.ts';

export interface DecodeCounts {
  decoded: Record<RecordKind, number>;
  /** Records whose bytes contradict wire.h; the rest of a batch that cannot be framed counts once. */
  malformed: number;
  /** Records of a kind or a wire version that this version does not know. */
  unknown: number;
}

const KINDS = new Map<number | undefined, RecordKind>([
  [KIND.exec, 'exec'],
  [KIND.fork, 'fork'],
  [KIND.exit, 'exit'],
  [KIND.task, 'task'],
]);

/** Smallest payload by field id; what is longer comes from a later version that appended members. */
const SMALLEST = new Map<number, number>([
  [FIELD.task, TASK.size],
  [FIELD.creator, CREATOR.size],
  [FIELD.exit, EXIT.size],
  [FIELD.inode, INODE.size],
]);

const PARTS = new Map<number, Part>([
  [FIELD.executable, 'executable'],
  [FIELD.filename, 'filename'],
  [FIELD.interpreter, 'interpreter'],
  [FIELD.cwd, 'cwd'],
  [FIELD.args, 'args'],
  [FIELD.env, 'env'],
  [FIELD.cgroup, 'cgroup'],
  [FIELD.parentExecutable, 'parent_executable'],
  [FIELD.groups, 'groups'],
]);

/** Payloads of one record by field id; views into the batch. */
type Fields = Map<number, { flags: number; bytes: Buffer }>;

export class Decoder {
  readonly counts: DecodeCounts = { decoded: { exec: 0, fork: 0, exit: 0, task: 0 }, malformed: 0, unknown: 0 };
  readonly #envNames: ReadonlySet<string>;

  /** @param envNames variables whose NAME=value leaves decode. */
  constructor(envNames: ReadonlySet<string>) {
    this.#envNames = envNames;
  }

  /**
   * in: whole records back to back; not kept, what comes out holds copies.
   * out: the records that could be decoded; counts says what could not.
   */
  decode(batch: Uint8Array): SensorRecord[] {
    const bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength);
    const records: SensorRecord[] = [];
    let at = 0;
    while (at < bytes.length) {
      const length = recordLength(bytes, at);
      if (length === 0) {
        this.counts.malformed++;
        break;
      }
      const record = this.#decodeRecord(bytes.subarray(at, at + length));
      if (record !== undefined) records.push(record);
      at += length;
    }
    return records;
  }

  #decodeRecord(bytes: Buffer): SensorRecord | undefined {
    const kind = KINDS.get(bytes[HEAD.kind]);
    if (kind === undefined || bytes[HEAD.version] !== WIRE_VERSION) {
      this.counts.unknown++;
      return undefined;
    }
    const fields = splitFields(bytes);
    const record = fields && this.#build(kind, bytes.readBigUInt64LE(HEAD.bootNs), fields);
    if (record === undefined) this.counts.malformed++;
    else this.counts.decoded[kind]++;
    return record;
  }

  /** undefined when a field is missing without which the record means nothing. */
  #build(kind: RecordKind, bootNs: bigint, fields: Fields): SensorRecord | undefined {
    const task = fields.get(FIELD.task)?.bytes;
    if (task === undefined) return undefined;
    const base = { bootNs, task: readTask(task), ...marksOf(fields) };
    switch (kind) {
      case 'exec':
        return { kind, ...base, ...execParts(task, fields), env: this.#env(fields), ...imageParts(fields) };
      case 'task':
        return { kind, ...base, ...imageParts(fields) };
      case 'fork': {
        const creator = fields.get(FIELD.creator)?.bytes;
        if (creator === undefined) return undefined;
        const [tgid, startNs] = [creator.readUInt32LE(CREATOR.tgid), creator.readBigUInt64LE(CREATOR.startNs)];
        return { kind, ...base, creator: { tgid, startNs } };
      }
      case 'exit': {
        const exit = fields.get(FIELD.exit)?.bytes;
        if (exit === undefined) return undefined;
        return { kind, ...base, endNs: exit.readBigUInt64LE(EXIT.endNs), code: exit.readUInt32LE(EXIT.code) };
      }
    }
  }

  #env(fields: Fields): string[] {
    const area = fields.get(FIELD.env)?.bytes;
    return area === undefined || this.#envNames.size === 0 ? [] : readNamedVariables(area, this.#envNames);
  }
}

/** Length of the record at `at`, 0 when there is none. */
function recordLength(bytes: Buffer, at: number): number {
  if (bytes.length - at < HEAD.size) return 0;
  const length = bytes.readUInt32LE(at + HEAD.length);
  return length >= HEAD.size && length % 8 === 0 && length <= bytes.length - at ? length : 0;
}

/** undefined when a field runs over the record's end or is shorter than its struct. Of a repeated field the last counts. */
function splitFields(record: Buffer): Fields | undefined {
  const fields: Fields = new Map();
  let at: number = HEAD.size;
  while (at < record.length) {
    const start = at + FIELD_HEAD.size;
    const length = record.readUInt32LE(at + FIELD_HEAD.length);
    const id = record.readUInt16LE(at + FIELD_HEAD.id);
    if (length > record.length - start || length < (SMALLEST.get(id) ?? 0)) return undefined;
    fields.set(id, {
      flags: record.readUInt16LE(at + FIELD_HEAD.flags),
      bytes: record.subarray(start, start + length),
    });
    at = start + Math.ceil(length / 8) * 8;
  }
  return fields;
}

function execParts(task: Buffer, fields: Fields) {
  const flags = task.readUInt32LE(TASK.flags);
  return {
    deleted: ((fields.get(FIELD.executable)?.flags ?? 0) & FIELD_FLAG.deleted) !== 0,
    memfd: (flags & TASK_FLAG.memfd) !== 0,
    setuid: (flags & TASK_FLAG.setuid) !== 0,
    setgid: (flags & TASK_FLAG.setgid) !== 0,
    script: (flags & TASK_FLAG.script) !== 0,
    args: readAreas(fields.get(FIELD.args)?.bytes),
    argc: task.readUInt32LE(TASK.argc),
    argBytes: task.readUInt32LE(TASK.argBytes),
    ...textPart(fields, FIELD.filename, 'filename'),
    ...textPart(fields, FIELD.interpreter, 'interpreter'),
    ...textPart(fields, FIELD.cwd, 'cwd'),
  } satisfies Partial<ExecRecord>;
}

/** What exec and task records have in common. */
function imageParts(fields: Fields) {
  const inode = fields.get(FIELD.inode)?.bytes;
  return {
    groups: readGroups(fields.get(FIELD.groups)?.bytes),
    ...textPart(fields, FIELD.executable, 'executable'),
    ...textPart(fields, FIELD.cgroup, 'cgroup'),
    ...textPart(fields, FIELD.parentExecutable, 'parentExecutable'),
    ...(inode && { inode: readInode(inode) }),
  };
}

/** Absent when the field is absent, or was unreadable with nothing carried. */
function textPart<Name extends string>(fields: Fields, id: number, name: Name): { [name in Name]?: string } {
  const field = fields.get(id);
  if (field === undefined || (field.bytes.length === 0 && (field.flags & FIELD_FLAG.fault) !== 0)) return {};
  return { [name]: decodeText(field.bytes) } as { [name in Name]?: string };
}

const NONE: readonly Part[] = [];

function marksOf(fields: Fields) {
  const marked = (flag: number): readonly Part[] => {
    const parts: Part[] = [];
    for (const [id, field] of fields) {
      const part = (field.flags & flag) === 0 ? undefined : PARTS.get(id);
      if (part !== undefined) parts.push(part);
    }
    return parts.length === 0 ? NONE : parts;
  };
  return {
    truncated: marked(FIELD_FLAG.truncated),
    unreadable: marked(FIELD_FLAG.fault),
    unreachable: marked(FIELD_FLAG.unreachable),
  };
}
