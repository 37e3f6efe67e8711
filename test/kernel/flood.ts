// Floods of processes (native/test/flood.c) beside an agent as its users run it, and what has to hold after each of them.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { type AgentStatus, parseAgentStatus } from '../../src/agent-status.ts';
import { journalDirectory } from '../../src/config.ts';
import type { JournalRecord } from '../../src/journal/journal.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { decodeGap, type GapRecord } from '../../src/proto/record-codec.ts';
import { Counters } from '../../src/stats.ts';
import { LAUNCHER, whyNotBuilt } from '../commands/built.ts';
import { parseLines, runForebear, until, whyNoSensor } from './agent-process.ts';

const BUILT = resolve(import.meta.dirname, '../../build/test');
/**
 * Old generation of the heap 256 MiB (where the process table is, 64 of it), young 12, the ring mapped twice 32, the reader's
 * queue 8, batches that are not collected yet 16, the binary and what it starts with 76. In floods it stayed below 340.
 */
export const RESIDENT_MAX_KIB = 400 * 1024;
/** For a flood's test: some 10 s on two quick cores. */
export const FLOOD_TIMEOUT = { timeout: 120_000 };
/** What rules of these tests name. */
export const NAMED = 'fb-flood-named';

/** Why floods cannot be tested here; undefined when they can. */
export function whyNoFlood(): string | undefined {
  const built = existsSync(join(BUILT, 'flood')) ? undefined : 'build/test/flood is not built (scripts/build)';
  return whyNoSensor() ?? whyNotBuilt() ?? built;
}

export interface FloodSetup {
  /** Text of forebear.toml. */
  config?: string;
  /** Texts of rule files; none: the rules that come with Forebear. */
  rules?: readonly string[];
  recorded?: boolean;
}

export type FloodMode = 'forks' | 'chains' | 'execs' | 'args';

export class FloodedAgent {
  readonly folder = mkdtempSync(join(tmpdir(), 'fb-flood-'));
  readonly state = join(this.folder, 'state');
  readonly recording = join(this.folder, 'run.fbrec');
  readonly named = join(this.folder, NAMED);
  readonly config = join(this.folder, 'forebear.toml');
  readonly #forksBefore = forksOfHost();
  #child: ChildProcess | undefined;
  #floods: ChildProcess[] = [];
  #printed = '';
  #named = 0;

