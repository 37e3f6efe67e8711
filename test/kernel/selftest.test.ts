// `forebear selftest` against a real agent: from wherever it is run, what it leaves behind, and forgeries of its mark.

import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { selftestNames } from '../../src/agent/selftest.ts';
import { systemClock } from '../../src/clock.ts';
import { HELPER_PATH, makeFolder } from '../../src/commands/selftest-launch.ts';
import { asNobody, whyNotAsNobody } from '../commands/other-user.ts';
import { type AgentProcess, parseLines, runForebear, startAgent, until, whyNoSensor } from './agent-process.ts';
import { startSshd, whyNoSshd } from './sshd.ts';

const LAUNCHER = resolve(import.meta.dirname, '../../bin/forebear');
const SYSTEMCTL = '/usr/bin/systemctl';
const NOBODY = 65534;
/** The programs report on fd 3; nobody listens. */
const QUIET: ('ignore' | 'pipe')[] = ['ignore', 'ignore', 'ignore', 'pipe'];
const missing =
  whyNoSensor() ??
  (existsSync(HELPER_PATH) ? undefined : 'build/selftest is not built (scripts/build)') ??
  (existsSync(SYSTEMCTL) ? undefined : `${SYSTEMCTL} is missing (scripts/setup --test installs systemd)`);

interface Marked {
  forebear: { selftest?: true };
  process: { parent: { executable: string }; entry_leader: { entry_meta: { type: string } } };
}

let agent: AgentProcess;
let folder: string;

beforeAll(async () => {
  if (missing !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'fb-forged-'));
  agent = await startAgent();
});

