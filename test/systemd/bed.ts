// The test bed: a Debian of build/testbed (scripts/testbed) booted by systemd-nspawn on this machine's kernel, in 0.3 s. What is
// written in it lands in an overlay of its own: the root stays as it is, a reboot finds what was there, remove() takes it away.
// nspawn wants a tmpfs /run, goes without machined, and lets bpf() through only when told. The bed has a pid namespace of its own, and
// the sensor sees the pids of the host: what comes from the kernel's records is right, what comes from the bed's /proc is another's.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const TOP = resolve(import.meta.dirname, '../..');
const BEDS = join(TOP, 'build/testbed');

export type Suite = 'bookworm' | 'trixie';

export interface BedOptions {
  suite?: Suite;
  /** Default: only loopback, so that the bed's sshd and hub have all ports for themselves. */
  network?: boolean;
}

export interface Result {
  /** Exit status; 128 + signal; undefined after the timeout. */
  status: number | undefined;
  out: string;
  err: string;
}

export interface RunOptions {
  timeoutMs?: number;
  input?: string;
  /** Stay in the network of this machine: to fetch packages into a bed that has only loopback. */
  outside?: boolean;
}

/** Why there can be no bed here; undefined: there can. Makes the root where it is missing (40 s once). */
export function whyNoBed(suite: Suite = 'bookworm'): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root';
  for (const program of ['systemd-nspawn', 'nsenter', 'unshare', 'setpriv']) {
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `needs ${program}`;
  }
  if (existsSync(join(BEDS, suite, 'root/etc/hostname'))) return undefined;
  const made = spawnSync('bash', ['scripts/testbed', suite], { cwd: TOP, encoding: 'utf8' });
  if (made.status === 0) return undefined;
  return `no Debian ${suite} to boot: ${(made.stderr || made.stdout).trim().split('\n').at(-1) ?? 'scripts/testbed failed'}`;
}

/** Boots. Throws when the system does not come up within 30 s; units that failed are the caller's to judge. */
export async function startBed(options: BedOptions = {}): Promise<Bed> {
  const bed = new Bed(options);
  try {
    await bed.boot();
    return bed;
  } catch (error) {
    await bed.remove();
    throw error;
  }
}

/** nspawn covers the kernel's boot id by its own, but not in units with a /proc of their own: two answers in one bed. */
const BED_UNIT = `[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=-/bin/umount /proc/sys/kernel/random/boot_id
`;

/** cgroups of nspawn --keep-unit, left behind by it. */
const CGROUPS = ['unified', 'systemd'].flatMap((hierarchy) =>
  ['payload', 'supervisor'].map((part) => `/sys/fs/cgroup/${hierarchy}/${part}`),
);

export class Bed {
  readonly #options: BedOptions;
  readonly #folder: string;
  #nspawn: ChildProcess | undefined;
  /** systemd of the bed, as the host sees it. */
  #leader = 0;
  #console = '';

