// The canary in a run of the agent: what rules see of it (nothing, in the replay neither), and what the journal has of a
// sensor that drops it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { CanaryProgram } from '../../src/agent/canary.ts';
import { replayRecording } from '../../src/agent/replay.ts';
import { parseAgentStatus } from '../../src/agent-status.ts';
import { Detector } from '../../src/detect/detector.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { RecordingReader } from '../../src/record/read-recording-io.ts';
import { Counters } from '../../src/stats.ts';
import { makeRule } from '../detect/rules.ts';
import { FakeHost } from '../enrich/fake-host.ts';
import type { RecordInput } from '../sensor/encode.ts';
import { configIn, journalOf, newFolder, remove, start, words } from './agent-run.ts';

const TRUE = '/usr/bin/true';

let state: string;
beforeEach(() => {
  state = newFolder();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  remove(state);
});

/** A rule that takes any exec: the hardest case. */
function anyExec() {
  const fields = new FieldTable();
  const rules = [
    makeRule(fields, 'event.action:exec', { rule_id: 'any' }),
    makeRule(fields, 'event.action:exec', { rule_id: 'terms' }, ['process.executable']),
  ];
  return { fields, rules };
}

async function runWithCanary() {
  const { fields, rules } = anyExec();
  const host = new FakeHost();
  host.add(50, { ppid: 1, pgid: 50, sid: 50 }, '/usr/lib/forebear/node');
  host.task(50);
  const sensor = { drops: false };
  let pid = 60;
  /** Told by the sensor unless it drops it. */
  const program: CanaryProgram = {
    argsOf: (token) => [TRUE, token],
    run: async (token) => {
      host.fork(50, ++pid);
      if (!sensor.drops) host.exec(pid, TRUE, [...program.argsOf(token)]);
      host.exit(pid);
      run.sensor.batch(host.records.splice(0) as RecordInput[]);
    },
  };
  const config = configIn(state);
  const run = await start(state, {
    config: { ...config, sensor: { ...config.sensor, canaryMs: 60_000 } },
    fields,
    rules: { rules, verdicts: [] },
    canary: program,
    recordTo: join(state, 'run.fbrec'),
  });
  await run.ready;
  const ticks = (count: number) => vi.advanceTimersByTime(1000 * count);
  const other = () => {
    host.fork(50, ++pid);
    host.exec(pid, TRUE, [TRUE, 'forebear-canary-of-somebody-else']);
    run.sensor.batch(host.records.splice(0) as RecordInput[]);
  };
  const status = () => parseAgentStatus(readFileSync(join(state, 'status.json'), 'utf8'));
  return { run, sensor, ticks, other, status };
}

async function replayed(): Promise<string[]> {
  const { fields, rules } = anyExec();
  const counters = new Counters();
  const detector = new Detector({ rules, fields, counters });
  const uuids: string[] = [];
  await replayRecording({
    frames: () => new RecordingReader(join(state, 'run.fbrec')).frames(),
    version: '1.2.3',
    fields,
    detector,
    entryLeader: 'lineage',
    envNames: new Set(),
    counters,
    onAlert: ({ uuid }) => void uuids.push(uuid),
    signal: new AbortController().signal,
  });
  return uuids;
}

it('is seen by the sensor and by no rule; another that looks like one is seen by all, in the replay too', async () => {
  const { run, ticks, other, status } = await runWithCanary();
  ticks(1);
  other();
  ticks(60);
  expect(status()?.canary?.seenMs).toBeDefined();
  run.stop();
  await run.done;
  expect(run.alerts.map(({ alert }) => alert.rule_id)).toEqual(['any', 'terms']);
  expect(run.alerts[0]!.alert.document).toMatchObject({
    process: { args: [TRUE, 'forebear-canary-of-somebody-else'] },
  });
  expect(words(await journalOf(state))).toEqual(['start', 'alert', 'alert', 'stop']);
  expect(await replayed()).toEqual(run.alerts.map(({ alert }) => alert.uuid));
});

it('makes a critical alert when the sensor drops it, and a gap record when it is back', async () => {
  const { run, sensor, ticks, status } = await runWithCanary();
  ticks(1);
  sensor.drops = true;
  ticks(60 + 20);
  await expect.poll(() => run.alerts.length).toBe(1);
  expect(status()?.canary?.blindSinceMs).toBeDefined();
  ticks(120);
  sensor.drops = false;
  ticks(60);
  run.stop();
  await run.done;
  expect(words(await journalOf(state))).toEqual(['start', 'alert', 'gap blind', 'stop']);
  const [, stored, gap] = await journalOf(state);
  expect(stored?.kind === 'alert' && stored.alert).toMatchObject({ rule_id: 'forebear-canary', severity: 'critical' });
  expect(gap?.kind === 'gap' && gap.gap.count).toBeGreaterThanOrEqual(2);
  expect(run.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
});
