// npm run powerloss [-- ROUNDS [sync|nosync|nobarrier]]: a guest writes a journal to a disk whose write cache is volatile, says
// what it has acknowledged, and is killed at a random moment, cache and all; booted again, it says what is there. Without a mode:
// ROUNDS (10) with syncs, which have to lose nothing, then three without any, which have to lose something: else the test proves
// nothing. nobarrier: the file system does not flush the disk, which is to be seen to lose, too. Seeds are printed.
// Exit status: 0 as it has to be, 1 not, 2 usage, 3 no guest can be run here.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernelOf, SUITES, whyNoGuest } from '../qemu/kernels.ts';
import { bootAndKill, type Round, virtioModules } from './guest-round.ts';
import { VolatileDisk } from './volatile-disk.ts';

const DISK_BYTES = 256 << 20;
const ROUNDS = 10;
const ROUNDS_WITHOUT = 3;
const MODES = ['sync', 'nosync', 'nobarrier'];

/** A fixed sequence of numbers in 0..1 for each seed (xorshift32). */
function numbers(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function freshDisk(folder: string): Buffer {
  const image = join(folder, 'image');
  writeFileSync(image, '');
  truncateSync(image, DISK_BYTES);
  const { status, stderr } = spawnSync('mke2fs', ['-q', '-t', 'ext4', image], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mke2fs: ${stderr}`);
  return readFileSync(image);
}

/** The rounds of one mode on one disk. out: acknowledged records that are not there. */
async function play(mode: string, rounds: number, seed: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'forebear-powerloss-'));
  const random = numbers(seed);
  const disk = new VolatileDisk(freshDisk(folder), random);
  const socket = join(folder, 'disk');
  await disk.listen(socket);
  const acknowledged = new Map<number, string>();
  const sum = { acknowledged: 0, lost: 0, duplicated: 0, unasked: 0, faults: 0 };
  try {
    // One boot more than losses: the last is only looked at.
    for (let n = 0; n <= rounds; n++) {
      const wanted = n === rounds ? 0 : 20 + Math.floor(random() * 600);
      const moment = { wanted, later: random() * 30 };
      const round = await bootAndKill({ folder, socket, kernel: kernelOf(SUITES[0]!), run: `r${n}`, mode, ...moment });
      const { cached, lost } = disk.losePower();
      compare(round, acknowledged, sum);
      sum.acknowledged += round.acknowledged.size;
      console.log(
        `powerloss: ${mode}, boot ${n}: ${round.found.size} records there, ${round.acknowledged.size} acknowledged, ` +
          `then ${lost} of ${cached} unflushed sectors lost; ${round.seconds.toFixed(1)} s`,
      );
    }
  } finally {
    disk.close(socket);
    rmSync(folder, { recursive: true });
  }
  console.log(
    `journal: power loss, ${mode}: rounds ${rounds}, seed ${seed}, acknowledged ${sum.acknowledged}, lost ${sum.lost}, ` +
      `duplicated ${sum.duplicated}, kept though not acknowledged ${sum.unasked}, faults ${sum.faults}`,
  );
  return sum.lost + sum.duplicated + sum.faults;
}

/** Holds what a boot found against all that was acknowledged before; what it found is the truth for the next. */
function compare(
  { found, faults, acknowledged }: Round,
  before: Map<number, string>,
  sum: { lost: number; duplicated: number; unasked: number; faults: number },
): void {
  for (const [seq, id] of before) if (found.get(seq) !== id) sum.lost++;
  sum.unasked += [...found.keys()].filter((seq) => !before.has(seq)).length;
  sum.duplicated += found.size - new Set(found.values()).size;
  sum.duplicated += [...acknowledged.keys()].filter((seq) => found.has(seq)).length;
  if (faults.length > 0) console.log(`powerloss: ${faults.join(' ')}`);
  sum.faults += faults.length;
  before.clear();
  for (const [seq, id] of [...found, ...acknowledged]) before.set(seq, id);
}

function whyNot(): string | undefined {
  const why = whyNoGuest(SUITES[0]!);
  if (why !== undefined) return why;
  if (virtioModules(kernelOf(SUITES[0]!)).length === 0)
    return `its kernel has no virtio modules (scripts/kernels ${SUITES[0]})`;
  return spawnSync('mke2fs', ['-V']).error === undefined ? undefined : 'no mke2fs (e2fsprogs)';
}

const [rounds = ROUNDS, mode] = [process.argv[2] === undefined ? undefined : Number(process.argv[2]), process.argv[3]];
const seed = Number(process.env.FOREBEAR_SEED ?? 1 + Math.floor(Math.random() * 2 ** 31));
const why = whyNot();
if (!Number.isInteger(rounds) || rounds < 1 || (mode !== undefined && !MODES.includes(mode))) {
  console.error('usage: npm run powerloss -- [ROUNDS [sync|nosync|nobarrier]]');
  process.exitCode = 2;
} else if (why !== undefined) {
  console.error(`powerloss: ${why}`);
  process.exitCode = 3;
} else if (mode !== undefined) {
  const lost = await play(mode, rounds, seed);
  process.exitCode = lost > 0 === (mode === 'sync') ? 1 : 0;
} else {
  const lost = await play('sync', rounds, seed);
  const lostWithout = await play('nosync', ROUNDS_WITHOUT, seed);
  if (lostWithout === 0) console.error('powerloss: without syncs nothing was lost either: this proves nothing');
  process.exitCode = lost > 0 || lostWithout === 0 ? 1 : 0;
}
