import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { eventsOf } from '../../src/agent/events-of.ts';
import { recordRun } from '../../src/agent/record-run.ts';
import { runRecording } from '../../src/agent/replay.ts';
import { addRedaction } from '../../src/commands/record.ts';
import type { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { RecordingReader } from '../../src/record/read-recording-io.ts';
import { type Redaction, Redactor } from '../../src/record/redact.ts';
import { RecordingWriter } from '../../src/record/write-recording-io.ts';
import { Counters } from '../../src/stats.ts';
import type { RecordInput } from '../sensor/encode.ts';
import { ScriptSensor, TestSurroundings } from './agent-run.ts';

// A recording without an agent: sensor and host are the test's, what it wrote is replayed.

const folder = mkdtempSync(join(tmpdir(), 'forebear-record-run-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

interface Started {
  file: string;
  sensor: ScriptSensor;
  end: () => ReturnType<typeof recordRun>;
  running: ReturnType<typeof recordRun>;
}

async function started({ redaction = {} as Redaction, maxBytes = 1 << 30, maxMs = 1e9 } = {}): Promise<Started> {
  const file = join(folder, `${count++}.fbrec`);
  const sensor = new ScriptSensor();
  const signal = new AbortController();
  const running = recordRun({
    ...{ sensor, maxBytes, maxMs, fields: new FieldTable(), counters: new Counters(), version: '0.0.1' },
    surroundings: new TestSurroundings(),
    ...{ entryLeader: 'lineage', hashAll: false, redactor: new Redactor(redaction) },
    openWriter: () => new RecordingWriter(file, {}, { packed: true }),
    ...{ onReady: () => {}, onTick: () => {}, signal: signal.signal },
  });
  running.catch(() => {});
  await sensor.started;
  const end = () => {
    signal.abort();
    return running;
  };
  return { file, sensor, end, running };
}

async function replayed(file: string): Promise<EcsEvent[]> {
  const events: EcsEvent[] = [];
  const reader = new RecordingReader(file);
  const run = { version: '0.0.1', fields: new FieldTable(), entryLeader: 'lineage' as const, counters: new Counters() };
  const frames = () => reader.frames();
  const signal = new AbortController().signal;
  await runRecording({ ...run, frames, envNames: new Set<string>(), signal }, (enricher) => ({
    take: (record) => events.push(...eventsOf(enricher, record)),
    apply: (news) => enricher.apply(news),
    end: () => {},
  }));
  return events;
}

const EXEC: RecordInput = { kind: 'exec', executable: '/usr/bin/curl', args: ['curl', '--password=hunter2'] };

describe('a recording', () => {
  it('replays as the events that came, and says how it ended', async () => {
    const { file, sensor, end } = await started();
    sensor.batch([{ kind: 'fork' }, EXEC]);
    sensor.queued = [{ kind: 'exit' }];
    const summary = await end();
    expect(summary).toMatchObject({ ended: 'signal', records: 3, bytes: statSync(file).size });
    const events = await replayed(file);
    expect(events.map((event) => event.get('event.action'))).toEqual(['fork', 'exec', 'end']);
    expect(events[1]!.get('process.args')).toEqual(['curl', '--password=hunter2']);
  });

  it('holds nothing of what was redacted', async () => {
    const { file, sensor, end } = await started({ redaction: addRedaction('args:*password*') });
    sensor.batch([EXEC]);
    await end();
    const [event] = await replayed(file);
    expect(event!.get('process.args')).toEqual(['curl', '--password=*******']);
  });

  it('tells of records that were lost', async () => {
    const { file, sensor, end } = await started();
    sensor.batch([EXEC]);
    sensor.lost = { ...sensor.lost, exec: 7 };
    const { counters } = await end();
    expect(counters.lost.exec).toBe(7);
    const losses = [...new RecordingReader(file).frames()].filter(({ kind }) => kind === 'loss');
    expect(losses).toEqual([expect.objectContaining({ lost: expect.objectContaining({ exec: 7 }) })]);
  });

  it('ends by itself once it is as large as it may be', async () => {
    const { file, sensor, running } = await started({ maxBytes: 200_000 });
    const noise = (i: number) => Array.from({ length: 600 }, (_, j) => String(Math.sin(i * 600 + j)));
    for (let i = 0; i < 2000 && sensor.state === 'started'; i++) {
      sensor.batch([{ ...EXEC, args: noise(i) } as RecordInput]);
      if (i % 50 === 0) await new Promise((done) => setImmediate(done));
    }
    expect((await running).ended).toBe('size');
    const { size } = statSync(file);
    expect(size).toBeGreaterThanOrEqual(200_000);
    // The block that filled it, and what was on its way.
    expect(size).toBeLessThan(200_000 + 2 * (4 << 20));
    expect(new RecordingReader(file).header.formatVersion).toBe(2);
  });

  it('ends by itself after its time', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    try {
      const { running } = await started({ maxMs: 5_000 });
      await vi.advanceTimersByTimeAsync(4_000);
      await vi.advanceTimersByTimeAsync(2_000);
      expect((await running).ended).toBe('time');
    } finally {
      vi.useRealTimers();
    }
  });

  it('that fails says so, and what was flushed is there', async () => {
    const { file, sensor, running } = await started();
    sensor.batch([EXEC]);
    sensor.fail(new Error('gone'));
    await expect(running).rejects.toThrow('gone');
    expect(await replayed(file)).toHaveLength(1);
  });
});
