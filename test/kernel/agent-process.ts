// The agent as its users run it: bin/forebear in a process of its own, with a state folder of its own.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const LAUNCHER = join(ROOT, 'bin/forebear');

export interface CommandResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface AgentProcess {
  readonly state: string;
  readonly pid: number;
  readonly recording: string;
  /** All that it printed so far. */
  output(): string;
  /** Waits until what it printed holds the text; throws after 30 s with what it printed. */
  until(text: string): Promise<void>;
  /** Runs another command on the same state folder. */
  command(...args: string[]): CommandResult;
  /** The alert documents that `forebear tail` shows. */
  alerts(): Record<string, unknown>[];
  /** SIGTERM (or another signal), then all that it printed. */
  stop(signal?: NodeJS.Signals): Promise<{ status: number | null; output: string }>;
  remove(): void;
}

/** Why the sensor cannot run here; undefined when it can. */
export function whyNoSensor(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to load BPF programs';
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'this kernel has no BTF (/sys/kernel/btf/vmlinux)';
  return undefined;
}

/** Starts the agent and waits until it is attached. in: more arguments; state: a folder to go on with. */
export async function startAgent(args: readonly string[] = [], state = newState()): Promise<AgentProcess> {
  const recording = join(state, 'run.fbrec');
  const child = spawn(LAUNCHER, ['agent', '--state', state, '--record', recording, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  const agent: AgentProcess = {
    state,
    pid: child.pid!,
    recording,
    output: () => printed,
    until: (text) =>
      until(
        () => printed.includes(text),
        () => `"${text}" in:\n${printed}`,
      ),
    command: (...more) => runForebear([...more, '--state', state]),
    alerts: () => parseLines(runForebear(['tail', '--json', '-n', '1000', '--state', state]).stdout),
    stop: (signal = 'SIGTERM') => end(child, signal).then((status) => ({ status, output: printed })),
    remove: () => rmSync(state, { recursive: true, force: true }),
  };
  await Promise.race([agent.until('ready'), failed(child, () => printed)]);
  return agent;
}

/** Runs bin/forebear to its end. */
export function runForebear(args: readonly string[], input = ''): CommandResult {
  const { status, stdout, stderr } = spawnSync(LAUNCHER, args, {
    encoding: 'utf8',
    input,
    timeout: 60_000,
    maxBuffer: 1 << 28,
  });
  return { status, stdout, stderr };
}

export function parseLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

export async function until(done: () => boolean, wanted: () => string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (done()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited 30 s for ${wanted()}`);
}

function newState(): string {
  return mkdtempSync(join(tmpdir(), 'fb-state-'));
}

function failed(child: ChildProcess, printed: () => string): Promise<never> {
  return new Promise((_resolve, reject) => {
    child.once('exit', (status) => reject(new Error(`the agent ended with ${status}:\n${printed()}`)));
  });
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once('close', (status) => resolve(status));
    child.kill(signal);
  });
}
