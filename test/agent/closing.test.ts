// What a run leaves behind, however it ended: no open file, no held lock, and a history that can be had again.

import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { journalOf, newFolder, type Run, remove, runOver, ScriptSensor, start, story } from './agent-run.ts';

let state: string;
beforeEach(() => {
  state = newFolder();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  remove(state);
});

const recorded = () => ({ recordTo: join(state, 'run.fbrec') });

/** Files of the state that this process has open. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)].filter((path) => path.startsWith(state));
    } catch {
      return [];
    }
  });
}

describe('no file of the state is open after a run', () => {
  it.each<[string, (run: Run) => void]>([
    ['that was told to stop', (run) => run.stop()],
    ['that failed', (run) => run.sensor.fail(new Error('broken'))],
  ])('%s', async (_name, end) => {
    const run = await start(state, recorded());
    await run.ready;
    expect(openFiles().length).toBeGreaterThan(3);
    run.sensor.batch(story());
    end(run);
    await run.done.catch(() => {});
    expect(openFiles()).toEqual([]);
  });

  it('that did not come about', async () => {
    const sensor = new ScriptSensor();
    sensor.refusal = new Error('not here');
    await expect((await start(state, { sensor, ...recorded() })).done).rejects.toThrow('not here');
    expect(openFiles()).toEqual([]);
  });
});

it('a history that cannot be saved is said and counted, and rebuilt from the journal by the next run', async () => {
  const run = await start(state);
  await run.ready;
  const database = new DatabaseSync(join(state, 'terms.db'));
  database.exec("CREATE TRIGGER no BEFORE INSERT ON terms BEGIN SELECT RAISE(ABORT, 'not today'); END");
  run.sensor.batch(story());
  run.stop();
  await run.done;
  database.exec('DROP TRIGGER no');
  database.close();
  expect(run.lines.map(({ message }) => message)).toEqual(['saving the history of new_terms rules: not today']);
  const stop = (await journalOf(state)).at(-1);
  const counters = stop?.kind === 'lifecycle' ? stop.lifecycle.counters : [];
  expect(new Map(counters).get('detect_terms_flush_failed_total')).toBe(1);
  const again = await runOver(state, story());
  expect([again.ready.restored, again.alerts]).toEqual([1, []]);
});
