import { expect, it } from 'vitest';
import { Heartbeats, MOST_COUNTERS } from '../../src/agent/heartbeats.ts';
import { Troubles } from '../../src/agent/troubles.ts';
import { decodeHeartbeat } from '../../src/proto/record-codec.ts';
import { perKind, RECORD_KINDS } from '../../src/sensor/sensor.ts';
import { Counters } from '../../src/stats.ts';
import { FakeJournalWriter } from './fake-journal-writer.ts';
import { logged } from './logged.ts';

const WALL = 1_800_000_000_000;

function setUp(everyTicks: number) {
  const journal = new FakeJournalWriter();
  const counters = new Counters();
  const { log, lines } = logged();
  const sensor = { decoded: perKind(() => 10), lost: perKind(() => 0), recursionMisses: 0, undecodable: 0 };
  const heartbeats = new Heartbeats({
    journal,
    everyTicks,
    version: '1.2.3',
    bootId: 'b',
    ruleSetHash: 'h',
    clock: { wallMs: () => WALL, bootNs: () => 60_000_000_000n },
    counters,
    sensor: () => sensor,
    troubles: new Troubles(log),
  });
  const tick = async (count = 1) => {
    for (let i = 0; i < count; i++) {
      heartbeats.tick();
      await heartbeats.settled();
    }
  };
  const beats = () => journal.records.map(({ payload }) => decodeHeartbeat(payload));
  return { journal, counters, lines, sensor, heartbeats, tick, beats };
}

it.each([
  [60, 1, 1],
  [60, 60, 1],
  [60, 61, 2],
  [1, 5, 5],
  [0, 500, 0],
])('every %i ticks: after %i ticks %i records', async (every, ticks, records) => {
  const { tick, beats } = setUp(every);
  await tick(ticks);
  expect(beats()).toHaveLength(records);
});

it('tells who lives, and the head of the chain before it', async () => {
  const { journal, tick, beats } = setUp(1);
  journal.link = 'ab'.repeat(32);
  await tick(2);
  const facts = { link: journal.link, version: '1.2.3', bootId: 'b', bootNs: 60_000_000_000n, ruleSetHash: 'h' };
  expect(beats()).toMatchObject([
    { seq: 0, ...facts },
    { seq: 1, ...facts },
  ]);
  expect(journal.records[0]).toMatchObject({ kind: 'heartbeat', rank: 0, wallMs: WALL });
});

it('tells the counters that have changed since the one before, the sensor’s in sum', async () => {
  const { counters, sensor, tick, beats } = setUp(1);
  counters.add('x_y_made_total', 3);
  await tick();
  sensor.recursionMisses = 2;
  counters.add('x_y_made_total');
  await tick();
  expect(beats().map((beat) => Object.fromEntries(beat.counters))).toEqual([
    { sensor_records_decoded_total: 10 * RECORD_KINDS.length, sensor_records_lost_total: 0, x_y_made_total: 3 },
    { agent_heartbeats_journalled_total: 1, sensor_records_lost_total: 2, x_y_made_total: 4 },
  ]);
});

it('does not grow with the number of counters: each has its turn', async () => {
  const { counters, tick, beats } = setUp(1);
  const names = Array.from({ length: 200 }, (_, i) => `x_y_made_total{reason="${i}"}`);
  const told = new Set<string>();
  for (let beat = 0; beat < 5; beat++) {
    for (const name of names) counters.add(name);
    await tick();
    const { counters: some } = beats().at(-1)!;
    expect(some).toHaveLength(MOST_COUNTERS);
    for (const [name, value] of some) {
      if (name.startsWith('x_')) expect(value).toBe(beat + 1);
      told.add(name);
    }
  }
  for (const name of names) expect(told).toContain(name);
});

it('makes none while one is on its way, and goes on after a refusal, which is said once', async () => {
  const { journal, heartbeats, counters, lines, tick, beats } = setUp(1);
  heartbeats.tick();
  heartbeats.tick();
  await heartbeats.settled();
  expect(journal.appends).toBe(1);
  journal.refuseWith = 'FB_JOURNAL_FULL';
  await tick(3);
  expect(counters.get('agent_heartbeats_refused_total')).toBe(3);
  journal.refuseWith = undefined;
  await tick();
  expect(lines.map(({ level }) => level)).toEqual(['warn', 'info']);
  // What the refused ones would have told comes with the next.
  expect(Object.fromEntries(beats()[1]!.counters)).toEqual({
    agent_heartbeats_journalled_total: 1,
    agent_heartbeats_refused_total: 3,
  });
});
