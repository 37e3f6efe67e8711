import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseAgentStatus } from '../../src/agent-status.ts';
import { ForebearError } from '../../src/errors.ts';
import { ReplaySensor } from '../../src/sensor/replay-sensor.ts';
import { encodeBatch } from '../sensor/encode.ts';
import { journalOf, newFolder, remove, runOver, ScriptSensor, start, story, words } from './agent-run.ts';

let state: string;
beforeEach(() => {
  state = newFolder();
  // The tick of the agent is driven by the tests.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  remove(state);
});

const tick = () => vi.advanceTimersByTime(1000);
const statusOf = (folder: string) => parseAgentStatus(readFileSync(join(folder, 'status.json'), 'utf8'));
const lifecycleOf = async (event: string) =>
  (await journalOf(state)).flatMap((entry) =>
    entry.kind === 'lifecycle' && entry.lifecycle.event === event ? [entry.lifecycle] : [],
  );

describe('one run', () => {
  it('makes one alert of an ssh session that enables a unit: journalled, then shown, complete', async () => {
    const { alerts, summary } = await runOver(state, story());
    const entries = await journalOf(state);
    expect(words(entries)).toEqual(['start', 'alert', 'stop']);
    expect(alerts.map(({ seq }) => seq)).toEqual([2]);
    const [, stored] = entries;
    expect(stored?.kind === 'alert' && stored.alert).toEqual(alerts[0]!.alert);
    expect(alerts[0]!.alert.document).toMatchObject({
      process: {
        executable: '/usr/bin/systemctl',
        args: ['systemctl', 'enable', 'x.service'],
        parent: { executable: '/tmp/payload' },
        entry_leader: { name: 'bash', entry_meta: { type: 'sshd' } },
      },
      user: { name: 'ann' },
      kibana: { alert: { new_terms: ['/tmp/payload'] } },
    });
    expect(summary).toMatchObject({ alerts: 1, lost: 0, dropped: 0, unaccounted: 0, durableSeq: 3 });
    expect(summary.events).toMatchObject({
      exec: 3,
      fork: 3,
      exit: 1,
      task: 1,
      session: 0,
      credentials: 0,
      file: 0,
      network: 0,
    });
  });

  it('tells the sensor what the rules name', async () => {
    expect((await runOver(state, [])).sensor.hints).toEqual(['systemctl']);
  });

  it('ends when the sensor has no more, through the contract of any sensor', async () => {
    const items = [{ kind: 'ring' as const, bytes: encodeBatch(story()) }];
    const run = await start(state, { makeSensor: (envNames) => new ReplaySensor(items, { envNames }) });
    expect((await run.done).alerts).toBe(1);
    expect(words(await journalOf(state))).toEqual(['start', 'alert', 'stop']);
  });

  it('leaves a snapshot of a stopped agent', async () => {
    await runOver(state, story());
    const status = statusOf(state);
    expect(status).toMatchObject({ alerts: 1, rules: { running: 1 }, journal: { durableSeq: 3 } });
    expect(status?.stoppedMs).toBe(status?.nowMs);
  });

  it('writes the lost records into the journal, once, and accounts for them', async () => {
    const run = await start(state);
    await run.ready;
    run.sensor.lost.exec = 3;
    tick();
    tick();
    run.sensor.lost.fork = 1;
    run.stop();
    expect(await run.done).toMatchObject({ lost: 4, unaccounted: 0 });
    const entries = await journalOf(state);
    expect(words(entries)).toEqual(['start', 'gap lost_records', 'gap lost_records', 'stop']);
    expect(entries.flatMap((entry) => (entry.kind === 'gap' ? [entry.gap.detail] : []))).toEqual(['3 exec', '1 fork']);
  });
});

describe('the next run on the same state', () => {
  it('knows what made an alert: none for the same program, one for another', async () => {
    await runOver(state, story());
    const again = await runOver(state, story());
    expect(again.ready).toMatchObject({ terms: 1, restored: 0 });
    expect(again.alerts).toEqual([]);
    expect((await runOver(state, story('/tmp/other'))).alerts).toHaveLength(1);
    expect(words(await journalOf(state))).toEqual([
      'start',
      'alert',
      'stop',
      'start',
      'stop',
      'start',
      'alert',
      'stop',
    ]);
  });
});

