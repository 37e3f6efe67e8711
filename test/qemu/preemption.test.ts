// Records under preemption: from 7.0 a tracing program can be preempted by another process, whose exec sets off the same
// program on the same CPU. Eight processes on two CPUs execute what they know the checksum of (native/test/qemu_execs.c):
// no record may hold a byte of another one, and what is not there is counted. This host's own kernel proves nothing here.

import { crc32 } from 'node:zlib';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CredentialsRecord, ExecRecord, SensorRecord } from '../../src/sensor/record.ts';
import { encodeText } from '../../src/text.ts';
import { DEADLINE_MS, type GuestResult, runGuest, textOf } from './guest.ts';
import { describeSuite, kernelOf, NEWEST, SUITES, whyNoGuest } from './kernels.ts';
import { baseFiles } from './payload.ts';
import { collectRing } from './recorded.ts';
import { linesOf } from './whole-run.ts';

const WORKERS = 8;
const EXECS = 500;
/** Fewer, and a guest was not preempted in these programs: the test would prove nothing. */
const PREEMPTED_MIN = 20;

interface Made {
  tgid: number;
  ppid: number;
  worker: number;
  number: number;
}

type Counters = Record<string, readonly [reserved: number, lost: number]>;

const missing = whyNoGuest(NEWEST);
/** What the newest kernels offer. npm test takes the harder one, where that kernel is here at all; the matrix both. */
const MODES = SUITES.includes(NEWEST) ? ['full', 'lazy'] : ['full'];

describe.each(MODES)(`${describeSuite(NEWEST)} with preempt=%s`, (preemption) => {
  let guest: GuestResult;
  let made: Made[];
  let records: SensorRecord[];
  let undecodable: number;
  let execs: ExecRecord[];
  let misses: Record<string, number>;
  let counters: Counters;

  beforeAll(async () => {
    if (missing !== undefined) return;
    const files = baseFiles('preemption', ['load_bpf', 'qemu_execs', 'leaf']);
    guest = await runGuest({ kernel: kernelOf(NEWEST), files, parameters: [`preempt=${preemption}`] });
    made = linesOf<Made>(guest, 'made', 'tgid');
    const { seen, undecodable: damaged } = await collectRing(guest.files.get('ring')!);
    records = seen.records;
    undecodable = damaged;
    execs = records.filter((record): record is ExecRecord => record.kind === 'exec' && isMade(record));
    const programs = linesOf<{ program: string; recursion_misses: number }>(guest, 'programs', 'program');
    misses = Object.fromEntries(programs.map(({ program, recursion_misses }) => [program, recursion_misses]));
    counters = linesOf<{ counters: Counters }>(guest, 'programs', 'counters')[0]!.counters;
  }, 2 * DEADLINE_MS);

  beforeEach((ctx) => {
    if (missing !== undefined) ctx.skip(missing);
  });

  it('preempts the programs, and every exec was made', () => {
    expect(guest.status).toBe(0);
    expect(textOf(guest.files, 'dmesg')).toContain(`Dynamic Preempt: ${preemption}`);
    expect(made.length).toBe(WORKERS * EXECS);
    expect(misses.fb_exec).toBeGreaterThan(PREEMPTED_MIN);
  });

  it('has no corrupt record', () => {
    const known = new Map(made.map((exec) => [exec.tgid, exec]));
    const corrupt = execs.filter((record) => !isWhole(record, known.get(record.task.tgid)));
    expect({ corrupt: corrupt.length, undecodable }).toEqual({ corrupt: 0, undecodable: 0 });
    expect(execs.length).toBeGreaterThan(made.length / 2);
  });

  it('has each exec once, or counts it', () => {
    const seen = new Set(execs.map(({ task }) => task.tgid));
    expect(execs.length).toBe(seen.size);
    const absent = made.filter(({ tgid }) => !seen.has(tgid)).length;
    const skipped = skippedTwice('exec');
    console.log(
      `preempt=${preemption}: ${made.length} execs in ${guest.seconds.toFixed(1)} s, ${absent} not seen; ` +
        `counted: ${counters.exec![1]} lost, recursion misses ${misses.fb_exec} and ${misses.fb_exec_again}; ` +
        `of credentials ${counters.credentials![1]} lost, ${misses.fb_credentials} missed`,
    );
    expect(absent).toBeLessThanOrEqual(counters.exec![1] + skipped);
  });

  it.each(['fork', 'exit'] as const)('has the %s of each process once, or counts it', (kind) => {
    const own = new Set(made.map(({ tgid }) => tgid));
    const seen = records.filter(({ kind: of, task }) => of === kind && own.has(task.tgid)).map(({ task }) => task.tgid);
    expect(new Set(seen).size).toBe(seen.length);
    expect(own.size - seen.length).toBeLessThanOrEqual(counters[kind]![1] + skippedTwice(kind));
  });

  /** At most so many were lost to both programs: each was skipped for what the other one took as well. */
  const skippedTwice = (kind: string) => Math.min(misses[`fb_${kind}`]!, misses[`fb_${kind}_again`]!);

  it('has each change of credentials as it was, or counts it', () => {
    const groups = new Map(
      made.map(({ ppid, worker, number }) => [1000 * (worker + 1) + number, { ppid, worker, number }]),
    );
    const changes = records.filter((record) => record.kind === 'credentials' && groups.has(record.fsgid));
    const wrong = changes.filter((record) => record.kind === 'credentials' && !isOf(record, groups.get(record.fsgid)!));
    expect(wrong).toEqual([]);
    expect(made.length - changes.length).toBeLessThanOrEqual(counters.credentials![1] + misses.fb_credentials!);
  });

  it('wrote what it reserved', () => {
    for (const kind of ['exec', 'fork', 'exit', 'credentials']) {
      const [reserved, lost] = counters[kind]!;
      expect([kind, records.filter((record) => record.kind === kind).length]).toEqual([kind, reserved - lost]);
    }
  });
});

