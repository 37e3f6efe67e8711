// Bytes of native/wire.h -> SensorRecord. In: batches, whole records back to back, from the ring, from iter/task or from a
// recording. Out: records in the same order. Hostile or damaged bytes cost that record and are counted: nothing throws, and
// nothing loops, since each step goes at least one head forward. Of the environment only the named variables come out.

import { readCall } from './decode-calls.ts';
import {
  readArguments,
  readCreator,
  readCredentials,
  readExit,
  readGroups,
  readInode,
  readPath,
  readTask,
  readText,
  readVariables,
} from './decode-fields.ts';
import { readFile } from './decode-files.ts';
import { readNetwork } from './decode-network.ts';
import { Frame } from './frame.ts';
import { FIELD, FIELD_FLAG, HEAD, KIND, TASK, TASK_FLAG, WIRE_VERSION } from './layout.ts';
import type { ExecRecord, Part, SensorRecord, TaskRecord } from './record.ts';
import { perKind, type RecordKind } from './sensor.ts';
import { type WantedNames, wantedNames } from './variable-names.ts';

export interface DecodeCounts {
  decoded: Record<RecordKind, number>;
  /** Records whose bytes contradict wire.h; the rest of a batch that cannot be framed counts once. */
  malformed: number;
  /** Records of a kind or a wire version that this version does not know. */
  unknown: number;
}

const KINDS = new Map<number, RecordKind>([
  [KIND.exec, 'exec'],
  [KIND.fork, 'fork'],
  [KIND.exit, 'exit'],
  [KIND.task, 'task'],
  [KIND.session, 'session'],
  [KIND.credentials, 'credentials'],
  [KIND.file, 'file'],
  [KIND.network, 'network'],
  [KIND.call, 'call'],
]);

/** In the order in which the programs write them. */
const PARTS: readonly (readonly [number, Part])[] = [
  [FIELD.groups, 'groups'],
  [FIELD.executable, 'executable'],
  [FIELD.filename, 'filename'],
  [FIELD.interpreter, 'interpreter'],
  [FIELD.cwd, 'cwd'],
  [FIELD.parentExecutable, 'parent_executable'],
  [FIELD.cgroup, 'cgroup'],
  [FIELD.args, 'args'],
  [FIELD.env, 'env'],
  [FIELD.path, 'path'],
  [FIELD.oldPath, 'old_path'],
  [FIELD.linkTarget, 'link_target'],
  [FIELD.name, 'name'],
  [FIELD.message, 'message'],
];

/** What a record of any kind has. */
type Base = Pick<ExecRecord, 'bootNs' | 'task' | 'truncated' | 'unreadable' | 'unreachable'>;

export class Decoder {
  readonly counts: DecodeCounts = { decoded: perKind(() => 0), malformed: 0, unknown: 0 };
  readonly #wanted: WantedNames;
  readonly #frame = new Frame();

  /** @param envNames variables whose NAME=value leaves decode (variable-names.ts). */
  constructor(envNames: ReadonlySet<string>) {
    this.#wanted = wantedNames(envNames);
  }

  /**
   * in: whole records back to back; not kept, what comes out holds copies.
   * out: the records that could be decoded; counts says what could not.
   */
  decode(batch: Uint8Array): SensorRecord[] {
    this.#frame.open(batch);
    const records: SensorRecord[] = [];
    let at = 0;
    while (at < batch.length) {
      const length = this.#frame.recordLength(at);
      if (length === 0) {
        this.counts.malformed++;
        break;
      }
      const record = this.#decodeRecord(at, length);
      if (record !== undefined) records.push(record);
      at += length;
    }
    return records;
  }

