import { expect, it } from 'vitest';
import type { NativeSource } from '../../src/sensor/binding.ts';
import type { ProgramStatus, SourceStatus } from '../../src/sensor/sensor.ts';
import { sourcesOf } from '../../src/sensor/sources.ts';

const SESSION = 5;
const CREDENTIALS = 6;
const attached = (name: string): ProgramStatus => ({ name, attachPoint: name, attached: true });
const refused = (name: string): ProgramStatus => ({ name, attachPoint: name, attached: false, reason: 'refused' });
const by = (kind: number, programs: string[], bySyscall = false, refusal = 0, log = ''): NativeSource => {
  return { kind, programs, bySyscall, refusal, log };
};
const LOG = [
  "libbpf: prog 'fb_session': BPF program load failed: Permission denied",
  "libbpf: prog 'fb_session': -- BEGIN PROG LOAD LOG --",
  '0: (79) r1 = *(u64 *)(r1 +0)',
  "R1 invalid mem access 'scalar'",
  'processed 12 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0',
  '-- END PROG LOAD LOG --',
  "libbpf: prog 'fb_session': failed to load: -13",
  "libbpf: failed to load object 'forebear'",
].join('\n');
const NO_TARGET = [
  "libbpf: prog 'fb_session': failed to find kernel BTF type ID of 'ksys_setsid': -3",
  "libbpf: prog 'fb_session': failed to prepare load attributes: -3",
  "libbpf: prog 'fb_session': failed to load: -3",
].join('\n');
const NOT_ASKED: SourceStatus[] = [
  { kind: 'session', source: 'none', wanted: false, unseen: ['every setsid'] },
  { kind: 'credentials', source: 'none', wanted: false, unseen: ['every change of user and group ids'] },
  {
    kind: 'file',
    source: 'none',
    wanted: false,
    unseen: ['every creation, rename, deletion and modification of a file'],
  },
  { kind: 'network', source: 'none', wanted: false, unseen: ['every TCP connection'] },
  { kind: 'accept', source: 'none', wanted: false, unseen: ['every connection that others begin'] },
  { kind: 'call', source: 'none', wanted: false, unseen: ['every memfd_create, ptrace and shmget'] },
  { kind: 'module', source: 'none', wanted: false, unseen: ['every kernel module that is loaded'] },
  { kind: 'lookup', source: 'none', wanted: false, unseen: ['every answer of a name server'] },
];

it('of kinds that nobody asked for nothing is attached', () => {
  expect(sourcesOf(new Set(), [], [attached('fb_exec')], 0)).toEqual(NOT_ASKED);
});

it('each kind has its own source', () => {
  const chosen = [by(SESSION, ['fb_session']), by(CREDENTIALS, ['fb_sys_enter', 'fb_sys_exit'], true, 1)];
  const programs = ['fb_session', 'fb_sys_enter', 'fb_sys_exit'].map(attached);
  expect(sourcesOf(new Set(['session', 'credentials']), chosen, programs, 3)).toEqual([
    { kind: 'session', source: 'trampoline', wanted: true, unseen: [] },
    {
      kind: 'credentials',
      source: 'syscalls',
      wanted: true,
      reason: 'the kernel refuses trampolines (EPERM)',
      unseen: [
        'changes that no system call asked for, as a kernel module or an exploit makes them',
        'what 3 system calls did that it could not look at',
      ],
    },
    ...NOT_ASKED.slice(2),
  ]);
});

// name, what the addon chose, programs, why there is no source
const LACKING: [string, NativeSource[], ProgramStatus[], string | undefined][] = [
  ['the kernel has neither source', [by(SESSION, [], false, 524)], [], 'the kernel refuses trampolines (ENOTSUPP)'],
  ['a function that it needs is not there', [by(SESSION, [], false, 3)], [], 'the kernel refuses trampolines (ESRCH)'],
  [
    'the verifier refuses its program',
    [by(SESSION, [], false, 13, LOG)],
    [],
    "the kernel does not load fb_session (EACCES): R1 invalid mem access 'scalar'",
  ],
  [
    'there is nothing to attach its program to',
    [by(SESSION, [], false, 3, NO_TARGET)],
    [],
    "the kernel does not load fb_session (ESRCH): prog 'fb_session': failed to find kernel BTF type ID of 'ksys_setsid': -3",
  ],
  [
    'another did not load, and it was given up too',
    [by(SESSION, [], false, 12, 'x')],
    [],
    'the kernel does not load its programs (ENOMEM): x',
  ],
  ['its program cannot attach', [by(SESSION, ['fb_session'])], [refused('fb_session')], 'refused'],
  ['its program was not loaded', [by(SESSION, ['fb_session'])], [], undefined],
  ['the addon did not choose', [], [], undefined],
];
it.each(LACKING)('is none where %s', (_name, chosen, programs, reason) => {
  const [session] = sourcesOf(new Set(['session']), chosen, programs, 0);
  expect(session).toMatchObject({ source: 'none', wanted: true, unseen: ['every setsid'] });
  expect(session?.reason).toBe(reason);
});

