// The built program through its launcher, as a user and a script see it: output, exit status, signals, broken pipes.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { journalDirectory } from '../../src/config.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { encodeAlert } from '../../src/proto/alert-codec.ts';
import { Counters } from '../../src/stats.ts';
import { LAUNCHER, whyNotBuilt } from './built.ts';
import { sampleAlert } from './sample-alert.ts';

const ALERTS = 2000;
const state = mkdtempSync(join(tmpdir(), 'forebear-launcher-'));
const env = { ...process.env, TZ: 'UTC', NO_COLOR: '1', FORCE_COLOR: undefined };

beforeAll(async () => {
  const options = { hostIdentity: 'test', hostId: 'h1', counters: new Counters(), nowMs: () => Date.UTC(2026, 10, 24) };
  const journal = await openJournal({ directory: journalDirectory(state), reserveBytes: 0, ...options });
  const append = (i: number) => {
    const alert = sampleAlert({ uuid: `uuid-${i}`, ruleName: `rule r${i}` });
    return journal.append(encodeAlert(alert), { kind: 'alert', rank: 1, wallMs: alert.eventWallMs });
  };
  await Promise.all(Array.from({ length: ALERTS }, (_, i) => append(i + 1)));
  await journal.close();
});
afterAll(() => rmSync(state, { recursive: true }));

beforeEach((ctx) => {
  const missing = whyNotBuilt();
  if (missing !== undefined) ctx.skip(missing);
});

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(LAUNCHER, args, { env, encoding: 'utf8', maxBuffer: 1 << 26 });
  return { status, stdout, stderr };
}

function shell(command: string) {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command, 'bash', LAUNCHER, state], {
    env,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

it('shows the last alerts: status 0', () => {
  const { status, stdout, stderr } = run('tail', '--state', state, '-n', '2');
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toBe(
    [1999, 2000]
      .map(
        (i) => `2026-11-24 10:00:03  medium    rule r${i}  alice@web-1  sshd > bash > ./payload > systemctl enable x\n`,
      )
      .join(''),
  );
});

it('finds nothing: status 1, nothing printed', () => {
  expect(run('tail', '--state', state, '--rule', 'no such rule')).toEqual({ status: 1, stdout: '', stderr: '' });
});

it('finds no journal: status 2, one line of JSON on stderr', () => {
  const { status, stdout, stderr } = run('tail', '--state', join(state, 'nowhere'), '--json');
  expect([status, stdout]).toEqual([2, '']);
  expect(JSON.parse(stderr).error.code).toBe('FB_JOURNAL_ABSENT');
});

it('shows one alert by number and by uuid', () => {
  expect(run('show', '--state', state, '7', '--json').stdout).toBe(
    run('show', '--state', state, 'uuid-7', '--json').stdout,
  );
  expect(run('show', '--state', state, 'uuid-77').stdout).toContain('rule r77');
});

it('writes everything into a pipe whose reader begins after all was read', () => {
  const { status, stdout } = shell('"$1" tail --state "$2" -n 200 --json | (sleep 1; wc -l); exit $PIPESTATUS');
  expect([status, stdout.trim()]).toEqual([0, '200']);
});

it('ends quietly, with its own status, when the reader has gone', () => {
  const { status, stdout, stderr } = shell('"$1" tail --state "$2" -n all | head -n 1; exit $PIPESTATUS');
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain('rule r1 ');
});

it('says that the output cannot be written: status 2', () => {
  const { status, stderr } = shell('"$1" tail --state "$2" -n 1 > /dev/full');
  expect(status).toBe(2);
  expect(stderr).toMatch(/^forebear: no space left/);
});

it.each(['SIGINT', 'SIGTERM'] as const)(
  'follows until %s, then ends with the status of what it showed',
  async (signal) => {
    const child = spawn(LAUNCHER, ['tail', '-f', '-n', '1', '--state', state], { env });
    await firstOutput(child);
    child.kill(signal);
    expect(await exitOf(child)).toEqual([0, null]);
  },
);

it('takes a signal that comes twice at once, as Ctrl-C does under npm, for one', async () => {
  const child = spawn(LAUNCHER, ['tail', '-f', '-n', '1', '--state', state], { env });
  await firstOutput(child);
  for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM'] as const) child.kill(signal);
  expect(await exitOf(child)).toEqual([0, null]);
});

/** Waits until the process has written something and then no more: its reader takes nothing. */
async function stuck(pid: number): Promise<void> {
  let before = '';
  for (let same = 0; same < 5; ) {
    const written = /^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1]!;
    same = written === before && Number(written) > 1000 ? same + 1 : 0;
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('a reader that takes nothing keeps it from nothing: it ends at SIGTERM', () => {
  it('on a pipe', async () => {
    const child = spawn(LAUNCHER, ['tail', '-n', 'all', '--state', state], { env });
    await stuck(child.pid!);
    child.kill();
    expect(await exitOf(child)).toEqual([0, null]);
  });

  it('on a terminal', async (ctx) => {
    if (!existsSync('/usr/bin/script')) return ctx.skip('/usr/bin/script is missing (package bsdutils)');
    const pidFile = join(state, 'pid');
    const command = `echo $$ > ${pidFile}; exec ${LAUNCHER} tail -n all --state ${state}`;
    const terminal = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'));
      const pid = Number(readFileSync(pidFile, 'utf8'));
      await stuck(pid);
      process.kill(pid, 'SIGTERM');
      await until(() => !isAlive(pid));
      terminal.stdout.resume();
      expect(await exitOf(terminal)).toEqual([0, null]);
    } finally {
      terminal.kill('SIGKILL');
    }
  });
});

async function until(done: () => boolean): Promise<void> {
  for (let attempt = 0; !done(); attempt++) {
    if (attempt === 400) throw new Error('waited 20 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Also a zombie has ended. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

function firstOutput(child: ChildProcess): Promise<void> {
  return new Promise((done, failed) => {
    child.stdout!.once('data', () => done());
    child.once('exit', (status) => failed(new Error(`ended with ${status} before it printed anything`)));
  });
}

function exitOf(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((done) => child.once('exit', (status, by) => done([status, by])));
}
