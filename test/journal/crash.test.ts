// Crash at every call to the file system: whatever was acknowledged is there afterwards, once, in order, and life goes on.

import { expect, it } from 'vitest';
import type { OpenJournalOptions } from '../../src/journal/open-journal.ts';
import { append, openOn, readAll } from './fixture.ts';
import { MemoryDisk } from './memory-disk.ts';

const SMALL: Partial<OpenJournalOptions> = { maxSegmentBytes: 2048 };
type Acknowledged = Map<number, string>;

async function append1(acknowledged: Acknowledged, writer: Awaited<ReturnType<typeof openOn>>, name: string) {
  const payload = `${name} ${'x'.repeat(name.length * 40)}`;
  const seq = await append(writer, payload).catch(() => 0);
  if (seq > 0) acknowledged.set(seq, payload);
}

/** Singles, a burst, another journal id, a stop, another start: rotation included. Ends early when the disk has crashed. */
async function workload(disk: MemoryDisk, acknowledged: Acknowledged): Promise<void> {
  for (const round of ['a', 'bb']) {
    const writer = await openOn(disk, SMALL).catch(() => undefined);
    if (writer === undefined) return;
    await append1(acknowledged, writer, `${round}1`);
    await Promise.all(['2', '3', '4'].map((each) => append1(acknowledged, writer, round + each)));
    await writer.fork({ journalId: writer.status().journalId, seq: 1 }).catch(() => {});
    for (const each of ['5', '6-longer', '7-longer-yet']) await append1(acknowledged, writer, round + each);
    await writer.close().catch(() => {});
  }
}

const AFTERMATHS: [string, (disk: MemoryDisk) => MemoryDisk][] = [
  ['killed', (disk) => disk.afterKill()],
  ['power lost, nothing unsynced kept', (disk) => disk.afterPowerLoss('none')],
  ['power lost, everything kept', (disk) => disk.afterPowerLoss('all')],
  ['power lost, torn', (disk) => disk.afterPowerLoss('torn')],
];

async function expectKept(disk: MemoryDisk, acknowledged: Acknowledged, where: string): Promise<number> {
  const writer = await openOn(disk, SMALL);
  const next = await append(writer, 'after');
  await writer.close();
  const { records, texts, seqs, damage } = await readAll(disk);
  const found = new Map(records.map((record, i) => [record.seq, texts[i]]));
  for (const [seq, payload] of acknowledged) expect(found.get(seq), `${where}: seq ${seq}`).toBe(payload);
  expect(damage, where).toEqual([]);
  expect(seqs, where).toEqual(Array.from({ length: next }, (_, i) => i + 1));
  expect(writer.damage, where).toEqual([]);
  return records.length - 1 - acknowledged.size;
}

it.each(AFTERMATHS)('%s', async (name, aftermath) => {
  const whole = new MemoryDisk();
  await workload(whole, new Map());
  let acknowledgedInAll = 0;
  let unasked = 0;
  for (let crashAt = 1; crashAt <= whole.steps; crashAt++) {
    const disk = new MemoryDisk();
    disk.crashAt = crashAt;
    const acknowledged: Acknowledged = new Map();
    await workload(disk, acknowledged);
    acknowledgedInAll += acknowledged.size;
    unasked += await expectKept(aftermath(disk), acknowledged, `crash at step ${crashAt}`);
  }
  expect(acknowledgedInAll).toBeGreaterThan(whole.steps);
  console.log(
    `journal, ${name}: crash at each of ${whole.steps} calls, acknowledged ${acknowledgedInAll}, lost 0, duplicated 0, ` +
      `kept though not acknowledged ${unasked}`,
  );
});

it('a crash at every call of the recovery itself loses nothing either', async () => {
  const whole = new MemoryDisk();
  await workload(whole, new Map());
  let rounds = 0;
  for (let crashAt = 20; crashAt <= whole.steps; crashAt += 7) {
    const disk = new MemoryDisk();
    disk.crashAt = crashAt;
    const acknowledged: Acknowledged = new Map();
    await workload(disk, acknowledged);
    for (let second = 1; second < 60; second += 3) {
      const again = rounds % 2 === 0 ? disk.afterKill() : disk.afterPowerLoss('torn');
      again.crashAt = second;
      const kept: Acknowledged = new Map(acknowledged);
      await openOn(again, SMALL)
        .then((writer) => append1(kept, writer, 'between'))
        .catch(() => {});
      again.crashAt = Number.POSITIVE_INFINITY;
      const third = rounds % 3 === 0 ? again.afterPowerLoss('none') : again.afterKill();
      await expectKept(third, kept, `crash at ${crashAt}, then at ${second}`);
      rounds++;
    }
  }
  console.log(`journal: ${rounds} double crashes, lost 0`);
});
