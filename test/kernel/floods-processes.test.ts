// Floods of processes: what rules name is seen all the same, everything else is decoded or counted, memory stays in bounds.

import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_DOCUMENT_BYTES } from '../../src/detect/document-limit.ts';
import { until } from './agent-process.ts';
import { FLOOD_TIMEOUT, FloodedAgent, type FloodMode, NAMED_RULE, parentOf, whyNoFlood } from './flood.ts';
import { startSshd, whyNoSshd } from './sshd.ts';

const FIRST_RULE = 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6';
const missing = whyNoFlood();
let agent: FloodedAgent;

beforeEach((context) => {
  if (missing !== undefined) return context.skip(missing);
  agent = new FloodedAgent();
});
afterEach(() => agent?.remove());

describe('a storm of forks, and what the first rule names in it', () => {
  const TIMES = 8;

  it.for<[FloodMode, number]>([
    ['forks', 20_000],
    ['chains', 10_000],
  ])('%s', FLOOD_TIMEOUT, async ([mode, forks], context) => {
    const why = whyNoSshd();
    if (why !== undefined) context.skip(why);
    const sshd = await startSshd();
    try {
      await agent.start({});
      const end = agent.flood(mode);
      const programs = Array.from({ length: TIMES }, (_, i) => join(sshd.folder, `payload-${i}`));
      for (const program of programs) copyFileSync('/bin/dash', program);
      const lines = programs.map((program) => `${program} -c 'systemctl start fb-none.service; true'`);
      sshd.run(lines.slice(TIMES / 2).join('; '));
      await agent.untilReserved('fork', forks);
      sshd.run(lines.slice(0, TIMES / 2).join('; '));
      await agent.untilAlerts(FIRST_RULE, TIMES, sshd.folder);
      const made = await end();
      await agent.stopSoundly(made);
      expect(agent.alerts(FIRST_RULE, sshd.folder).map(parentOf).sort()).toEqual(programs);
    } finally {
      await sshd.stop();
    }
  });
});

it(
  '32 KiB of arguments, again and again: those that rules name become documents of at most 64 KiB, with marks',
  FLOOD_TIMEOUT,
  async () => {
    const TIMES = 20;
    await agent.start({ rules: [NAMED_RULE] });
    const end = agent.flood('args', 3);
    const large = Array.from({ length: 33 }, (_, i) => `${i}${'y'.repeat(1000)}`);
    agent.runNamed(TIMES / 2, ...large);
    await agent.untilReserved('exec', 4000);
    agent.runNamed(TIMES / 2, ...large);
    await agent.untilAlerts('named', TIMES);
    const made = await end();
    await agent.stopSoundly(made);
    const alerts = agent.alerts('named') as { process: Process; forebear: { gaps: { kind: string }[] } }[];
    expect(alerts.map(({ process }) => process.args[1])).toEqual(Array.from({ length: TIMES }, (_, i) => `${i}`));
    for (const alert of alerts) {
      expect(Buffer.byteLength(JSON.stringify(alert))).toBeLessThanOrEqual(MAX_DOCUMENT_BYTES);
      expect(alert.process.args_count).toBe(35);
      expect(alert.forebear.gaps.map(({ kind }) => kind)).toContain('truncated');
    }
  },
);

interface Process {
  args: string[];
  args_count: number;
}

describe('more processes that live than the table has room for', () => {
  const LIVING = 80;
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  it('are told of, and what they do next is seen', async () => {
    await agent.start({ config: '[enrich]\nprocess_table_bytes = "1MiB"\n', rules: [NAMED_RULE] });
    const large = 'z'.repeat(32_000);
    for (let i = 0; i < LIVING; i++) {
      const script = `read go; exec "$0" ${i}`;
      children.push(spawn('/bin/dash', ['-c', script, agent.named, large], { stdio: ['pipe', 'ignore', 'ignore'] }));
    }
    const evicted = () => agent.status().counters['enrich_processes_evicted_total{reason="live"}'] ?? 0;
    await until(
      () => evicted() > 0,
      () => `an evicted process among ${LIVING} of 32 KiB: ${JSON.stringify(agent.status().processTable)}`,
    );
    for (const child of children) child.stdin!.end('go\n');
    await agent.untilAlerts('named', LIVING);
    const { counters } = await agent.stopSoundly({ forks: LIVING, execs: 2 * LIVING });
    expect(agent.alerts('named')).toHaveLength(LIVING);
    const told = (await agent.gaps('evicted_processes')).reduce((sum, { count }) => sum + count, 0);
    expect(told).toBe(counters['enrich_processes_evicted_total{reason="live"}']);
  });
});
