// What an exec loop is measured beside: nothing, the agent, and Debian's execsnoop (libbpf-tools) and bpftrace where they are
// installed (scripts/setup --bench). Each is started, ready when it shows a program that runs, and ended by its pid.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '..');
const LAUNCHER = join(ROOT, 'bin/forebear');

/** A program that watches, while it runs. */
export interface Watcher {
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  start(): Promise<Watcher>;
}

const AGENT: Peer = { name: 'with the agent', start: () => startAgent() };

/** out: those of them that can run here, the agent first; why not the others. */
export function findPeers(): { peers: Peer[]; missing: string[] } {
  const peers = [AGENT];
  const missing: string[] = [];
  for (const [name, path] of [
    ['execsnoop', '/usr/sbin/execsnoop'],
    ['bpftrace', '/usr/sbin/execsnoop.bt'],
  ] as const) {
    if (existsSync(path)) peers.push({ name: `with ${name}`, start: () => startTracer(path) });
    else missing.push(`${name}: ${path} is not installed (scripts/setup --bench)`);
  }
  return { peers, missing };
}

/** The agent with a state folder of its own. in: more arguments. */
export async function startAgent(args: readonly string[] = []): Promise<Watcher> {
  const state = mkdtempSync(join(tmpdir(), 'fb-bench-'));
  const child = spawn(LAUNCHER, ['agent', '--state', state, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  await printed(child, 'ready');
  return { child, stop: () => end(child, 'SIGINT').finally(() => rmSync(state, { recursive: true })) };
}

/** In a mount namespace of its own: they look for tracefs where not every host has it. */
async function startTracer(path: string): Promise<Watcher> {
  const script = 'mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec "$0"';
  const child = spawn('unshare', ['--mount', 'sh', '-c', script, path], { stdio: ['ignore', 'pipe', 'ignore'] });
  // bpftrace buffers lines: what it needs to attach has no sign but that it prints.
  const probe = setInterval(() => spawnSync('/bin/true', ['forebear-bench-probe'.repeat(200)]), 100);
  await printed(child, 'forebear-bench-probe').finally(() => clearInterval(probe));
  return { child, stop: () => end(child, 'SIGINT') };
}

/** Waits until it has printed that; reads on, so that it is never held up. Throws when it ends before. */
async function printed(child: ChildProcess, text: string): Promise<void> {
  await new Promise<void>((ready, failed) => {
    let head = '';
    child.once('exit', (status) => failed(new Error(`${child.spawnfile} ended with ${status}`)));
    child.stdout!.setEncoding('utf8').on('data', (more: string) => {
      if (head.length < 1 << 20) head += more;
      if (head.includes(text)) ready();
    });
  });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/** CPU time of a process so far, all threads, in milliseconds (clock ticks of 10 ms). */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ', 2)[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** A line of /proc/PID/status, in MB. */
export function statusMb(pid: number, name: 'VmRSS' | 'RssAnon' | 'RssFile'): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1];
  return Number(kib) / 1024;
}

export const pause = (ms: number): Promise<void> => new Promise((later) => setTimeout(later, ms));
