// forebear.service at its limits as systemd sets them: Debian 12 with its own systemd and kernel under qemu, cgroups of version 2.
// (The hosts of the other tests may have version 1, where a service's limits are made by hand.) Emulated, and slowed on top of that:
// two minutes on a quiet machine, so it is npm run matrix that runs it.

import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { AgentStatus } from '../../src/agent-status.ts';
import { VERSION } from '../../src/commands/version.ts';
import { buildPackage, whyNoPackage } from '../packaging/build-package.ts';
import { whyNoBed } from '../systemd/bed.ts';
import { type GuestResult, runGuest, textOf } from './guest.ts';
import { describeSuite, kernelOf, whyNoGuest } from './kernels.ts';
import { makeServiceDisk } from './service-disk.ts';
import { linesOf } from './whole-run.ts';

const SUITE = 'bookworm';
const RULE = `[rule]
rule_id = "limits"
name = "Limits"
description = "Of this test"
type = "query"
language = "kuery"
severity = "low"
risk_score = 10
max_signals = 1000000
index = ["logs-endpoint.events.*"]
query = "event.action:exec and process.name:fb-limit"
`;
/** On a busy machine it takes three times as long. */
const DEADLINE_MS = 900_000;
/** What is in time on a host is not on an emulated one that has a part of a core. */
const PATIENCE = '[Service]\nWatchdogSec=10min\nTimeoutStartSec=10min\n';
/** Before it is killed; what was made until then comes on top. */
const ALERTS = 145;

const notAsked = process.env.FOREBEAR_KERNELS === undefined ? 'npm run matrix boots it: two minutes' : undefined;
const missing = notAsked ?? whyNoGuest(SUITE) ?? whyNoPackage() ?? whyNoBed(SUITE);
let guest: GuestResult;

beforeAll(async () => {
  if (missing !== undefined) return;
  const disk = makeServiceDisk('service-limits', buildPackage(VERSION).file, SUITE, {
    'usr/share/forebear/rules/limits.toml': RULE,
    'etc/systemd/system/forebear.service.d/test.conf': PATIENCE,
    'etc/forebear/forebear.toml': '[sensor]\ncanary = "2s"\n',
  });
  try {
    guest = await runGuest({
      kernel: kernelOf(SUITE),
      files: disk.files,
      devices: disk.devices,
      deadlineMs: DEADLINE_MS,
    });
  } finally {
    disk.remove();
  }
  const steps = [...guest.console.matchAll(/guest: (.*) s$/gm)].map(([, step]) => step).join(', ');
  console.log(`${describeSuite(SUITE)}, service limits: ${guest.seconds.toFixed(0)} s: ${steps}`);
}, 2 * DEADLINE_MS);

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

const statusAt = (name: string): AgentStatus => JSON.parse(textOf(guest.files, `${name}.json`));
const eventAt = (name: string, file: string, event: string) =>
  Number(new RegExp(`^${event} (\\d+)$`, 'm').exec(textOf(guest.files, `${name}.${file}`))?.[1]);

it('has the limits of its unit', () => {
  expect(textOf(guest.files, 'group').trim().split('\n')).toEqual([
    `memory.high ${384 << 20}`,
    `memory.max ${512 << 20}`,
    'memory.swap.max 0',
    'cpu.max 100000/100000',
    'pids.max 64',
  ]);
  const limits = textOf(guest.files, 'limits');
  expect(limits).toMatch(/^Max open files +4096 +4096 /m);
  expect(limits).toMatch(/^Max locked memory +unlimited +unlimited /m);
  expect(limits).toMatch(/^Max core file size +0 +0 /m);
});

it('TasksMax=: what cannot be run is counted and said, alerts go on', () => {
  expect(eventAt('tasks', 'pids.events', 'max')).toBeGreaterThan(0);
  const { alerts, counters, canary } = statusAt('tasks');
  expect(alerts).toBe(25);
  expect(counters.agent_canaries_failed_total).toBeGreaterThanOrEqual(2);
  expect(canary?.fault).toContain('EAGAIN');
});

it('CPUQuota=: throttled, it is late, and what it lost is counted', () => {
  expect(eventAt('cpu', 'cpu.stat', 'nr_throttled')).toBeGreaterThan(0);
  expect(statusAt('cpu').alerts).toBe(85);
});

it('MemoryHigh=: slowed, it goes on', () => {
  expect(eventAt('high', 'memory.events', 'high')).toBeGreaterThan(0);
  expect(eventAt('high', 'memory.events', 'oom_kill')).toBe(0);
  expect(statusAt('high').alerts).toBe(ALERTS);
});

it('MemoryMax=: killed, it is back; the gap is marked, and what was acknowledged is there', () => {
  expect(Number(textOf(guest.files, 'restarts'))).toBeGreaterThanOrEqual(1);
  expect(textOf(guest.files, 'journal')).toMatch(/killed by the OOM killer/);
  expect(textOf(guest.files, 'check.status')).toBe('0\n');
  const life = linesOf<Record<string, unknown>>(guest, 'life', '@timestamp').map(
    (record) => record['forebear.lifecycle.event'] ?? `gap ${record['forebear.gap.kind']}`,
  );
  expect(life.slice(-2)).toEqual(['gap not_running', 'start']);
  expect(Number(textOf(guest.files, 'alerts'))).toBeGreaterThanOrEqual(ALERTS);
});

it('stops in order, with every record accounted for', () => {
  expect(textOf(guest.files, 'result')).toBe('success\n');
  const { reserved, decoded, lost } = statusAt('stopped').sensor.counters;
  for (const kind of Object.keys(reserved))
    expect([kind, reserved[kind]]).toEqual([kind, decoded[kind]! + lost[kind]!]);
});
