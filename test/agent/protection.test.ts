// What the agent does about itself in a run: who is told of what, and what the stop record says. Files and BPF are the test's.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { FileState } from '../../src/agent/file-watch.ts';
import { JournalThere } from '../../src/agent/journal-there-io.ts';
import type { Finding } from '../../src/agent/own-alert.ts';
import { type OwnUnit, Protection, type ProtectionHost, type ProtectionOptions } from '../../src/agent/protection.ts';
import { Witness } from '../../src/agent/witness.ts';
import { Pace } from '../../src/detect/pace-io.ts';
import { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import type { ExecRecord } from '../../src/sensor/record.ts';
import { Counters } from '../../src/stats.ts';
import { configIn, journalOf, newFolder, remove, start, story, words } from './agent-run.ts';

let state: string;
beforeEach(() => {
  state = newFolder();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  remove(state);
});

const RULE_FILE = '/etc/forebear/rules/a.toml';
const UNIT: OwnUnit = { name: 'forebear.service', sender: () => ({ pid: 1, uid: 0 }) };

interface Host {
  files: Record<string, FileState>;
  jobs: string | undefined;
  upgrading: boolean;
}

async function run(facts: Partial<Host> = {}, unit: OwnUnit | 'none' = UNIT) {
  const host: Host = { files: { [RULE_FILE]: 'file 1' }, jobs: '', upgrading: false, ...facts };
  const config = configIn(state);
  const protectionHost: ProtectionHost = {
    *filesPass() {
      yield;
      return new Map(Object.entries(host.files));
    },
    ancestryOf: (pid) => [{ pid, ppid: 1, name: 'bash', executable: '/bin/bash', args: ['bash'], uid: 7 }],
    holdersOf: () => new Map(),
    isUpgrading: () => host.upgrading,
    manager: async () => ({ jobs: host.jobs, state: 'running' }),
    stop: () => {},
  };
  const agent = await start(state, {
    config: { ...config, protection: { ...config.protection, checkMs: 10_000, graceMs: 0 } },
    watched: [{ path: RULE_FILE, deep: false }],
    protectionHost,
    ...(unit !== 'none' && { unit }),
  });
  await agent.ready;
  const ticks = (count: number) => vi.advanceTimersByTime(1000 * count);
  const stop = async () => {
    agent.stop();
    await agent.done;
    const records = await journalOf(state);
    const last = records.at(-1);
    const own = agent.alerts.map(({ alert }) => alert).filter(({ rule_id }) => rule_id.startsWith('forebear-'));
    return { own, records, reason: last?.kind === 'lifecycle' ? last.lifecycle.detail : undefined };
  };
  return { agent, host, ticks, stop };
}

it('a file that is not what was read is an alert and a record of the journal', async () => {
  const { host, ticks, stop, agent } = await run({ jobs: '1 forebear.service restart running' });
  agent.sensor.batch(story('/usr/bin/vi', ['vi', RULE_FILE]));
  ticks(3);
  host.files[RULE_FILE] = 'file 2';
  ticks(12);
  const { own, records, reason } = await stop();
  expect(own).toMatchObject([
    {
      rule_id: 'forebear-files',
      severity: 'medium',
      document: {
        process: { args: ['vi', RULE_FILE] },
        user: { id: '1000' },
        event: { action: 'forebear_files' },
        forebear: { protection: { files: [{ path: RULE_FILE, before: 'file 1', now: 'file 2' }] } },
      },
    },
  ]);
  expect(words(records).filter((word) => word !== 'alert')).toEqual(['start', 'configuration', 'stop']);
  expect(reason).toBe('restarted');
});

it('while the package is upgraded, files are nothing to tell', async () => {
  const { host, ticks, stop } = await run({ upgrading: true, jobs: '1 forebear.service restart running' });
  ticks(3);
  host.files[RULE_FILE] = 'file 2';
  ticks(30);
  const { own, reason } = await stop();
  expect(own).toEqual([]);
  expect(reason).toBe('the package is upgraded');
});

it('who stops it is in an alert that is in the journal before the stop', async () => {
  const { agent, stop } = await run({ jobs: '1 forebear.service stop running' });
  agent.sensor.batch(story('/bin/dash', ['systemctl', 'stop', 'forebear']));
  const { own, records, reason } = await stop();
  expect(own).toMatchObject([
    {
      rule_id: 'forebear-stopped',
      severity: 'high',
      document: { process: { args: ['systemctl', 'stop', 'forebear'] } },
    },
  ]);
  expect(own[0]!.document.forebear).toMatchObject({
    lineage: expect.arrayContaining([expect.objectContaining({ name: 'dash' })]),
  });
  expect(words(records).at(-2)).toBe('alert');
  expect(reason).toMatch(/^stopped by the service manager, by systemctl stop forebear, pid 103 of /);
});

it('a signal of somebody else is an alert with its sender; of no unit nothing is told', async () => {
  const signalled = await run({}, { name: 'forebear.service', sender: () => ({ pid: 70, uid: 7 }) });
  const { own, reason } = await signalled.stop();
  expect(own).toMatchObject([
    { rule_id: 'forebear-stopped', document: { process: { pid: 70, name: 'bash' }, user: { id: '7' } } },
  ]);
  expect(reason).toBe('ended by a signal that the service manager did not send, by bash, pid 70 of uid 7');
  remove(state);
  state = newFolder();
  const alone = await run({}, 'none');
  expect(await alone.stop()).toMatchObject({ own: [], reason: '' });
});

it('a run that ends by a fault says the fault', async () => {
  const { agent } = await run({ jobs: '1 forebear.service stop running' });
  agent.sensor.fail(new Error('broken'));
  await expect(agent.done).rejects.toThrow('broken');
  expect(agent.alerts).toEqual([]);
});

it('a journal that is removed while it runs ends the run; the next one says what has gone', async () => {
  const { agent, ticks } = await run();
  agent.sensor.batch(story());
  await expect.poll(() => agent.alerts.length).toBe(1);
  ticks(1);
  rmSync(join(state, 'journal'), { recursive: true });
  ticks(1);
  await expect(agent.done).rejects.toMatchObject({ code: 'FB_JOURNAL_GONE' });
  const next = await run();
  const { records } = await next.stop();
  expect(words(records)).toEqual(['start', 'gap damaged_records', 'alert', 'alert', 'stop']);
  expect(next.agent.alerts[0]!.alert).toMatchObject({ rule_id: 'forebear-journal', severity: 'high' });
});

it.each([
  ['none is left', 0, [0], true],
  ['one has gone, for ten looks', 2, Array(10).fill(0), true],
  ['one has gone, for nine', 2, Array(9).fill(0), false],
  ['retention is at work', 2, Array.from({ length: 30 }, (_, i) => i), false],
])('files of the journal: %s', (_what, left, expired: number[], gone) => {
  const directory = join(state, 'journal');
  mkdirSync(directory);
  for (let i = 0; i < left; i++) writeFileSync(join(directory, `${i}.fbj`), '');
  const there = new JournalThere();
  const looks = () => {
    for (const each of expired) there.assert({ directory, segments: 3, expired: each });
  };
  if (gone) expect(looks).toThrow(expect.objectContaining({ code: 'FB_JOURNAL_GONE' }));
  else looks();
  rmSync(directory, { recursive: true });
});

type Files = Record<string, FileState>;

/** By itself, without a run. */
function alone(over: Partial<ProtectionOptions> = {}, host: Partial<ProtectionHost> = {}, files: Files = {}) {
  const [drifts, findings]: [string[], Finding[]] = [[], []];
  const options = {
    ...{ everyTicks: 1, graceMs: 0, knownBpf: [], sensor: {}, counters: new Counters(), troubles: { note: vi.fn() } },
    witness: new Witness([], 'forebear.service'),
    clock: { wallMs: () => 1, bootNs: () => 1n },
    host: {
      // biome-ignore lint/correctness/useYield: a pass of one step
      *filesPass() {
        return new Map(Object.entries(files));
      },
      ancestryOf: () => [],
      holdersOf: () => undefined,
      isUpgrading: () => false,
      manager: async () => ({ jobs: '', state: 'running' }),
      stop: () => {},
      ...host,
    },
    onDrift: (detail: string) => void drifts.push(detail),
    onFinding: (finding: Finding) => void findings.push(finding),
    ...over,
  };
  return { protection: new Protection(options), drifts, findings, files, options };
}

it('rules that are loaded as soon as they change leave a record of their files; other rights stay an alert', async () => {
  const { protection, drifts, findings, files } = alone(
    {},
    {},
    {
      '/r/a.toml': 'file 644 0:0 sha256 1',
      '/r/b.toml': 'file 644 0:0 sha256 1',
    },
  );
  protection.tick();
  files['/r/a.toml'] = 'file 644 0:0 sha256 2';
  files['/r/b.toml'] = 'file 666 0:0 sha256 1';
  await protection.rebase(new Pace(), ['/r']);
  expect(drifts).toEqual(['changed, and read again: /r/a.toml (file 644 0:0 sha256 1 -> file 644 0:0 sha256 2)']);
  protection.tick();
  expect(findings.map(({ section }) => section)).toMatchObject([{ protection: { files: [{ path: '/r/b.toml' }] } }]);
  expect(findings).toHaveLength(1);
});

it('files are looked at where BPF cannot be', () => {
  const inventory = () => {
    throw new Error('no descriptor is left');
  };
  const { protection, findings, files, options } = alone({ sensor: { inventory } }, {}, { '/r/a': 'file 1' });
  protection.tick();
  files['/r/a'] = 'file 2';
  protection.tick();
  expect(findings).toHaveLength(1);
  expect(options.troubles.note).toHaveBeenCalledWith(expect.stringContaining('BPF'), expect.any(Error));
});

it('a look at files that fails is begun anew', () => {
  let fails = true;
  const { protection, findings, files } = alone(
    {},
    {
      *filesPass() {
        yield;
        if (fails) throw new Error('cannot be looked at');
        return new Map(Object.entries(files));
      },
    },
    { '/r/a': 'file 1' },
  );
  for (let i = 0; i < 3; i++) protection.tick();
  fails = false;
  for (let i = 0; i < 3; i++) protection.tick();
  files['/r/a'] = 'file 2';
  for (let i = 0; i < 3; i++) protection.tick();
  expect(findings).toHaveLength(1);
});

it('where files cannot be looked at, a reload and a stop go on; the next look has what later ones are compared with', async () => {
  let fails = false;
  const { protection, findings, files, options } = alone(
    { unit: UNIT },
    {
      // biome-ignore lint/correctness/useYield: a pass of one step
      *filesPass() {
        if (fails) throw new Error('EMFILE');
        return new Map(Object.entries(files));
      },
      manager: async () => ({ jobs: '1 forebear.service stop running', state: 'running' }),
    },
    { '/r/a': 'file 1' },
  );
  protection.tick();
  fails = true;
  files['/r/a'] = 'file 2';
  await protection.rebase(new Pace());
  expect(options.troubles.note).toHaveBeenLastCalledWith('looking at its own files', expect.any(Error));
  fails = false;
  protection.tick();
  protection.tick();
  expect(findings).toEqual([]);
  fails = true;
  expect(await protection.stopping()).toBe('stopped by the service manager');
  expect(findings).toHaveLength(1);
});

const UNSEEN = 'ended by a signal that the service manager did not send';

it.each([
  ['is known by its pid', 150, `${UNSEEN}, by kill -TERM 99, pid 150 of uid 1000`],
  ['that no exec was seen of has no name: the last kill of anybody is no proof', 151, UNSEEN],
])('a sender that has gone %s', async (_what, pid, reason) => {
  const witness = new Witness([], 'forebear.service');
  witnessed(witness, 150, ['kill', '-TERM', '99']);
  witnessed(witness, 200, ['kill', '-HUP', '1']);
  const { protection, findings } = alone({ witness, unit: { ...UNIT, sender: () => ({ pid, uid: 1000 }) } });
  expect(await protection.stopping()).toBe(reason);
  expect(findings).toHaveLength(1);
});

it('a long command line is cut in the sentence', async () => {
  const witness = new Witness([], 'forebear.service');
  witnessed(witness, 150, ['systemctl', 'stop', 'forebear', 'x'.repeat(30_000)]);
  const jobs = '1 forebear.service stop running';
  const { protection } = alone({ witness, unit: UNIT }, { manager: async () => ({ jobs, state: 'running' }) });
  expect((await protection.stopping()).length).toBeLessThan(400);
});

function witnessed(witness: Witness, pid: number, args: readonly string[]): void {
  const fields = new FieldTable();
  const event = Object.assign(new EcsEvent(fields), { wallMs: 1 });
  const values = { 'process.pid': pid, 'process.command_line': args.join(' '), 'user.id': '1000' };
  for (const [name, value] of Object.entries(values)) event.set(fields.slot(name), value);
  witness.keep({ args } as ExecRecord, event);
}
