// What every kernel has to tell of the workload, whichever sensor saw it: the tests that ground-truth.test.ts runs for this
// host's kernel and test/qemu for others. in: what the workload wrote down, and the records of its processes.

import { expect, it } from 'vitest';
import type { SensorRecord } from '../../src/sensor/record.ts';
import { asCarried, type Expected, inTermsOf, recordsOf } from './ground-truth.ts';
import { CASES, type Case } from './ground-truth-cases.ts';
import { namedVariables } from './workload.ts';

/** Read when a test runs: a suite may fill it in a hook. */
export interface Account {
  truth: readonly Expected[];
  /** Of the workload's processes alone (ofWorkload). */
  records: readonly SensorRecord[];
}

/** What every process has; session and credentials may come between. */
const LIFE: ReadonlySet<SensorRecord['kind']> = new Set(['fork', 'exec', 'exit']);

export function itSeesEachCase(account: Account): void {
  function linesOf<K extends Expected['kind']>(kind: K, name?: string) {
    return account.truth.filter(
      (line): line is Extract<Expected, { kind: K }> =>
        line.kind === kind && (name === undefined || line.case === name),
    );
  }

  it('is one of the cases known here', () => {
    expect([...new Set(account.truth.map((line) => line.case))].sort()).toEqual(CASES.map(({ name }) => name).sort());
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
    const found = recordsOf(account.records, 'exec', tgid);
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
      const found = recordsOf(account.records, 'fork', tgid).map((record) => [record.task.ppid, record.creator.tgid]);
      expect(found).toEqual([[ppid, creator]]);
    }
    for (const { tgid, code } of exits) {
      expect(recordsOf(account.records, 'exit', tgid).map((record) => record.code)).toEqual([code]);
    }
  });

  it('has fork, then execs, then exit of each process, all of one start time', () => {
    for (const { tgid, case: name } of linesOf('fork')) {
      const own = account.records.filter(({ kind, task }) => task.tgid === tgid && LIFE.has(kind));
      const execs = linesOf('exec')
        .filter((exec) => exec.tgid === tgid)
        .map(() => 'exec');
      expect([name, ...own.map((record) => record.kind)]).toEqual([name, 'fork', ...execs, 'exit']);
      expect(new Set(own.map((record) => record.task.startNs)).size).toBe(1);
    }
  });

  it('tells nothing of execs that failed', () => {
    for (const { tgid } of linesOf('none')) expect(recordsOf(account.records, 'exec', tgid)).toEqual([]);
    expect(linesOf('none').length).toBe(1);
  });
}
