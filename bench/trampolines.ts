// What the programs of files cost where the kernel has trampolines, which this machine's need not have: Debian's kernels under qemu,
// whose clock counts instructions. The load of files.ts by busybox, in memory and on a disk; what the programs of the default rules'
// operations, and a reader that only drains the ring, add to its instructions. A busy host changes nothing of it.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Entry } from '../test/qemu/cpio.ts';
import { type GuestResult, runGuest, textOf } from '../test/qemu/guest.ts';
import { kernelOf, whyNoGuest } from '../test/qemu/kernels.ts';
import { baseFiles } from '../test/qemu/payload.ts';
import { linesOf } from '../test/qemu/whole-run.ts';
import { makeArchive } from './files.ts';
import { median, quantile } from './statistics.ts';

const SUITES = ['bullseye', 'bookworm', 'trixie', 'sid'];
const FILES = 5000;
/** Counting makes emulation three times slower. */
const DEADLINE_MS = 1_200_000;

const CASES: readonly (readonly [name: string, title: string])[] = [
  ['bare-again', 'bare again'],
  ['trampolines-elsewhere', 'trampolines, not watched'],
  ['trampolines-watched', 'trampolines, watched'],
  ['syscalls-elsewhere', 'system calls, not watched'],
  ['syscalls-watched', 'system calls, watched'],
];

export async function benchTrampolines(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fb-bench-'));
  try {
    const archive = makeArchive(folder, FILES);
    for (const suite of SUITES) await measure(suite, archive);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure(suite: string, archive: string): Promise<void> {
  const missing = whyNoGuest(suite);
  if (missing !== undefined) return console.log(`${suite}: skipped: ${missing}`);
  const kernel = kernelOf(suite);
  const tree = { path: 'tree.tar', mode: 0o644, data: readFileSync(archive) };
  const files = [...baseFiles('files-cost', ['load_bpf']), ...diskModules(dirname(kernel.image)), tree];
  const devices = diskIn(dirname(archive));
  const guest = await runGuest({ kernel, files, devices, counted: true, deadlineMs: DEADLINE_MS });
  if (guest.status !== 0) throw new Error(`${suite}: the job ended with ${guest.status}: ${guest.console}`);
  report(guest);
}

function diskModules(folder: string): Entry[] {
  const names = readdirSync(join(folder, 'virtio'));
  return names.map((name) => ({
    path: `virtio/${name}`,
    mode: 0o644,
    data: readFileSync(join(folder, 'virtio', name)),
  }));
}

/** A new one. out: arguments of qemu. */
function diskIn(folder: string): string[] {
  const image = join(folder, 'disk');
  rmSync(image, { force: true });
  const { status, stderr } = spawnSync('mke2fs', ['-q', '-t', 'ext4', image, '256M'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mke2fs: ${stderr}`);
  return ['-drive', `file=${image},if=none,id=disk,format=raw,cache=unsafe`, '-device', 'virtio-blk-pci,drive=disk'];
}

function report(guest: GuestResult): void {
  console.log(`${guest.release}: ${FILES} files, unpack and delete; instructions, of bare (least..most)`);
  for (const where of ['memory', 'disk']) {
    const times = timesOf(guest, where);
    const bare = median(times.get('bare')!);
    console.log(`  ${`bare, ${where}`.padEnd(26)} ${(bare / FILES / 1000).toFixed(1)} thousand a file`);
    for (const [name, title] of CASES) {
      const ratios = times.get(name)?.map((time) => time / bare);
      if (ratios === undefined) continue;
      const [least, most] = [0, 1].map((q) => quantile(ratios, q).toFixed(3));
      console.log(`  ${title.padEnd(26)} ${median(ratios).toFixed(3)} (${least}..${most})`);
    }
  }
  const counted = linesOf<{ counters: { file: [reserved: number, lost: number] } }>(guest, 'programs', 'counters');
  const sum = (which: 0 | 1) => counted.reduce((total, { counters }) => total + counters.file[which], 0);
  console.log(`  ${sum(0)} records, ${sum(1)} lost`);
}

/** Lines of files-cost: where, who, nanoseconds. */
function timesOf({ files }: GuestResult, wanted: string): Map<string, number[]> {
  const times = new Map<string, number[]>();
  for (const row of textOf(files, 'times').trim().split('\n')) {
    const [where, who, ns] = row.split(' ') as [string, string, string];
    if (where === wanted) times.set(who, [...(times.get(who) ?? []), Number(ns)]);
  }
  return times;
}
