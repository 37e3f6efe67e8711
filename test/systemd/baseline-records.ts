// A recording of a host that ran a bed -> a recording of the bed alone, as if the bed were a machine of its own. In: the file, the
// host's pids of the bed's systemd, one for each boot; out: a packed recording. Kept are a systemd and all that descend from it, from
// its first exec on. Used by baseline.ts.

import { RecordingReader } from '../../src/record/read-recording-io.ts';
import type { Json as RecordedJson } from '../../src/record/recording.ts';
import { RecordingWriter } from '../../src/record/write-recording-io.ts';
import { Frame as Fields } from '../../src/sensor/frame.ts';
import { FIELD, HEAD, KIND, TASK } from '../../src/sensor/layout.ts';

export type Json = RecordedJson;

export interface Source {
  readonly file: string;
  readonly beds: readonly {
    readonly leader: number;
    readonly users: string;
    readonly groups: string;
    readonly os: string;
  }[];
}

const IDS = [TASK.tgid, TASK.ppid, TASK.pgid, TASK.sid];
const BOOT_ID = 'b5d0c0de-0000-4000-8000-000000000001';

export class RecordedBed {
  readonly source: Source;
  readonly #leaders: ReadonlySet<number>;
  /** Processes of the bed: pid and start time. */
  readonly #kept = new Set<string>();
  readonly #fields = new Fields();
  #namespaces: Json = null;

  constructor(source: Source) {
    this.source = source;
    this.#leaders = new Set(source.beds.map(({ leader }) => leader));
  }

  /** out: records kept and seen, and all bytes that were written before they were packed. */
  write(target: string): { records: number; seen: number; facts: Uint8Array } {
    const reader = new RecordingReader(this.source.file);
    const batches: Uint8Array[] = [];
    let start: Json = null;
    let seen = 0;
    let records = 0;
    for (const frame of reader.frames()) {
      if (frame.kind === 'fact') {
        const { fact } = frame.fact as unknown as { fact: { kind: string } };
        if (fact.kind === 'start') start = fact as unknown as Json;
      }
      if (frame.kind !== 'ring') continue;
      const own: Buffer[] = [];
      for (const record of this.#split(frame.bytes)) {
        seen++;
        if (this.#isOwn(record)) own.push(record);
      }
      records += own.length;
      if (own.length > 0) batches.push(Buffer.concat(own));
    }
    const first = { at: 0, fact: this.#start(start) } as Json;
    const writer = new RecordingWriter(target, reader.header.facts, { packed: true });
    writer.write({ kind: 'fact', fact: first });
    for (const bytes of batches) writer.write({ kind: 'ring', bytes });
    writer.close();
    return { records, seen, facts: Buffer.concat([Buffer.from(JSON.stringify(first)), ...batches]) };
  }

  #split(batch: Uint8Array): Buffer[] {
    const bytes = Buffer.from(batch);
    const records: Buffer[] = [];
    this.#fields.open(bytes);
    for (let at = 0; at < bytes.length; ) {
      const length = this.#fields.recordLength(at);
      if (length === 0 || !this.#fields.split(at + HEAD.size, at + length)) throw new Error('a record cannot be read');
      records.push(Buffer.from(bytes.subarray(at, at + length)));
      at += length;
    }
    return records;
  }

  /** Decided while the record is the one that was split last; pids of the bed's systemd become 1 in it. */
  #isOwn(record: Buffer): boolean {
    this.#fields.open(record);
    this.#fields.split(HEAD.size, record.length);
    const task = this.#fields.start(FIELD.task);
    if (task < 0) return false;
    const tgid = record.readUInt32LE(task + TASK.tgid);
    const key = keyOf(tgid, record.readBigUInt64LE(task + TASK.startNs));
    const kind = record[HEAD.kind];
    if (kind === KIND.fork && !this.#forkedByOwn(record)) return false;
    if (kind === KIND.fork || (kind === KIND.exec && this.#leaders.has(tgid))) this.#kept.add(key);
    if (!this.#kept.has(key)) return false;
    this.#renumber(record, task, tgid);
    return true;
  }

  #forkedByOwn(record: Buffer): boolean {
    const creator = this.#fields.start(FIELD.creator);
    return creator >= 0 && this.#kept.has(keyOf(record.readUInt32LE(creator + 8), record.readBigUInt64LE(creator)));
  }

  #renumber(record: Buffer, task: number, tgid: number): void {
    if (this.#leaders.has(tgid)) {
      record.writeUInt32LE(0, task + TASK.ppid);
      record.writeBigUInt64LE(0n, task + TASK.parentStartNs);
      this.#namespaces ??= {
        pid: record.readUInt32LE(task + TASK.pidNs),
        mnt: record.readUInt32LE(task + TASK.mntNs),
        user: record.readUInt32LE(task + TASK.userNs),
        net: record.readUInt32LE(task + TASK.netNs),
      };
    }
    for (const at of IDS) if (this.#leaders.has(record.readUInt32LE(task + at))) record.writeUInt32LE(1, task + at);
    const creator = this.#fields.start(FIELD.creator);
    for (const at of creator < 0 ? [] : [creator + 8, creator + 12]) {
      if (this.#leaders.has(record.readUInt32LE(at))) record.writeUInt32LE(1, at);
    }
  }

  #start(recorded: Json): Json {
    const { users, groups, os } = this.source.beds[0]!;
    const [full = '', name = '', version = '', platform = ''] = os.split('|');
    const { wallOffsetMs, host } = recorded as { wallOffsetMs: number; host: { os: { kernel?: string } } };
    return {
      kind: 'start',
      bootId: BOOT_ID,
      host: {
        id: '0bed0bed0bed0bed0bed0bed0bed0bed',
        name: 'bed',
        architecture: 'x86_64',
        ip: ['192.0.2.10'],
        mac: ['00-00-5E-00-53-01'],
        os: { family: platform, full, kernel: host.os.kernel ?? '', name, platform, version },
      },
      namespaces: this.#namespaces,
      wallOffsetMs,
      users: namesOf(users),
      groups: namesOf(groups),
    };
  }
}

function keyOf(pid: number, startNs: bigint): string {
  return `${pid} ${startNs}`;
}

/** in: lines of passwd or group; out: id and name. */
function namesOf(lines: string): Json {
  return lines.split('\n').map((line) => {
    const [name = '', , id = '0'] = line.split(':');
    return [Number(id), name];
  });
}
