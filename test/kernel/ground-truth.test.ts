// The sensor against what a workload wrote down of itself: every exec, fork and exit of every kind, byte for byte.

import { beforeEach, describe, expect, it } from 'vitest';
import { type RecordKind, WANTED_KINDS } from '../../src/sensor/sensor.ts';
import type { Expected } from './ground-truth.ts';
import { itSeesEachChange } from './ground-truth-changes.ts';
import { itSeesEachCase } from './ground-truth-suite.ts';
import { NAMES, ofWorkload, type Run, runWorkload, whyNoWorkload } from './workload.ts';

const STORM = 20_000;
const CROWD = 4_000;
const missing = await whyNoWorkload();

beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
});

describe('each kind of exec, fork and exit', async () => {
  const run = missing === undefined ? await runWorkload(['all'], { wanted: new Set(WANTED_KINDS) }) : undefined;
  const truth = run?.truth ?? [];
  if (run !== undefined) printFigures(run);

  const account = { truth, records: ofWorkload(run?.seen.records ?? [], truth) };
  itSeesEachCase(account);
  itSeesEachChange(account);

  it('lets no variable out that was not asked for, of whatever process', () => {
    const variables = run!.seen.records.flatMap((record) => (record.kind === 'exec' ? record.env : []));
    expect(variables.filter((entry) => !NAMES.has(entry.slice(0, entry.indexOf('='))))).toEqual([]);
    expect(variables.length).toBeGreaterThan(0);
  });
});

function printFigures({ truth, counters }: Run): void {
  const { lost, recursionMisses } = counters;
  const of = (kind: Expected['kind']) => truth.filter((line) => line.kind === kind).length;
  console.log(
    `ground truth: ${of('exec')} execs, ${of('fork')} forks, ${of('exit')} exits compared; ` +
      `lost ${lost.exec} + ${lost.fork} + ${lost.exit}, recursion misses ${recursionMisses}`,
  );
}

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