  constructor(options: BedOptions) {
    this.#options = options;
    mkdirSync(join(BEDS, 'run'), { recursive: true });
    sweep(join(BEDS, 'run'));
    this.#folder = mkdtempSync(join(BEDS, `run/${process.pid}-`));
    for (const part of ['upper', 'work', 'root']) mkdirSync(join(this.#folder, part));
    const units = join(this.#folder, 'upper/etc/systemd/system');
    mkdirSync(join(units, 'sysinit.target.wants'), { recursive: true });
    writeFileSync(join(units, 'bed.service'), BED_UNIT);
    symlinkSync('../bed.service', join(units, 'sysinit.target.wants/bed.service'));
  }

  /** What the bed's console has said. */
  get console(): string {
    return this.#console;
  }

  /** Of systemd in the bed, in the host's pid namespace. */
  get leader(): number {
    return this.#leader;
  }

  async boot(): Promise<void> {
    const lower = join(BEDS, this.#options.suite ?? 'bookworm', 'root');
    const overlay = `lowerdir=${lower},upperdir=${this.#folder}/upper,workdir=${this.#folder}/work`;
    const nspawn = [
      ...['systemd-nspawn', '-q', '-b', '-D', join(this.#folder, 'root'), '--register=no', '--keep-unit'],
      ...['--console=read-only', '--capability=all', '--system-call-filter=bpf perf_event_open'],
      ...(this.#options.network === true ? [] : ['--private-network']),
      'systemd.show_status=0',
    ];
    const script = `mount -t tmpfs tmpfs /run && mount -t overlay -o "$1" overlay "$2" && shift 2 && exec "$@"`;
    const args = ['-m', 'sh', '-c', script, 'sh', overlay, join(this.#folder, 'root'), ...nspawn];
    // A run that is killed takes its beds with it.
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', 'unshare', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#console += text;
      });
    }
    this.#nspawn = child;
    this.#leader = await this.#findLeader(child);
    await this.#isUp();
  }

  /**
   * Runs it by sh in all namespaces of the bed but the cgroup's, with a clean environment. Processes that it starts are
   * no children of the bed's systemd; `systemd-run --wait --pipe` within makes them so.
   */
  async run(command: string, { timeoutMs = 30_000, input = '', outside = false }: RunOptions = {}): Promise<Result> {
    const environment = [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'HOME=/root',
      'LC_ALL=C.UTF-8',
    ];
    const namespaces = ['-m', '-u', '-i', '-p', ...(outside ? [] : ['-n'])];
    const enter = ['-t', String(this.#leader), ...namespaces, '-r', '-w', '--', 'env', '-i', ...environment];
    const child = spawn('nsenter', [...enter, 'sh', '-c', command], { stdio: 'pipe' });
    const out: string[] = [];
    const err: string[] = [];
    let late = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    const status = await new Promise<number>((done) => child.on('close', (code) => done(code ?? 128)));
    clearTimeout(timer);
    return { status: late ? undefined : status, out: out.join(''), err: err.join('') };
  }

  /** As run, but throws when it fails; out: stdout without white space at its ends. */
  async ask(command: string, options: RunOptions = {}): Promise<string> {
    const { status, out, err } = await this.run(command, options);
    if (status !== 0) throw new Error(`in the bed, ${command} ended with ${status}: ${err.trim() || out.trim()}`);
    return out.trim();
  }

  /** Runs the command every 100 ms until it succeeds; out: what it printed. Throws after the timeout. */
  async until(command: string, timeoutMs = 15_000): Promise<string> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const { status, out, err } = await this.run(command);
      if (status === 0) return out.trim();
      if (performance.now() > end) {
        throw new Error(`in the bed, this never succeeded: ${command}: ${(err.trim() || out.trim()).slice(-2000)}`);
      }
      await pause(100);
    }
  }

  /** inside: an absolute path, its folder there already or made. */
  copyIn(file: string, inside: string): void {
    const target = `/proc/${this.#leader}/root${inside}`;
    mkdirSync(resolve(target, '..'), { recursive: true });
    copyFileSync(file, target);
  }

  /** In order, as far as units see it; the kernel, and so its boot id, stays. */
  async reboot(): Promise<void> {
    await this.stop();
    await this.boot();
  }

  /** In order: units are stopped. After 20 s by force. */
  async stop(): Promise<void> {
    const child = this.#nspawn;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((done) => child.on('close', () => done()));
    child.kill('SIGTERM');
    const force = setTimeout(() => {
      if (this.#leader > 0) process.kill(this.#leader, 'SIGKILL');
      else child.kill('SIGKILL');
    }, 20_000);
    await ended;
    clearTimeout(force);
    this.#nspawn = undefined;
    removeCgroups();
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The child of nspawn that is pid 1 of a namespace of its own. */
  async #findLeader(nspawn: ChildProcess): Promise<number> {
    const end = performance.now() + 30_000;
    while (performance.now() < end && nspawn.exitCode === null) {
      const leader = childrenOf(nspawn.pid ?? 0).find((pid) => /^NSpid:\t\d+\t1$/m.test(read(`/proc/${pid}/status`)));
      if (leader !== undefined) return leader;
      await pause(20);
    }
    throw new Error(`systemd-nspawn does not start: ${this.#console.trim()}`);
  }

  async #isUp(): Promise<void> {
    const end = performance.now() + 30_000;
    while (performance.now() < end && this.#nspawn?.exitCode === null) {
      const { out } = await this.run('systemctl is-system-running');
      if (/^(running|degraded)$/m.test(out)) return;
      await pause(50);
    }
    throw new Error(`the bed does not come up: ${this.#console.trim().slice(-2000)}`);
  }
}

/** Beds of test runs that were killed: their folders begin with the run's pid. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder)) {
    const owner = /^\d+(?=-)/.exec(name)?.[0];
    if (owner !== undefined && !existsSync(`/proc/${owner}`))
      rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function childrenOf(pid: number): number[] {
  const threads = existsSync(`/proc/${pid}/task`) ? readdirSync(`/proc/${pid}/task`) : [];
  const lists = threads.map((thread) => read(`/proc/${pid}/task/${thread}/children`));
  return lists.flatMap((list) => list.split(' ').filter((text) => text !== '')).map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Those of other beds are not empty, and stay. */
function removeCgroups(): void {
  for (const path of CGROUPS.flatMap((path) => [join(path, 'init.scope'), path])) {
    try {
      rmdirSync(path);
    } catch {
      // Not there, or not empty.
    }
  }
}
