// The BPF object on this kernel: every program loads and attaches, and the verifier's work stays bounded. An innocent change
// (a static function instead of a global one, a walk whose state sits in registers) can multiply that work by a hundred.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { whyNoSensor } from './agent-process.ts';

const BUILD = resolve(import.meta.dirname, '../../build');
const LOADER = join(BUILD, 'test/load_bpf');
const OBJECT = join(BUILD, 'forebear.bpf.o');

interface Program {
  program: string;
  section: string;
  loaded: boolean;
  attached: boolean;
  reason: string;
  verified_insns: number;
}

// Measured: 5.10 and 6.1 | 6.12 | 6.18 | 7.2. The kernel's limit is 1,000,000. Those named _again are loaded from 7.0 on, those
// of system calls where the kernel refuses trampolines; the others (460 to 1,408) are loaded on other kernels in test/qemu.
const BOUNDS: { program: string; section: string; bound: number }[] = [
  { program: 'fb_exec', section: 'tp_btf/sched_process_exec', bound: 20_000 }, // 12,449 | 8,118 | 9,313 | 8,214
  { program: 'fb_exec_again', section: 'tp_btf/sched_process_exec', bound: 20_000 }, // likewise
  { program: 'fb_fork', section: 'tp_btf/sched_process_fork', bound: 1_800 }, //        501 |   501 |   631 |   498
  { program: 'fb_fork_again', section: 'tp_btf/sched_process_fork', bound: 1_800 }, // likewise
  { program: 'fb_exit', section: 'tp_btf/sched_process_exit', bound: 2_200 }, //      1,121 |   641 |   762 |   548
  { program: 'fb_exit_again', section: 'tp_btf/sched_process_exit', bound: 2_200 }, // likewise
  { program: 'fb_maps', section: 'iter/bpf_map', bound: 200 }, //                     41 |    41 |    41 |    41
  { program: 'fb_progs', section: 'iter/bpf_prog', bound: 400 }, //                    95 |    95 |    95 |    95
  { program: 'fb_task', section: 'iter/task', bound: 9_000 }, //                      3,811 | 3,308 | 4,694 | 3,446
  { program: 'fb_sock_state', section: 'tp_btf/inet_sock_set_state', bound: 3_000 }, //               1,010
  { program: 'fb_sock_retry', section: 'tp_btf/tcp_retransmit_skb', bound: 1_200 }, //                  411
  // With every kind that comes from system calls; where one is wanted, the verifier sees the code of that one.
  { program: 'fb_sys_enter', section: 'tp_btf/sys_enter', bound: 25_000 }, //                         9,887
  { program: 'fb_sys_exit', section: 'tp_btf/sys_exit', bound: 50_000 }, //                          19,755
  { program: 'fb_exit_files', section: 'tp_btf/sched_process_exit', bound: 25_000 }, //               8,469
];

const missing = whyNoSensor() ?? (existsSync(LOADER) ? undefined : 'build/test/load_bpf is not built (scripts/build)');
let programs: Program[] = [];

beforeAll(() => {
  if (missing !== undefined) return;
  const run = spawnSync(LOADER, [OBJECT, '-s', 'syscalls'], { encoding: 'utf8' });
  const lines = run.stdout.split('\n').filter((line) => line !== '');
  programs = lines.map((line) => JSON.parse(line)).filter((line) => 'program' in line);
});

beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
});

it('has the programs of the table and no others', () => {
  expect(programs.map((program) => program.program).sort()).toEqual(BOUNDS.map((row) => row.program).sort());
});

/** Where a kernel lacks one, libbpf lists the BTF of all modules, for which the unit's capabilities do not suffice: no start. */
it('asks for no function of the kernel by name, not even if it is there', () => {
  expect(readFileSync(join(BUILD, 'forebear.bpf.o')).includes('.ksyms')).toBe(false);
});

it.each(BOUNDS)('$program attaches to $section within $bound verified instructions', ({ program, section, bound }) => {
  const found = programs.find((candidate) => candidate.program === program);
  expect(found).toMatchObject({ section, loaded: true, attached: true, reason: '' });
  expect(found?.verified_insns).toBeGreaterThan(30);
  expect(found?.verified_insns).toBeLessThan(bound);
});
