// What the agent derives from the stages' figures: losses, capped alerts, the summary, the snapshot, the hash of the rules.

import { describe, expect, it } from 'vitest';
import { cappedBetween } from '../../src/agent/capped.ts';
import { LossWatch, lossBetween } from '../../src/agent/loss-watch.ts';
import { ruleSetHash } from '../../src/agent/rule-set-hash.ts';
import { type SnapshotParts, snapshotOf } from '../../src/agent/snapshot.ts';
import { summaryOf } from '../../src/agent/summary.ts';
import { Troubles } from '../../src/agent/troubles.ts';
import { type ProcessReport, parseAgentStatus } from '../../src/agent-status.ts';
import { Detector } from '../../src/detect/detector.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { ForebearError } from '../../src/errors.ts';
import { type LossReport, perKind, type RecordKind, type SensorCounters } from '../../src/sensor/sensor.ts';
import { Counters } from '../../src/stats.ts';
import { makeRule } from '../detect/rules.ts';
import { FakeJournalWriter } from './fake-journal-writer.ts';
import { logged } from './logged.ts';

const kinds = (exec = 0, fork = 0, exit = 0, task = 0) => ({ ...perKind(() => 0), exec, fork, exit, task });
const loss = (lost: Record<RecordKind, number>, recursionMisses = 0): LossReport => ({ lost, recursionMisses });

describe('losses', () => {
  it.each([
    ['none at all', undefined, loss(kinds()), []],
    ['the first', undefined, loss(kinds(2)), [['exec', 2]]],
    ['none since', loss(kinds(2, 1), 3), loss(kinds(2, 1), 3), []],
    [
      'of every kind',
      loss(kinds(1, 1, 1, 1), 1),
      loss(kinds(2, 3, 4, 5), 6),
      [
        ['exec', 1],
        ['fork', 2],
        ['exit', 3],
        ['task', 4],
        ['unknown', 5],
      ],
    ],
    ['fewer than before: not counted twice', loss(kinds(5)), loss(kinds(3)), []],
  ])('%s', (_name, before, after, expected) => {
    expect(lossBetween(before, after).map(({ record, count }) => [record, count])).toEqual(expected);
  });

  it('go to the recording before anything else, and to everyone once', () => {
    const told: unknown[] = [];
    const watch = new LossWatch(
      { noteLoss: (record: string, count: number) => told.push(['enricher', record, count]) } as never,
      { lost: (totals: LossReport) => told.push(['recorder', totals.lost.exec, totals.recursionMisses]) } as never,
      { lost: (losses: unknown[]) => told.push(['notices', losses.length]) } as never,
    );
    const totals = loss(kinds(2), 1);
    watch.look(totals);
    watch.look(totals);
    // The caller may go on counting in the same object.
    totals.lost.exec = 3;
    watch.look(totals);
    expect(told).toEqual([
      ['recorder', 2, 1],
      ['notices', 2],
      ['enricher', 'exec', 2],
      ['enricher', 'unknown', 1],
      ['recorder', 3, 1],
      ['notices', 1],
      ['enricher', 'exec', 1],
    ]);
  });
});

describe('alerts that max_signals kept back', () => {
  it.each([
    ['none', [], [], []],
    ['of this run', [], [['a', 3]], [['a', 3]]],
    ['of earlier runs: told at their stop', [['a', 3]], [['a', 3]], []],
    ['of both', [['a', 3]], [['a', 5]], [['a', 2]]],
    ['told of in an alert since, then new ones', [['a', 3]], [['a', 1]], [['a', 1]]],
    ['told of in an alert since', [['a', 3]], [], []],
  ] as [string, [string, number][], [string, number][], [string, number][]][])('%s', (_name, before, now, expected) => {
    const rules = (pairs: [string, number][]) => pairs.map(([rule_id, count]) => ({ rule_id, count }));
    expect(cappedBetween(rules(before), rules(now))).toEqual(rules(expected));
  });
});

const SENSOR: SensorCounters = {
  reserved: kinds(10, 8, 7, 4),
  lost: kinds(1, 0, 2, 0),
  decoded: kinds(9, 7, 5, 4),
  recursionMisses: 2,
  undecodable: 1,
  batches: 3,
  bytes: 999,
  queueFull: 0,
};

describe('the summary', () => {
  it('adds up: reserved = decoded + undecodable + lost', () => {
    const counters = new Counters();
    counters.add('agent_alerts_journalled_total', 6);
    counters.add('detect_alerts_capped_total', 5);
    counters.add('detect_alerts_held_back_total', 2, 'rule');
    counters.add('detect_alerts_held_back_total', 1, 'all');
    counters.add('agent_alerts_dropped_total', 2, 'journal_refuses');
    counters.add('agent_alerts_dropped_total', 1, 'too_large');
    counters.add('agent_alerts_dropped_total', 1, 'unencodable');
    expect(summaryOf(SENSOR, counters, 42)).toEqual({
      events: kinds(9, 7, 5, 4),
      lost: 6,
      alerts: 6,
      capped: 5,
      heldBack: 3,
      dropped: 4,
      durableSeq: 42,
      unaccounted: 0,
    });
  });

  it.each([
    ['a record vanished', { decoded: kinds(8, 7, 5, 4) }, 1],
    ['a record came twice', { decoded: kinds(9, 8, 5, 4) }, -1],
    ['a loss that nobody counted', { lost: kinds(0, 0, 2, 0) }, 1],
    ['recursion misses reserve nothing', { recursionMisses: 99 }, 0],
  ])('shows when it does not: %s', (_name, part, unaccounted) => {
    expect(summaryOf({ ...SENSOR, ...part }, new Counters(), 0).unaccounted).toBe(unaccounted);
  });
});

