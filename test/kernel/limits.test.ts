// An agent at the limits of its service, one after the other, each made smaller so that it is reached: it goes on where it can, says
// what it cannot do, and is as before when there is room again; where it dies, the next run finds all that was acknowledged,
// and marks the gap. What systemd does about a death is in test/systemd/limits.test.ts; a starved agent (CPUQuota=) in
// floods-starved.test.ts; a full disk in test/journal.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AgentStatus } from '../../src/agent-status.ts';
import { ROOT, whyNotBuilt } from '../commands/built.ts';
import { ruleText } from '../detect/rule-text.ts';
import { type AgentProcess, parseLines, startAgent, until, whyNoSensor } from './agent-process.ts';
import { ControlGroup, type GroupLimits, whyNoControlGroup } from './control-group.ts';

const LEAF = join(ROOT, 'build/test/leaf');
const TIMEOUT = { timeout: 120_000 };
const NODE = join(ROOT, 'node_modules', `node-linux-${process.arch}`, 'bin/node');
const missing = whyNoSensor() ?? whyNotBuilt();
let folder: string;
let state: string;
let agent: AgentProcess | undefined;
let group: ControlGroup | undefined;
let made: number;

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
  folder = mkdtempSync(join(tmpdir(), 'fb-limits-'));
  state = join(folder, 'state');
  // Others execute from there.
  chmodSync(folder, 0o755);
  made = 0;
  const query = `'event.action:exec and process.name:fb-limit-*'`;
  writeFileSync(join(folder, 'rule.toml'), ruleText({ type: '"query"', query, max_signals: '1000000' }, ''));
  // A segment is full, and the next is opened, after some alerts.
  const journal = '[journal]\nmax_bytes = "64MiB"\nsegment_bytes = "64KiB"\n';
  writeFileSync(join(folder, 'forebear.toml'), `[sensor]\ncanary = "1s"\n${journal}`);
});
afterEach(async () => {
  await agent?.stop('SIGKILL');
  agent = undefined;
  group?.remove();
  group = undefined;
  if (missing === undefined) rmSync(folder, { recursive: true, force: true });
});

const options = () => ['--config', join(folder, 'forebear.toml'), '--rules', join(folder, 'rule.toml')];
const start = async () => {
  agent = await startAgent([...options(), '--no-exceptions'], state);
  rmSync(agent.recording, { force: true });
  return agent;
};
const statusOf = (of: AgentProcess): AgentStatus => JSON.parse(of.command('status', '--json').stdout);
const counter = (of: AgentProcess, name: string) => statusOf(of).counters[name] ?? 0;
const lifeOf = (of: AgentProcess) =>
  parseLines(of.command('journal', 'export', '--kind', 'lifecycle', 'gap').stdout).map(
    (record) => record['forebear.lifecycle.event'] ?? `gap ${record['forebear.gap.kind']}`,
  );

/** Runs programs that no one has seen: each is a new file to be hashed, and an alert. */
function runNew(count: number): void {
  for (let i = 0; i < count; i++) {
    const path = join(folder, `fb-limit-${made++}`);
    copyFileSync(LEAF, path);
    expect(spawnSync(path).status).toBe(0);
  }
}

async function untilAlerts(of: AgentProcess): Promise<void> {
  await until(
    () => statusOf(of).alerts === made,
    () => `${made} alerts, there are ${statusOf(of).alerts}: ${of.output()}`,
  );
}

async function untilCounted(of: AgentProcess, name: string, least = 1): Promise<void> {
  await until(
    () => counter(of, name) >= least,
    () => `${least} of ${name}: ${JSON.stringify(statusOf(of).counters)}`,
  );
}

it('TasksMax= reached: nothing can be run, which is counted and said; alerts go on', TIMEOUT, async (context) => {
  const why = whyNoControlGroup({ tasks: 64 });
  if (why !== undefined) return context.skip(why);
  const running = await start();
  runNew(5);
  await untilAlerts(running);
  group = new ControlGroup({ tasks: readdirSync(`/proc/${running.pid}/task`).length });
  group.add(running.pid);
  // A user that nobody has a name for is asked for.
  const path = join(folder, `fb-limit-${made++}`);
  copyFileSync(LEAF, path);
  expect(spawnSync(path, { uid: 54_321 + process.pid, gid: 54_321 }).status).toBe(0);
  await untilCounted(running, 'agent_canaries_failed_total', 2);
  await untilCounted(running, 'enrich_name_lookups_failed_total{reason="EAGAIN"}');
  runNew(20);
  await untilAlerts(running);
  expect(statusOf(running).canary?.fault).toContain('EAGAIN');
  expect(running.command('status').stdout).toMatch(/^canary .*the last one failed: .*EAGAIN/m);
  expect(group.figure('tasks', 'max', { v1: 'pids.events', v2: 'pids.events' })).toBeGreaterThan(0);

  group.set('tasks', 64);
  await until(
    () => statusOf(running).canary?.fault === undefined,
    () => 'the canary runs again',
  );
  // Not seen was none: a canary that cannot be run is no blind sensor.
  expect(counter(running, 'agent_canaries_missed_total')).toBe(0);
});

