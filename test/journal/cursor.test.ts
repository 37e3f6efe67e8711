import { expect, it } from 'vitest';
import { Cursor, readCursor } from '../../src/journal/cursor.ts';
import { codeOf } from './fixture.ts';
import { MemoryDisk } from './memory-disk.ts';

const PATH = '/ship/elastic.cursor';

function position(seq: number) {
  return { seq, journalId: '0a'.repeat(16), link: Buffer.alloc(32, seq) };
}

async function saved(disk: MemoryDisk, ...seqs: number[]): Promise<void> {
  const cursor = await Cursor.open(disk, PATH);
  for (const seq of seqs) await cursor.save(position(seq));
  await cursor.close();
}

it('gives back the last position saved, to its owner and to others', async () => {
  const disk = new MemoryDisk();
  await saved(disk, 5, 7, 6);
  await saved(disk, 8);
  expect((await Cursor.open(disk, PATH)).position).toMatchObject(position(8));
  expect(await readCursor(disk, PATH)).toMatchObject(position(8));
});

it('a new cursor has no position', async () => {
  expect((await Cursor.open(new MemoryDisk(), PATH)).position).toBeUndefined();
});

it('a flip of any byte leaves the newest or the one before it, never anything else', async () => {
  const disk = new MemoryDisk();
  await saved(disk, 1, 2, 3);
  const content = disk.files().get(PATH)!;
  const seen = new Set<number | undefined>();
  for (const at of [...Array(128).keys(), ...Array.from({ length: 128 }, (_, i) => 4096 + i)]) {
    const bytes = Buffer.from(content);
    bytes[at]! ^= 1 << (at % 8);
    disk.put(PATH, bytes);
    seen.add((await Cursor.open(disk, PATH)).position?.seq);
  }
  expect(seen).toEqual(new Set([2, 3]));
});

it('both slots lost: no position, so that everything is sent again', async () => {
  const disk = new MemoryDisk();
  await saved(disk, 1, 2);
  for (const damaged of [Buffer.alloc(0), Buffer.alloc(5000, 7)]) {
    disk.put(PATH, damaged);
    const cursor = await Cursor.open(disk, PATH);
    expect(cursor.position).toBeUndefined();
    await cursor.save(position(9));
    expect((await readCursor(disk, PATH))?.seq).toBe(9);
  }
});

it('a crash at every call keeps what was saved', async () => {
  const whole = new MemoryDisk();
  await saved(whole, 1, 2, 3);
  for (let crashAt = 1; crashAt <= whole.steps; crashAt++) {
    for (const survival of ['none', 'all', 'torn'] as const) {
      const disk = new MemoryDisk();
      disk.crashAt = crashAt;
      let acknowledged = 0;
      await (async () => {
        const cursor = await Cursor.open(disk, PATH);
        for (const seq of [1, 2, 3]) {
          await cursor.save(position(seq));
          acknowledged = seq;
        }
      })().catch(() => {});
      const cursor = await Cursor.open(disk.afterPowerLoss(survival), PATH);
      expect(cursor.position?.seq ?? 0, `step ${crashAt} ${survival}`).toBeGreaterThanOrEqual(acknowledged);
    }
  }
});

it('a save that fails says so and keeps the position', async () => {
  const disk = new MemoryDisk();
  const cursor = await Cursor.open(disk, PATH);
  await cursor.save(position(1));
  disk.fault = ({ operation }) => (operation === 'datasync' ? 'EIO' : undefined);
  expect(await codeOf(cursor.save(position(2)))).toBe('FB_JOURNAL_IO');
  expect(cursor.position?.seq).toBe(1);
});
