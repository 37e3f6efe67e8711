// The agent on other kernels than this host's: the whole of it in a guest under qemu (guest/whole), against what the
// workload wrote down there, and what all kernels saw compared with each other. `npm test` boots one, `npm run matrix` four.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CASES } from '../kernel/ground-truth-cases.ts';
import { type Account, itSeesEachCase } from '../kernel/ground-truth-suite.ts';
import { ofWorkload, runWorkload, whyNoWorkload } from '../kernel/workload.ts';
import { DEADLINE_MS, textOf } from './guest.ts';
import { describeSuite, SUITES, whyNoGuest } from './kernels.ts';
import { comparable } from './named-differences.ts';
import { accountOf, type Process } from './same.ts';
import { linesOf, runWhole, type WholeRun } from './whole-run.ts';

const HOST = 'this host';
/** A tenth of what the kernel allows. test/kernel/verifier.test.ts keeps each program much lower on this host's kernel. */
const VERIFIED_MAX = 100_000;
/** Lines of the kernel's log that no program of ours may cause. */
const KERNEL_FAULT = /BUG:|WARNING:|Oops|general protection|lockup|RCU stall|rcu: INFO|Call Trace/;

const runs = new Map<string, WholeRun>();
const accounts = new Map<string, Map<string, Process[]>>();

describe.each(SUITES.map((suite) => ({ suite, title: describeSuite(suite) })))('$title', ({ suite }) => {
  const missing = whyNoGuest(suite);
  const account: Account = { truth: [], records: [] };
  let run: WholeRun;

  beforeAll(async () => {
    if (missing !== undefined) return;
    run = await runWhole(suite);
    Object.assign(account, { truth: run.truth, records: run.records });
    runs.set(suite, run);
    accounts.set(suite, accountOf(run.records, run.truth));
  }, 2 * DEADLINE_MS);

  beforeEach((ctx) => {
    if (missing !== undefined) ctx.skip(missing);
  });

  it('loads and attaches every program, with bounded work for the verifier', () => {
    const attached = run.status.sensor.programs.filter((program) => program.attached).map(({ name }) => name);
    expect(run.programs.map(({ program }) => program)).toEqual(expect.arrayContaining(attached));
    for (const { program, loaded, attached, reason, verified_insns } of run.programs) {
      expect({ program, loaded, attached, reason }).toEqual({ program, loaded: true, attached: true, reason: '' });
      expect(verified_insns).toBeGreaterThan(100);
      expect(verified_insns).toBeLessThan(VERIFIED_MAX);
    }
  });

  it('decodes every record that its programs wanted to write', () => {
    const { reserved, decoded, lost, undecodable } = run.status.sensor.counters;
    expect(decoded).toEqual(reserved);
    expect([undecodable, ...Object.values(lost)].filter((count) => count !== 0)).toEqual([]);
  });

  itSeesEachCase(account);

  it('is a host on which doctor finds no fault', () => {
    const checks = linesOf<{ check: string; status: string; found: string }>(run.guest, 'doctor', 'check');
    expect(checks.filter(({ status }) => status === 'fault')).toEqual([]);
    const fine = checks.filter(({ status }) => status === 'fine').map(({ check }) => check);
    expect(fine).toEqual(
      expect.arrayContaining(['kernel', 'btf', 'bpf programs', 'addon', 'rules', 'journal', 'agent']),
    );
    expect(textOf(run.guest.files, 'doctor.status')).toBe('0\n');
  });

  it('passes the self-test: the first rule fires and its alert is durable', () => {
    const stages = linesOf<{ stage: string; status: string }>(run.guest, 'selftest', 'stage');
    expect(stages.map(({ stage, status }) => [stage, status])).toEqual(
      ['started', 'seen', 'typed', 'matched', 'durable'].map((stage) => [stage, 'fine']),
    );
    expect(run.status.alerts).toBe(1);
  });

  it('has nothing to complain of in its log', () => {
    const log = textOf(run.guest.files, 'dmesg').split('\n');
    expect(log.length).toBeGreaterThan(100);
    expect(log.filter((line) => KERNEL_FAULT.test(line))).toEqual([]);
  });
});

describe('the same workload', async () => {
  const missing = await whyNoWorkload();

  beforeAll(async () => {
    if (missing !== undefined) return;
    const { seen, truth } = await runWorkload(['all']);
    accounts.set(HOST, accountOf(ofWorkload(seen.records, truth), truth));
  });

  afterAll(() => {
    if (runs.size > 0) console.log(table());
  });

  it.for(CASES)('$name: is the same on all kernels', ({ name }, ctx) => {
    const seen = [...accounts].filter(([, account]) => account.has(name));
    const [first, ...others] = seen;
    if (first === undefined || others.length === 0) return ctx.skip(missing ?? 'only one kernel is here');
    for (const [suite, account] of others) {
      const pair = [first[0], suite];
      expect({ suite, saw: comparable(account.get(name)!, name, pair) }).toEqual({
        suite,
        saw: comparable(first[1].get(name)!, name, pair),
      });
    }
  });
});

function table(): string {
  const rows = [...runs].map(([suite, { guest, status, programs, records }]) => {
    const { decoded, lost, recursionMisses } = status.sensor.counters;
    const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0);
    const verified = programs.map(({ program, verified_insns }) => `${program.replace('fb_', '')} ${verified_insns}`);
    const attached = status.sensor.programs.filter((program) => program.attached).length;
    return [
      ...[`${suite} ${guest.release}`, `${attached} of ${status.sensor.programs.length}`],
      ...[`${sum(decoded)} (${records.length} of the workload)`, sum(lost), recursionMisses],
      ...[`${guest.seconds.toFixed(1)} s`, verified.join(', ')],
    ].map(String);
  });
  const all = [['kernel', 'programs', 'records', 'lost', 'recursion misses', 'time', 'verified instructions'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
