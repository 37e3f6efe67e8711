// The sensor against what a workload wrote down of itself: every exec, fork and exit of every kind, byte for byte.

import { beforeEach, describe, expect, it } from 'vitest';
import type { RecordKind } from '../../src/sensor/sensor.ts';
import { asCarried, type Expected, inTermsOf, recordsOf } from './ground-truth.ts';
import { CASES, type Case } from './ground-truth-cases.ts';
import { NAMES, namedVariables, ofWorkload, type Run, runWorkload, whyNoWorkload } from './workload.ts';

const STORM = 20_000;
const CROWD = 4_000;
const missing = await whyNoWorkload();

beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
});

describe('each kind of exec, fork and exit', async () => {
  const run = missing === undefined ? await runWorkload(['all']) : undefined;
  const truth = run?.truth ?? [];
  const records = ofWorkload(run?.seen.records ?? [], truth);

  function linesOf<K extends Expected['kind']>(kind: K, name?: string) {
    return truth.filter(
      (line): line is Extract<Expected, { kind: K }> =>
        line.kind === kind && (name === undefined || line.case === name),
    );
  }

  it('is one of the cases known here', () => {
    expect([...new Set(truth.map((line) => line.case))].sort()).toEqual(CASES.map(({ name }) => name).sort());
    const compared = linesOf('exec').length;
    const { lost, recursionMisses } = run!.counters;
    console.log(
      `ground truth: ${compared} execs, ${linesOf('fork').length} forks, ${linesOf('exit').length} exits compared; ` +
        `lost ${lost.exec} + ${lost.fork} + ${lost.exit}, recursion misses ${recursionMisses}`,
    );
  });

  it.for(CASES)('$name: every field of the exec as the workload wrote it down', (row, ctx) => {
    const skipped = linesOf('skip', row.name)[0];
    if (skipped !== undefined) ctx.skip(`${row.name}: ${skipped.reason}`);
    const execs = linesOf('exec', row.name);
    expect(execs.length).toBe(row.execs);
    for (const tgid of new Set(execs.map((exec) => exec.tgid))) expectExecs(row, tgid);
  });

  /** All execs of one process, in their order. */
  function expectExecs(row: Case, tgid: number): void {
    const wanted = linesOf('exec', row.name).filter((exec) => exec.tgid === tgid);
    const found = recordsOf(records, 'exec', tgid);
    expect(found.map((record, i) => inTermsOf(wanted[i] ?? wanted[0]!, record))).toEqual(
      wanted.map((expected, i) => asCarried(expected, namedVariables(expected.env), found[i])),
    );
    expect(found.at(-1)?.truncated).toEqual(row.truncated);
    expect(found.flatMap((record) => record.unreadable)).toEqual([]);
  }

  it.each(CASES)('$name: one fork and one exit for each process, with parent, creator and status', (row) => {
    const forks = linesOf('fork', row.name);
    const exits = linesOf('exit', row.name);
    expect(exits.length).toBe(linesOf('skip', row.name).length > 0 ? exits.length : row.exits);
    for (const { tgid, ppid, creator } of forks) {
      const found = recordsOf(records, 'fork', tgid).map((record) => [record.task.ppid, record.creator.tgid]);
      expect(found).toEqual([[ppid, creator]]);
    }
    for (const { tgid, code } of exits) {
      expect(recordsOf(records, 'exit', tgid).map((record) => record.code)).toEqual([code]);
    }
  });

  it('has fork, then execs, then exit of each process, all of one start time', () => {
    for (const { tgid, case: name } of linesOf('fork')) {
      const own = records.filter((record) => record.task.tgid === tgid);
      const execs = linesOf('exec')
        .filter((exec) => exec.tgid === tgid)
        .map(() => 'exec');
      expect([name, ...own.map((record) => record.kind)]).toEqual([name, 'fork', ...execs, 'exit']);
      expect(new Set(own.map((record) => record.task.startNs)).size).toBe(1);
    }
  });

  it('tells nothing of execs that failed', () => {
    for (const { tgid } of linesOf('none')) expect(recordsOf(records, 'exec', tgid)).toEqual([]);
    expect(linesOf('none').length).toBe(1);
  });

  it('lets no variable out that was not asked for, of whatever process', () => {
    const variables = run!.seen.records.flatMap((record) => (record.kind === 'exec' ? record.env : []));
    expect(variables.filter((entry) => !NAMES.has(entry.slice(0, entry.indexOf('='))))).toEqual([]);
    expect(variables.length).toBeGreaterThan(0);
  });
});

/** Each numbered exec was seen once, of the process that made it, or is counted. out: how many processes lack which record. */
function expectEachOnceOrLost({ truth, seen, counters }: Run, count: number): Record<'exec' | 'fork' | 'exit', number> {
  const storm = truth.filter((line) => line.kind === 'storm');
  const wanted = new Map(storm.map((line) => [`${line.worker} ${line.number}`, line.tgid]));
  expect(wanted.size).toBe(count);
  const workers = new Set(storm.map((line) => line.ppid));
  const ours = seen.execs('storm').filter(({ task }) => workers.has(task.ppid));
  const found = ours.map(({ args, task }) => [args.slice(2).join(' '), task.tgid] as const);
  const twice = found.length - new Set(found.map(([number]) => number)).size;
  expect({ twice, mixedUp: found.filter(([number, tgid]) => wanted.get(number) !== tgid) }).toEqual({
    twice: 0,
    mixedUp: [],
  });
  const absent = (kind: RecordKind) => {
    const pids = new Set(seen.records.filter((record) => record.kind === kind).map((record) => record.task.tgid));
    return storm.filter(({ tgid }) => !pids.has(tgid)).length;
  };
  const unseen = { exec: count - found.length, fork: absent('fork'), exit: absent('exit') };
  for (const kind of ['exec', 'fork', 'exit'] as const) {
    expect(unseen[kind]).toBeLessThanOrEqual(counters.lost[kind] + counters.recursionMisses);
  }
  return unseen;
}

it(`sees each of ${STORM} short execs from two processes, or counts it as lost`, async () => {
  const run = await runWorkload(['storm', `${STORM}`]);
  const unseen = expectEachOnceOrLost(run, STORM);
  const { lost, recursionMisses, batches } = run.counters;
  console.log(
    `storm: ${STORM} execs, ${unseen.exec} not seen, ${lost.exec} counted as lost, ` +
      `${recursionMisses} recursion misses, ${batches} crossings`,
  );
  expect(run.counters.reserved.fork).toBeGreaterThanOrEqual(STORM - recursionMisses);
  expect(run.counters.reserved.fork).toBeLessThanOrEqual(run.forks);
});

it('marks as many as lost as are not seen, when nobody takes the records', async () => {
  const run = await runWorkload(['storm', `${CROWD}`], { ringBytes: 256 << 10, queueBytes: 64 << 10, blocking: true });
  const unseen = expectEachOnceOrLost(run, CROWD);
  const { lost, recursionMisses } = run.counters;
  console.log(
    `crowded storm: ${CROWD} execs, ${unseen.exec} not seen, ${lost.exec} counted as lost, ` +
      `${recursionMisses} recursion misses`,
  );
  expect(unseen.exec).toBeGreaterThan(0);
  // Other processes of the host lose some as well: at most two execs for each fork that was not the storm's.
  expect(lost.exec - unseen.exec).toBeLessThanOrEqual(2 * (run.forks - CROWD));
  expect(run.seen.losses.at(-1)?.lost).toEqual(lost);
});