it('is none where one of two programs is missing: half of it would show changes without what was before', () => {
  const chosen = [by(CREDENTIALS, ['fb_sys_enter', 'fb_sys_exit'], true, 1)];
  const programs = [refused('fb_sys_enter'), attached('fb_sys_exit')];
  expect(sourcesOf(new Set(['credentials']), chosen, programs, 0)[1]).toMatchObject({ source: 'none' });
});

const NETWORK = 8;
const ACCEPT = 16;
const MODULE = 17;

it('connections have a tracepoint, and those that are accepted a source of their own', () => {
  const chosen = [by(NETWORK, ['fb_sock_state', 'fb_sock_retry']), by(ACCEPT, ['fb_sys_exit'], true, 1)];
  const programs = ['fb_sock_state', 'fb_sock_retry', 'fb_sys_exit'].map(attached);
  const of = sourcesOf(new Set(['network', 'accept']), chosen, programs, 0);
  expect(of[3]).toMatchObject({ kind: 'network', source: 'tracepoint' });
  expect(of[4]).toMatchObject({ kind: 'accept', source: 'syscalls', reason: expect.stringMatching(/EPERM/) });
  expect(of[4]?.unseen).toContain('connections that io_uring accepts');
});

it('names what each source of lookups does not show of 32-bit programs', () => {
  const LOOKUP = 18;
  const unseen = (bySyscall: boolean) =>
    sourcesOf(new Set(['lookup']), [by(LOOKUP, ['fb_sys_exit'], bySyscall)], [attached('fb_sys_exit')], 0)[7]?.unseen;
  expect(unseen(false)).toContain('answers to 32-bit programs');
  expect(unseen(true)).toContain('answers to 32-bit programs that use socketcall(2)');
  expect(unseen(true)).not.toContain('answers to 32-bit programs');
});

it('names what the function of older kernels does not show of files', () => {
  const FILE = 7;
  const unseen = (program: string) =>
    sourcesOf(new Set(['file']), [by(FILE, [program])], [attached(program)], 0)[2]?.unseen;
  expect(unseen('fb_file_opened')).toContain('writes to files that open_by_handle_at(2) opened');
  expect(unseen('fb_file_post_open')).not.toContain('writes to files that open_by_handle_at(2) opened');
});

it('says which places of files find no room', () => {
  const FILE = 7;
  const chosen = [by(FILE, ['fb_sys_exit'], true, 1)];
  const of = (places: string[]) =>
    sourcesOf(new Set(['file']), chosen, [attached('fb_sys_exit')], 0, places)[2]?.unseen[0];
  expect(of(['/a/', '/b/'])).toBe('files in 2 places that rules name: there is room for 1024 (/a/, /b/)');
  expect(of(['/a/', '/b/', '/c/', '/d/'])).toMatch(/^files in 4 places .*\(\/a\/, \/b\/, \/c\/ \.\.\.\)$/);
  expect(of([])).not.toMatch(/places/);
});

it('modules are said to be missing where their program does not load', () => {
  const [module] = sourcesOf(new Set(['module']), [by(MODULE, [], false, 13, LOG)], [], 0).slice(6);
  expect(module).toMatchObject({ source: 'none', unseen: ['every kernel module that is loaded'] });
});

it('a kernel without modules lacks nothing', () => {
  const [module] = sourcesOf(new Set(['module']), [by(MODULE, [])], [], 0).slice(6);
  expect(module).toEqual({
    kind: 'module',
    source: 'none',
    wanted: true,
    reason: 'this kernel has no modules',
    unseen: [],
  });
});