/** Whatever became of the rest: the worker and the one that load_bpf starts are named otherwise. */
function isMade({ args, executable = '' }: ExecRecord): boolean {
  return args[0] === 'checksummed' || /\/execs-\d+$/.test(executable);
}

/** in: a change of credentials, and the exec before which that worker made it; the first one comes from group 0. */
function isOf({ task, tid, before, fsuid, groups }: CredentialsRecord, exec: Omit<Made, 'tgid'>): boolean {
  const from = exec.number === 0 ? 0 : 1000 * (exec.worker + 1) + exec.number - 1;
  const { fsgid, ...others } = before;
  const root = [task.uid, task.euid, task.suid, task.gid, task.egid, task.sgid, fsuid, ...Object.values(others)];
  const own = task.tgid === exec.ppid && tid === exec.ppid && task.comm === `worker-${exec.worker}`;
  return own && fsgid === from && root.every((id) => id === 0) && groups.length === 0;
}

/** in: a record, and what the worker wrote down of that pid; out: whether every part of it is that exec's and no other's. */
function isWhole(record: ExecRecord, exec: Made | undefined): boolean {
  const [, worker, number] = record.args;
  if (exec === undefined || record.task.ppid !== exec.ppid) return false;
  if (worker !== String(exec.worker) || number !== String(exec.number)) return false;
  return hasItsChecksum(record) && hasItsPlace(record, exec.worker) && record.env.join() === `LAST=${worker}-${number}`;
}

function hasItsChecksum({ args, argc, argBytes, truncated, unreadable }: ExecRecord): boolean {
  const words = Buffer.concat(args.slice(0, -1).map((arg) => Buffer.concat([encodeText(arg), Buffer.of(0)])));
  const sum = args.at(-1)!;
  const whole = truncated.length + unreadable.length === 0 && argc === args.length;
  return whole && argBytes === words.length + sum.length + 1 && sum === crc32(words).toString(16).padStart(8, '0');
}

function hasItsPlace({ executable, filename, cwd, parentExecutable, task }: ExecRecord, worker: number): boolean {
  const folder = `/tmp/execs/${worker}${folderBelow(worker)}`;
  const file = `${folder}/execs-${worker}`;
  const paths = [executable, filename, cwd, parentExecutable, task.comm];
  return paths.join('\n') === [file, file, folder, `${folder}/worker-${worker}`, `execs-${worker}`].join('\n');
}

/** As enter_folder of native/test/qemu_execs.c makes it. */
function folderBelow(worker: number): string {
  const name = `/folder-${worker}-${'0123456789'.repeat(4).slice(0, 1 + ((worker * 7) % 40))}`;
  return name.repeat(worker % 8);
}