  /** Starts the agent and waits until it is attached. */
  async start({ config = '', rules = [], recorded = false }: FloodSetup): Promise<void> {
    copyFileSync(join(BUILT, 'leaf'), this.named);
    writeFileSync(this.config, config);
    rules.forEach((text, i) => void writeFileSync(join(this.folder, `${i}.toml`), text));
    const args = [
      'agent',
      '--state',
      this.state,
      '--config',
      this.config,
      ...(recorded ? ['--record', this.recording] : []),
    ];
    const files = rules.flatMap((_text, i) => ['--rules', join(this.folder, `${i}.toml`)]);
    this.#child = spawn(LAUNCHER, [...args, ...files], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#printed = (this.#printed + text).slice(-100_000);
      });
    }
    await until(
      () => this.#printed.includes('ready    ') || this.#child!.exitCode !== null,
      () => this.#printed,
    );
    expect(this.#child.exitCode).toBeNull();
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** Begins a flood; it goes on until the function that comes back is called, which says what it made. */
  flood(mode: FloodMode, workers = 2): () => Promise<{ forks: number; execs: number }> {
    const child = spawn(join(BUILT, 'flood'), [mode, String(workers), join(BUILT, 'leaf')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#floods.push(child);
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    return async () => {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
      return JSON.parse(printed);
    };
  }

  /** Executes what rules name, so often, one after the other; the first argument numbers them. */
  runNamed(times: number, ...args: string[]): void {
    for (let i = 0; i < times; i++) {
      expect(spawnSync(this.named, [String(this.#named++), ...args], { env: {} }).status).toBe(0);
    }
  }

  /** The last snapshot. */
  status(): AgentStatus {
    return parseAgentStatus(readFileSync(join(this.state, 'status.json'), 'utf8'))!;
  }

  /** As `forebear status` judges it: running, stale, gone, stopped. */
  judged(): string {
    return JSON.parse(runForebear(['status', '--json', '--state', this.state]).stdout).state;
  }

  /** Alerts in the journal; of: only of processes whose parent lies in that folder. */
  alerts(rule_id: string, of = '/'): Record<string, unknown>[] {
    const all = parseLines(runForebear(['tail', '--json', '-n', 'all', '--state', this.state]).stdout);
    return all.filter((document) => ruleOf(document) === rule_id && parentOf(document).startsWith(of));
  }

  /** Until the kernel side has made so many records of that kind: the flood is one. */
  async untilReserved(kind: string, count: number): Promise<void> {
    const reserved = () => this.status().sensor.counters.reserved[kind] ?? 0;
    await until(
      () => reserved() >= count,
      () => `${count} records of ${kind}, there are ${reserved()}`,
    );
  }

  async untilAlerts(rule_id: string, count: number, of = '/'): Promise<void> {
    let [seen, found] = [-1, 0];
    const look = () => {
      const { alerts } = this.status();
      if (alerts !== seen) [seen, found] = [alerts, this.alerts(rule_id, of).length];
      return found >= count;
    };
    await until(look, () => `${count} alerts of ${rule_id}, there are ${found}: ${this.#printed}`);
  }

  async gaps(kind: GapRecord['kind']): Promise<GapRecord[]> {
    const gaps = (await this.#records()).filter(({ kindName }) => kindName === 'gap');
    return gaps.map(({ payload }) => decodeGap(payload)).filter((gap) => gap.kind === kind);
  }

  /** Of all records that are in the journal still. */
  async seqs(): Promise<number[]> {
    return (await this.#records()).map(({ seq }) => seq);
  }

  async #records(): Promise<JournalRecord[]> {
    const records: JournalRecord[] = [];
    const source = { directory: journalDirectory(this.state), counters: new Counters() };
    for await (const record of readJournal(source)) records.push(record);
    return records;
  }

  /**
   * Stops it, and checks what holds after every flood: it was there to the end, all records are decoded or counted, what is
   * counted as lost is in the journal, and what the flood made by its own account was seen or counted; memory in its bounds.
   */
  async stopSoundly(made: { forks: number; execs: number }): Promise<AgentStatus> {
    const residentKib = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1'))?.[1]);
    const ended = once(this.#child!, 'close');
    this.#child!.kill('SIGTERM');
    expect([await ended, this.#printed.includes('UNACCOUNTED')]).toEqual([[0, null], false]);
    const forks = forksOfHost() - this.#forksBefore;
    const status = this.status();
    const { reserved, decoded, lost, recursionMisses, undecodable } = status.sensor.counters;
    for (const kind of Object.keys(reserved))
      expect([kind, reserved[kind]]).toEqual([kind, decoded[kind]! + lost[kind]!]);
    expect(undecodable).toBe(0);
    const losses = (await this.gaps('lost_records')).reduce((sum, { count }) => sum + count, 0);
    expect(losses).toBe(Object.values(lost).reduce((sum, n) => sum + n, recursionMisses));
    expect(made.forks).toBeLessThanOrEqual(reserved.fork! + recursionMisses);
    expect(made.execs).toBeLessThanOrEqual(reserved.exec! + recursionMisses);
    expect(reserved.fork).toBeLessThanOrEqual(forks);
    expect(status.processTable.bytes).toBeLessThanOrEqual(status.processTable.maxBytes);
    expect(residentKib).toBeLessThan(RESIDENT_MAX_KIB);
    console.log(
      `flood: ${made.forks} forks and ${made.execs} execs made; decoded ${counted(decoded)}; lost ${counted(lost)}; ` +
        `${Math.round(residentKib / 1024)} MiB at most, table ${Math.round(status.processTable.bytes / 1048576)} MiB`,
    );
    return status;
  }

  remove(): void {
    for (const child of [...this.#floods, ...(this.#child === undefined ? [] : [this.#child])]) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A rule file of one query. */
export function queryRule(rule_id: string, severity: string, query: string): string {
  return `[rule]
rule_id = "${rule_id}"
name = "${rule_id}"
description = "For floods"
type = "query"
language = "kuery"
severity = "${severity}"
risk_score = 50
max_signals = 1000000
index = ["logs-endpoint.events.*"]
query = '${query}'
`;
}

export const NAMED_RULE = queryRule('named', 'high', `event.action:exec and process.name:${NAMED}`);

export function ruleOf(document: Record<string, unknown>): unknown {
  const { alert } = document.kibana as { alert: { rule: { rule_id: string } } };
  return alert.rule.rule_id;
}

export function parentOf(document: Record<string, unknown>): string {
  const { parent } = document.process as { parent?: { executable?: string } };
  return parent?.executable ?? '/';
}

/** proc_stat(5), "processes": forks on this host, threads included. */
function forksOfHost(): number {
  return Number(/^processes (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]);
}

function counted(kinds: Readonly<Record<string, number>>): string {
  const some = Object.entries(kinds).filter(([, count]) => count > 0);
  return some.map(([kind, count]) => `${kind} ${count}`).join(' ') || 'nothing';
}
