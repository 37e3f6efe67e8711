// What the file system may answer, and what the writer makes of it: short writes, EIO, a full disk.

import { expect, it } from 'vitest';
import { Counters } from '../../src/stats.ts';
import { append, codeOf, DIRECTORY, openOn, readAll } from './fixture.ts';
import { MemoryDisk, type Operation } from './memory-disk.ts';

/** Fails the next n calls of an operation on segments. */
function failNext(disk: MemoryDisk, operation: Operation, code: string, times = 1): void {
  let left = times;
  disk.fault = (step) => {
    if (step.operation !== operation || !step.path.includes('.fbj') || left === 0) return undefined;
    left--;
    return code;
  };
}

function segments(disk: MemoryDisk): string[] {
  return [...disk.files().keys()].filter((name) => name.endsWith('.fbj')).map((name) => name.slice(-25, -4));
}

it('goes on after short writes', async () => {
  const disk = new MemoryDisk();
  disk.fault = ({ operation }) => (operation === 'write' ? 7 : undefined);
  const writer = await openOn(disk);
  await Promise.all(['a'.repeat(100), 'b'.repeat(200)].map((each) => append(writer, each)));
  await writer.close();
  expect((await readAll(disk)).texts.map((each) => each.length)).toEqual([100, 200]);
});

it.each<Operation>(['datasync', 'write'])(
  'a failed %s poisons the segment: all since the last good sync goes to a new one',
  async (operation) => {
    const disk = new MemoryDisk();
    const counters = new Counters();
    const writer = await openOn(disk, { counters });
    await append(writer, 'good');
    failNext(disk, operation, 'EIO');
    expect(await append(writer, 'hit')).toBe(2);
    expect(await append(writer, 'later')).toBe(3);
    await writer.close();
    // The good record shared its block with the failed write: it is written again too.
    expect(counters.get('journal_segments_poisoned_total')).toBe(1);
    expect(counters.get('journal_records_rewritten_total')).toBe(1);
    expect(segments(disk)).toEqual(['0000000000000001-0001']);
    const back = await readAll(disk);
    expect([back.texts, back.damage]).toEqual([['good', 'hit', 'later'], []]);
  },
);

it('records in blocks before the failed write stay where they are', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  await append(writer, 'x'.repeat(4096 - 512 - 40));
  await append(writer, 'in the last block');
  failNext(disk, 'datasync', 'EIO');
  expect(await append(writer, 'hit')).toBe(3);
  expect(segments(disk)).toEqual(['0000000000000001-0000', '0000000000000002-0000']);
  expect((await readAll(disk)).seqs).toEqual([1, 2, 3]);
});

it('what the kernel kept of a poisoned segment does not count, even when it is intact', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  for (let i = 1; i <= 3; i++) await append(writer, `${i}${'x'.repeat(5000)}`);
  failNext(disk, 'datasync', 'EIO', 9);
  expect(await codeOf(append(writer, 'refused'))).toBe('FB_JOURNAL_IO');
  disk.fault = () => undefined;
  expect(await append(writer, 'another with the same seq')).toBe(4);
  await writer.close();
  const back = await readAll(disk);
  expect(back.seqs).toEqual([1, 2, 3, 4]);
  expect(back.texts[3]).toBe('another with the same seq');
});

it('a record that was refused may come back after a kill, never twice, never instead of another', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  await append(writer, 'good');
  failNext(disk, 'datasync', 'EIO', 9);
  expect(await codeOf(append(writer, 'refused'))).toBe('FB_JOURNAL_IO');
  const killed = disk.afterKill();
  expect((await readAll(killed)).texts).toEqual(['good']);
  const next = await openOn(killed);
  expect((await readAll(killed)).texts).toEqual(['good']);
  const seq = await append(next, 'next');
  expect((await readAll(killed)).texts).toEqual(['good', 'refused', 'next']);
  expect(seq).toBe(3);
});

it('what a killed writer could not sync is written again, not taken out of the page cache', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  await append(writer, 'good'.repeat(2000));
  let failures = 0;
  disk.fault = ({ operation }) => {
    if (operation !== 'datasync' || failures++ > 0) return undefined;
    disk.crashAt = disk.steps + 1;
    return 'EIO';
  };
  expect(await codeOf(append(writer, 'page cache only'))).toBe('FB_JOURNAL_IO');
  const killed = disk.afterKill();
  const counters = new Counters();
  const next = await openOn(killed, { counters });
  expect(await append(next, 'next')).toBe(3);
  expect(counters.get('journal_records_unsure_total')).toBe(1);
  const shown = (await readAll(killed)).texts;
  expect(shown.slice(1)).toEqual(['page cache only', 'next']);
  const back = await readAll(killed.afterPowerLoss('none'));
  expect([back.texts, back.damage]).toEqual([shown, []]);
});

