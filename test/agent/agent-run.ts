// A run of the agent without a kernel: real rules, journal and term store in a folder of its own; the sensor, the host's
// answers and the clock are the test's.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { AgentSummary } from '../../src/agent/summary.ts';
import { type AgentOptions, type HostSurroundings, type Ready, runAgent } from '../../src/agent.ts';
import { type Config, defaultConfig, journalDirectory } from '../../src/config.ts';
import type { Alert } from '../../src/detect/alert.ts';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRules } from '../../src/detect/load-rules-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import type { HashRequest } from '../../src/enrich/hash-answer.ts';
import type { News, StartFact } from '../../src/enrich/surroundings.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { decodeAlert } from '../../src/proto/alert-codec.ts';
import {
  type Amend,
  decodeAmend,
  decodeGap,
  decodeLifecycle,
  type GapRecord,
  type Lifecycle,
} from '../../src/proto/record-codec.ts';
import { Delivery } from '../../src/sensor/delivery.ts';
import {
  perKind,
  type Sensor,
  type SensorCounters,
  type SensorHandlers,
  type SensorStatus,
} from '../../src/sensor/sensor.ts';
import { Counters } from '../../src/stats.ts';
import { FakeHost, FakeSurroundings, START } from '../enrich/fake-host.ts';
import { encodeBatch, type RecordInput } from '../sensor/encode.ts';
import { type Line, logged } from './logged.ts';

/** The first rule alone: what more is shipped is no matter of the agent's. */
export const RULES = resolve(
  import.meta.dirname,
  '../../rules/linux/persistence_systemd_service_started_by_unusual_parent.toml',
);
const BOOT_MS = 60_000;

/** What /proc and the clocks say, and when: the test may look, and tell news. */
export class TestSurroundings extends FakeSurroundings implements HostSurroundings {
  listener: (news: News) => void = () => {};
  stopped = false;
  clockLooks = 0;
  onStart: () => void = () => {};
  onClockLook: () => void = () => {};
  /** Told when the run ends: the answers that are still to come. */
  onFinish: () => void = () => {};
  readonly hashesWanted: HashRequest[] = [];

  async start(): Promise<StartFact> {
    this.onStart();
    return START;
  }
  onNews(listener: (news: News) => void): void {
    this.listener = listener;
  }
  wantHash(request: HashRequest): void {
    this.hashesWanted.push(request);
  }
  async finish(): Promise<void> {
    this.onFinish();
  }
  stop(): void {
    this.stopped = true;
  }
  checkClock(): void {
    this.clockLooks++;
    this.onClockLook();
  }
}

/** A sensor whose batches come when the test says so. */
export class ScriptSensor implements Sensor {
  state: 'new' | 'started' | 'stopped' = 'new';
  /** Thrown by start(). */
  refusal: Error | undefined;
  /** Delivered by stop(), as what was still queued. */
  queued: RecordInput[] = [];
  hints: readonly string[] = [];
  /** What the agent lets through of environments, where the test passes it on. */
  envNames: ReadonlySet<string> = new Set();
  lost = perKind(() => 0);
  #delivery: Delivery | undefined;
  readonly #started = Promise.withResolvers<void>();

  async start(handlers: SensorHandlers): Promise<void> {
    if (this.refusal !== undefined) throw this.refusal;
    this.state = 'started';
    this.#delivery = new Delivery(handlers, this.envNames);
    this.#started.resolve();
  }

  async stop(): Promise<void> {
    if (this.state === 'started' && this.queued.length > 0) this.batch(this.queued);
    this.state = 'stopped';
  }

  setWakeHints(basenames: readonly string[]): void {
    this.hints = basenames;
  }

