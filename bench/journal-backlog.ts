// What a backlog costs at the start and to those who read its end: a process of its own for each, with a journal of 16 MiB and
// one of 1 GiB. The test of the same name counts the bytes; these are the seconds and the memory.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openJournal } from '../src/journal/open-journal.ts';
import { Counters } from '../src/stats.ts';
import type { BacklogFigures } from './journal-backlog-child.ts';
import { spread } from './statistics.ts';

const MIB = 1 << 20;
const SIZES = [16 * MIB - 64 * 1024, 1024 * MIB];
const PAYLOAD = Buffer.alloc(8 << 10, 'x');
const TASKS = ['nothing', 'open', 'tail', 'middle'] as const;
const ROUNDS = 5;

export type BacklogTask = (typeof TASKS)[number];

/** Appends until the journal has that size. */
async function fill(directory: string, bytes: number): Promise<void> {
  const identity = { hostIdentity: 'bench', hostId: 'bench', counters: new Counters(), nowMs: Date.now };
  const limits = { maxBytes: 4096 * MIB };
  const writer = await openJournal({ directory, ...identity, limits, maxSegmentBytes: 16 * MIB, reserveBytes: 0 });
  const batch = Array.from({ length: 256 }, () => PAYLOAD);
  while (writer.status().bytes < bytes - batch.length * PAYLOAD.length) {
    await Promise.all(batch.map((payload) => writer.append(payload, { kind: 'alert', rank: 1, wallMs: Date.now() })));
  }
  await writer.close();
}

function measure(directory: string, task: BacklogTask): BacklogFigures {
  const child = join(import.meta.dirname, 'journal-backlog-child.ts');
  const { stdout, status, stderr } = spawnSync(process.execPath, [child, directory, task], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${child}: ${stderr}`);
  return JSON.parse(stdout) as BacklogFigures;
}

export async function benchBacklog(): Promise<void> {
  console.log(
    'journal, backlog: seconds and largest resident memory (MiB) of a process of its own; median (quartiles)',
  );
  for (const bytes of SIZES) {
    const directory = mkdtempSync(join(tmpdir(), 'forebear-bench-'));
    try {
      await fill(directory, bytes);
      const name = `${Math.round(bytes / MIB)} MiB`.padStart(8);
      for (const task of TASKS) {
        const rounds = Array.from({ length: ROUNDS }, () => measure(directory, task));
        const seconds = spread(rounds.map((round) => round.seconds));
        const resident = spread(rounds.map((round) => round.residentMib));
        console.log(`  ${name}  ${task.padEnd(8)} ${seconds.padEnd(24)} ${resident}`);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
}