it('the trial of a segment that fails at each of its steps costs nothing', async () => {
  for (const operation of ['open', 'write', 'datasync', 'rename', 'fsyncDir'] as const) {
    const disk = new MemoryDisk();
    const writer = await openOn(disk, { maxSegmentBytes: 1024 });
    await append(writer, 'a'.repeat(300));
    let failed = false;
    disk.fault = (step) => {
      if (failed || step.operation !== operation) return undefined;
      failed = true;
      return 'EIO';
    };
    const texts = ['b', 'c', 'd'].map((each) => each.repeat(300));
    for (const [i, each] of texts.entries()) expect(await append(writer, each), operation).toBe(i + 2);
    await writer.close();
    const back = await readAll(disk);
    expect([back.seqs, back.damage], operation).toEqual([[1, 2, 3, 4], []]);
    expect(failed).toBe(true);
  }
});

it('a full disk: torn bytes are cut, the reserve is freed, then records are refused, and seqs stay dense', async () => {
  const disk = new MemoryDisk();
  disk.capacity = 20_000;
  const counters = new Counters();
  const writer = await openOn(disk, { reserveBytes: 4000, counters });
  expect(disk.files().get(`${DIRECTORY}/reserve`)?.length).toBe(4000);
  const codes: string[] = [];
  for (let i = 0; i < 20; i++) codes.push(await codeOf(append(writer, 'x'.repeat(1500))));
  const accepted = codes.filter((code) => code === '').length;
  expect(codes).toEqual([...Array(accepted).fill(''), ...Array(20 - accepted).fill('FB_JOURNAL_FULL')]);
  expect(disk.files().has(`${DIRECTORY}/reserve`)).toBe(false);
  expect(accepted).toBe(Math.floor((20_000 - 512 - 256) / 1544));
  disk.capacity = 40_000;
  expect(await append(writer, 'room again')).toBe(accepted + 1);
  await writer.close();
  const back = await readAll(disk);
  expect([back.seqs.length, back.damage]).toEqual([accepted + 1, []]);
  expect(counters.get('journal_records_refused_total', 'write')).toBe(20 - accepted);
  expect(counters.get('journal_segments_poisoned_total')).toBe(0);
});

it('a full disk costs delivered segments first, never undelivered ones', async () => {
  const disk = new MemoryDisk();
  disk.capacity = 12_000;
  const writer = await openOn(disk, { maxSegmentBytes: 2500, cursors: () => [3] });
  const codes: string[] = [];
  for (let i = 0; i < 10; i++) codes.push(await codeOf(append(writer, 'x'.repeat(1500))));
  const back = await readAll(disk);
  expect(back.seqs[0]).toBe(4);
  expect(codes.at(-1)).toBe('FB_JOURNAL_FULL');
  expect(writer.status().expired).toBe(3);
});

it('when cutting fails on a full disk the segment is poisoned, not written on', async () => {
  const disk = new MemoryDisk();
  const counters = new Counters();
  const writer = await openOn(disk, { counters });
  await append(writer, 'good');
  let writes = 0;
  disk.fault = ({ operation, path }) => {
    if (operation === 'write' && path.includes('.fbj')) return [20, 'ENOSPC'][writes++];
    return operation === 'truncate' ? 'EIO' : undefined;
  };
  expect(await codeOf(append(writer, 'hit'))).toBe('FB_JOURNAL_FULL');
  disk.fault = () => undefined;
  expect(await append(writer, 'next')).toBe(2);
  expect(counters.get('journal_segments_poisoned_total')).toBe(1);
  expect((await readAll(disk)).texts).toEqual(['good', 'next']);
});

it('a commit mark that cannot be written delays readers, it loses nothing', async () => {
  const disk = new MemoryDisk();
  const counters = new Counters();
  const writer = await openOn(disk, { counters });
  await append(writer, 'a');
  disk.fault = ({ operation, path }) => (operation === 'write' && path.endsWith('/commit') ? 'EIO' : undefined);
  expect(await append(writer, 'b')).toBe(2);
  expect((await readAll(disk)).texts).toEqual(['a']);
  expect(counters.get('journal_marks_failed_total')).toBe(1);
  disk.fault = () => undefined;
  expect(await append(writer, 'c')).toBe(3);
  expect((await readAll(disk)).texts).toEqual(['a', 'b', 'c']);
});

it.each(['EACCES', 'EROFS'])('%s at open says so', async (code) => {
  const disk = new MemoryDisk();
  disk.fault = ({ operation }) => (operation === 'mkdir' ? code : undefined);
  expect(await codeOf(openOn(disk))).toBe('FB_JOURNAL_ACCESS');
});

it('attempts that fail after their rename leave no file behind: they would fill the disk', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk);
  disk.fault = ({ operation }) => (operation === 'fsyncDir' ? 'EIO' : undefined);
  for (let i = 0; i < 5; i++) expect(await codeOf(append(writer, 'refused'))).toBe('FB_JOURNAL_IO');
  expect(segments(disk)).toEqual([]);
  disk.fault = () => undefined;
  expect(await append(writer, 'taken')).toBe(1);
  expect((await readAll(disk)).texts).toEqual(['taken']);
});