  #decodeRecord(at: number, length: number): SensorRecord | undefined {
    const { view } = this.#frame;
    const kind = KINDS.get(view.getUint8(at + HEAD.kind));
    if (kind === undefined || view.getUint8(at + HEAD.version) !== WIRE_VERSION) {
      this.counts.unknown++;
      return undefined;
    }
    const framed = this.#frame.split(at + HEAD.size, at + length);
    const record = framed ? this.#build(kind, view.getBigUint64(at + HEAD.bootNs, true)) : undefined;
    if (record === undefined) this.counts.malformed++;
    else this.counts.decoded[kind]++;
    return record;
  }

  /** undefined when a field is missing without which the record means nothing. */
  #build(kind: RecordKind, bootNs: bigint): SensorRecord | undefined {
    const frame = this.#frame;
    if (!frame.has(FIELD.task)) return undefined;
    const base = { bootNs, task: readTask(frame), ...marksOf(frame) };
    switch (kind) {
      case 'exec':
        return this.#exec(base);
      case 'task':
        return withImage({ kind, ...base, groups: readGroups(frame) }, frame);
      case 'fork':
        return frame.has(FIELD.creator) ? { kind, ...base, creator: readCreator(frame) } : undefined;
      case 'exit':
        return frame.has(FIELD.exit) ? { kind, ...base, ...readExit(frame) } : undefined;
      case 'session':
        return { kind, ...base };
      case 'credentials': {
        const groups = readGroups(frame);
        return frame.has(FIELD.credentials) ? { kind, ...base, groups, ...readCredentials(frame) } : undefined;
      }
      case 'file': {
        const file = readFile(frame);
        return file && { kind, ...base, ...file };
      }
      case 'network': {
        const network = readNetwork(frame);
        return network && { kind, ...base, ...network };
      }
      case 'call': {
        const call = readCall(frame);
        return call && { kind, ...base, ...call };
      }
    }
  }

  #exec(base: Base): ExecRecord {
    const frame = this.#frame;
    const task = frame.start(FIELD.task);
    const flags = frame.view.getUint32(task + TASK.flags, true);
    const record: ExecRecord = {
      kind: 'exec',
      ...base,
      deleted: (frame.flags(FIELD.executable) & FIELD_FLAG.deleted) !== 0,
      memfd: (flags & TASK_FLAG.memfd) !== 0,
      setuid: (flags & TASK_FLAG.setuid) !== 0,
      setgid: (flags & TASK_FLAG.setgid) !== 0,
      script: (flags & TASK_FLAG.script) !== 0,
      args: readArguments(frame),
      argc: frame.view.getUint32(task + TASK.argc, true),
      argBytes: frame.view.getUint32(task + TASK.argBytes, true),
      env: readVariables(frame, this.#wanted),
      groups: readGroups(frame),
    };
    const filename = readText(frame, FIELD.filename);
    if (filename !== undefined) record.filename = filename;
    const interpreter = readText(frame, FIELD.interpreter);
    if (interpreter !== undefined) record.interpreter = interpreter;
    const cwd = readPath(frame, FIELD.cwd);
    if (cwd !== undefined) record.cwd = cwd;
    return withImage(record, frame);
  }
}

/** What exec and task records have in common, where the record has it. */
function withImage<R extends ExecRecord | TaskRecord>(record: R, frame: Frame): R {
  const executable = readPath(frame, FIELD.executable);
  if (executable !== undefined) record.executable = executable;
  const cgroup = readPath(frame, FIELD.cgroup);
  if (cgroup !== undefined) record.cgroup = cgroup;
  const parentExecutable = readPath(frame, FIELD.parentExecutable);
  if (parentExecutable !== undefined) record.parentExecutable = parentExecutable;
  if (frame.has(FIELD.inode)) record.inode = readInode(frame);
  return record;
}

type Marks = Pick<Base, 'truncated' | 'unreadable' | 'unreachable'>;
const NONE: readonly Part[] = [];
const UNMARKED: Marks = { truncated: NONE, unreadable: NONE, unreachable: NONE };
const MARKS = FIELD_FLAG.truncated | FIELD_FLAG.fault | FIELD_FLAG.unreachable;

function marksOf(frame: Frame): Marks {
  if ((frame.anyFlags & MARKS) === 0) return UNMARKED;
  const marked = (flag: number) => PARTS.filter(([id]) => (frame.flags(id) & flag) !== 0).map(([, part]) => part);
  return {
    truncated: marked(FIELD_FLAG.truncated),
    unreadable: marked(FIELD_FLAG.fault),
    unreachable: marked(FIELD_FLAG.unreachable),
  };
}
