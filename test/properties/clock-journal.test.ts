// A wall clock that is set while an agent runs: what its journal says of that, and what `tail --since` and `show` find in a
// journal whose times go forth and back.

import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { journalDirectory } from '../../src/config.ts';
import type { JournalRecord } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { encodeAlert } from '../../src/proto/alert-codec.ts';
import { decodeClock } from '../../src/proto/record-codec.ts';
import { Counters } from '../../src/stats.ts';
import { newFolder, remove, start, story, TestSurroundings } from '../agent/agent-run.ts';
import { fakeIo } from '../commands/fake-io.ts';
import { sampleAlert } from '../commands/sample-alert.ts';
import { START } from '../enrich/fake-host.ts';

const HOUR_MS = 3_600_000;

async function recordsOf(state: string): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const record of readJournal({ directory: journalDirectory(state), counters: new Counters() }))
    records.push(record);
  return records;
}

describe('while the agent runs', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    return () => vi.useRealTimers();
  });

  /** One alert, the clocks go on (each by its own step), another alert. */
  async function runOver(wallStepMs: number, bootStepMs: number) {
    const state = newFolder();
    const time = { wallMs: START.wallOffsetMs + 60_000, bootMs: 60_000 };
    const clock = { wallMs: () => time.wallMs, bootNs: () => BigInt(time.bootMs) * 1_000_000n };
    const surroundings = new TestSurroundings();
    surroundings.onClockLook = () => surroundings.listener({ kind: 'wall_offset', ms: time.wallMs - time.bootMs });
    const run = await start(state, { clock, makeSurroundings: () => surroundings });
    await run.ready;
    run.sensor.batch(story('/tmp/before'));
    time.wallMs += wallStepMs;
    time.bootMs += bootStepMs;
    vi.advanceTimersByTime(1000);
    run.sensor.batch(story('/tmp/after'));
    run.stop();
    await run.done;
    const records = await recordsOf(state);
    remove(state);
    return { alerts: run.alerts.map(({ alert }) => alert), records };
  }

  it.each<[string, number, number, boolean]>([
    ['nothing is set', 1000, 1000, false],
    ['by less than five seconds', 5900, 1000, false],
    ['by more than five seconds', 6100, 1000, true],
    ['back by two hours', -2 * HOUR_MS, 1000, true],
    ['to 1970', -START.wallOffsetMs, 1000, true],
    ['a suspend of eight hours', 8 * HOUR_MS, 8 * HOUR_MS, false],
    ['a suspend of eight hours, then set by one', 9 * HOUR_MS, 8 * HOUR_MS, true],
  ])('%s: the step is in the journal where it is one, and event times follow', async (_name, wall, boot, told) => {
    const { alerts, records } = await runOver(wall, boot);
    const clocks = records.filter(({ kindName }) => kindName === 'clock').map(({ payload }) => decodeClock(payload));
    expect(clocks.map(({ foundMs, expectedMs }) => foundMs - expectedMs)).toEqual(told ? [wall - boot] : []);
    expect(alerts[1]!.eventWallMs - alerts[0]!.eventWallMs).toBeCloseTo(wall - boot, 0);
    expect(alerts.map(({ eventBootNs }) => eventBootNs)).toEqual([alerts[0]!.eventBootNs, alerts[0]!.eventBootNs]);
  });
});

describe('a journal over such steps', () => {
  /** Minutes after START: forth, back before the first, to 1970, forth again; three alerts at most fill a segment. */
  const MINUTES = [0, 10, 11, 130, 131, 132, -90, -60, 12, 13, -28_333_333, -28_333_332, 20, 21, 22, 400];
  const timeOf = (minutes: number) => Math.max(0, START.wallOffsetMs + minutes * 60_000);
  let state: string;
  let records: JournalRecord[];

  beforeAll(async () => {
    state = newFolder();
    let nowMs = 0;
    const journal = await openJournal({
      directory: journalDirectory(state),
      hostIdentity: 'x',
      hostId: 'h',
      counters: new Counters(),
      nowMs: () => nowMs,
      reserveBytes: 0,
      maxSegmentBytes: 65_536,
    });
    for (const [i, minutes] of MINUTES.entries()) {
      nowMs = timeOf(minutes);
      const document = { process: { name: `p${i}`, command_line: 'x'.repeat(18_000) } };
      const alert = sampleAlert({ uuid: `uuid-${i}`, eventWallMs: nowMs, detectedWallMs: nowMs, document });
      await journal.append(encodeAlert(alert), { kind: 'alert', rank: 1, wallMs: nowMs });
    }
    expect(journal.status().segments).toBeGreaterThan(4);
    await journal.close();
    records = await recordsOf(state);
  });
  afterAll(() => remove(state));

  async function tailed(...args: string[]): Promise<string[]> {
    const io = fakeIo();
    await runProgram(['tail', '--json', '--state', state, ...args], io);
    expect(io.stderr()).toBe('');
    const documents = io.stdout().split('\n').filter(Boolean);
    return documents.map((line) => (JSON.parse(line) as { process: { name: string } }).process.name);
  }

  it.each(MINUTES.flatMap((minutes) => [minutes, minutes + 0.001]))(
    '--since minute %f: what was written at that time or later by its own time, whatever stands around it',
    async (minutes) => {
      const sinceMs = timeOf(minutes);
      const expected = MINUTES.flatMap((each, i) => (timeOf(each) >= sinceMs ? [`p${i}`] : []));
      const since = new Date(sinceMs).toISOString();
      expect(await tailed('--since', since)).toEqual(expected);
      expect(await tailed('--since', since, '--lines', '3')).toEqual(expected.slice(-3));
    },
  );

  it('without it all are shown, in the order in which they were written', async () => {
    expect(await tailed('--lines', 'all')).toEqual(MINUTES.map((_minutes, i) => `p${i}`));
    expect(await tailed('--lines', '4')).toEqual(MINUTES.map((_minutes, i) => `p${i}`).slice(-4));
  });

  it('show finds each of them, by number and by uuid', async () => {
    for (const [i, { seq }] of records.entries()) {
      for (const reference of [String(seq), `uuid-${i}`]) {
        const io = fakeIo();
        expect(await runProgram(['show', reference, '--json', '--state', state], io)).toBe(0);
        expect(io.stdout()).toContain(`"p${i}"`);
      }
    }
  });
});
