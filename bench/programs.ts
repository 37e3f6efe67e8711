// How long the kernel runs our programs per exec (fork, exec and exit together), by its own statistics, while short programs
// run at full rate. No peer: the unit is the microsecond that each exec pays, whoever watches.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { runExecs } from './execs.ts';
import { startAgent } from './peers.ts';
import { median, spread } from './statistics.ts';

const STATS = '/proc/sys/kernel/bpf_stats_enabled';
const EXECS = 4000;
const ROUNDS = 7;

interface Program {
  name: string;
  run_time_ns?: number;
  run_cnt?: number;
}

function runTimes(): Map<string, number> {
  const { stdout, status } = spawnSync('bpftool', ['prog', 'show', '--json'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error('bpftool prog show failed');
  const ours = (JSON.parse(stdout) as Program[]).filter(({ name }) => name?.startsWith('fb_'));
  return new Map(ours.map(({ name, run_time_ns }) => [name, run_time_ns ?? 0]));
}

async function round(): Promise<Map<string, number>> {
  const agent = await startAgent();
  const before = runTimes();
  await runExecs({ workers: 1, number: EXECS });
  const after = runTimes();
  await agent.stop();
  return new Map([...after].map(([name, ns]) => [name, (ns - (before.get(name) ?? 0)) / 1000 / EXECS]));
}

export async function benchPrograms(): Promise<void> {
  const was = readFileSync(STATS, 'latin1');
  writeFileSync(STATS, '1');
  const rounds: Map<string, number>[] = [];
  try {
    for (let i = 0; i < ROUNDS; i++) rounds.push(await round());
  } finally {
    writeFileSync(STATS, was);
  }
  const names = [...rounds[0]!.keys()].filter((name) => median(rounds.map((times) => times.get(name) ?? 0)) > 0);
  const sums = rounds.map((times) => [...times.values()].reduce((sum, us) => sum + us, 0));
  console.log(`programs in the kernel, ${ROUNDS} rounds of ${EXECS} execs; us per exec, median (quartiles)`);
  for (const name of names) console.log(`  ${name.padEnd(16)} ${spread(rounds.map((times) => times.get(name) ?? 0))}`);
  console.log(`  ${'together'.padEnd(16)} ${spread(sums)}`);
}
