// What native/test/workload.c wrote down (format: native/test/expect.h), and the sensor's records in the same terms.

import { readFileSync } from 'node:fs';
import type { ExecRecord, SensorRecord } from '../../src/sensor/record.ts';
import { decodeText } from '../../src/text.ts';

/** Byte strings are decoded as the sensor decodes them. */
export interface ExpectedExec {
  kind: 'exec';
  case: string;
  tgid: number;
  ppid: number;
  pgid: number;
  sid: number;
  argc: number;
  args: string[];
  arg_bytes: number;
  env: string[];
  filename: string;
  executable: string;
  interpreter?: string;
  cwd: string;
  parent_executable: string;
  uid: number;
  euid: number;
  suid: number;
  gid: number;
  egid: number;
  sgid: number;
  groups: number[];
  /** 0: not known (inside a chroot). */
  mnt_ns: number;
  tty: [number, number];
  flags: string[];
}

export type Expected =
  | ExpectedExec
  | { kind: 'fork'; case: string; tgid: number; ppid: number; creator: number }
  | { kind: 'exit'; case: string; tgid: number; code: number }
  | { kind: 'storm'; case: string; tgid: number; worker: number; number: number }
  | { kind: 'skip'; case: string; reason: string };

const BYTES = ['filename', 'executable', 'interpreter', 'cwd', 'parent_executable', 'args', 'env'];

const fromHex = (hex: string) => decodeText(Buffer.from(hex, 'hex'));

function revive(key: string, value: unknown): unknown {
  if (!BYTES.includes(key)) return value;
  return Array.isArray(value) ? value.map(fromHex) : fromHex(value as string);
}

export function readGroundTruth(path: string): Expected[] {
  const lines = readFileSync(path, 'latin1').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line, revive) as Expected);
}

/** Of the arguments what fits into the cap of wire.h, the last one cut. */
export function cutArgs(args: readonly string[], maxBytes: number): string[] {
  let room = maxBytes;
  const kept: string[] = [];
  for (const arg of args) {
    if (room <= 0) break;
    kept.push(arg.slice(0, room)); // ASCII wherever it is cut
    room -= arg.length + 1;
  }
  return kept;
}

const FLAGS = ['setuid', 'setgid', 'memfd', 'script', 'deleted'] as const;

/** An exec record in the terms of an expectation; env: those variables that the sensor was asked for. */
export function inTermsOf(expected: ExpectedExec, record: ExecRecord): ExpectedExec {
  const { task } = record;
  return {
    kind: 'exec',
    case: expected.case,
    tgid: task.tgid,
    ppid: task.ppid,
    pgid: task.pgid,
    sid: task.sid,
    argc: record.argc,
    args: [...record.args],
    arg_bytes: record.argBytes,
    env: [...record.env],
    filename: record.filename ?? '',
    executable: record.executable ?? '',
    ...(record.interpreter === undefined ? {} : { interpreter: record.interpreter }),
    cwd: record.cwd ?? '',
    parent_executable: record.parentExecutable ?? '',
    uid: task.uid,
    euid: task.euid,
    suid: task.suid,
    gid: task.gid,
    egid: task.egid,
    sgid: task.sgid,
    groups: [...record.groups],
    mnt_ns: expected.mnt_ns === 0 ? 0 : task.mntNs,
    tty: [task.ttyMajor, task.ttyMinor],
    flags: FLAGS.filter((flag) => record[flag]),
  };
}

export function recordsOf<K extends SensorRecord['kind']>(records: readonly SensorRecord[], kind: K, tgid: number) {
  return records.filter(
    (record): record is Extract<SensorRecord, { kind: K }> => record.kind === kind && record.task.tgid === tgid,
  );
}
