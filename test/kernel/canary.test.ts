// Heartbeats and the canary on the real kernel: what a running agent tells of itself, and what it tells when its sensor drops
// what it runs (a sensor that is hindered, as far as the agent can see).

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runAgent } from '../../src/agent.ts';
import { systemClock } from '../../src/clock.ts';
import type { Alert } from '../../src/detect/alert.ts';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRules } from '../../src/detect/load-rules-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import type { SensorRecord } from '../../src/sensor/record.ts';
import type { Sensor, SensorHandlers } from '../../src/sensor/sensor.ts';
import { configIn, journalOf, words } from '../agent/agent-run.ts';
import { logged } from '../agent/logged.ts';
import { whyNotBuilt } from '../commands/built.ts';
import { ruleText } from '../detect/rule-text.ts';
import { newSensor } from '../native/live-sensor.ts';
import { type AgentProcess, parseLines, startAgent, until, whyNoSensor } from './agent-process.ts';

const missing = whyNoSensor() ?? whyNotBuilt();
let folder: string;
let state: string;

beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
  folder = mkdtempSync(join(tmpdir(), 'fb-canary-'));
  state = join(folder, 'state');
  // Takes the canary's execs, those of other agents on this machine included.
  writeFileSync(rules(), ruleText({ query: `'event.action:exec and process.args:forebear-canary-*'` }));
  writeFileSync(config(), '[journal]\nheartbeat = "1s"\n[sensor]\ncanary = "2s"\n');
});
afterEach(() => {
  if (missing === undefined) rmSync(folder, { recursive: true, force: true });
});

const rules = () => join(folder, 'rule.toml');
const config = () => join(folder, 'forebear.toml');

interface Seen {
  process: { args: string[]; parent: { pid: number } };
}

interface Beat {
  'forebear.heartbeat.seq': number;
  'forebear.heartbeat.link': string;
}

/** Of the alerts. */
const processesOf = (agent: AgentProcess) => (agent.alerts() as unknown as Seen[]).map(({ process }) => process);
const beatsOf = (agent: AgentProcess) =>
  parseLines(agent.command('journal', 'export', '--kind', 'heartbeat').stdout) as unknown as Beat[];
const statusOf = (agent: AgentProcess) =>
  JSON.parse(agent.command('status', '--json').stdout) as {
    pid: number;
    canary?: { seenMs?: number };
    counters: Record<string, number>;
  };

it('a running agent tells that it lives, with a chain that a check confirms, and sees its canary, which no rule does', async () => {
  const agent = await startAgent(['--config', config(), '--rules', rules(), '--no-exceptions'], state);
  try {
    const canaries = () => statusOf(agent).counters.agent_canaries_seen_total ?? 0;
    await until(
      () => canaries() >= 2 && beatsOf(agent).length >= 3,
      () => agent.output(),
    );
    expect(statusOf(agent).canary?.seenMs).toBeDefined();
    expect(agent.command('journal', 'repair', '--apply', '--json').stderr).toContain('FB_JOURNAL_LOCKED');
    expect(agent.command('journal', 'check').status).toBe(0);
    // The rule works: what only looks like a canary makes an alert.
    expect(spawnSync('/bin/true', ['forebear-canary-of-somebody-else']).status).toBe(0);
    await until(
      () => processesOf(agent).some(({ args }) => args.includes('forebear-canary-of-somebody-else')),
      () => agent.output(),
    );
    const { pid } = statusOf(agent);
    const { output } = await agent.stop();
    expect(output).toContain(' 0 lost, ');
    const heads = beatsOf(agent).map((beat) => `${beat['forebear.heartbeat.link']}@${beat['forebear.heartbeat.seq']}`);
    const expected = heads.flatMap((head) => ['--expect-link', head]);
    const check = agent.command('journal', 'check', '--json', ...expected);
    expect([check.status, check.stderr]).toEqual([0, '']);
    const verdicts = JSON.parse(check.stdout).expected as { verdict: string }[];
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(heads.map(() => 'same'));
    expect(processesOf(agent).filter(({ parent }) => parent.pid === pid)).toEqual([]);
    console.log(`heartbeats: ${heads.length}, links confirmed: ${verdicts.length}, alerts of the canary: 0`);
  } finally {
    agent.remove();
  }
});

it('an agent that is killed leaves its last heartbeat: the next one tells since when nobody watched', async () => {
  const agent = await startAgent(['--config', config(), '--rules', rules(), '--no-exceptions'], state);
  try {
    await until(
      () => beatsOf(agent).length >= 2,
      () => agent.output(),
    );
    await agent.stop('SIGKILL');
    const last = parseLines(agent.command('journal', 'export').stdout).at(-1) as { '@timestamp': string };
    const next = await startAgent(['--rules', rules(), '--no-exceptions', '--record', join(folder, 'next')], state);
    await next.stop();
    const [gap, start, changed] = parseLines(
      agent.command('journal', 'export', '--kind', 'gap', 'lifecycle').stdout,
    ).slice(1);
    expect(gap).toMatchObject({ 'forebear.gap.kind': 'not_running', 'forebear.gap.from': last['@timestamp'] });
    expect(start).toMatchObject({ 'forebear.lifecycle.event': 'start' });
    expect(changed).toMatchObject({
      'forebear.lifecycle.event': 'configuration',
      'forebear.lifecycle.detail': 'journal.heartbeat, sensor.canary',
    });
  } finally {
    agent.remove();
  }
});

/** The live sensor, without the execs that hold the word. */
function dropping(sensor: Sensor, word: string, drops: () => boolean): Sensor {
  const kept = (record: SensorRecord) =>
    !drops() || record.kind !== 'exec' || !record.args.some((arg) => arg.includes(word));
  const start = (handlers: SensorHandlers) =>
    sensor.start({ ...handlers, onBatch: (records) => handlers.onBatch(records.filter(kept)) });
  return {
    start,
    stop: () => sensor.stop(),
    setWakeHints: (names) => sensor.setWakeHints(names),
    counters: () => sensor.counters(),
    status: () => sensor.status(),
  };
}

it('a sensor that drops the canary is told of in a critical alert, and in a gap record once it is back', async () => {
  let drops = true;
  // Of this process's children: other agents on this machine have canaries too.
  writeFileSync(
    rules(),
    ruleText({ query: `'event.action:exec and process.parent.pid:${process.pid} and process.args:forebear-canary-*'` }),
  );
  const fields = new FieldTable();
  const { log } = logged();
  const alerts: Alert[] = [];
  const stopping = new AbortController();
  const base = configIn(state);
  const done = runAgent({
    config: { ...base, sensor: { ...base.sensor, canaryMs: 2000 } },
    version: '1.2.3',
    fields,
    rules: await loadRules([rules()], { fields, languages: LANGUAGES, abilities: LINUX_HOST }),
    clock: systemClock,
    makeSensor: (envNames) => dropping(newSensor({ envNames }), 'forebear-canary-', () => drops),
    log,
    onReady: () => {},
    onAlert: (alert) => void alerts.push(alert),
    signal: stopping.signal,
  });
  await Promise.race([
    done,
    until(
      () => alerts.length > 0,
      () => 'the alert',
    ),
  ]);
  drops = false;
  const isBack = async () => words(await journalOf(state)).includes('gap blind');
  await expect.poll(isBack, { timeout: 20_000, interval: 200 }).toBe(true);
  stopping.abort();
  await done;
  expect(alerts.map(({ rule_id, severity }) => [rule_id, severity])).toEqual([['forebear-canary', 'critical']]);
  expect(words(await journalOf(state))).toEqual(['start', 'alert', 'gap blind', 'stop']);
}, 60_000);
