// One run of guest/whole: the workload under the programs alone, by each source, and under the agent, with its self-test and
// doctor. out: what each of them said.

import { type AgentStatus, parseAgentStatus } from '../../src/agent-status.ts';
import type { SensorRecord } from '../../src/sensor/record.ts';
import { type Expected, readGroundTruth } from '../kernel/ground-truth.ts';
import { ofWorkload } from '../kernel/workload.ts';
import { type GuestResult, runGuest, textOf } from './guest.ts';
import { kernelOf } from './kernels.ts';
import { agentFiles, baseFiles, INSTALLED, packageFiles } from './payload.ts';
import { asFile, collectRecording, collectRing } from './recorded.ts';

/** Of the programs of sessions and credentials (native/bpf/changes.bpf.h). */
export const SOURCES = ['trampolines', 'syscalls'] as const;
export type Source = (typeof SOURCES)[number];

/** A line of native/test/load_bpf.c. */
export interface LoadedProgram {
  program: string;
  section: string;
  loaded: boolean;
  attached: boolean;
  reason: string;
  verified_insns: number;
  recursion_misses: number;
}

/** Of one run of the workload: its own account, and what was seen of its processes. */
export interface Seen {
  truth: Expected[];
  records: SensorRecord[];
}

export interface WholeRun {
  guest: GuestResult;
  /** By the programs alone; absent where the kernel does not have the source. */
  bySource: ReadonlyMap<Source, Seen>;
  byAgent: Seen;
  programs: ReadonlyMap<Source, LoadedProgram[]>;
  /** What `forebear status --json` said after the self-test, and the agent's last snapshot. */
  /** Of the package, as a user starts it: from exec to ready in this guest, and the alerts after a login at the console. */
  installed?: { startupMs: number; alerts: Record<string, unknown>[]; said: string };
  running: AgentStatus;
  stopped: AgentStatus;
}

/** Runs in which a preempted program was skipped for a record, and counted it, prove nothing of what is seen. */
export const ATTEMPTS = 3;

/** Boots the suite's kernel. Throws, with what the guest said, when it did not get to its end. */
export async function runWhole(suite: string): Promise<WholeRun> {
  for (let attempt = 1; ; attempt++) {
    const run = await runOnce(suite);
    const skipped = skippedIn(run);
    if (skipped === 0 || attempt === ATTEMPTS) return run;
    console.log(`${suite}: programs were skipped ${skipped} times and counted it: once more`);
  }
}

function skippedIn({ programs, stopped }: WholeRun): number {
  const counts = [...programs.values()].map((list) => {
    const misses = new Map(list.map((row) => [row.program, row.recursion_misses]));
    const single = [...misses].filter(([name]) => !name.endsWith('_again'));
    return single.map(([name, count]) => Math.min(count, misses.get(`${name}_again`) ?? count));
  });
  return counts.flat().reduce((a, b) => a + b, stopped.sensor.counters.recursionMisses);
}

async function runOnce(suite: string): Promise<WholeRun> {
  const files = [
    ...baseFiles('whole', ['load_bpf', 'workload', 'leaf']),
    ...(INSTALLED ? packageFiles() : agentFiles()),
  ];
  const guest = await runGuest({ kernel: kernelOf(suite), files });
  const [running, stopped] = ['status', 'stopped.json'].map((name) => parseAgentStatus(textOf(guest.files, name)));
  if (guest.status !== 0 || running === undefined || stopped === undefined) {
    throw new Error(`the job ended with ${guest.status}:\n${saidBy(guest)}`);
  }
  const bySource = new Map<Source, Seen>();
  const programs = new Map<Source, LoadedProgram[]>();
  for (const source of SOURCES) {
    if (!guest.files.has(`${source}.status`)) continue;
    programs.set(source, linesOf<LoadedProgram>(guest, `${source}.programs`, 'program'));
    if (textOf(guest.files, `${source}.status`) === '0\n') bySource.set(source, await seenBy(guest, source));
  }
  const installed = INSTALLED ? installedOf(guest) : undefined;
  const { records } = await collectRecording(guest.files.get('agent.recording')!);
  const byAgent = seenOf(guest, 'agent', records);
  return { guest, bySource, byAgent, programs, running, stopped, ...(installed && { installed }) };
}

function installedOf(guest: GuestResult): NonNullable<WholeRun['installed']> {
  const [startup, said] = ['installed.startup', 'installed'].map((name) => textOf(guest.files, name));
  return { startupMs: Number(startup), said: said!, alerts: linesOf(guest, 'installed.alerts', 'rule') };
}

async function seenBy(guest: GuestResult, source: Source): Promise<Seen> {
  const { seen, undecodable } = await collectRing(guest.files.get(`${source}.ring`)!);
  if (undecodable > 0) throw new Error(`${source}: ${undecodable} records cannot be decoded`);
  return seenOf(guest, source, seen.records);
}

function seenOf({ files }: GuestResult, name: string, records: SensorRecord[]): Seen {
  const truth = asFile(files.get(`${name}.truth`)!, readGroundTruth);
  return { truth, records: ofWorkload(records, truth) };
}

/** Lines of JSON in a file of /out that have that member. */
export function linesOf<T>({ files }: GuestResult, name: string, member: string): T[] {
  const lines = textOf(files, name).split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as object).filter((line) => member in line) as T[];
}

function saidBy({ console, files }: GuestResult): string {
  return `${console}${textOf(files, 'agent')}`;
}