const PROCESS: ProcessReport = {
  cpuSeconds: 1.5,
  residentBytes: 3,
  heapBytes: 2,
  heapUsedBytes: 1,
  externalBytes: 0,
  loopDelay: { p50Ms: 0, p99Ms: 1, maxMs: 2, minuteMaxMs: 3 },
};

describe('the snapshot', () => {
  const fields = new FieldTable();
  const running = makeRule(fields, 'process.name:a', { rule_id: 'r1' });
  const counters = new Counters();
  counters.add('agent_alerts_journalled_total', 2);
  counters.add('detect_terms_evicted_total', 3);
  for (const reason of ['exited', 'referred', 'live']) counters.add('enrich_processes_evicted_total', 1, reason);
  const error = new ForebearError('FB_RULE_LANGUAGE', 'eql: not yet');
  const parts = {
    version: '1.2.3',
    startedMs: 1000,
    hostId: 'c0ffee',
    maxTableBytes: 64,
    sensor: {
      status: () => ({ source: 'replay', ringBytes: 16, programs: [] }),
      counters: () => SENSOR,
    },
    rules: {
      rules: [running],
      verdicts: [
        { file: 'a.toml', sensors: [], fields: [], rule: running },
        { file: 'b.toml', sensors: [], fields: [], error, name: 'B' },
      ],
    },
    terms: { size: 12 },
    selftest: { reports: [] },
    enricher: { processes: { count: 7, bytes: 48 } },
    detector: new Detector({ rules: [running], fields, counters }),
    process: { report: () => PROCESS },
    journal: new FakeJournalWriter(),
    counters,
  } as unknown as SnapshotParts;

  it('has the figures of the stages', () => {
    expect(snapshotOf(parts, 2000)).toMatchObject({
      pid: process.pid,
      startedMs: 1000,
      nowMs: 2000,
      host: { id: 'c0ffee' },
      rules: {
        running: 1,
        refused: [{ file: 'b.toml', code: 'FB_RULE_LANGUAGE', reason: 'eql: not yet', name: 'B' }],
      },
      terms: { known: 12, evicted: 3 },
      alerts: 2,
      processTable: { entries: 7, bytes: 48, maxBytes: 64, evicted: 3 },
      sensor: { counters: SENSOR },
      ruleCosts: { rules: [{ rule_id: 'r1', name: 'A rule', evaluations: 0 }], all: { rules: 1, seconds: 0 } },
      process: PROCESS,
    });
  });

  it('is one that `status` reads', () => {
    const text = JSON.stringify(snapshotOf(parts, 2000));
    expect(parseAgentStatus(text)).toEqual(JSON.parse(text));
  });
});

describe('the hash of the rules', () => {
  const fields = new FieldTable();
  const rule = (rule_id: string, query = 'process.name:a', version = 1) =>
    makeRule(fields, query, { rule_id, version });
  const hashOf = (...rules: ReturnType<typeof rule>[]) => ruleSetHash({ rules, verdicts: [] });
  const base = hashOf(rule('a'), rule('b'));

  it('is equal for equal rules in another order, with others refused beside them', () => {
    expect(base).toMatch(/^[0-9a-f]{16}$/);
    expect(hashOf(rule('b'), rule('a'))).toBe(base);
    const refused = { file: 'x', sensors: [], fields: [], error: new ForebearError('FB_RULE_FILE', 'x') };
    expect(ruleSetHash({ rules: [rule('a'), rule('b')], verdicts: [refused] })).toBe(base);
  });

  it('differs for another id, query, version, or set', () => {
    const others = [
      hashOf(rule('a'), rule('c')),
      hashOf(rule('a'), rule('b', 'process.name:b')),
      hashOf(rule('a'), rule('b', 'process.name:a', 2)),
      hashOf(rule('a')),
      hashOf(),
    ];
    expect(new Set([base, ...others]).size).toBe(others.length + 1);
  });
});

describe('lasting troubles', () => {
  it('are said when they begin, change and end, not each time they are met', () => {
    const { log, lines } = logged();
    const troubles = new Troubles(log);
    const met = ['EIO', 'EIO', undefined, undefined, 'ENOSPC', 'EIO', 'EIO'];
    for (const reason of met) troubles.note('writing', reason);
    troubles.note('reading', 'EIO');
    expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'warn writing: EIO',
      'info writing: works again',
      'warn writing: ENOSPC',
      'warn writing: EIO',
      'warn reading: EIO',
    ]);
  });
});
