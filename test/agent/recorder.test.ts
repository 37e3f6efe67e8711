import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Recorder } from '../../src/agent/recorder.ts';
import { RecordingReader } from '../../src/record/read-recording-io.ts';
import { perKind } from '../../src/sensor/sensor.ts';
import { Counters } from '../../src/stats.ts';
import { START } from '../enrich/fake-host.ts';
import { newFolder, remove } from './agent-run.ts';
import { logged } from './logged.ts';

let folder: string;
beforeEach(() => {
  folder = newFolder();
});
afterEach(() => remove(folder));

function setUp(path: string | undefined) {
  const counters = new Counters();
  const { log, lines } = logged();
  return { recorder: new Recorder(path, '1.2.3', counters, log), counters, lines };
}

/** As when the disk under a file goes away: its next write fails. */
function breakFile(path: string): void {
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`) === path) closeSync(Number(fd));
    } catch {} // the folder's own fd is gone by now
  }
}

it('writes batches, losses and facts in the order in which they came', () => {
  const path = join(folder, 'run.fbrec');
  const { recorder } = setUp(path);
  recorder.fact({ at: 0, fact: START });
  recorder.batch(Buffer.from('tasks'), 'tasks');
  recorder.lost({ lost: { ...perKind(() => 0), exec: 1 }, recursionMisses: 2 });
  recorder.batch(Buffer.from('ring'), 'ring');
  recorder.close();
  recorder.close();
  const reader = new RecordingReader(path);
  expect([...reader.frames()].map(({ kind }) => kind)).toEqual(['fact', 'tasks', 'loss', 'ring']);
  expect(reader.header.facts).toEqual({ forebear: '1.2.3' });
});

it('does nothing when no recording was asked for', () => {
  const { recorder, lines } = setUp(undefined);
  recorder.fact({ at: 0, fact: START });
  recorder.batch(Buffer.from('x'), 'ring');
  recorder.close();
  expect(lines).toEqual([]);
});

it('that cannot be gone on with ends: said and counted once, what was written stays readable', () => {
  const path = join(folder, 'run.fbrec');
  const { recorder, counters, lines } = setUp(path);
  recorder.batch(Buffer.from('one'), 'ring');
  const size = readFileSync(path).length;
  breakFile(path);
  recorder.batch(Buffer.from('two'), 'ring');
  recorder.batch(Buffer.from('three'), 'ring');
  recorder.close();
  expect(counters.get('agent_recordings_failed_total')).toBe(1);
  expect(lines.map(({ level }) => level)).toEqual(['error']);
  expect(readFileSync(path)).toHaveLength(size);
  expect([...new RecordingReader(path).frames()]).toHaveLength(1);
});

it("that cannot begin is the user's error, with what to do", () => {
  const path = join(folder, 'run.fbrec');
  setUp(path).recorder.close();
  for (const wrong of [path, folder, join(folder, 'none/run.fbrec')]) {
    expect(() => setUp(wrong)).toThrow(
      expect.objectContaining({ code: 'FB_RECORD_WRITE', hint: expect.stringContaining('does not exist yet') }),
    );
  }
});
