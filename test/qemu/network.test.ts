// Connections, calls and a module on other kernels than this host's, by the kernel's functions and by system calls: connections.c and
// insmod in a guest under qemu.

import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ConnectionAccount, itSeesEachConnection, readConnections } from '../kernel/connection-cases.ts';
import { DEADLINE_MS, type GuestResult, runGuest, textOf } from './guest.ts';
import { describeSuite, kernelOf, SUITES, whyNoGuest } from './kernels.ts';
import { baseFiles } from './payload.ts';
import { asFile, collectRing } from './recorded.ts';
import { type LoadedProgram, linesOf, SOURCES, type Source } from './whole-run.ts';

/** Where those of the trampolines come from, beside the tracepoints of connections and modules. */
const HOOKS = [
  'fb_accepted',
  'fb_memfd',
  'fb_memfd_32',
  'fb_ptrace',
  'fb_ptrace_32',
  'fb_shmget',
  'fb_shmget_32',
  'fb_sys_read',
  'fb_sys_recvfrom',
  'fb_sys_recvmsg',
];
const ALWAYS = ['fb_module', 'fb_sock_retry', 'fb_sock_state'];

describe.each(SUITES.map((suite) => ({ suite, title: describeSuite(suite) })))('$title', ({ suite }) => {
  const missing = whyNoGuest(suite);
  const accounts: Record<Source, ConnectionAccount> = {
    trampolines: { truth: [], records: [] },
    syscalls: { truth: [], records: [] },
  };
  let guest: GuestResult;

  beforeAll(async () => {
    if (missing !== undefined) return;
    guest = await runGuest({ kernel: kernelOf(suite), files: baseFiles('network', ['load_bpf', 'connections']) });
    for (const source of SOURCES) {
      if (textOf(guest.files, `${source}.status`) !== '0\n') continue;
      const { seen, undecodable } = await collectRing(guest.files.get(`${source}.ring`)!);
      expect(undecodable).toBe(0);
      const truth = asFile(guest.files.get(`${source}.truth`)!, readConnections);
      Object.assign(accounts[source], { truth, records: seen.records });
    }
  }, DEADLINE_MS);

  beforeEach((ctx) => {
    if (missing !== undefined) ctx.skip(missing);
  });

  describe.each(SOURCES)('by %s', (source) => {
    beforeEach((ctx) => {
      if (suite === 'bullseye' && source === 'syscalls') ctx.skip('before 5.11 the system calls cannot be looked at');
    });

    it('loads and attaches its programs, and loses nothing', () => {
      const programs = linesOf<LoadedProgram>(guest, `${source}.programs`, 'program');
      const failed = programs.filter(({ loaded, attached }) => !loaded || !attached);
      expect(failed.map(({ program, reason }) => `${program}: ${reason}`)).toEqual([]);
      expect([textOf(guest.files, `${source}.status`), guest.console.match(/^connections: .*$/m)?.[0]]).toEqual([
        '0\n',
        undefined,
      ]);
      const wanted = source === 'trampolines' ? [...HOOKS, ...ALWAYS] : [...ALWAYS, 'fb_sys_exit'];
      const names = programs.map(({ program }) => program);
      expect(wanted.filter((name) => !names.includes(name))).toEqual([]);
      const [counted] = linesOf<{ counters: Record<'network' | 'call', number[]> }>(
        guest,
        `${source}.programs`,
        'counters',
      );
      expect([counted?.counters.network[1], counted?.counters.call[1]]).toEqual([0, 0]);
    });

    itSeesEachConnection(accounts[source]);

    it('tells of a module of the kernel, and who loads it', () => {
      const calls = accounts[source].records.filter((record) => record.kind === 'call');
      const modules = calls.filter(({ call }) => call === 'load_module');
      expect(modules.map(({ name, task }) => [name, task.comm])).toEqual([['overlay', 'insmod']]);
    });
  });
});
