import { describe, expect, it } from 'vitest';
import { Notices } from '../../src/agent/notices.ts';
import { decodeClock, decodeGap, decodeLifecycle, type Lifecycle } from '../../src/proto/record-codec.ts';
import { Counters } from '../../src/stats.ts';
import { FakeJournalWriter } from './fake-journal-writer.ts';
import { logged } from './logged.ts';

const WALL = 1_800_000_000_000;
const BEFORE: Lifecycle = {
  event: 'stop',
  version: '1.2.3',
  detail: '',
  bootId: 'a',
  ruleSetHash: 'h',
  counters: [],
  afterUncleanStop: false,
};

function setUp() {
  const journal = new FakeJournalWriter();
  const counters = new Counters();
  const { log, lines } = logged();
  const time = { wallMs: WALL, bootNs: 60_000_000_000n };
  const clock = { wallMs: () => time.wallMs, bootNs: () => time.bootNs };
  const notices = new Notices(journal, { version: '1.2.3', bootId: 'b', ruleSetHash: 'h', clock, log, counters });
  const gaps = async () => {
    await notices.settled();
    return journal.records.filter(({ kind }) => kind === 'gap').map(({ payload }) => decodeGap(payload));
  };
  return { journal, counters, lines, time, notices, gaps };
}

describe('start and stop', () => {
  it('tells at the stop, too, what retention drops to make room for the stop record', async () => {
    const { journal, notices, gaps } = setUp();
    const drops = [{ undelivered: 130, fromSeq: 1, toSeq: 130 }];
    journal.idle = async () => {
      for (const drop of drops.splice(0)) notices.expired({ ...drop, records: drop.undelivered });
    };
    await notices.stopped();
    expect(journal.records.map(({ kind }) => kind)).toEqual(['lifecycle', 'gap']);
    expect(await gaps()).toMatchObject([{ kind: 'expired_records', count: 130 }]);
  });

  it('tells of damage first, each with the seqs that are gone, then of the start', async () => {
    const { journal, notices, gaps } = setUp();
    journal.damage.push({ segment: 's1', offset: 64, bytes: 100, fromSeq: 7, toSeq: 9 });
    journal.damage.push({ segment: '', offset: 0, bytes: 0, fromSeq: 20, toSeq: 24 });
    journal.damage.push({ segment: 's3', offset: 0, bytes: 5, fromSeq: 30, toSeq: 29 });
    await notices.started();
    expect(journal.records.map(({ kind, rank }) => [kind, rank])).toEqual([
      ['gap', 2],
      ['gap', 2],
      ['gap', 2],
      ['lifecycle', 2],
    ]);
    expect(await gaps()).toEqual([
      { kind: 'damaged_records', detail: '100 bytes at 64 of s1', count: 3, fromSeq: 7, toSeq: 9 },
      { kind: 'damaged_records', detail: '0 bytes at 0 of a missing segment', count: 5, fromSeq: 20, toSeq: 24 },
      { kind: 'damaged_records', detail: '5 bytes at 0 of s3', count: 0 },
    ]);
  });

  it.each([true, false])('the start says whether the run before ended cleanly (unclean: %s)', async (unclean) => {
    const { journal, notices } = setUp();
    await notices.started({ unclean, endMs: WALL - 5000 });
    expect(journal.records.map(({ kind }) => kind)).toEqual(unclean ? ['gap', 'lifecycle'] : ['lifecycle']);
    expect(decodeLifecycle(journal.records.at(-1)!.payload)).toEqual({
      event: 'start',
      version: '1.2.3',
      detail: '',
      bootId: 'b',
      ruleSetHash: 'h',
      counters: [],
      afterUncleanStop: unclean,
    });
    expect(journal.records[0]!.wallMs).toBe(WALL);
  });

  it.each([
    ['5 s ago', WALL - 5000, WALL - 5000],
    ['in the future, as the clock was set back', WALL + 5000, WALL],
  ])('tells since when nobody watched: the last record is from %s', async (_name, endMs, fromMs) => {
    const { notices, gaps } = setUp();
    await notices.started({ unclean: true, endMs });
    const detail = 'the run before left no stop record';
    expect(await gaps()).toEqual([{ kind: 'not_running', detail, count: 0, fromMs, toMs: WALL }]);
  });

  it.each([
    ['the same', 'h', []],
    ['other rules', 'g', ['rules g -> h']],
  ])('tells what is configured differently: %s', async (_name, ruleSetHash, changes) => {
    const { journal, notices } = setUp();
    const record = { ...BEFORE, ruleSetHash };
    await notices.started({ unclean: false, endMs: WALL, record });
    const found = journal.records.map(({ payload }) => decodeLifecycle(payload));
    expect(found[0]!.event).toBe('start');
    expect(found.slice(1).map(({ event, detail }) => [event, detail])).toEqual(
      changes.map((detail) => ['configuration', detail]),
    );
  });

  it.each(['', 'FB_SENSOR_X: it broke'])(
    'the stop has the counters, the losses before it, and the fault "%s"',
    async (fault) => {
      const { journal, notices, counters } = setUp();
      counters.add('x_y_made_total', 3);
      notices.lost([{ record: 'exec', count: 1 }]);
      await notices.stopped(fault);
      expect(journal.records.map(({ kind }) => kind)).toEqual(['gap', 'lifecycle']);
      const stop = decodeLifecycle(journal.records[1]!.payload);
      expect(stop).toMatchObject({ event: 'stop', detail: fault, counters: [['x_y_made_total', 3]] });
    },
  );
});

