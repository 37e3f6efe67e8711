// The agent on other kernels than this host's: the whole of it in a guest under qemu (guest/whole), against what the
// workload wrote down there, and what all kernels saw compared with each other. `npm test` boots one, `npm run matrix` four.

import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WANTED_KINDS } from '../../src/sensor/sensor.ts';
import { CASES } from '../kernel/ground-truth-cases.ts';
import { itSeesEachChange } from '../kernel/ground-truth-changes.ts';
import { type Account, itSeesEachCase } from '../kernel/ground-truth-suite.ts';
import { ofWorkload, runWorkload, whyNoWorkload } from '../kernel/workload.ts';
import { DEADLINE_MS, textOf } from './guest.ts';
import { describeSuite, SUITES, whyNoGuest } from './kernels.ts';
import { comparable, nameOf, type Observer } from './named-differences.ts';
import { INSTALLED } from './payload.ts';
import { accountOf, type Process } from './same.ts';
import { DOCUMENT, documentOf, tableOf } from './table.ts';
import { ATTEMPTS, linesOf, runWhole, SOURCES, type Source, type WholeRun } from './whole-run.ts';

/** A tenth of what the kernel allows. test/kernel/verifier.test.ts keeps each program much lower on this host's kernel. */
const VERIFIED_MAX = 100_000;
/** Lines of the kernel's log that no program of ours may cause. */
const KERNEL_FAULT = /BUG:|WARNING:|Oops|general protection|lockup|RCU stall|rcu: INFO|Call Trace/;
const FIRST_RULE = 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6';
const NO_SYSCALLS = {
  suites: ['bullseye'],
  because: 'before 5.11 there is no helper that the system call programs need',
};
const lacks = (suite: string, source: Source) => source === 'syscalls' && NO_SYSCALLS.suites.includes(suite);

const runs = new Map<string, WholeRun>();
const accounts: (Observer & { account: Map<string, Process[]> })[] = [];

