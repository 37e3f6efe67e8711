// What the agent costs loads that are made of files, with the rules that come with it: a source tree of 50,000 files that is unpacked
// and deleted, where files are watched and where they are not, and a compile. Alone, alone again (what the machine itself varies),
// with the agent; interleaved rounds, each in another order. All in memory (tmpfs): a disk's own time, a millisecond a file where it is
// nearly full, would hide what the agent costs. By the clock, where the agent's own work counts on a machine of few
// cores, and by the CPU time of the load, which is what the kernel side costs it. Says how many records came, and that none was lost.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentStatus } from '../src/agent-status.ts';
import { cpuMs, pause, ROOT, startAgent } from './peers.ts';
import { median, spread } from './statistics.ts';

const ROUNDS = Number(process.env.FOREBEAR_BENCH_ROUNDS ?? 7);
const FILES = Number(process.env.FOREBEAR_BENCH_FILES ?? 50_000);
const PER_FOLDER = 100;
const SOURCES = 40;
const LAUNCHER = join(ROOT, 'bin/forebear');

interface Load {
  name: string;
  /** For sh, in the folder. */
  script: string;
  /** Where it works. */
  folder: string;
}

interface Sample {
  seconds: number;
  /** CPU time of the load itself, user and system. */
  ownSeconds: number;
  cpuMs: number;
  records: number;
  filtered: number;
  lost: number;
}

function must(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

/** A tree of small files in folders of a hundred, as one archive in that folder. out: its path. */
export function makeArchive(folder: string, files: number): string {
  const archive = join(folder, 'tree.tar');
  const tree = join(folder, 'tree');
  for (let at = 0; at < files; at += PER_FOLDER) {
    const inner = join(tree, `part${at % 7}`, `folder${at}`);
    mkdirSync(inner, { recursive: true });
    for (let i = 0; i < PER_FOLDER; i++) writeFileSync(join(inner, `file${i}.c`), 'int nothing;\n'.repeat(20));
  }
  must('tar', ['cf', archive, '-C', folder, 'tree']);
  rmSync(tree, { recursive: true });
  return archive;
}

function makeSources(folder: string): string {
  const sources = join(folder, 'sources');
  mkdirSync(sources);
  for (let i = 0; i < SOURCES; i++) {
    const functions = Array.from({ length: 20 }, (_, n) => `int f${i}_${n}(int a) { return a * ${n} + puts("x"); }\n`);
    writeFileSync(join(sources, `source${i}.c`), `#include <stdio.h>\n#include <stdlib.h>\n${functions.join('')}`);
  }
  const rules = 'objects := $(patsubst %.c,%.o,$(wildcard *.c))\nall: $(objects)\n%.o: %.c\n\tgcc -O1 -c $< -o $@\n';
  writeFileSync(join(sources, 'Makefile'), rules);
  return sources;
}

function loadsIn(folder: string, unwatched: string): Load[] {
  const archive = makeArchive(folder, FILES);
  const sources = makeSources(folder);
  const unpack = `tar xf ${archive} && rm -r tree`;
  return [
    { name: `${FILES} files, unpack and delete, not watched`, folder: unwatched, script: unpack },
    { name: `${FILES} files, unpack and delete, watched`, folder, script: unpack },
    { name: `compile of ${SOURCES} files`, folder: sources, script: 'make -s -j2 2> /dev/null && rm *.o' },
  ];
}

function status(state: string): AgentStatus {
  return JSON.parse(readFileSync(join(state, 'status.json'), 'utf8')) as AgentStatus;
}

function countsOf({ sensor: { counters } }: AgentStatus): [records: number, filtered: number, lost: number] {
  const lost = Object.values(counters.lost).reduce((sum, count) => sum + count, 0);
  return [counters.decoded.file ?? 0, counters.filtered?.file ?? 0, lost + counters.recursionMisses];
}

function time({ script, folder }: Load): Pick<Sample, 'seconds' | 'ownSeconds'> {
  const timed = `TIMEFORMAT="%R %U %S"; cd ${folder} && time { ${script}; }`;
  const { status, stderr } = spawnSync('bash', ['-c', timed], {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [seconds, user, system] = stderr.trim().split(/\s+/).slice(-3).map(Number) as [number, number, number];
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return { seconds, ownSeconds: user + system };
}

async function withAgent(load: Load): Promise<Sample> {
  const state = mkdtempSync(join(tmpdir(), 'fb-bench-state-'));
  const watcher = await startAgent(['--state', state]);
  await pause(1500);
  const [before, was] = [cpuMs(watcher.child.pid!), countsOf(status(state))];
  const times = time(load);
  await pause(1500);
  const is = countsOf(status(state));
  const spent = cpuMs(watcher.child.pid!) - before;
  await watcher.stop();
  rmSync(state, { recursive: true });
  const [records, filtered, lost] = is.map((count, i) => count - was[i]!) as [number, number, number];
  return { ...times, cpuMs: spent, records, filtered, lost };
}

async function measure(load: Load): Promise<void> {
  const samples: Record<'bare' | 'again' | 'agent', Sample[]> = { bare: [], again: [], agent: [] };
  const alone = (): Sample => ({ ...time(load), cpuMs: 0, records: 0, filtered: 0, lost: 0 });
  time(load);
  for (let round = 0; round < ROUNDS; round++) {
    const order = (['bare', 'again', 'agent'] as const).map((_, i, all) => all[(i + round) % 3]!);
    for (const who of order) samples[who].push(who === 'agent' ? await withAgent(load) : alone());
  }
  const ratios = (who: 'again' | 'agent', of: 'seconds' | 'ownSeconds') =>
    spread(samples[who].map((sample, i) => sample[of] / samples.bare[i]![of]));
  const both = (who: 'again' | 'agent') =>
    `${ratios(who, 'ownSeconds')} of bare; by the clock ${ratios(who, 'seconds')}`;
  const middle = (of: keyof Sample) => median(samples.agent.map((sample) => sample[of]));
  console.log(`${load.name}; ${ROUNDS} interleaved rounds; median (quartiles)`);
  console.log(`  bare             ${spread(samples.bare.map(({ ownSeconds }) => ownSeconds))} s of CPU time`);
  console.log(`  bare again       ${both('again')}`);
  console.log(`  with the agent   ${both('agent')}; its own CPU time ${middle('cpuMs').toFixed(0)} ms`);
  const lost = samples.agent.reduce((sum, sample) => sum + sample.lost, 0);
  console.log(`  records of files ${middle('records')}, left out ${middle('filtered')}, lost in all rounds ${lost}`);
}

/** A new folder in memory; it goes with the stack. */
function inMemory(prefix: string, stack: DisposableStack): string {
  const folder = mkdtempSync(prefix);
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  must('mount', ['-t', 'tmpfs', 'forebear-bench', folder]);
  stack.defer(() => must('umount', [folder]));
  return folder;
}

export async function benchFiles(): Promise<void> {
  const missing = ['tar', 'make', 'gcc'].filter((name) => !existsSync(join('/usr/bin', name)));
  if (missing.length > 0) return console.log(`files: skipped: ${missing.join(', ')} not installed`);
  using stack = new DisposableStack();
  const watched = inMemory(join(tmpdir(), 'fb-bench-files-'), stack);
  for (const load of loadsIn(watched, inMemory('/usr/src/fb-bench-', stack))) await measure(load);
  const { stdout } = spawnSync(LAUNCHER, ['--version'], { encoding: 'utf8' });
  console.log(`  ${stdout.trim()}, rules that come with it`);
}
