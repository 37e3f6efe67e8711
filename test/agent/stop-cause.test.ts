// Why the agent is asked to end, by what the service manager is at.

import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isUpgrade, ownUnit } from '../../src/agent/protection-io.ts';
import { type StopFacts, stopCauseOf } from '../../src/agent/stop-cause.ts';

const FACTS: StopFacts = {
  unit: 'forebear.service',
  jobs: '',
  state: 'running',
  upgrading: false,
  sender: { pid: 1, uid: 0 },
};
const REBOOT =
  ' 210 reboot.target    start waiting\n 211 shutdown.target  start waiting\n 212 forebear.service stop  running\n';
const somebody = { pid: 42, uid: 1000 };

const ROWS: [string, Partial<StopFacts>, string][] = [
  ['the host reboots', { jobs: REBOOT, state: 'stopping' }, 'shutdown: the host goes down (reboot.target)'],
  [
    'a manager that goes down lists no jobs any more',
    { jobs: undefined, state: 'stopping' },
    'shutdown: the host goes down',
  ],
  ['somebody stops it', { jobs: '7 forebear.service stop running' }, 'stopped: stopped by the service manager'],
  ['somebody restarts it', { jobs: '7 forebear.service restart running' }, 'restart: restarted'],
  [
    'its package restarts it',
    { jobs: '7 forebear.service restart running', upgrading: true },
    'upgrade: the package is upgraded',
  ],
  [
    'a stop is a stop while a package is upgraded, too',
    { jobs: '7 forebear.service stop running', upgrading: true },
    'stopped: stopped by the service manager',
  ],
  [
    'another unit is stopped',
    { jobs: '7 forebear-ship.service stop running', sender: somebody },
    'signal: ended by a signal that the service manager did not send',
  ],
  [
    'a signal from outside of the pid namespace',
    { sender: { pid: 0, uid: 0 } },
    'signal: ended by a signal that the service manager did not send',
  ],
  [
    'the manager does not answer',
    { jobs: undefined, state: undefined },
    'unknown: ended by a signal of which the service manager does not tell why',
  ],
];

it.each(ROWS)('%s', (_, facts, expected) => {
  const { kind, detail } = stopCauseOf({ ...FACTS, ...facts });
  expect(`${kind}: ${detail}`).toBe(expected);
});

it('knows the unit by the cgroup, of either version', () => {
  expect(ownUnit('0::/system.slice/forebear.service\n')).toBe('forebear.service');
  expect(ownUnit('1:name=systemd:/system.slice/my-agent.service\n0::/\n')).toBe('my-agent.service');
  expect(ownUnit('0::/user.slice/user-0.slice/session-3.scope\n')).toBeUndefined();
});

it('an upgrade is one for a quarter of an hour from when the package said so; a marker that was left there is none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'forebear-upgrade-'));
  const marker = join(folder, 'marker');
  const me = process.geteuid!();
  expect(isUpgrade(0, marker, me)).toBe(false);
  writeFileSync(marker, '');
  const { ctimeMs } = statSync(marker);
  expect(isUpgrade(ctimeMs + 14 * 60_000, marker, me)).toBe(true);
  expect(isUpgrade(ctimeMs + 15 * 60_000, marker, me)).toBe(false);
  expect(isUpgrade(ctimeMs, marker, me + 1)).toBe(false);
  rmSync(folder, { recursive: true });
});
