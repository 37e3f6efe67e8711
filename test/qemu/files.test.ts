// Events of files on other kernels than this host's, by the kernel's functions and by system calls: file_cases in a guest under qemu.

import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FileAccount, itSeesEachFileCase, readTruth } from '../kernel/file-cases.ts';
import { DEADLINE_MS, type GuestResult, runGuest, textOf } from './guest.ts';
import { describeSuite, kernelOf, SUITES, whyNoGuest } from './kernels.ts';
import { baseFiles } from './payload.ts';
import { asFile, collectRing } from './recorded.ts';
import { type LoadedProgram, linesOf, SOURCES, type Source } from './whole-run.ts';

const VERIFIED_MAX = 100_000;
const BY = { trampolines: 'hooks', syscalls: 'calls' } as const;

describe.each(SUITES.map((suite) => ({ suite, title: describeSuite(suite) })))('$title', ({ suite }) => {
  const missing = whyNoGuest(suite);
  const accounts: Record<Source, FileAccount> = {
    trampolines: { truth: [], records: [], by: 'hooks' },
    syscalls: { truth: [], records: [], by: 'calls' },
  };
  let guest: GuestResult;

  beforeAll(async () => {
    if (missing !== undefined) return;
    guest = await runGuest({ kernel: kernelOf(suite), files: baseFiles('files', ['load_bpf', 'file_cases']) });
    for (const source of SOURCES) {
      if (textOf(guest.files, `${source}.status`) !== '0\n') continue;
      const { seen, undecodable } = await collectRing(guest.files.get(`${source}.ring`)!);
      expect(undecodable).toBe(0);
      const truth = asFile(guest.files.get(`${source}.truth`)!, readTruth);
      Object.assign(accounts[source], { truth, records: seen.records, by: BY[source] });
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
      expect(Math.max(...programs.map(({ verified_insns }) => verified_insns))).toBeLessThan(VERIFIED_MAX);
      const [{ counters } = { counters: { file: [] as number[] } }] = linesOf<{ counters: { file: number[] } }>(
        guest,
        `${source}.programs`,
        'counters',
      );
      expect(counters.file[0]).toBeGreaterThan(50);
      expect(counters.file[1]).toBe(0);
    });

    itSeesEachFileCase(accounts[source], `/files/${source}`);
  });
});