it(
  'LimitNOFILE= reached: what needs a file is counted, held and caught up with; the agent lives',
  TIMEOUT,
  async () => {
    const running = await start();
    runNew(5);
    await untilAlerts(running);
    const [, entries] = [await untilBackfilled(running), statusOf(running).processTable.entries];
    const missed = counter(running, 'enrich_exits_missed_total');
    // No number below is free: not one more is to be had.
    limitFiles(running.pid, 8);
    const before = hashesRefused(running);
    // More than a segment of them.
    runNew(60);
    await until(
      () => heldAlerts(running) > 0,
      () => `the journal to refuse: ${running.output()}`,
    );
    // The snapshot is a file, too: it stands still, and a reader says so.
    await until(
      () => running.command('status').stdout.includes('NOT RUNNING') || snapshotAgeMs() > 4000,
      () => running.command('status').stdout,
    );
    expect(running.output()).toContain('EMFILE');

    limitFiles(running.pid, 4096);
    await untilAlerts(running);
    runNew(5);
    await untilAlerts(running);
    const status = statusOf(running);
    expect(running.alerts()).toHaveLength(made);
    expect(status.counters.agent_snapshots_failed_total).toBeGreaterThan(0);
    expect(status.counters.agent_canaries_failed_total).toBeGreaterThan(0);
    expect(hashesRefused(running)).toBeGreaterThan(before);
    expect(status.counters.agent_alerts_dropped_total ?? 0).toBe(0);
    // Whoever could not be looked at was not taken for gone.
    expect(counter(running, 'enrich_exits_missed_total') - missed).toBeLessThan(10);
    expect(status.processTable.entries).toBeGreaterThan(entries - 30);
    expect((await running.stop()).status).toBe(0);
    agent = undefined;
  },
);

it('MemoryMax= reached: killed, and the next run has all that was acknowledged', TIMEOUT, async (context) => {
  const why = whyNoControlGroup({ memoryBytes: 1 << 29 });
  if (why !== undefined) return context.skip(why);
  const running = await start();
  const limits: GroupLimits = { memoryBytes: 4 << 20 };
  group = new ControlGroup(limits);
  group.add(running.pid);
  await untilGone(running);
  expect(group.figure('memoryBytes', 'oom_kill', { v1: 'memory.oom_control', v2: 'memory.events' })).toBe(1);
  await findsAll(running);
});

it(
  'the bound of the heap reached: ended by the runtime, and the next run has all that was acknowledged',
  TIMEOUT,
  async () => {
    const bound = ['--max-old-space-size=20', '--max-semi-space-size=1'];
    const flags = ['--disable-proto=delete', '--disallow-code-generation-from-strings', ...bound];
    const program = join(ROOT, 'dist/main.js');
    const small = spawn(NODE, [...flags, program, 'agent', '--state', state, ...options(), '--no-exceptions'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    for (const stream of [small.stdout, small.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
      });
    }
    const closed = once(small, 'close');
    await until(
      () => printed.includes('ready    ') || small.exitCode !== null,
      () => printed,
    );
    runNew(20);
    // Two seconds of them are in the process table.
    const flood = spawn(join(ROOT, 'build/test/flood'), ['args', '2', LEAF], { stdio: 'ignore' });
    try {
      await until(
        () => small.exitCode !== null || small.signalCode !== null,
        () => `the heap to be full: ${printed}`,
      );
    } finally {
      flood.kill('SIGTERM');
    }
    await closed;
    expect([small.exitCode, small.signalCode]).toEqual([null, 'SIGABRT']);
    expect(printed).toContain('heap limit');
    await findsAll({ output: () => printed });
  },
);

/** Feeds it until it is gone. */
async function untilGone(running: AgentProcess): Promise<void> {
  const isThere = () => textOf(`/proc/${running.pid}/status`) !== '';
  for (let i = 0; i < 100 && isThere(); i++) {
    runNew(20);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(isThere(), `it lives: ${running.output()}`).toBe(false);
  expect((await running.stop()).status).toBeNull();
}

/** What was printed had been acknowledged: it is in the journal, which is sound, and the next run marks the gap. */
async function findsAll({ output }: Pick<AgentProcess, 'output'>): Promise<void> {
  const printed = output()
    .split('\n')
    .filter((line) => line.includes('fb-limit-') && !line.startsWith('{'));
  const next = await start();
  expect(lifeOf(next).slice(-2)).toEqual(['gap not_running', 'start']);
  expect(next.command('journal', 'check').status).toBe(0);
  expect(printed.length).toBeGreaterThan(0);
  expect(next.alerts().length).toBeGreaterThanOrEqual(printed.length);
  const before = next.alerts().length;
  runNew(1);
  await until(
    () => next.alerts().length === before + 1,
    () => next.output(),
  );
  console.log(`${printed.length} alerts acknowledged before it ended, ${before} in the journal after`);
}

async function untilBackfilled(running: AgentProcess): Promise<void> {
  const { nowMs } = statusOf(running);
  await until(
    () => statusOf(running).nowMs > nowMs + 2000,
    () => 'two seconds of the agent',
  );
}

const heldAlerts = (running: AgentProcess) => Number(/the journal refuses alerts/.test(running.output()));
const snapshotAgeMs = () => Date.now() - (JSON.parse(textOf(join(state, 'status.json'))) as AgentStatus).nowMs;

function hashesRefused(running: AgentProcess): number {
  return counter(running, 'enrich_hashes_refused_total{reason="unreadable"}');
}

function limitFiles(pid: number, most: number): void {
  expect(spawnSync('prlimit', ['--pid', String(pid), `--nofile=${most}:4096`]).status).toBe(0);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
