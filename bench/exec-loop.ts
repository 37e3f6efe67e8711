// What the agent costs a host that does nothing but exec: wall time of the same storm of short programs, bare and with the
// agent running, in interleaved rounds. Printed as ratios to bare with their spread; bare against bare shows what the
// machine itself varies. Run as root on a quiet machine: npm run bench

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { median, spread } from './statistics.ts';

const ROOT = resolve(import.meta.dirname, '..');
const WORKLOAD = join(ROOT, 'build/test/workload');
const EXECS = 4000;
const ROUNDS = 9;

interface Round {
  bare: number;
  again: number;
  agent: number;
  agentCpuMs: number;
  residentMb: number;
}

/** Milliseconds that a storm takes. */
function storm(folder: string): number {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(WORKLOAD, [join(folder, 'truth'), 'storm', String(EXECS)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the workload ended with ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

async function startAgent(state: string): Promise<ChildProcess> {
  const agent = spawn(join(ROOT, 'bin/forebear'), ['agent', '--state', state], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((ready, failed) => {
    agent.once('exit', (status) => failed(new Error(`the agent ended with ${status}`)));
    agent.stdout!.setEncoding('utf8').on('data', (text: string) => text.includes('ready') && ready());
  });
  return agent;
}

/** CPU time of a process so far, all threads, in milliseconds (clock ticks of 10 ms). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ', 2)[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) / 1024;
}

async function round(folder: string): Promise<Round> {
  const bare = storm(folder);
  const again = storm(folder);
  const child = await startAgent(join(folder, 'state'));
  const before = cpuMs(child.pid!);
  const agent = storm(folder);
  await new Promise((later) => setTimeout(later, 500));
  const figures = { bare, again, agent, agentCpuMs: cpuMs(child.pid!) - before, residentMb: residentMb(child.pid!) };
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  await ended;
  return figures;
}

if (process.getuid?.() !== 0 || !existsSync(WORKLOAD)) {
  console.error('bench: needs root, and build/test/workload (npm run build)');
  process.exitCode = 2;
} else {
  const folder = mkdtempSync(join(tmpdir(), 'fb-bench-'));
  const rounds: Round[] = [];
  for (let i = 0; i < ROUNDS; i++) rounds.push(await round(folder));
  rmSync(folder, { recursive: true });
  const ratios = (of: (r: Round) => number) => spread(rounds.map(of));
  console.log(`exec loop, ${EXECS} execs on 2 CPUs, ${ROUNDS} interleaved rounds; median (quartiles)`);
  console.log(`  bare                    ${median(rounds.map((r) => (r.bare * 1000) / EXECS)).toFixed(0)} us an exec`);
  console.log(`  bare / bare             ${ratios((r) => r.again / r.bare)}`);
  console.log(`  with the agent / bare   ${ratios((r) => r.agent / Math.min(r.bare, r.again))}`);
  console.log(`  CPU of the agent        ${ratios((r) => (r.agentCpuMs * 1000) / EXECS)} ms per 1,000 execs`);
  console.log(`  resident after it       ${ratios((r) => r.residentMb)} MB`);
}