afterAll(async () => {
  await agent?.stop();
  agent?.remove();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

const alerts = () => agent.alerts() as unknown as Marked[];
const selftests = () => alerts().filter(({ forebear }) => forebear.selftest === true);
const termsKnown = () => JSON.parse(agent.command('status', '--json').stdout).terms.known;

/** All stages of its --json output are fine; out: how long the whole way took. */
function passed(stdout: string): number {
  const stages = parseLines(stdout);
  expect(stages.map(({ stage, status }) => [stage, status])).toEqual(
    ['started', 'seen', 'typed', 'matched', 'durable'].map((stage) => [stage, 'fine']),
  );
  return stages.at(-1)?.ms as number;
}

describe('passes', () => {
  it('twice, with a marked alert each, and leaves neither terms nor files behind', () => {
    const [alertsBefore, termsBefore] = [selftests().length, termsKnown()];
    for (let run = 0; run < 2; run++) {
      const { status, stdout, stderr } = agent.command('selftest', '--json');
      expect([status, stderr]).toEqual([0, '']);
      expect(passed(stdout)).toBeGreaterThan(0);
    }
    expect(selftests()).toHaveLength(alertsBefore + 2);
    expect(selftests().map(({ process }) => process.entry_leader.entry_meta.type)).toEqual(['sshd', 'sshd']);
    expect(termsKnown()).toBe(termsBefore);
    expect(readdirSync(join(agent.state, 'selftest'))).toEqual([]);
    expect(lstatSync(join(agent.state, 'selftest')).mode & 0o777).toBe(0o700);
  });

  it('for a person, and tail says what the alert is', () => {
    const { status, stdout } = agent.command('selftest');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^durable +fine +[\d.]+ ms .*\npassed: from exec to disk in [\d.]+ ms/m);
    expect(agent.command('tail', '-n', '1').stdout).toMatch(
      /self-test: Systemd .*sshd > .*forebear-selftest > systemctl/,
    );
  });

  it.each([
    [
      'in a session of its own, without terminal and environment, as from cron',
      'exec setsid -w env -i "$@" >"$OUT" 2>&1',
    ],
    ['as a child of pid 1, as from systemd', '(setsid env -i "$@" >"$OUT" 2>&1; :) & exit 0'],
  ])('%s', async (_name, script) => {
    const out = join(folder, `out-${Math.random()}`);
    writeFileSync(out, '');
    const command = [LAUNCHER, 'selftest', '--json', '--state', agent.state];
    spawnSync('sh', ['-c', script, 'sh', ...command], { stdio: 'ignore', env: { ...process.env, OUT: out } });
    const printed = () => readFileSync(out, 'utf8');
    await until(
      () => /"durable"|"error"/.test(printed()),
      () => `the result in:\n${printed()}`,
    );
    passed(printed());
  });

  it('from a real ssh session, on a terminal and without', async (context) => {
    const why =
      whyNoSshd() ??
      (existsSync('/usr/bin/sudo') ? undefined : '/usr/bin/sudo is missing (scripts/setup --test installs it)');
    if (why !== undefined) return context.skip(why);
    const sshd = await startSshd();
    const sudoers = '/etc/sudoers.d/fb-selftest';
    try {
      writeFileSync(sudoers, `${sshd.user} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 });
      for (const tty of [false, true]) {
        const { stdout } = sshd.run(`sudo ${LAUNCHER} selftest --json --state ${agent.state}`, { tty });
        passed(stdout.replaceAll('\r', ''));
      }
    } finally {
      rmSync(sudoers, { force: true });
      await sshd.stop();
    }
  });

  it('where entry leaders are found as Elastic does', async () => {
    const config = join(folder, 'elastic.toml');
    writeFileSync(config, '[enrich]\nentry_leader = "elastic"\n');
    const other = await startAgent(['--config', config]);
    try {
      passed(other.command('selftest', '--json').stdout);
    } finally {
      await other.stop();
      other.remove();
    }
  });
});

describe('is not taken in by', () => {
  /** The same programs under the same names, somewhere; out: the alert that they made. */
  async function forged(directory: string, prefix: readonly string[] = []): Promise<Marked> {
    const { sshd, helper, unit } = selftestNames({ id: directory.slice(-32), directory });
    const [program, ...args] = [...prefix, sshd, helper, unit, '5'];
    const { status } = spawnSync(program!, args, { stdio: QUIET });
    expect(status).toBe(0);
    const found = () => alerts().find(({ process }) => process.parent.executable === helper);
    await until(
      () => found() !== undefined,
      () => `the alert of ${helper}`,
    );
    return found()!;
  }

  function copyPrograms(directory: string): void {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    const { sshd, helper } = selftestNames({ id: '', directory });
    for (const program of [sshd, helper]) copyFileSync(HELPER_PATH, program);
  }

  it('the names of a self-test', async () => {
    const directory = join(folder, 'selftest', 'a'.repeat(32));
    copyPrograms(directory);
    const terms = termsKnown();
    const alert = await forged(directory);
    expect(alert.forebear).not.toHaveProperty('selftest');
    expect(alert.process.entry_leader.entry_meta.type).toBe('sshd');
    await until(
      () => termsKnown() === terms + 1,
      () => 'its term to be known',
    );
  });

  it('the path of a self-test, with no token there', async () => {
    const directory = join(realpathSync(agent.state), 'selftest', 'b'.repeat(32));
    copyPrograms(directory);
    expect((await forged(directory)).forebear).not.toHaveProperty('selftest');
  });

  it('another user who has the very path in a mount namespace while a token is good', async () => {
    const state = realpathSync(agent.state);
    using genuine = makeFolder(state, { uid: 0, gid: 0 }, 30_000, systemClock);
    const { directory } = genuine;
    const own = join(folder, 'own');
    copyPrograms(join(own, 'selftest', genuine.id));
    const script = `mount --bind ${own} ${state} && exec setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups "$@"`;
    spawnSync('chmod', ['-R', 'a+rX', folder]);
    const alert = await forged(directory, ['unshare', '-m', 'sh', '-c', script, 'sh']);
    expect(alert.forebear).not.toHaveProperty('selftest');
    // The same by root, at the real place: it is the token that counts.
    spawnSync(...genuineRun(directory));
    await until(
      () => selftests().some(({ process }) => process.parent.executable.startsWith(directory)),
      () => 'the mark',
    );
  });

  function genuineRun(directory: string): [string, string[], { stdio: ('ignore' | 'pipe')[] }] {
    const { sshd, helper, unit } = selftestNames({ id: directory.slice(-32), directory });
    return [sshd, [helper, unit, '5'], { stdio: QUIET }];
  }
});

describe('fails', () => {
  it('for another user: status 2', (context) => {
    const closed = whyNotAsNobody();
    if (closed !== undefined) return context.skip(closed);
    const { status, stdout, stderr } = asNobody(LAUNCHER, 'selftest', '--json', '--state', agent.state);
    expect([status, stdout, JSON.parse(stderr).error.code]).toEqual([2, '', 'FB_SELFTEST_PERMISSION']);
  });

  it('when nothing arrives at the agent: status 1, and it says so', () => {
    process.kill(agent.pid, 'SIGSTOP');
    const { status, stdout } = agent.command('selftest', '--json', '--timeout', '1s');
    process.kill(agent.pid, 'SIGCONT');
    expect(status).toBe(1);
    expect(parseLines(stdout)[1]).toMatchObject({
      stage: 'seen',
      status: 'fault',
      found: expect.stringContaining('no exec at all'),
    });
  });

  it.each([['--timeout', 'soon'], ['--timeout', '0s'], ['--what']])(
    'for options that it does not know: %s %s',
    (...args) => {
      expect(agent.command('selftest', ...args).status).toBe(2);
    },
  );

  // The last ones stop the agent.
  it('is the same in a replay of the recording, marks included', async () => {
    await agent.stop();
    const live = agent.alerts();
    expect(live.length).toBeGreaterThan(5);
    const { stdout, stderr } = runForebear(['replay', '--json', agent.recording]);
    expect(stderr).toBe('');
    expect(parseLines(stdout).map(withoutLatency)).toEqual(live.map(withoutLatency));
  });

  it('without an agent: status 2', () => {
    const code = (...args: string[]) => JSON.parse(runForebear(['selftest', '--json', ...args]).stderr).error.code;
    expect(agent.command('selftest').status).toBe(2);
    expect(code('--state', agent.state)).toBe('FB_SELFTEST_NO_AGENT');
    expect(code('--state', join(folder, 'nothing'))).toBe('FB_SELFTEST_NO_AGENT');
  });
});

function withoutLatency(alert: Record<string, unknown>): unknown {
  const { last_detected: _late, ...kept } = (alert.kibana as { alert: Record<string, unknown> }).alert;
  return { ...alert, kibana: { alert: kept } };
}
