// One boot of the guest of npm run powerloss, from the kernel to SIGKILL. In: the disk's socket, when to kill; out: what the guest
// said was there, and what it then acknowledged (guest-writer.ts has the lines).

import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Entry } from '../qemu/cpio.ts';
import { startGuest, writeInitramfs } from '../qemu/guest.ts';
import type { Kernel } from '../qemu/kernels.ts';
import { agentFiles, baseFiles } from '../qemu/payload.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SOURCES = ['src/journal', 'src/errors.ts', 'src/stats.ts', 'test/journal/ledger.ts', 'test/powerloss'];
/** Ten times what a boot takes. */
const DEADLINE_MS = 120_000;

export interface RoundOptions {
  /** For files of this round; reused. */
  folder: string;
  socket: string;
  kernel: Kernel;
  run: string;
  mode: string;
  /** Records to wait for before the power goes; 0: as soon as the guest is about to write. */
  wanted: number;
  /** Milliseconds after that: a write or a flush is on its way then, or not. */
  later: number;
}

export interface Round {
  /** Seq -> id, what was there after the boot. */
  found: Map<number, string>;
  faults: string[];
  acknowledged: Map<number, string>;
  seconds: number;
}

export async function bootAndKill(options: RoundOptions): Promise<Round> {
  const { folder, socket, kernel, run, mode, wanted, later } = options;
  const initramfs = join(folder, 'initramfs');
  const guest = {
    kernel,
    files: guestFiles(kernel),
    parameters: [`forebear.run=${run}`, 'forebear.from=1', `forebear.mode=${mode}`],
    devices: disk(socket),
  };
  if (!existsSync(initramfs)) writeInitramfs(initramfs, guest);
  const memory = join(folder, 'memory');
  closeSync(openSync(memory, 'a'));
  truncateSync(memory, 256 << 20);
  const began = performance.now();
  const qemu = startGuest(guest, initramfs, memory);
  const round: Round = { found: new Map(), faults: [], acknowledged: new Map(), seconds: 0 };
  const console: string[] = [];
  qemu.stderr!.setEncoding('latin1').on('data', (text: string) => console.push(text));
  let isReady = false;
  let ending = false;
  const timer = setTimeout(() => qemu.kill('SIGKILL'), DEADLINE_MS);
  for await (const line of createInterface({ input: qemu.stdout! })) {
    console.push(line);
    isReady = take(line, round) || isReady;
    if (!isReady || round.acknowledged.size < wanted || ending) continue;
    ending = true;
    setTimeout(() => qemu.kill('SIGKILL'), later);
  }
  clearTimeout(timer);
  if (qemu.exitCode === null && qemu.signalCode === null) await once(qemu, 'exit');
  if (!isReady) throw new Error(`the guest did not get so far; its last lines:\n${console.slice(-30).join('\n')}`);
  round.seconds = (performance.now() - began) / 1000;
  return round;
}

/** A line of the console may be cut off: the guest was killed. out: whether the guest is about to write. */
function take(line: string, round: Round): boolean {
  const [, sign, seq, id] = /@ ([=+]) (\d+) (\S+\/\d+\/\d+|damaged)\r?$/.exec(line) ?? [];
  if (sign === '=') round.found.set(Number(seq), id!);
  if (sign === '+') round.acknowledged.set(Number(seq), id!);
  const [, faults] = /@ faults (\[.+\])\r?$/.exec(line) ?? [];
  if (faults !== undefined) round.faults.push(faults);
  return /@ ready\r?$/.test(line);
}

function disk(socket: string): string[] {
  const backend = `driver=nbd,node-name=disk,server.type=unix,server.path=${socket}`;
  return ['-blockdev', backend, '-device', 'virtio-blk-pci,drive=disk,write-cache=on'];
}

function guestFiles(kernel: Kernel): Entry[] {
  const modules = virtioModules(kernel);
  return [
    ...baseFiles('powerloss', []),
    ...agentFiles(),
    ...SOURCES.flatMap((path) => tree(path)),
    ...modules.map((path) => ({ path: `virtio/${basename(path)}`, mode: 0o644, data: readFileSync(path) })),
  ];
}

/** What the kernel needs for a disk of qemu's, in no order. */
export function virtioModules(kernel: Kernel): string[] {
  const folder = join(dirname(kernel.image), 'virtio');
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

function tree(path: string): Entry[] {
  const from = join(ROOT, path);
  if (statSync(from).isDirectory()) return readdirSync(from).flatMap((name) => tree(join(path, name)));
  return [{ path: `forebear/${path}`, mode: 0o644, data: readFileSync(from) }];
}
