// An agent that gets hardly any time while programs are executed without end: what rules name is seen all the same, the rest
// is counted, what waits stays within its bounds, and afterwards it is as if nothing had been.

import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from './agent-process.ts';
import { FLOOD_TIMEOUT, FloodedAgent, NAMED_RULE, parentOf, whyNoFlood } from './flood.ts';
import { startSshd, whyNoSshd } from './sshd.ts';

const CGROUP = '/sys/fs/cgroup';
const FIRST_RULE = 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6';
/** Full after seconds, not minutes. */
const SMALL_RING = '[sensor]\nring_bytes = "1MiB"\n';
const missing = whyNoFlood();
let agent: FloodedAgent;
let release: () => void;

beforeEach((context) => {
  release = () => {};
  if (missing !== undefined) return context.skip(missing);
  agent = new FloodedAgent();
});
afterEach(() => {
  release();
  agent?.remove();
});

/** Each makes an agent starve, and says how to let it go. A string: why that is not to be had here. */
type Starve = (pid: number) => (() => void) | string;

const WAYS: readonly [name: string, starve: Starve, loses: boolean][] = [
  ['CPUQuota=5%', quota, true],
  ['stopped for 95 ms of each 100', standStill, true],
  // How much is left to it is up to the machine.
  ['SCHED_IDLE', idle, false],
];

it.for(WAYS)('%s', FLOOD_TIMEOUT, async ([_name, starve, loses], context) => {
  const TIMES = 60;
  await agent.start({ config: SMALL_RING, rules: [NAMED_RULE] });
  const starved = starve(agent.pid);
  if (typeof starved === 'string') return context.skip(starved);
  release = starved;
  const end = agent.flood('execs');
  agent.runNamed(TIMES / 3);
  await agent.untilReserved('exec', 15_000);
  if (loses) await untilLost(1);
  agent.runNamed(TIMES / 3);
  await agent.untilReserved('exec', 30_000);
  agent.runNamed(TIMES / 3);
  const made = await end();
  release();
  await agent.untilAlerts('named', TIMES);

  await until(isCaughtUp, () => `all records taken: ${JSON.stringify(agent.status().sensor.counters)}`);
  const before = lost();
  agent.runNamed(5);
  await agent.untilAlerts('named', TIMES + 5);
  expect([agent.judged(), lost() - before]).toEqual(['running', 0]);
  const { sensor } = await agent.stopSoundly(made);
  expect(agent.alerts('named')).toHaveLength(TIMES + 5);
  console.log(`starved: ${before} records lost and counted, the reader waited ${sensor.counters.queueFull} times`);
});

it(
  'the first rule fires in a session that was there before, whatever else of it is lost',
  FLOOD_TIMEOUT,
  async (context) => {
    const TIMES = 8;
    const why = whyNoSshd();
    if (why !== undefined) return context.skip(why);
    const sshd = await startSshd();
    try {
      await agent.start({ config: SMALL_RING });
      const programs = Array.from({ length: TIMES }, (_, i) => join(sshd.folder, `payload-${i}`));
      for (const program of programs) copyFileSync('/bin/dash', program);
      const lines = programs.map((program) => `${program} -c 'systemctl start fb-none.service; true'`);
      const [ready, go, done] = ['ready', 'go', 'done'].map((name) => join(sshd.folder, name)) as [
        string,
        string,
        string,
      ];
      sshd.open(`touch ${ready}; while [ ! -e ${go} ]; do sleep 0.1; done; ${lines.join('; ')}; touch ${done}`);
      await untilThere(ready);
      // All up to the shell has been taken: its exec is older than these.
      const { decoded } = agent.status().sensor.counters;
      await until(
        () => agent.status().sensor.counters.decoded.exec! > decoded.exec! + 5,
        () => 'the sleeps of the shell',
      );
      release = standStill(agent.pid);
      const end = agent.flood('execs');
      await untilLost(1000);
      writeFileSync(go, '');
      await untilThere(done);
      const made = await end();
      release();
      await agent.untilAlerts(FIRST_RULE, TIMES, sshd.folder);
      await agent.stopSoundly(made);
      expect(agent.alerts(FIRST_RULE, sshd.folder).map(parentOf).sort()).toEqual(programs);
    } finally {
      await sshd.stop();
    }
  },
);

const untilThere = (path: string) =>
  until(
    () => existsSync(path),
    () => path,
  );

const lost = () => Object.values(agent.status().sensor.counters.lost).reduce((sum, n) => sum + n, 0);
const untilLost = (count: number) =>
  until(
    () => lost() >= count,
    () => `${count} lost records: ${JSON.stringify(agent.status().sensor.counters)}`,
  );

/** What the kernel side has made is decoded or counted, in a snapshot of two looks at one moment. */
function isCaughtUp(): boolean {
  const { reserved, decoded, lost } = agent.status().sensor.counters;
  const of = (kinds: Readonly<Record<string, number>>) => Object.values(kinds).reduce((sum, n) => sum + n, 0);
  return of(reserved) - of(decoded) - of(lost) < 100;
}

/** As systemd does it, in the form of either version of cgroups. */
function quota(pid: number): (() => void) | string {
  const v1 = existsSync(`${CGROUP}/cpu/cgroup.procs`);
  const group = join(v1 ? `${CGROUP}/cpu` : CGROUP, `fb-flood-${process.pid}`);
  const [file, value] = v1 ? ['cpu.cfs_quota_us', '5000'] : ['cpu.max', '5000 100000'];
  try {
    mkdirSync(group);
    if (!existsSync(join(group, file))) throw new Error(`it has no ${file}`);
    writeFileSync(join(group, file), value);
    writeFileSync(join(group, 'cgroup.procs'), String(pid));
  } catch (error) {
    if (existsSync(group)) rmdirSync(group);
    return `no cgroup with a cpu controller can be made in ${CGROUP}: ${String(error)}`;
  }
  return () => {
    if (!existsSync(group)) return;
    writeFileSync(join(group, '..', 'cgroup.procs'), String(pid));
    rmdirSync(group);
  };
}

/** By a process of its own: this one waits for others. */
function standStill(pid: number): () => void {
  const cycle = 'while kill -STOP $0; do sleep 0.095; kill -CONT $0; sleep 0.005; done';
  const child = spawn('/bin/dash', ['-c', cycle, String(pid)], { stdio: 'ignore' });
  return () => {
    child.once('exit', () => goOn(pid)).kill('SIGKILL');
    goOn(pid);
  };
}

function goOn(pid: number): void {
  if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGCONT');
}

function idle(pid: number): (() => void) | string {
  const set = (...policy: string[]) =>
    spawnSync('chrt', ['--all-tasks', ...policy, '--pid', '0', String(pid)]).status === 0;
  if (!set('--idle')) return 'chrt (util-linux) is missing or may not set SCHED_IDLE';
  return () => set('--other');
}
