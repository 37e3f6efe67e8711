// Opens journals on a memory disk and reads them back, with a fixed clock and fixed randomness.

import { createHash } from 'node:crypto';
import type { JournalDamage, JournalRecord, JournalWriter, ReadOptions } from '../../src/journal/journal.ts';
import { type OpenJournalOptions, openJournal } from '../../src/journal/open-journal.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { Counters } from '../../src/stats.ts';
import type { MemoryDisk } from './memory-disk.ts';

export const DIRECTORY = '/journal';
export const START_MS = 1_800_000_000_000;

/** Same bytes each time, different ones each call. */
export function fixedRandom(seed = 'seed'): (bytes: number) => Buffer {
  let calls = 0;
  return (bytes) => createHash('sha256').update(`${seed}${calls++}`).digest().subarray(0, bytes);
}

export function openOn(disk: MemoryDisk, options: Partial<OpenJournalOptions> = {}): Promise<JournalWriter> {
  return openJournal({
    directory: DIRECTORY,
    hostIdentity: 'machine-id product-uuid',
    hostId: 'host-1',
    counters: new Counters(),
    nowMs: () => START_MS,
    reserveBytes: 0,
    io: disk,
    lock: disk.lock,
    random: fixedRandom(),
    ...options,
  });
}

/** Appends a record whose time and rank follow from the text. */
export function append(writer: JournalWriter, text: string, rank = 1, wallMs = START_MS): Promise<number> {
  return writer.append(Buffer.from(text), { kind: 'alert', rank, wallMs });
}

export function text(record: JournalRecord): string {
  return Buffer.from(record.payload).toString('utf8');
}

export interface ReadBack {
  records: JournalRecord[];
  texts: string[];
  seqs: number[];
  damage: JournalDamage[];
  counters: Counters;
}

export async function readAll(disk: MemoryDisk, options: ReadOptions = {}): Promise<ReadBack> {
  const counters = new Counters();
  const damage: JournalDamage[] = [];
  const records: JournalRecord[] = [];
  const source = { directory: DIRECTORY, counters, io: disk };
  for await (const record of readJournal(source, { ...options, onDamage: (each) => damage.push(each) })) {
    records.push(record);
  }
  return { records, texts: records.map(text), seqs: records.map((record) => record.seq), damage, counters };
}

/** The error code that a promise rejects with; "" when it does not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return '';
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}
