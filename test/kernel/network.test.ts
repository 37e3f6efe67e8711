// Connections and calls on this machine's own kernel, whichever source it allows: connections.c, and programs that people use, held
// against what strace saw of the same run.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CallRecord, NetworkRecord, SensorRecord } from '../../src/sensor/record.ts';
import type { WantedKind } from '../../src/sensor/sensor.ts';
import { bpfMissing, Collector, expectConservation, newSensor } from '../native/live-sensor.ts';
import { type ConnectionAccount, itSeesEachConnection, readConnections } from './connection-cases.ts';
import { startSshd, whyNoSshd } from './sshd.ts';

const PROGRAM = resolve(import.meta.dirname, '../../build/test/connections');
const missing = (await bpfMissing()) ?? (existsSync(PROGRAM) ? undefined : `${PROGRAM} is not built (scripts/build)`);
const folder = mkdtempSync(join(tmpdir(), 'forebear-network-'));
const ALL: ReadonlySet<WantedKind> = new Set(['network', 'accept', 'call', 'module', 'lookup']);

beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function watch(command: readonly string[], wanted = ALL): Promise<SensorRecord[]> {
  const seen = new Collector();
  const sensor = newSensor({ wanted });
  await sensor.start(seen);
  const { status } = spawnSync(command[0]!, command.slice(1));
  await sensor.stop();
  expectConservation(sensor.counters());
  expect(sensor.counters().lost).toMatchObject({ network: 0, call: 0 });
  expect(status).toBe(0);
  return seen.records;
}

describe('connections.c', () => {
  const account: ConnectionAccount = { truth: [], records: [] };

  beforeAll(async () => {
    if (missing !== undefined) return;
    const truth = join(folder, 'truth');
    const records = await watch([PROGRAM, truth]);
    Object.assign(account, { truth: readConnections(truth), records });
  });

  itSeesEachConnection(account);
});

it('without accept wanted tells of attempts, and of what this side begins alone', async () => {
  const records = await watch([PROGRAM, join(folder, 'attempts')], new Set(['network']));
  const own = records.filter((record) => record.kind === 'network' && record.task.comm === 'connections');
  const seen = own as NetworkRecord[];
  expect(seen.some(({ operation }) => operation === 'connection_accepted')).toBe(false);
  expect(new Set(seen.map(({ direction }) => direction))).toEqual(new Set(['egress', 'unknown']));
});

describe('programs that people use', () => {
  const has = (program: string) => spawnSync('which', [program]).status === 0;

  /** Runs a script under strace and a sensor. out: connects and accepts by the one and by the other, as "connect PORT" and "accept". */
  async function bothSaw(script: string) {
    const trace = join(folder, 'trace');
    const options = ['-f', '-qq', '-o', trace, '-e', 'trace=connect,accept,accept4', '-e', 'signal=none'];
    const records = await watch(['strace', ...options, '/bin/sh', '-c', script]);
    const lines = readFileSync(trace, 'utf8').split('\n');
    const ofScript = new Set(lines.map((line) => Number.parseInt(line, 10)));
    const strace = lines.flatMap((line) => {
      if (/\baccept4?\b.* = \d+$/.test(line)) return ['accept'];
      const port = /\bconnect\b.*sin6?_port=htons\((\d+)\)/.exec(line);
      return port === null || / = -1 E(?!INPROGRESS|CONNREFUSED)/.test(line) ? [] : [`connect ${port[1]}`];
    });
    const told = records.flatMap((record) => {
      if (record.kind !== 'network' || !ofScript.has(record.task.tgid)) return [];
      if (record.operation === 'connection_attempted') return [`connect ${record.remotePort}`];
      return record.operation === 'connection_accepted' ? ['accept'] : [];
    });
    return { strace: strace.sort(), told: told.sort(), records };
  }

  const SERVE =
    'python3 -m http.server --bind 127.0.0.1 18765 >/dev/null 2>&1 & server=$!\n' +
    'for i in 1 2 3 4 5 6 7 8 9 10; do curl -s -o /dev/null http://127.0.0.1:18765/ && break; sleep 0.2; done\n';

  it('curl to a server of python, and to a port where nobody listens', async (ctx) => {
    if (!['strace', 'curl', 'python3'].every(has)) ctx.skip('strace, curl and python3 are needed');
    const script = `${SERVE} curl -s http://127.0.0.1:18766/; kill $server; wait $server 2>/dev/null; true`;
    const { strace, told } = await bothSaw(script);
    expect(strace.length).toBeGreaterThan(2);
    expect(told).toEqual(strace);
  });

  it('busybox nc at both ends', async (ctx) => {
    if (!['strace', 'busybox'].every(has)) ctx.skip('strace and busybox are needed');
    const script =
      'busybox nc -l -p 18767 </dev/null >/dev/null & sleep 0.4; echo hi | busybox nc 127.0.0.1 18767; wait';
    const { strace, told } = await bothSaw(script);
    expect(strace).toEqual(['accept', 'connect 18767']);
    expect(told).toEqual(strace);
  });

  it('sshd takes a session of ssh', async (ctx) => {
    const noSshd = whyNoSshd();
    if (noSshd !== undefined) ctx.skip(noSshd);
    const sshd = await startSshd();
    try {
      const seen = new Collector();
      const sensor = newSensor({ wanted: ALL });
      await sensor.start(seen);
      expect(sshd.run('true').status).toBe(0);
      await sensor.stop();
      const of = (operation: NetworkRecord['operation'], comm: string) =>
        seen.records.filter(
          (record): record is NetworkRecord =>
            record.kind === 'network' && record.operation === operation && record.task.comm === comm,
        );
      const [attempted, ...others] = of('connection_attempted', 'ssh');
      expect(others).toEqual([]);
      const accepted = of('connection_accepted', 'sshd');
      expect(accepted.map(({ task, localPort, remotePort }) => [task.tgid, localPort, remotePort])).toEqual([
        [sshd.pid, attempted?.remotePort, attempted?.localPort],
      ]);
    } finally {
      await sshd.stop();
    }
  });

  it('a debugger takes a process; python makes a file in memory', async (ctx) => {
    if (!['gdb', 'python3'].every(has)) ctx.skip('gdb and python3 are needed');
    const gdb = 'sleep 30 & s=$!; gdb -q -batch -p $s >/dev/null 2>&1; kill $s';
    const records = await watch(['/bin/sh', '-c', `${gdb}; python3 -c 'import os; os.memfd_create("from-python")'`]);
    const calls = records.filter((record): record is CallRecord => record.kind === 'call');
    expect(calls.some(({ call, task }) => call === 'ptrace' && task.comm === 'gdb')).toBe(true);
    expect(calls.filter(({ call }) => call === 'memfd_create').map(({ name }) => name)).toContain('from-python');
  });
});
