// The child process of journal-backlog.ts. in: directory, task; out: one line of JSON.

import { readFileSync } from 'node:fs';
import { openJournal } from '../src/journal/open-journal.ts';
import { readJournal, readLast, readStatus } from '../src/journal/reader.ts';
import { Counters } from '../src/stats.ts';
import type { BacklogTask } from './journal-backlog.ts';

export interface BacklogFigures {
  seconds: number;
  residentMib: number;
}

const [directory = '', task = 'nothing'] = process.argv.slice(2);
const source = { directory, counters: new Counters() };

const TASKS: Readonly<Record<BacklogTask, () => Promise<unknown>>> = {
  nothing: async () => {},
  open: async () => {
    const identity = { hostIdentity: 'bench', hostId: 'bench', counters: source.counters, nowMs: Date.now };
    const limits = { maxBytes: 4 * 2 ** 30 };
    const writer = await openJournal({ directory, ...identity, limits, maxSegmentBytes: 1 << 24, reserveBytes: 0 });
    await writer.close();
  },
  tail: () => readLast(source, 10, () => true),
  middle: async () => {
    const { firstSeq, nextSeq } = await readStatus(source);
    const records = readJournal(source, { fromSeq: Math.floor((firstSeq + nextSeq) / 2) });
    for (let i = 0; i < 100; i++) await records.next();
    await records.return(undefined);
  },
};

const began = performance.now();
await TASKS[task as BacklogTask]();
const seconds = (performance.now() - began) / 1000;
// Of this program alone: getrusage's maximum would include what the parent had before exec.
const peakKib = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
console.log(JSON.stringify({ seconds, residentMib: peakKib / 1024 }));
