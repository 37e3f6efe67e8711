// Maintainer scripts of real packages under a real dpkg, in a real ssh session: with the shipped exceptions they are silent
// and leave no history; without them the interpreter becomes history and hides the next program that it runs.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AgentProcess, startAgent, until, whyNoSensor } from './agent-process.ts';
import { type Sshd, startSshd, whyNoSshd } from './sshd.ts';

const PACKAGE = `fb-test-${process.pid}`;
const UNIT = `${PACKAGE}.service`;
const missing = whyNoSensor() ?? whyNoSshd() ?? whyNoPackages();

function whyNoPackages(): string | undefined {
  const programs = ['/usr/bin/dpkg', '/usr/bin/dpkg-deb', '/usr/bin/sudo'];
  const absent = programs.find((program) => !existsSync(program));
  return absent === undefined ? undefined : `${absent} is missing (scripts/setup --test installs what Debian has)`;
}

/** A package without files, whose postinst enables a unit that is not there. out: the .deb */
function buildPackage(folder: string): string {
  const control = join(folder, 'package/DEBIAN');
  mkdirSync(control, { recursive: true, mode: 0o755 });
  const lines = [
    `Package: ${PACKAGE}`,
    'Version: 1',
    'Architecture: all',
    'Maintainer: Forebear <nobody@example.org>',
    'Description: a unit is enabled when this is installed (a test of Forebear)',
  ];
  writeFileSync(join(control, 'control'), `${lines.join('\n')}\n`);
  writeFileSync(join(control, 'postinst'), `#!/bin/sh\nsystemctl enable ${UNIT} 2>/dev/null || true\n`);
  chmodSync(join(control, 'postinst'), 0o755);
  const file = join(folder, 'test.deb');
  execFileSync('dpkg-deb', ['--root-owner-group', '--build', join(folder, 'package'), file], { stdio: 'ignore' });
  return file;
}

describe('a package whose postinst enables a unit', () => {
  const sudoers = `/etc/sudoers.d/${PACKAGE}`;
  let folder: string;
  let deb: string;
  let sshd: Sshd;
  let programs = 0;

  beforeAll(async () => {
    if (missing !== undefined) return;
    folder = mkdtempSync(join(tmpdir(), 'fb-deb-'));
    deb = buildPackage(folder);
    sshd = await startSshd();
    writeFileSync(sudoers, `${sshd.user} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 });
  });

  afterAll(async () => {
    if (missing !== undefined) return;
    spawnSync('dpkg', ['--purge', PACKAGE]);
    rmSync(sudoers, { force: true });
    rmSync(folder, { recursive: true, force: true });
    await sshd?.stop();
  });

  beforeEach((ctx) => {
    if (missing !== undefined) ctx.skip(missing);
  });

  async function withAgent(args: string[], use: (agent: AgentProcess) => Promise<void>): Promise<void> {
    const agent = await startAgent(args);
    try {
      await use(agent);
    } finally {
      await agent.stop();
      agent.remove();
    }
  }

  /** Parents that alerted for our unit, once the agent has seen everything up to now. */
  async function alerted(agent: AgentProcess): Promise<string[]> {
    const marker = join(sshd.folder, `marker-${programs++}`);
    copyFileSync('/bin/dash', marker);
    sshd.run(`${marker} -c 'systemctl start ${UNIT}; true'`);
    const parents = () =>
      agent.alerts().flatMap(({ process }) => {
        const { args, parent } = process as { args: string[]; parent: { executable: string } };
        return args.includes(UNIT) ? [parent.executable] : [];
      });
    await until(
      () => parents().includes(marker),
      () => `the marker's alert in:\n${agent.output()}`,
    );
    return parents().filter((parent) => !parent.includes('/marker-'));
  }

  function install(): void {
    const { status, stdout, stderr } = sshd.run(`sudo dpkg -i ${deb}`, { tty: true });
    expect([status, status === 0 ? '' : stdout + stderr]).toEqual([0, '']);
  }

  /** What an intruder would do with the same interpreter. */
  const byHand = () => sshd.run(`/usr/bin/dash -c 'systemctl enable ${UNIT}; true'`);

  const excepted = (agent: AgentProcess, item: string) => {
    const { counters } = JSON.parse(agent.command('status', '--json').stdout) as { counters: Record<string, number> };
    return counters[`detect_events_excepted_total{reason="${item}"}`];
  };

  it('is silent with the shipped exceptions, and dash does not become history', async () => {
    await withAgent([], async (agent) => {
      install();
      expect(await alerted(agent)).toEqual([]);
      await until(
        () => excepted(agent, 'forebear-packages-dpkg') === 1,
        () => `one event hidden, in:\n${agent.command('status').stdout}`,
      );
      byHand();
      expect(await alerted(agent)).toEqual(['/usr/bin/dash']);
    });
  });

  it('alerts without them, and hides what dash does next', async () => {
    await withAgent(['--no-exceptions'], async (agent) => {
      install();
      expect(await alerted(agent)).toEqual(['/usr/bin/dash']);
      byHand();
      expect(await alerted(agent)).toEqual(['/usr/bin/dash']);
    });
  });
});
