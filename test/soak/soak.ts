// A long run as on a host: agent and shipper as processes of their own under the limits of their units, 200 execs a second, and
// each second a program that was not there before: a new path, file, hash, term and alert, delivered to a file. What grows,
// what is lost, and what stays open is measured each second. Used by main.ts (hours) and soak.test.ts (three minutes).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { LEAF, runExecs } from '../../bench/execs.ts';
import { type AgentStatus, parseAgentStatus } from '../../src/agent-status.ts';
import { LAUNCHER, ROOT } from '../commands/built.ts';
import { ruleText } from '../detect/rule-text.ts';
import { until } from '../kernel/agent-process.ts';
import { ControlGroup, startWithin } from '../kernel/control-group.ts';

const WORKERS = 2;
const RATE = 200;
const PART_SECONDS = 10;
const COLLECT = join(import.meta.dirname, 'collect.ts');
/** Ten times what one takes. */
const COLLECTION_MS = 400;
/** So that the history of new terms is full before anything is measured: it would grow, as it should. */
const MOST_TERMS = 50;
/** New programs that are run at once while memories are filled. */
const FILLERS = 4;
/** So many files are there until they go: they are hashed meanwhile. */
const KEPT_FILES = 200;
const RULE = 'soak';

export interface Sample {
  /** RssAnon: what leaks grow; files and the ring are not in it. */
  memoryBytes: number;
  residentBytes: number;
  descriptors: number;
}

export interface SoakResult {
  seconds: number;
  /** By the workload's own account. */
  execs: number;
  alerts: number;
  /** Of the agent, after its clean stop. */
  status: AgentStatus;
  /** Of the rule for what is new; other rules may see what else happens on this host. */
  delivered: number;
  /** One a second, from the end of the warm-up on. */
  samples: Readonly<Record<ProgramName, readonly Sample[]>>;
  /** RssAnon after a collection, at the end of each block of these. */
  held: Readonly<Record<ProgramName, readonly number[]>>;
  cpuPercent: Readonly<Record<ProgramName, number>>;
  /** What they said on stderr. */
  said: string;
}

const PROGRAMS = ['agent', 'ship'] as const;
export type ProgramName = (typeof PROGRAMS)[number];

export interface SoakOptions {
  seconds: number;
  /** Of them, before anything is measured. */
  warmUpSeconds: number;
  /** New programs before all that: what the agent remembers of files (their hashes: 8,192) is then full, and grows no more. */
  fill?: number;
  /** From one collection of all garbage to the next. */
  blockSeconds: number;
  onMinute?: (line: string) => void;
  /** Aborted: it ends with an error, and nothing of it stays. */
  signal?: AbortSignal;
}

