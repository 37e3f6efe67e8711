// What the agent does about itself in a run: who is told of what, and what the stop record says. Files and BPF are the test's.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { FileState } from '../../src/agent/file-watch.ts';
import { JournalThere } from '../../src/agent/journal-there-io.ts';
import type { OwnUnit, ProtectionHost } from '../../src/agent/protection.ts';
import type { Reload, Reloaded } from '../../src/agent/reload.ts';
import { Pace } from '../../src/detect/pace-io.ts';
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

const CONFIG = '/etc/forebear/forebear.toml';
const RULE_FILE = '/etc/forebear/rules/a.toml';
const UNIT: OwnUnit = { name: 'forebear.service', sender: () => ({ pid: 1, uid: 0 }) };

interface Host {
  files: Record<string, FileState>;
  jobs: string | undefined;
  upgrading: boolean;
}

async function run(facts: Partial<Host> = {}, unit: OwnUnit | 'none' = UNIT) {
  let perform: ((action: (reload: Reload) => Promise<void>) => void) | undefined;
  const host: Host = { files: { [RULE_FILE]: 'file 1' }, jobs: '', upgrading: false, ...facts };
  const followed: string[] = [];
  const config = configIn(state);
  const protectionHost: ProtectionHost = {
    *filesPass() {
      yield;
      return new Map(Object.entries(host.files));
    },
    follow: (roots) => void followed.push(...roots.map(({ path }) => path)),
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
    reloads: (listener) => {
      perform = listener;
    },
  });
  await agent.ready;
  const reload = (read: Partial<Reloaded>) =>
    new Promise<void>((done) => {
      perform!(async (running) => {
        await running.apply({ ...running.running, ...read }, new Pace());
        done();
      });
    });
  const ticks = (count: number) => vi.advanceTimersByTime(1000 * count);
  const stop = async () => {
    agent.stop();
    await agent.done;
    const records = await journalOf(state);
    const last = records.at(-1);
    const own = agent.alerts.map(({ alert }) => alert).filter(({ rule_id }) => rule_id.startsWith('forebear-'));
    return { own, records, reason: last?.kind === 'lifecycle' ? last.lifecycle.detail : undefined };
  };
  return { agent, host, followed, ticks, reload, stop };
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

it('a reload takes up what was read, from wherever that was, and nothing else', async () => {
  const { host, ticks, reload, stop } = await run({
    files: { [RULE_FILE]: 'file 644 0:0 1', [CONFIG]: 'file 644 0:0 1' },
    jobs: '1 forebear.service restart running',
  });
  ticks(3);
  host.files[RULE_FILE] = 'file 644 0:0 2';
  host.files[CONFIG] = 'file 644 0:0 2';
  await reload({ readBelow: ['/etc/forebear/rules'] });
  ticks(12);
  const { own, records } = await stop();
  expect(own.map(({ document }) => document.forebear)).toMatchObject([{ protection: { files: [{ path: CONFIG }] } }]);
  expect(records.flatMap((entry) => (entry.kind === 'lifecycle' ? [entry.lifecycle.detail] : []))).toContain(
    `changed, and read again: ${RULE_FILE} (file 644 0:0 1 -> file 644 0:0 2)`,
  );
});

it('a reload from other files has these watched, and commands that name them remembered', async () => {
  const { agent, host, followed, ticks, reload, stop } = await run({ jobs: '1 forebear.service restart running' });
  ticks(3);
  const path = '/srv/rules/b.toml';
  host.files = { [path]: 'file 1' };
  await reload({ watched: [{ path: '/srv/rules', deep: true }] });
  agent.sensor.batch(story('/usr/bin/vi', ['vi', path]));
  ticks(12);
  host.files[path] = 'file 2';
  ticks(12);
  const { own } = await stop();
  expect(followed).toEqual(['/srv/rules']);
  expect(own.map(({ document }) => document)).toMatchObject([{ process: { args: ['vi', path] } }]);
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
