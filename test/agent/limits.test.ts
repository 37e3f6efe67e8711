// The byte rate in a whole run: what it holds back is counted, told in alerts, in a gap record at the stop, and in status.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { parseAgentStatus } from '../../src/agent-status.ts';
import { FakeHost } from '../enrich/fake-host.ts';
import type { RecordInput } from '../sensor/encode.ts';
import { configIn, journalOf, newFolder, remove, runOver, words } from './agent-run.ts';

const RULE = 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6';

let state: string;
beforeEach(() => {
  state = newFolder();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  remove(state);
});

/** Ann's shell runs so many programs, each of which enables a unit. */
function stories(count: number): RecordInput[] {
  const host = new FakeHost();
  host.add(100, { ppid: 1, pgid: 100, sid: 100 }, '/usr/sbin/sshd');
  host.task(100);
  host.fork(100, 101);
  host.setsid(101);
  host.exec(101, '/bin/bash', ['-bash']);
  for (let i = 0; i < count; i++) {
    const pid = 200 + 2 * i;
    host.fork(101, pid);
    host.exec(pid, `/tmp/payload-${i}`, ['payload']);
    host.fork(pid, pid + 1);
    host.exec(pid + 1, '/usr/bin/systemctl', ['systemctl', 'enable', 'x.service']);
    host.exit(pid + 1);
    host.exit(pid);
  }
  return host.records as RecordInput[];
}

it('alerts + what was held back = what would have been alerts, wherever one looks', async () => {
  const config = { ...configIn(state), limits: { ruleBytesPerMinute: 20_000, allBytesPerMinute: 1_000_000 } };
  const { alerts, summary } = await runOver(state, stories(40), { config });
  const heldBack = 40 - alerts.length;
  expect(alerts.length).toBeGreaterThan(1);
  expect(heldBack).toBeGreaterThan(1);
  expect(summary).toMatchObject({ alerts: alerts.length, capped: 0, heldBack });
  const entries = await journalOf(state);
  expect(words(entries)).toEqual(['start', ...alerts.map(() => 'alert'), 'gap capped_alerts', 'stop']);
  const told = alerts.flatMap(({ alert }) => alert.gaps.filter(({ kind }) => kind === 'capped_alerts'));
  const atStop = entries.flatMap((entry) => (entry.kind === 'gap' ? [entry.gap] : []));
  expect(atStop).toMatchObject([{ kind: 'capped_alerts', detail: `${RULE}, by the byte rate` }]);
  expect([...told, ...atStop].reduce((sum, { count }) => sum + count, 0)).toBe(heldBack);
  const status = parseAgentStatus(readFileSync(join(state, 'status.json'), 'utf8'));
  expect(status?.counters['detect_alerts_held_back_total{reason="rule"}']).toBe(heldBack);
});

it('by default holds nothing back that max_signals would let through', async () => {
  const { alerts, summary } = await runOver(state, stories(120), { config: configIn(state) });
  expect(alerts).toHaveLength(100);
  expect(summary).toMatchObject({ capped: 20, heldBack: 0 });
});

it('a live process that the table has no room for is told of, and the run goes on', async () => {
  const config = configIn(state);
  const enrich = { ...config.enrich, processTableBytes: 20_000 };
  const host = new FakeHost();
  host.add(100, { ppid: 1, pgid: 100, sid: 100 }, '/usr/sbin/sshd');
  host.task(100);
  for (let pid = 200; pid < 300; pid++) host.fork(100, pid);
  const { summary } = await runOver(state, host.records as RecordInput[], { config: { ...config, enrich } });
  expect(summary.unaccounted).toBe(0);
  const gaps = (await journalOf(state)).flatMap((entry) => (entry.kind === 'gap' ? [entry.gap] : []));
  expect(gaps).toMatchObject([{ kind: 'evicted_processes' }]);
  const status = parseAgentStatus(readFileSync(join(state, 'status.json'), 'utf8'))!;
  expect(status.processTable).toMatchObject({ evicted: gaps[0]!.count });
  expect(status.processTable.bytes).toBeLessThanOrEqual(20_000);
});
