// The sensor against what a workload wrote down of itself: every exec, fork and exit of every kind, byte for byte.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EbpfSensorOptions } from '../../src/sensor/ebpf-sensor.ts';
import { ARGS_MAX } from '../../src/sensor/layout.ts';
import { bpfMissing, Collector, expectConservation, newSensor } from '../native/live-sensor.ts';
import { cutArgs, type Expected, type ExpectedExec, inTermsOf, readGroundTruth, recordsOf } from './ground-truth.ts';

const WORKLOAD = resolve(import.meta.dirname, '../../build/test/workload');
const STORM = 20_000;
/** Of the case "env"; its last variable lies behind 8 KiB and is cut. */
const NAMES = new Set(['LD_PRELOAD', 'EMPTY', 'LAST']);

const missing =
  (await bpfMissing()) ?? (existsSync(WORKLOAD) ? undefined : 'build/test/workload is not built (scripts/build)');
const folder = mkdtempSync(join(tmpdir(), 'forebear-truth-'));
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
});

/** Runs the workload under the sensor. out: what it did, what was seen, and the counters after stop. */
async function observe(words: string[], options: Partial<EbpfSensorOptions> = {}) {
  const seen = new Collector();
  const sensor = newSensor({ ringBytes: 16 << 20, envNames: NAMES, ...options });
  const file = join(folder, words.join('-'));
  await sensor.start(seen);
  const [status] = await once(spawn(WORKLOAD, [file, ...words], { stdio: 'inherit' }), 'exit');
  await sensor.stop();
  expect(status).toBe(0);
  return { truth: readGroundTruth(file), records: seen.records, counters: sensor.counters() };
}

/** As the sensor carries it: arguments up to the cap, of the environment the named variables that were not cut away. */
function asCarried(expected: ExpectedExec): ExpectedExec {
  const env = expected.env.filter((entry) => entry.startsWith('LD_PRELOAD=') || entry.startsWith('EMPTY='));
  const groups = [...expected.groups].sort((a, b) => a - b).slice(0, 64);
  return { ...expected, env, groups, args: cutArgs(expected.args, ARGS_MAX) };
}

describe('each kind of exec, fork and exit', () => {
  let run: Awaited<ReturnType<typeof observe>>;
  let truth: Expected[] = [];
  beforeAll(async () => {
    if (missing !== undefined) return;
    run = await observe(['all']);
    truth = run.truth;
  });

  const execs = () => truth.filter((line) => line.kind === 'exec');

  it('makes at least the twenty cases that it knows', (ctx) => {
    const skipped = truth.filter((line) => line.kind === 'skip');
    if (skipped.length > 0) ctx.skip(`${skipped.map((line) => line.case)}: ${skipped[0]?.reason}`);
    expect(execs().length).toBeGreaterThanOrEqual(20);
  });

  it('is seen with every field as the workload wrote it down', () => {
    for (const expected of execs()) {
      const found = recordsOf(run.records, 'exec', expected.tgid);
      expect(found.map((record) => inTermsOf(expected, record))).toEqual([asCarried(expected)]);
    }
  });

  it('marks what was cut, and nothing else', () => {
    const marks = execs().map((expected) => {
      const [record] = recordsOf(run.records, 'exec', expected.tgid);
      return [expected.case, ...(record?.truncated ?? ['no record']), ...(record?.unreadable ?? [])];
    });
    expect(marks.filter((mark) => mark.length > 1)).toEqual([
      ['big', 'args'],
      ['env', 'env'],
      ['groups', 'groups'],
    ]);
  });

  it('tells one fork each, with the parent and who called it', () => {
    for (const expected of truth.filter((line) => line.kind === 'fork')) {
      const found = recordsOf(run.records, 'fork', expected.tgid);
      const seen = found.map((record) => ({
        case: expected.case,
        ppid: record.task.ppid,
        creator: record.creator.tgid,
      }));
      expect(seen).toEqual([{ case: expected.case, ppid: expected.ppid, creator: expected.creator }]);
    }
  });

  it('tells one exit each, with the status that wait shows, whichever thread was last', () => {
    for (const expected of truth.filter((line) => line.kind === 'exit')) {
      const found = recordsOf(run.records, 'exit', expected.tgid);
      const seen = found.map((record) => ({ case: expected.case, code: record.code }));
      expect(seen).toEqual([{ case: expected.case, code: expected.code }]);
    }
  });

  it('keeps one start time from fork to exec to exit', () => {
    for (const { tgid } of execs()) {
      const of = (kind: 'fork' | 'exec' | 'exit') => recordsOf(run.records, kind, tgid).map((r) => r.task.startNs);
      expect(new Set([...of('fork'), ...of('exec'), ...of('exit')]).size).toBe(1);
    }
  });

  it('conserves records', () => expectConservation(run.counters));
});

it(`sees each of ${STORM} short execs from two processes, or counts it as lost`, async () => {
  const { truth, records, counters } = await observe(['storm', `${STORM}`]);
  const numbers = new Map<number, string>();
  for (const record of records) {
    if (record.kind === 'exec' && record.args[1] === 'storm') numbers.set(record.task.tgid, record.args.join(' '));
  }
  const storm = truth.filter((line) => line.kind === 'storm');
  const absent = storm.filter((line) => numbers.get(line.tgid) !== `leaf storm ${line.worker} ${line.number}`);
  expect(storm.length).toBe(STORM);
  expect(absent.length).toBeLessThanOrEqual(counters.lost.exec + counters.recursionMisses);
  expectConservation(counters);
});