describe('when it is told to stop', () => {
  it('while alerts are on their way: each is journalled and shown before the run ends', async () => {
    const run = await start(state);
    await run.ready;
    for (let i = 0; i < 20; i++) run.sensor.batch(story(`/tmp/payload-${i}`));
    expect(run.alerts).toEqual([]);
    run.stop();
    expect((await run.done).alerts).toBe(20);
    expect(run.alerts.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
    expect(words(await journalOf(state)).at(-1)).toBe('stop');
  });

  it('takes what the sensor had still queued', async () => {
    const run = await start(state);
    await run.ready;
    run.sensor.queued = story();
    run.stop();
    expect((await run.done).alerts).toBe(1);
  });

  it('during start-up: nothing is attached, nobody is told that it is ready, and it ends in order', async () => {
    const stopping = new AbortController();
    let ready = 0;
    const run = await start(state, { signal: stopping.signal, onReady: () => ready++ });
    stopping.abort();
    await run.done;
    expect([run.sensor.state, ready]).toEqual(['stopped', 0]);
    expect(words(await journalOf(state))).toEqual(['start', 'stop']);
    expect(run.surroundings.stopped).toBe(true);
  });

  it('while the sensor attaches', async () => {
    const stopping = new AbortController();
    const sensor = new ScriptSensor();
    void sensor.started.then(() => stopping.abort());
    const run = await start(state, { sensor, signal: stopping.signal });
    await run.done;
    expect(words(await journalOf(state))).toEqual(['start', 'stop']);
  });
});

describe('a sensor that fails', () => {
  it('in mid-run: the fault is thrown when all is closed, what came before is kept, the stop record has it', async () => {
    const run = await start(state);
    await run.ready;
    run.sensor.batch(story());
    run.sensor.fail(new ForebearError('FB_SENSOR_ATTACH', 'it went away\nlong log'));
    await expect(run.done).rejects.toMatchObject({ code: 'FB_SENSOR_ATTACH' });
    expect([run.sensor.state, run.alerts.length]).toEqual(['stopped', 1]);
    const [stop] = await lifecycleOf('stop');
    expect(stop).toMatchObject({ detail: 'FB_SENSOR_ATTACH: it went away' });
    expect(new Map(stop?.counters).get('agent_alerts_journalled_total')).toBe(1);
    expect(statusOf(state)?.stoppedMs).toBeDefined();
    // Closed: the next run gets the lock, and finds a clean stop.
    await runOver(state, []);
    expect((await lifecycleOf('start')).map(({ afterUncleanStop }) => afterUncleanStop)).toEqual([false, false]);
  });

  it('at its start: its error is thrown, and nothing is left half open', async () => {
    const sensor = new ScriptSensor();
    sensor.refusal = new ForebearError('FB_SENSOR_NO_PERMISSION', 'not allowed');
    const run = await start(state, { sensor });
    await expect(run.done).rejects.toMatchObject({ code: 'FB_SENSOR_NO_PERMISSION' });
    expect(run.surroundings.stopped).toBe(true);
    expect(words(await journalOf(state))).toEqual(['start', 'stop']);
    expect((await runOver(state, story())).alerts).toHaveLength(1);
    expect((await lifecycleOf('start'))[1]?.afterUncleanStop).toBe(false);
  });

  it('before it is there: nothing is written, the lock is free', async () => {
    const makeSensor = () => {
      throw new ForebearError('FB_SENSOR_ADDON', 'not built');
    };
    await expect((await start(state, { makeSensor })).done).rejects.toMatchObject({ code: 'FB_SENSOR_ADDON' });
    await runOver(state, []);
    expect(words(await journalOf(state))).toEqual(['start', 'stop']);
  });

  it('while it is stopped: it is said, and the run ends in order', async () => {
    const run = await start(state);
    await run.ready;
    run.sensor.stop = async () => {
      throw new Error('cannot detach');
    };
    run.stop();
    await expect(run.done).rejects.toThrow('cannot detach');
    expect(words(await journalOf(state))).toEqual(['start', 'stop']);
    expect(run.lines.map(({ message }) => message)).toContain('while stopping: cannot detach');
  });
});

describe('what must not end the run', () => {
  it('an alert that cannot be shown', async () => {
    const shown: number[] = [];
    const run = await start(state, {
      onAlert: (_alert, seq) => {
        if (seq === 2) throw new Error('no terminal');
        shown.push(seq);
      },
    });
    await run.ready;
    run.sensor.batch(story('/tmp/one'));
    run.sensor.batch(story('/tmp/two'));
    run.stop();
    expect((await run.done).alerts).toBe(2);
    expect(shown).toEqual([3]);
    const [stop] = await lifecycleOf('stop');
    expect(new Map(stop?.counters).get('agent_alerts_unshown_total')).toBe(1);
    expect(run.lines).toEqual([
      { level: 'error', message: 'alert 2 is in the journal, but cannot be shown: no terminal' },
    ]);
  });

  it('a snapshot that cannot be written: counted each time, said once', async () => {
    mkdirSync(join(state, 'status.json.new'));
    const run = await start(state);
    await run.ready;
    tick();
    tick();
    run.stop();
    await run.done;
    expect(run.lines.map(({ message }) => message.split(':')[0])).toEqual(['writing the status snapshot']);
    const [stop] = await lifecycleOf('stop');
    expect(new Map(stop?.counters).get('agent_snapshots_failed_total')).toBe(3);
  });

  it('bytes that are no record', async () => {
    const items = [
      { kind: 'ring' as const, bytes: Buffer.alloc(64, 0xff) },
      { kind: 'ring' as const, bytes: encodeBatch(story()) },
    ];
    const run = await start(state, { makeSensor: (envNames) => new ReplaySensor(items, { envNames }) });
    expect(await run.done).toMatchObject({ alerts: 1, lost: 1 });
  });
});

it('a fault in the look after itself ends the run in order, and is thrown', async () => {
  const run = await start(state);
  await run.ready;
  run.surroundings.onClockLook = () => {
    throw new Error('no clock');
  };
  tick();
  await expect(run.done).rejects.toThrow('no clock');
  expect((await lifecycleOf('stop'))[0]?.detail).toBe('no clock');
});

it('tells of itself once it is ready, looks after itself once a second, and not any more once it has ended', async () => {
  const run = await start(state);
  await run.ready;
  expect(statusOf(state)?.stoppedMs).toBeUndefined();
  expect(run.surroundings.clockLooks).toBe(0);
  tick();
  expect(run.surroundings.clockLooks).toBe(1);
  expect(statusOf(state)?.stoppedMs).toBeUndefined();
  run.stop();
  await run.done;
  tick();
  expect(run.surroundings.clockLooks).toBe(1);
});

describe('two agents on one state directory', () => {
  /** In a process of its own: whoever opens and closes a locked file in this one would drop its locks. */
  const hashes = () =>
    spawnSync('sh', ['-c', 'find . -type f -exec sha256sum {} + | sort'], { cwd: state }).stdout.toString();

  it('the second gets an error and has touched nothing', async () => {
    const first = await start(state);
    await first.ready;
    first.sensor.batch(story());
    tick();
    await vi.waitFor(() => expect(first.alerts).toHaveLength(1));
    const before = hashes();
    expect(before.split('\n').length).toBeGreaterThan(5);
    const sensor = new ScriptSensor();
    const second = await start(state, { sensor, recordTo: join(state, 'second.fbrec') });
    await expect(second.done).rejects.toMatchObject({ code: 'FB_JOURNAL_LOCKED' });
    expect(hashes()).toBe(before);
    expect([sensor.state, second.surroundings.stopped]).toEqual(['new', true]);
    first.sensor.batch(story('/tmp/other'));
    first.stop();
    expect((await first.done).alerts).toBe(2);
  });
});

describe('state that cannot be used', () => {
  it('a recording that exists is not touched, and the journal has nothing of it', async () => {
    const recordTo = join(state, 'old.fbrec');
    writeFileSync(recordTo, 'precious');
    await expect((await start(state, { recordTo })).done).rejects.toMatchObject({ code: 'FB_RECORD_WRITE' });
    expect(readFileSync(recordTo, 'utf8')).toBe('precious');
    expect(await journalOf(state)).toEqual([]);
    await runOver(state, []);
  });

  it('a history of a newer version is not touched, and the journal has nothing of it', async () => {
    const file = join(state, 'terms.db');
    const database = new DatabaseSync(file);
    database.exec('CREATE TABLE t (a); PRAGMA user_version = 99');
    database.close();
    const bytes = readFileSync(file);
    await expect((await start(state)).done).rejects.toMatchObject({ code: 'FB_TERMS_NEWER' });
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(await journalOf(state)).toEqual([]);
  });
});