describe.each(SUITES.map((suite) => ({ suite, title: describeSuite(suite) })))('$title', ({ suite }) => {
  const missing = whyNoGuest(suite);
  const account: Account = { truth: [], records: [] };
  const bySource: Record<Source, Account> = {
    trampolines: { truth: [], records: [] },
    syscalls: { truth: [], records: [] },
  };
  let run: WholeRun;

  beforeAll(async () => {
    if (missing !== undefined) return;
    run = await runWhole(suite);
    Object.assign(account, run.byAgent);
    runs.set(suite, run);
    for (const [by, seen] of run.bySource) {
      Object.assign(bySource[by], seen);
      accounts.push({ suite, by, account: accountOf(seen.records, seen.truth) });
    }
    accounts.push({ suite, by: 'agent', account: accountOf(account.records, account.truth) });
  }, ATTEMPTS * DEADLINE_MS);

  beforeEach((ctx) => {
    if (missing !== undefined) ctx.skip(missing);
  });

  it.for(SOURCES)('loads and attaches every program with %s, with bounded work for the verifier', (source, ctx) => {
    if (lacks(suite, source)) ctx.skip(NO_SYSCALLS.because);
    const programs = run.programs.get(source)!;
    expect(programs.length).toBeGreaterThan(5);
    for (const { program, loaded, attached, reason, verified_insns } of programs) {
      expect({ program, loaded, attached, reason }).toEqual({ program, loaded: true, attached: true, reason: '' });
      expect(verified_insns).toBeLessThan(VERIFIED_MAX);
      expect(verified_insns).toBeGreaterThan(0);
    }
    expect(run.bySource.has(source)).toBe(true);
  });

  it('decodes every record that its programs wanted to write', () => {
    const { reserved, decoded, lost, undecodable } = run.stopped.sensor.counters;
    expect(decoded).toEqual(reserved);
    expect([undecodable, ...Object.values(lost)].filter((count) => count !== 0)).toEqual([]);
  });

  it('has for each kind that the configuration names the best source', () => {
    const sources = run.running.sensor.sources?.filter(({ wanted }) => wanted);
    expect(sources?.map(({ kind, source, reason }) => [kind, source, reason])).toEqual([
      ['session', 'trampoline', undefined],
      ['credentials', 'trampoline', undefined],
      ['file', 'trampoline', undefined],
      ['network', 'tracepoint', undefined],
      ['accept', 'trampoline', undefined],
      ['call', 'trampoline', undefined],
      ['module', 'tracepoint', undefined],
      ['lookup', 'trampoline', undefined],
    ]);
    expect(sources?.slice(0, 2).map(({ unseen }) => unseen)).toEqual([[], []]);
  });

  itSeesEachCase(account);
  itSeesEachChange(account);

  describe.each(SOURCES)('by %s alone', (source) => {
    beforeEach((ctx) => {
      if (lacks(suite, source)) ctx.skip(NO_SYSCALLS.because);
    });
    itSeesEachChange(bySource[source]);
  });

  it('is a host on which doctor finds no fault', () => {
    const checks = linesOf<{ check: string; status: string; found: string }>(run.guest, 'doctor', 'check');
    expect(checks.filter(({ status }) => status === 'fault')).toEqual([]);
    const fine = checks.filter(({ status }) => status === 'fine').map(({ check }) => check);
    expect(fine).toEqual(expect.arrayContaining(['kernel', 'btf', 'bpf programs', 'addon', 'rules', 'journal']));
    expect(textOf(run.guest.files, 'doctor.status')).toBe('0\n');
  });

  it('passes the self-test: the first rule fires and its alert is durable', () => {
    const stages = linesOf<{ stage: string; status: string }>(run.guest, 'selftest', 'stage');
    expect(stages.map(({ stage, status }) => [stage, status])).toEqual(
      ['started', 'seen', 'typed', 'matched', 'durable'].map((stage) => [stage, 'fine']),
    );
    expect(run.stopped.alerts).toBe(1);
  });

  it('as installed: starts by itself, and tells of what a login at the serial console does', (ctx) => {
    if (run.installed === undefined) return ctx.skip('only npm run matrix runs the package');
    const { alerts, startupMs, said } = run.installed;
    expect(alerts, said).toHaveLength(1);
    expect(alerts[0]).toMatchObject({
      rule: { id: FIRST_RULE },
      user: { name: 'alice' },
      process: {
        parent: { executable: '/home/alice/busybox.payload' },
        entry_leader: { entry_meta: { type: 'terminal' }, interactive: true },
      },
    });
    expect(startupMs).toBeGreaterThan(0);
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
    const { seen, truth } = await runWorkload(['all'], { wanted: new Set(WANTED_KINDS) });
    accounts.unshift({ suite: 'this host', by: 'agent', account: accountOf(ofWorkload(seen.records, truth), truth) });
  });

  afterAll(() => {
    if (runs.size > 0) console.log(tableOf(runs));
    const whole = INSTALLED && runs.size === SUITES.length && process.env.FOREBEAR_WRITE_DOCS === '1';
    if (whole) writeFileSync(DOCUMENT, documentOf(runs));
  });

  it.for(CASES)('$name: is the same on all kernels, by all sources', ({ name }, ctx) => {
    const [first, ...others] = accounts.filter(({ account }) => account.has(name));
    if (first === undefined || others.length === 0) return ctx.skip(missing ?? 'only one kernel is here');
    for (const other of others) {
      const pair = [first, other];
      const [wanted, found] = pair.map(({ account }) => comparable(account.get(name)!, name, pair));
      expect(found, `${nameOf(other)}, beside ${nameOf(first)}`).toEqual(wanted);
    }
  });

  it('has sessions and credentials in it', (ctx) => {
    if (accounts.length === 0) return ctx.skip(missing ?? 'no kernel is here');
    for (const { account } of accounts) {
      const kinds = new Set([...account.values()].flat(2).map(({ kind }) => kind));
      expect([...kinds].sort()).toEqual(['credentials', 'exec', 'exit', 'fork', 'session']);
    }
  });
});