  counters(): SensorCounters {
    const none = new Delivery({ onBatch: () => {}, onEnd: () => {} }, new Set());
    const mine = (this.#delivery ?? none).counts();
    const { decoded } = mine;
    const reserved = { ...decoded };
    for (const kind of ['exec', 'fork', 'exit', 'task'] as const) reserved[kind] += this.lost[kind];
    return { reserved, lost: { ...this.lost }, recursionMisses: 0, queueFull: 0, ...mine };
  }

  status(): SensorStatus {
    return { source: 'replay', programs: [], ringBytes: 0 };
  }

  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** As the live sensor: what a handler throws ends it. */
  batch(records: readonly RecordInput[]): void {
    try {
      this.#delivery?.batch(encodeBatch(records), 'ring');
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  fail(thrown: unknown): void {
    this.#delivery?.end(thrown);
  }
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'forebear-agent-'));
}

export function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

export function configIn(state: string): Config {
  const config = defaultConfig({
    stateDirectory: state,
    rulesPaths: [RULES],
    exceptionsPaths: [],
    shipDirectory: '/ship',
  });
  // What the agent does by itself has tests of its own.
  const quiet = { ...config.sensor, canaryMs: 0 };
  return { ...config, journal: { ...config.journal, reserveBytes: 0, heartbeatMs: 0 }, sensor: quiet };
}

/** sshd lets ann in, her shell runs the program, which enables a unit. One alert of the first rule. */
export function story(program = '/tmp/payload', args = ['systemctl', 'enable', 'x.service']): RecordInput[] {
  const host = new FakeHost();
  host.add(100, { ppid: 1, pgid: 100, sid: 100 }, '/usr/sbin/sshd');
  host.task(100);
  host.fork(100, 101);
  host.setsid(101);
  host.change(101, { uid: 1000, euid: 1000, gid: 1000, egid: 1000, ttyMajor: 136, ttyMinor: 3, cwd: '/home/ann' });
  host.exec(101, '/bin/bash', ['-bash']);
  host.fork(101, 102);
  host.exec(102, program, [program]);
  host.fork(102, 103);
  host.exec(103, '/usr/bin/systemctl', args);
  host.exit(103);
  return host.records as RecordInput[];
}

export interface Run {
  readonly done: Promise<AgentSummary>;
  readonly sensor: ScriptSensor;
  readonly surroundings: TestSurroundings;
  readonly alerts: { alert: Alert; seq: number }[];
  readonly lines: Line[];
  readonly ready: Promise<Ready>;
  stop(): void;
}

/** Starts a run on that state; it goes on until stop(), or until the sensor ends it. */
export async function start(state: string, part: Partial<AgentOptions> & { sensor?: ScriptSensor } = {}): Promise<Run> {
  const { sensor = new ScriptSensor(), ...options } = part;
  const surroundings = new TestSurroundings();
  const stopping = new AbortController();
  const fields = new FieldTable();
  const rules = await loadRules([RULES], { fields, languages: LANGUAGES, abilities: LINUX_HOST });
  const { log, lines } = logged();
  const alerts: Run['alerts'] = [];
  const ready = Promise.withResolvers<Ready>();
  const done = runAgent({
    config: configIn(state),
    version: '1.2.3',
    fields,
    rules,
    clock: { wallMs: () => START.wallOffsetMs + BOOT_MS, bootNs: () => BigInt(BOOT_MS) * 1_000_000n },
    makeSensor: () => sensor,
    makeSurroundings: () => surroundings,
    log,
    onReady: ready.resolve,
    onAlert: (alert, seq) => void alerts.push({ alert, seq }),
    signal: stopping.signal,
    ...options,
  });
  // Whoever awaits one of the two sees the fault.
  done.catch(ready.reject);
  ready.promise.catch(() => {});
  return { done, sensor, surroundings, alerts, lines, ready: ready.promise, stop: () => stopping.abort() };
}

/** A whole run over these records. */
export async function runOver(state: string, records: readonly RecordInput[], part: Partial<AgentOptions> = {}) {
  const run = await start(state, part);
  const ready = await run.ready;
  run.sensor.batch(records);
  run.stop();
  return { ...run, ready: ready, summary: await run.done };
}

export type Entry =
  | { seq: number; kind: 'alert'; alert: Alert }
  | { seq: number; kind: 'lifecycle'; lifecycle: Lifecycle }
  | { seq: number; kind: 'gap'; gap: GapRecord }
  | { seq: number; kind: 'amend'; amend: Amend }
  | { seq: number; kind: 'other' };

/** All that is in the journal of that state. */
export async function journalOf(state: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const record of readJournal({ directory: journalDirectory(state), counters: new Counters() })) {
    const { seq, payload } = record;
    if (record.kindName === 'alert') entries.push({ seq, kind: 'alert', alert: decodeAlert(payload) });
    else if (record.kindName === 'lifecycle')
      entries.push({ seq, kind: 'lifecycle', lifecycle: decodeLifecycle(payload) });
    else if (record.kindName === 'amend') entries.push({ seq, kind: 'amend', amend: decodeAmend(payload) });
    else if (record.kindName === 'gap') entries.push({ seq, kind: 'gap', gap: decodeGap(payload) });
    else entries.push({ seq, kind: 'other' });
  }
  return entries;
}

/** One word for each record: `start`, `start unclean`, `alert`, `gap lost_records`, `stop`. */
export function words(entries: readonly Entry[]): string[] {
  return entries.map((entry) => {
    if (entry.kind === 'lifecycle')
      return `${entry.lifecycle.event}${entry.lifecycle.afterUncleanStop ? ' unclean' : ''}`;
    return entry.kind === 'gap' ? `gap ${entry.gap.kind}` : entry.kind;
  });
}
