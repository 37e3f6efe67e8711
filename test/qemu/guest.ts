// Boots a kernel under qemu with nothing but an initramfs, lets it run one job (guest/init says how) and takes what that
// leaves in /out. Emulated throughout (TCG): slow, but the same on every host, and no rights are needed. A guest that does not
// end is killed, and the last lines of its console say where it was.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writevSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Entry, pack, unpack } from './cpio.ts';
import { type Kernel, releaseOf } from './kernels.ts';

/** Ten times and more of what a whole run takes on an idle machine; a busy one takes three times as long. */
export const DEADLINE_MS = 300_000;
/** Room for what a guest hands out; a power of two. Sparse: what is not written takes no space. */
const OUT_BYTES = 256 << 20;
/** native/test/qemu_hand_out.c */
const MAGIC = 'FBGUEST1';
const FRAME_BYTES = 24;

export interface GuestOptions {
  kernel: Kernel;
  files: readonly Entry[];
  /** More parameters of the kernel, "preempt=full". */
  parameters?: readonly string[];
  cpus?: number;
  /** One CPU whose clock counts instructions, a nanosecond each: times say how much was executed, whatever the host does meanwhile. */
  counted?: boolean;
  /** More arguments of qemu: a disk. */
  devices?: readonly string[];
  /** Default: DEADLINE_MS. */
  deadlineMs?: number;
}

export interface GuestResult {
  /** Exit status of the job. */
  status: number;
  /** uname -r */
  release: string;
  /** What lay in /out, by path; "dmesg" is the kernel's log. */
  files: ReadonlyMap<string, Buffer>;
  console: string;
  seconds: number;
}

/** Runs a guest to its end. Throws, with the last lines of its console, when it hands out nothing or does not end. */
export async function runGuest(options: GuestOptions): Promise<GuestResult> {
  const folder = mkdtempSync(join(tmpdir(), 'forebear-guest-'));
  try {
    const memory = join(folder, 'out');
    writeFileSync(memory, '');
    truncateSync(memory, OUT_BYTES);
    const initramfs = join(folder, 'initramfs');
    writeInitramfs(initramfs, options);
    const began = performance.now();
    const console = await runToEnd(startGuest(options, initramfs, memory), options.deadlineMs ?? DEADLINE_MS);
    const seconds = (performance.now() - began) / 1000;
    const files = handedOut(memory, console);
    const status = Number(files.get('exit')?.toString('latin1') ?? 'NaN');
    return { status, release: releaseOf(textOf(files, 'dmesg')), files, console, seconds };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function textOf(files: ReadonlyMap<string, Buffer>, name: string): string {
  return files.get(name)?.toString('utf8') ?? '';
}

export function writeInitramfs(path: string, { kernel, files }: GuestOptions): void {
  const module =
    kernel.overlay === undefined ? [] : [{ path: 'overlay.ko', mode: 0o644, data: readFileSync(kernel.overlay) }];
  const unique = new Map([...files, ...module].map((file) => [file.path, file]));
  const fd = openSync(path, 'w');
  for (const part of pack(unique.values())) writevSync(fd, [part]);
  closeSync(fd);
}

/** setpriv: should the test be killed, so is the guest. */
export function startGuest(
  { kernel, parameters = [], cpus = 2, devices = [], counted = false }: GuestOptions,
  initramfs: string,
  memory: string,
): ChildProcess {
  const append = ['console=ttyS0', 'quiet', 'loglevel=4', 'panic=-1', 'mitigations=off', 'nokaslr', ...parameters];
  const cpu = counted
    ? ['-accel', 'tcg,thread=single', '-icount', 'shift=0,sleep=off', '-smp', '1']
    : ['-accel', 'tcg,thread=multi', '-smp', String(cpus)];
  const machine = ['-machine', 'q35', '-cpu', 'max', ...cpu, '-m', '1024'];
  const plain = ['-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio', '-no-reboot'];
  const out = ['-object', `memory-backend-file,id=out,size=${OUT_BYTES},mem-path=${memory},share=on`];
  const boot = ['-kernel', kernel.image, '-initrd', initramfs, '-append', append.join(' ')];
  const qemu = [
    'qemu-system-x86_64',
    ...machine,
    ...plain,
    ...devices,
    ...out,
    '-device',
    'ivshmem-plain,memdev=out',
    ...boot,
  ];
  return spawn('setpriv', ['--pdeathsig', 'KILL', ...qemu], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** out: all that its console showed. */
async function runToEnd(qemu: ChildProcess, deadlineMs: number): Promise<string> {
  let console = '';
  for (const stream of [qemu.stdout!, qemu.stderr!]) {
    stream.setEncoding('latin1').on('data', (text: string) => {
      console += text.replaceAll('\r', '');
    });
  }
  let killed = false;
  const timer = setTimeout(() => {
    killed = qemu.kill('SIGKILL');
  }, deadlineMs);
  const [status] = await once(qemu, 'close');
  clearTimeout(timer);
  if (killed) throw new Error(`the guest did not end within ${deadlineMs / 1000} s${lastLines(console)}`);
  if (status !== 0) throw new Error(`qemu ended with ${status}${lastLines(console)}`);
  return console;
}

function handedOut(memory: string, console: string): Map<string, Buffer> {
  const frame = readAt(memory, 0, FRAME_BYTES);
  if (frame.toString('latin1', 0, MAGIC.length) !== MAGIC)
    throw new Error(`the guest left nothing${lastLines(console)}`);
  const length = Number(frame.readBigUInt64LE(8));
  const data = readAt(memory, FRAME_BYTES, length);
  if (crc32(data) !== frame.readUInt32LE(16)) throw new Error(`what the guest left is damaged${lastLines(console)}`);
  return unpack(data);
}

function readAt(path: string, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, bytes, 0, length, at);
    return bytes;
  } finally {
    closeSync(fd);
  }
}

function lastLines(console: string): string {
  return `; its last lines:\n${console.trimEnd().split('\n').slice(-30).join('\n')}`;
}
