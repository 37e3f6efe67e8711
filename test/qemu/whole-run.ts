// One run of guest/whole: the agent in a guest under the workload, its self-test and doctor. out: what each of them said.

import { type AgentStatus, parseAgentStatus } from '../../src/agent-status.ts';
import type { SensorRecord } from '../../src/sensor/record.ts';
import { type Expected, readGroundTruth } from '../kernel/ground-truth.ts';
import { ofWorkload } from '../kernel/workload.ts';
import { type GuestResult, runGuest, textOf } from './guest.ts';
import { kernelOf } from './kernels.ts';
import { agentFiles, baseFiles } from './payload.ts';
import { asFile, collectRecording } from './recorded.ts';

/** A line of native/test/load_bpf.c. */
export interface LoadedProgram {
  program: string;
  section: string;
  loaded: boolean;
  attached: boolean;
  reason: string;
  verified_insns: number;
}

export interface WholeRun {
  guest: GuestResult;
  truth: Expected[];
  /** Of the workload's processes. */
  records: SensorRecord[];
  programs: LoadedProgram[];
  /** The agent's last snapshot, after its stop. */
  status: AgentStatus;
}

/** Boots the suite's kernel. Throws, with what the guest said, when it did not get to its end. */
export async function runWhole(suite: string): Promise<WholeRun> {
  const files = [...baseFiles('whole', ['load_bpf', 'workload', 'leaf']), ...agentFiles()];
  const guest = await runGuest({ kernel: kernelOf(suite), files });
  const status = parseAgentStatus(textOf(guest.files, 'status.json'));
  if (guest.status !== 0 || status === undefined)
    throw new Error(`the job ended with ${guest.status}:\n${saidBy(guest)}`);
  const truth = asFile(guest.files.get('truth')!, readGroundTruth);
  const seen = await collectRecording(guest.files.get('recording')!);
  const records = ofWorkload(seen.records, truth);
  return { guest, truth, records, status, programs: linesOf<LoadedProgram>(guest, 'programs', 'program') };
}

/** Lines of JSON in a file of /out that have that member. */
export function linesOf<T>({ files }: GuestResult, name: string, member: string): T[] {
  const lines = textOf(files, name).split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as object).filter((line) => member in line) as T[];
}

export function saidBy({ console, files }: GuestResult): string {
  return `${console}${textOf(files, 'agent')}`;
}