describe('gaps', () => {
  it('are of the time since the last look', async () => {
    const { notices, gaps, time } = setUp();
    time.wallMs += 1000;
    notices.flushLosses();
    time.wallMs += 3000;
    notices.lost([{ record: 'exec', count: 2 }]);
    notices.flushLosses();
    expect(await gaps()).toMatchObject([{ kind: 'lost_records', fromMs: WALL + 1000, toMs: WALL + 4000 }]);
  });

  it('tell of running processes that the table had no room for, each once', async () => {
    const { notices, gaps, counters, time, lines } = setUp();
    const evict = (count: number) => counters.add('enrich_processes_evicted_total', count, 'live');
    evict(3);
    counters.add('enrich_processes_evicted_total', 9, 'exited');
    time.wallMs += 1000;
    notices.flushLosses();
    notices.flushLosses();
    evict(2);
    await notices.stopped();
    expect(await gaps()).toEqual([
      { kind: 'evicted_processes', detail: 'the process table is full', count: 3, fromMs: WALL, toMs: WALL + 1000 },
      {
        kind: 'evicted_processes',
        detail: 'the process table is full',
        count: 2,
        fromMs: WALL + 1000,
        toMs: WALL + 1000,
      },
    ]);
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'warn']);
  });

  it('collects losses into one record between two flushes', async () => {
    const { notices, gaps, time, lines } = setUp();
    notices.lost([
      { record: 'exec', count: 2 },
      { record: 'fork', count: 1 },
    ]);
    time.wallMs += 400;
    notices.lost([{ record: 'exec', count: 5 }]);
    time.wallMs += 600;
    notices.flushLosses();
    notices.flushLosses();
    expect(await gaps()).toEqual([
      { kind: 'lost_records', detail: '7 exec, 1 fork', count: 8, fromMs: WALL, toMs: WALL + 1000 },
    ]);
    expect(lines).toEqual([{ level: 'warn', message: 'the kernel side lost 8 records: 7 exec, 1 fork' }]);
  });

  it('tells of alerts that were given up, and that max_signals kept back', async () => {
    const { notices, gaps } = setUp();
    notices.dropped(4);
    notices.capped('rule-1', 9);
    expect((await gaps()).map(({ kind, count }) => [kind, count])).toEqual([
      ['refused_alerts', 4],
      ['capped_alerts', 9],
    ]);
    expect((await gaps())[1]!.detail).toBe('rule-1');
  });

  it('tells of what retention dropped undelivered, and of nothing else that it dropped', async () => {
    const { notices, gaps } = setUp();
    notices.expired({ fromSeq: 1, toSeq: 9, records: 9, undelivered: 0 });
    notices.expired({ fromSeq: 10, toSeq: 19, records: 10, undelivered: 4, minMs: 5, maxMs: 6 });
    notices.expired({ fromSeq: 20, toSeq: 29, records: 10, undelivered: 10 });
    const range = { kind: 'expired_records', detail: 'dropped by retention' };
    expect(await gaps()).toEqual([
      { ...range, count: 4, fromSeq: 10, toSeq: 19, fromMs: 5, toMs: 6 },
      { ...range, count: 10, fromSeq: 20, toSeq: 29 },
    ]);
  });
});

describe('the wall clock', () => {
  const OFFSET = WALL - 60_000;
  it.each([
    ['5001 ms forward', [5001], [5001]],
    ['5001 ms back', [-5001], [-5001]],
    ['5 s', [5000], []],
    ['20 ms, as NTP does', [20], []],
    ['an hour and back', [3_600_000, 0], [3_600_000, -3_600_000]],
    ['slowly, 3 s a time', [3000, 6000, 9000], []],
  ])('set by %s', async (_name, moves, steps) => {
    const { notices, journal } = setUp();
    notices.clockMoved(OFFSET);
    for (const by of moves) notices.clockMoved(OFFSET + by);
    await notices.settled();
    const found = journal.records.map(({ kind, payload }) => {
      expect(kind).toBe('clock');
      const { foundMs, expectedMs, bootNs } = decodeClock(payload);
      expect(bootNs).toBe(60_000_000_000n);
      return foundMs - expectedMs;
    });
    expect(found).toEqual(steps);
  });

  it('says what it showed and what it should have shown', async () => {
    const { notices, journal } = setUp();
    notices.clockMoved(OFFSET);
    notices.clockMoved(OFFSET + 10_000);
    await notices.settled();
    expect(decodeClock(journal.records[0]!.payload)).toMatchObject({ foundMs: WALL + 10_000, expectedMs: WALL });
  });
});

it('counts and logs what the journal refuses, and goes on', async () => {
  const { notices, journal, counters, lines } = setUp();
  journal.refuseWith = 'FB_JOURNAL_FULL';
  await notices.started();
  notices.dropped(1);
  await notices.settled();
  expect(counters.get('agent_notices_refused_total')).toBe(2);
  expect(lines.map(({ level }) => level)).toEqual(['error', 'error']);
  journal.refuseWith = undefined;
  await notices.stopped();
  expect(journal.records).toHaveLength(1);
});