/** Throws when it cannot begin (no rights, no control groups), or a program ends early. */
export async function soak({
  seconds,
  warmUpSeconds,
  blockSeconds,
  fill = 0,
  onMinute,
  signal,
}: SoakOptions): Promise<SoakResult> {
  const folder = mkdtempSync(join(tmpdir(), 'fb-soak-'));
  const bed = new SoakBed(folder);
  try {
    await bed.start();
    await bed.fill(fill, signal);
    const load = runLoad(seconds, signal);
    load.catch(() => {});
    const samples: Record<ProgramName, Sample[]> = { agent: [], ship: [] };
    const held: Record<ProgramName, number[]> = { agent: [], ship: [] };
    const begin = performance.now();
    for (let second = 1; second <= seconds; second++) {
      await pause(Math.max(0, begin + second * 1000 - performance.now()));
      signal?.throwIfAborted();
      await bed.runNew();
      bed.checkAlive();
      if (second > warmUpSeconds) for (const name of PROGRAMS) samples[name].push(bed.sample(name));
      if (second >= warmUpSeconds && (second - warmUpSeconds) % blockSeconds === 0) {
        for (const name of PROGRAMS) held[name].push(await bed.heldBy(name));
      }
      if (second % 60 === 0) onMinute?.(bed.line(second / 60));
    }
    const execs = await load;
    const cpuPercent = {
      agent: (100 * bed.cpuSeconds('agent')) / seconds,
      ship: (100 * bed.cpuSeconds('ship')) / seconds,
    };
    const { status, delivered, said } = await bed.stop();
    return { seconds, execs, alerts: bed.made, status, delivered, samples, held, cpuPercent, said };
  } finally {
    await bed.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In parts, so that it can be ended. out: how many execs there were. */
async function runLoad(seconds: number, signal: AbortSignal | undefined): Promise<number> {
  let made = 0;
  for (let left = seconds; left > 0 && signal?.aborted !== true; left -= PART_SECONDS) {
    const number = (RATE / WORKERS) * Math.min(left, PART_SECONDS);
    await runExecs({ workers: WORKERS, number, rate: RATE / WORKERS });
    made += number * WORKERS;
  }
  return made;
}

/** MemoryMax=, CPUQuota=, TasksMax= and LimitNOFILE= of a unit of systemd/. */
export function limitsOf(unit: string) {
  const text = readFileSync(join(ROOT, 'systemd', unit), 'utf8');
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)![1]!;
  return {
    group: {
      memoryBytes: Number.parseInt(value('MemoryMax'), 10) * 2 ** 20,
      cpuPercent: Number.parseInt(value('CPUQuota'), 10),
      tasks: Number(value('TasksMax')),
    },
    files: Number(value('LimitNOFILE')),
  };
}

const UNITS: Record<ProgramName, string> = { agent: 'forebear.service', ship: 'forebear-ship.service' };

class SoakBed {
  readonly #folder: string;
  readonly #children = new Map<ProgramName, ChildProcess>();
  readonly #groups: ControlGroup[] = [];
  #said = '';
  #made = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async start(): Promise<void> {
    mkdirSync(join(this.#folder, 'new'));
    const query = `'event.action:exec and process.name:${basename(this.#folder)}-*'`;
    const terms = '[rule.new_terms]\nfield = "new_terms_fields"\nvalue = ["process.executable"]\n';
    const window = '[[rule.new_terms.history_window_start]]\nfield = "history_window_start"\nvalue = "now-7d"\n';
    const rule = ruleText({ rule_id: `"${RULE}"`, query, max_signals: '1000000' }, `${terms}\n${window}`);
    writeFileSync(join(this.#folder, 'rule.toml'), rule);
    const output = `[outputs.copy]\ntype = "file"\npath = "${this.#folder}/out.ndjson"\n`;
    const directories = `[state]\ndirectory = "${this.#folder}/state"\n[ship]\ndirectory = "${this.#folder}/ship"\n`;
    const rules = `[rules]\npaths = ["${ROOT}/rules", "${this.#folder}/rule.toml"]\n`;
    const bounds = `[detect]\nmax_terms_per_rule = ${MOST_TERMS}\n[limits]\nrule_bytes_per_minute = "1GiB"\nall_bytes_per_minute = "1GiB"\n`;
    writeFileSync(join(this.#folder, 'forebear.toml'), `${directories}${rules}${bounds}${output}`);
    this.#run('agent', '--quiet');
    const status = join(this.#folder, 'state/status.json');
    await until(
      () => parseAgentStatus(read(status)) !== undefined,
      () => `the agent to run: ${this.#said}`,
    );
    this.#run('ship');
  }

  #run(name: ProgramName, ...args: string[]): void {
    const { group, files } = limitsOf(UNITS[name]);
    this.#groups.push(new ControlGroup(group));
    const within = startWithin(this.#groups.at(-1), files);
    const command = [LAUNCHER, name, '--config', join(this.#folder, 'forebear.toml'), ...args];
    const env = { ...process.env, NODE_OPTIONS: `--import=${pathToFileURL(COLLECT).href}` };
    const child = spawn('sh', [...within, ...command], { stdio: ['ignore', 'pipe', 'pipe'], env });
    child.stdout.resume();
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-20_000);
    });
    this.#children.set(name, child);
  }

  /** How many programs that nobody had seen were run. */
  get made(): number {
    return this.#made;
  }

  async fill(programs: number, signal: AbortSignal | undefined): Promise<void> {
    for (let left = programs; left > 0; left -= FILLERS) {
      signal?.throwIfAborted();
      this.checkAlive();
      await Promise.all(Array.from({ length: Math.min(FILLERS, left) }, () => this.runNew()));
    }
  }

  /** An exec of a file, a path and a name that nobody has seen; a while later it is gone. */
  async runNew(): Promise<void> {
    const place = (i: number) => join(this.#folder, 'new', `${basename(this.#folder)}-${i}`);
    const path = place(this.#made++);
    copyFileSync(LEAF, path);
    const [status] = await once(spawn(path, { stdio: 'ignore' }), 'close');
    if (status !== 0) throw new Error(`${path} ended with ${status}`);
    rmSync(place(this.#made - KEPT_FILES), { force: true });
  }

  checkAlive(): void {
    for (const [name, { exitCode, signalCode }] of this.#children) {
      if (exitCode !== null || signalCode !== null) {
        throw new Error(`${name} ended with ${exitCode ?? signalCode}: ${this.#said}`);
      }
    }
  }

  sample(name: ProgramName): Sample {
    const { pid } = this.#children.get(name)!;
    const text = read(`/proc/${pid}/status`);
    const kib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)![1]);
    return {
      memoryBytes: kib('RssAnon') * 1024,
      residentBytes: kib('VmRSS') * 1024,
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
    };
  }

  /** out: RssAnon when all garbage is gone. */
  async heldBy(name: ProgramName): Promise<number> {
    this.#children.get(name)!.kill('SIGUSR2');
    await pause(COLLECTION_MS);
    return this.sample(name).memoryBytes;
  }

  /** utime and stime of proc_pid_stat(5), fields 14 and 15. */
  cpuSeconds(name: ProgramName): number {
    const stat = read(`/proc/${this.#children.get(name)!.pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  line(minute: number): string {
    const figures = PROGRAMS.map((name) => {
      const { memoryBytes, residentBytes, descriptors } = this.sample(name);
      return `${name} ${mib(memoryBytes)} MiB of its own (${mib(residentBytes)} resident), ${descriptors} descriptors`;
    });
    const { sensor } = parseAgentStatus(read(join(this.#folder, 'state/status.json')))!;
    return `${String(minute).padStart(4)} min: ${figures.join('; ')}; lost ${sum(sensor.counters.lost)}`;
  }

  /** Both, in order: the shipper when it has delivered what the agent has made. */
  async stop(): Promise<Pick<SoakResult, 'status' | 'delivered' | 'said'>> {
    await until(
      () => this.#delivered() >= this.#made,
      () => `${this.#made} alerts delivered, not ${this.#delivered()}: ${this.#said}`,
    );
    for (const name of PROGRAMS) {
      const child = this.#children.get(name)!;
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      const [status] = await ended;
      if (status !== 0) throw new Error(`${name} ended with ${status}: ${this.#said}`);
    }
    const status = parseAgentStatus(read(join(this.#folder, 'state/status.json')))!;
    return { status, delivered: this.#delivered(), said: this.#said };
  }

  /** In all files of the output: it begins a new one every 64 MiB. */
  #delivered(): number {
    const files = readdirSync(this.#folder).filter((name) => name.startsWith('out.ndjson'));
    const mark = `"rule_id":"${RULE}"`;
    return files.reduce((total, name) => total + read(join(this.#folder, name)).split(mark).length - 1, 0);
  }

  async kill(): Promise<void> {
    for (const child of this.#children.values()) {
      const gone = child.exitCode !== null || child.signalCode !== null ? undefined : once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    for (const group of this.#groups) group.remove();
  }
}

export function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

/** Records that were lost, by any cause. */
export function lostOf({ sensor }: AgentStatus): number {
  const { lost, recursionMisses, undecodable } = sensor.counters;
  return sum(lost) + recursionMisses + undecodable;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
