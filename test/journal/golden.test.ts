// A journal of format 1 as it lies in test/golden/journal-v1: every later version reads these bytes, and today's writer, with
// the same clock and randomness, writes them. Made anew only by hand: FOREBEAR_WRITE_GOLDEN=1 (format 1 must never change).

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { checkJournal } from '../../src/journal/check.ts';
import { type AppendOptions, RECORD_KINDS, type RecordKindName } from '../../src/journal/journal.ts';
import { Counters } from '../../src/stats.ts';
import { DIRECTORY, openOn, readAll, START_MS } from './fixture.ts';
import { MemoryDisk } from './memory-disk.ts';

const GOLDEN = resolve(import.meta.dirname, '../golden/journal-v1');
const KINDS = Object.keys(RECORD_KINDS) as RecordKindName[];

/** Record n: every kind, every rank, lengths around the padding, one payload that is empty. */
function record(n: number): { payload: Buffer; options: AppendOptions } {
  const payload = Buffer.from(`golden ${n} `.padEnd(n * 3, '金')).subarray(0, (n - 1) * 7);
  return { payload, options: { kind: KINDS[n % KINDS.length]!, rank: n % 4, wallMs: START_MS + n * 1000 } };
}

/** Two runs in two boots: a sealed segment by rotation, one sealed at the next start, one still open. */
async function write(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  for (const [run, boot] of ['b0', 'b1'].entries()) {
    disk.boot = boot.repeat(16);
    const writer = await openOn(disk, { maxSegmentBytes: 1400 });
    for (let n = run * 8 + 1; n <= run * 8 + 8; n++) await writer.append(record(n).payload, record(n).options);
    await writer.close();
  }
  return disk;
}

function load(): MemoryDisk {
  const disk = new MemoryDisk();
  for (const name of readdirSync(GOLDEN)) disk.put(`${DIRECTORY}/${name}`, readFileSync(join(GOLDEN, name)));
  return disk;
}

beforeAll(async () => {
  if (process.env.FOREBEAR_WRITE_GOLDEN !== '1') return;
  mkdirSync(GOLDEN, { recursive: true });
  for (const [path, content] of (await write()).files()) writeFileSync(join(GOLDEN, path.slice(9)), content);
});

it('reads the golden journal', async () => {
  const { records, damage } = await readAll(load());
  expect(damage).toEqual([]);
  expect(records.length).toBe(16);
  for (const [i, { seq, kindName, rank, wallMs, payload }] of records.entries()) {
    const expected = record(i + 1);
    expect({ seq, payload: Buffer.from(payload) }).toEqual({ seq: i + 1, payload: expected.payload });
    expect({ kind: kindName, rank, wallMs }).toEqual(expected.options);
  }
  const check = await checkJournal({ directory: DIRECTORY, counters: new Counters(), io: load() });
  expect(check).toEqual({ segments: 3, records: 16, faults: [] });
});

it('goes on with the golden journal', async () => {
  const disk = load();
  const writer = await openOn(disk);
  expect(writer.damage).toEqual([]);
  expect(await writer.append(Buffer.from('now'), { kind: 'alert', rank: 0, wallMs: START_MS })).toBe(17);
});

it('writes the same bytes today', async () => {
  const today = (await write()).files();
  const golden = load().files();
  expect([...today.keys()].sort()).toEqual([...golden.keys()].sort());
  for (const [path, content] of golden) expect(today.get(path)?.equals(content), path).toBe(true);
});
