// What became of the kinds of records that are attached on demand only: which source each has, and what that does not show.
// In: what the addon chose and attached; out: status. The sources themselves: native/bpf/changes.bpf.h. Called by ebpf-sensor.ts.

import { getSystemErrorName } from 'node:util';
import type { NativeSource } from './binding.ts';
import { PLACE, WANTED } from './layout.ts';
import { type ProgramStatus, type SourceStatus, WANTED_KINDS, type WantedKind } from './sensor.ts';

/** Of the system calls alone; the trampolines show these. */
const NOT_BY_SYSCALL: Record<WantedKind, string[]> = {
  session: [],
  credentials: ['changes that no system call asked for, as a kernel module or an exploit makes them'],
  file: [
    'what io_uring does with files',
    'sockets that bind makes, and core dumps',
    'symbolic links within the paths of renames, deletions, links, mknod and truncate, and inodes of these',
    'paths of these calls that another thread changes while they run, and descriptors that it replaces before an open returns',
    'writes to files that are closed because their process executes another program',
    'writes to files that a mapping, another call or a message still holds as they are closed',
    'writes to descriptors beyond the first 4,096 that are closed at once or at an exit',
  ],
  network: [],
  accept: ['connections that io_uring accepts'],
  call: [],
  module: [],
  lookup: ['answers that io_uring receives', 'answers to 32-bit programs that use socketcall(2)'],
};
/** Of the trampolines alone. */
const NOT_BY_TRAMPOLINE: Partial<Record<WantedKind, string[]>> = { lookup: ['answers to 32-bit programs'] };
/** Of a program that stands in for a newer kernel's. */
const NOT_BY_PROGRAM: Readonly<Record<string, string>> = {
  fb_file_opened: 'writes to files that open_by_handle_at(2) opened',
};
/** Whatever the source. */
const NEVER: Partial<Record<WantedKind, string[]>> = {
  file: [
    'files elsewhere than in files.paths and where rules name them',
    'what is done to a watched file by another name: in a chroot, by a bind mount or a hard link',
    'what is in a folder that is moved',
    'who wrote to a file that another program closes',
    'writes to files while more than 16,384 are open for writing',
    'what the agent itself writes, and what the kernel does for clients of NFS and SMB',
  ],
  network: [
    'attempts that end before a packet is sent, as for want of a route',
    'protocols other than TCP, and TCP over raw sockets',
  ],
  accept: ['connections that nobody accepts'],
  lookup: [
    'names asked by TCP, TLS or HTTPS',
    'who asks a resolver on this host by another protocol than DNS',
    'answers to recvmmsg(2) and readv(2), or in parts, or that are only peeked at',
    'answers whose sender the program does not ask for on a socket that is not connected',
  ],
  call: ['shmget by ipc(2)', 'ptrace by x32 programs'],
};
/** Kinds that have a tracepoint of the kernel's. */
const BY_TRACEPOINT: ReadonlySet<WantedKind> = new Set(['network', 'module']);
const ALL: Record<WantedKind, string> = {
  session: 'every setsid',
  credentials: 'every change of user and group ids',
  file: 'every creation, rename, deletion and modification of a file',
  network: 'every TCP connection',
  accept: 'every connection that others begin',
  call: 'every memfd_create, ptrace and shmget',
  module: 'every kernel module that is loaded',
  lookup: 'every answer of a name server',
};

/** Named in one line; the rest is counted. */
const NAMED_PLACES = 3;

/** in: kinds asked for, the addon's choice for each, the programs, system calls that were not looked at, places without room. */
export function sourcesOf(
  wanted: ReadonlySet<WantedKind>,
  chosen: readonly NativeSource[],
  programs: readonly ProgramStatus[],
  syscallMisses: number,
  placesLeftOut: readonly string[] = [],
): SourceStatus[] {
  return WANTED_KINDS.map((kind) => {
    if (!wanted.has(kind)) return { kind, source: 'none', wanted: false, unseen: [ALL[kind]] };
    const source = chosen.find((choice) => choice.kind === WANTED[kind]);
    const failed = source?.programs.map((name) => programs.find((program) => program.name === name));
    const attached = failed !== undefined && failed.length > 0 && failed.every((program) => program?.attached === true);
    const reason = reasonOf(
      source,
      failed?.find((program) => program?.attached === false),
    );
    const status = { kind, wanted: true, ...(reason === undefined ? {} : { reason }) };
    if (kind === 'module' && source?.programs.length === 0 && source.refusal === 0) {
      return { ...status, source: 'none', reason: 'this kernel has no modules', unseen: [] };
    }
    if (source === undefined || !attached) return { ...status, source: 'none', unseen: [ALL[kind]] };
    const never = [...(kind === 'file' ? leftOutText(placesLeftOut) : []), ...(NEVER[kind] ?? [])];
    const missed = syscallMisses > 0 ? [`what ${syscallMisses} system calls did that it could not look at`] : [];
    if (BY_TRACEPOINT.has(kind)) return { ...status, source: 'tracepoint', unseen: never };
    if (!source.bySyscall) {
      const lacks = [
        ...(NOT_BY_TRAMPOLINE[kind] ?? []),
        ...source.programs.flatMap((program) => NOT_BY_PROGRAM[program] ?? []),
      ];
      return { ...status, source: 'trampoline', unseen: [...never, ...lacks, ...(kind === 'lookup' ? missed : [])] };
    }
    return { ...status, source: 'syscalls', unseen: [...never, ...NOT_BY_SYSCALL[kind], ...missed] };
  });
}

function leftOutText(places: readonly string[]): string[] {
  if (places.length === 0) return [];
  const more = places.length > NAMED_PLACES ? ' ...' : '';
  const named = places.slice(0, NAMED_PLACES).join(', ');
  return [
    `files in ${places.length === 1 ? 'a place' : `${places.length} places`} that rules name: there is room for ${PLACE.max} (${named}${more})`,
  ];
}

function reasonOf(source: NativeSource | undefined, failed: ProgramStatus | undefined): string | undefined {
  if (failed !== undefined) return failed.reason;
  if (source === undefined || source.refusal === 0) return undefined;
  if (source.log === '') return `the kernel refuses trampolines (${errorName(source.refusal)})`;
  return `the kernel does not load ${refusedProgram(source.log)} (${errorName(source.refusal)}): ${verdictIn(source.log)}`;
}

function refusedProgram(log: string): string {
  return /prog '(\w+)': failed to load: /.exec(log)?.[1] ?? 'its programs';
}

/** The verifier's verdict stands before its account of what it did; without one, what libbpf said first. */
function verdictIn(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const account = lines.findLastIndex((line) => line.startsWith('processed '));
  return (lines[account - 1] ?? lines[0] ?? 'it says nothing').replace(/^libbpf: /, '').slice(0, 200);
}

/** ENOTSUPP is the kernel's own, and has no name outside. */
function errorName(errno: number): string {
  return errno === 524 ? 'ENOTSUPP' : getSystemErrorName(-errno);
}
