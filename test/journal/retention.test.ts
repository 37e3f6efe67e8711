import { expect, it } from 'vitest';
import { checkJournal } from '../../src/journal/check.ts';
import type { JournalExpiry, RetentionLimits } from '../../src/journal/journal.ts';
import { planRetention } from '../../src/journal/retention.ts';
import type { SegmentInfo } from '../../src/journal/segment.ts';
import { Counters } from '../../src/stats.ts';
import { append, DIRECTORY, openOn, readAll, START_MS } from './fixture.ts';
import { MemoryDisk } from './memory-disk.ts';

/** A sealed segment of ten records; high: bytes of rank 2; -: no footer. */
function segment(
  firstSeq: number,
  bytes: number,
  high = 0,
  more: { maxMs?: number; thinned?: boolean } = {},
): SegmentInfo {
  const ranks = [
    { records: 8, bytes: bytes - high },
    { records: 0, bytes: 0 },
    { records: 2, bytes: high },
    { records: 0, bytes: 0 },
  ];
  const { maxMs = 1000, thinned = false } = more;
  return {
    name: String(firstSeq),
    firstSeq,
    generation: 0,
    bytes,
    header: { thinned, createdMs: maxMs - 500 } as SegmentInfo['header'],
    totals: { records: 10, firstSeq, lastSeq: firstSeq + 9, minMs: 0, maxMs, ranks, link: Buffer.alloc(32) },
  };
}

/** Left without a footer: a poisoned one. */
function unsealed(firstSeq: number, bytes: number): SegmentInfo {
  const { totals: _, ...info } = segment(firstSeq, bytes);
  return info;
}

const LIMITS: RetentionLimits = { maxBytes: 300, reservedBytes: 150, reservedRank: 2 };

interface Row {
  name: string;
  segments: SegmentInfo[];
  cursors?: number[];
  limits?: Partial<RetentionLimits>;
  nowMs?: number;
  steps: string[];
}

const ROWS: Row[] = [
  { name: 'within the limits nothing goes', segments: [segment(1, 100), segment(11, 100)], steps: [] },
  {
    name: 'oldest first when nothing is delivered',
    segments: [segment(1, 100), segment(11, 100), segment(21, 100), segment(31, 100)],
    steps: ['delete 1'],
  },
  {
    name: 'delivered before undelivered, whatever their ranks',
    segments: [segment(1, 100, 50), segment(11, 100), segment(21, 200)],
    cursors: [10],
    steps: ['delete 1'],
  },
  {
    name: 'the slowest output counts',
    segments: [segment(1, 100), segment(11, 100), segment(21, 200)],
    cursors: [20, 9],
    steps: ['delete 1'],
  },
  {
    name: 'high ranks are kept out of undelivered segments',
    segments: [segment(1, 100, 20), segment(11, 100), segment(21, 150)],
    steps: ['thin 1'],
  },
  {
    name: 'a second thinned segment goes into the first',
    segments: [segment(1, 20, 20, { thinned: true }), segment(11, 100, 30), segment(21, 250)],
    steps: ['thin 11 into 1'],
  },
  {
    name: 'high ranks beyond the reserve go, oldest first',
    segments: [segment(1, 100, 100), segment(11, 100, 100), segment(21, 150)],
    steps: ['delete 1'],
  },
  {
    name: 'when all is high and thinned the oldest goes',
    segments: [segment(1, 140, 140, { thinned: true }), segment(11, 200, 0)],
    limits: { maxBytes: 100 },
    steps: ['delete 11', 'delete 1'],
  },
  {
    name: 'too old, no outputs',
    segments: [segment(1, 10), segment(11, 10, 0, { maxMs: 9000 })],
    limits: { maxAgeMs: 5000 },
    nowMs: 10_000,
    steps: ['delete 1'],
  },
  {
    name: 'too old, but an output still waits for it',
    segments: [segment(1, 10), segment(11, 10)],
    cursors: [10],
    limits: { maxAgeMs: 5000 },
    nowMs: 10_000,
    steps: ['delete 1'],
  },
  {
    name: 'fresh, though the clock was at 1970 while it was written',
    segments: [
      segment(1, 10, 0, { maxMs: 9000 }),
      segment(11, 10, 0, { maxMs: 5 }),
      segment(21, 10, 0, { maxMs: 9500 }),
    ],
    limits: { maxAgeMs: 5000 },
    nowMs: 10_000,
    steps: [],
  },
  {
    name: 'too old behind one of the future: nothing goes from the midst',
    segments: [segment(1, 10, 0, { maxMs: 90_000 }), segment(11, 10, 0, { maxMs: 5 })],
    limits: { maxAgeMs: 5000 },
    nowMs: 10_000,
    steps: [],
  },
  {
    name: 'too old without a footer, as the next one was begun long ago',
    segments: [unsealed(1, 10), segment(11, 10, 0, { maxMs: 5400 })],
    limits: { maxAgeMs: 5000 },
    nowMs: 10_000,
    steps: ['delete 1'],
  },
];

it.each(ROWS)('plan: $name', ({ segments, cursors = [], limits, nowMs = 0, steps }) => {
  const facts = { segments, activeBytes: 0, cursors, nowMs, maxSegmentBytes: 100 };
  const plan = planRetention(facts, { ...LIMITS, ...limits });
  expect(
    plan.map((step) => {
      const into = step.action === 'thin' && step.into ? ` into ${step.into.name}` : '';
      return `${step.action} ${step.segment.name}${into}`;
    }),
  ).toEqual(steps);
});

const FLOOD: Partial<RetentionLimits> = { maxBytes: 40_000, reservedBytes: 16_000, reservedRank: 2 };

it('a flood of low does not push out high, and what it pushes out is counted seq by seq', async () => {
  const disk = new MemoryDisk();
  const expiries: JournalExpiry[] = [];
  const onExpired = (expiry: JournalExpiry) => expiries.push(expiry);
  const writer = await openOn(disk, { limits: FLOOD, maxSegmentBytes: 4096, onExpired });
  const total = 400;
  for (let i = 1; i <= total; i++) {
    const high = i % 40 === 0;
    await append(writer, `${high ? 'high' : 'low'} ${i} ${'x'.repeat(300)}`, high ? 2 : 0);
  }
  const back = await readAll(disk);
  expect(back.texts.filter((each) => each.startsWith('high')).length).toBe(10);
  expect(back.damage).toEqual([]);
  expect(back.seqs.at(-1)).toBe(total);
  expect(writer.status().bytes).toBeLessThanOrEqual(40_000);
  const check = await checkJournal({ directory: DIRECTORY, counters: new Counters(), io: disk });
  expect(check).toMatchObject({ records: back.seqs.length, faults: [] });
  const dropped = expiries.reduce((sum, each) => sum + each.records, 0);
  expect(dropped + back.seqs.length).toBe(total);
  expect(expiries.reduce((sum, each) => sum + each.undelivered, 0)).toBe(dropped);
  expect(writer.status().expired).toBe(dropped);
  expect(expiries.every((each) => each.fromSeq <= each.toSeq && each.minMs === START_MS)).toBe(true);
  console.log(`journal: flood of ${total}, ${dropped} low expired, 10 of 10 high kept`);
});

it('a segment is no larger than it may be, however much waits to be written at once', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk, { limits: FLOOD, maxSegmentBytes: 4096 });
  const burst = Array.from({ length: 400 }, (_, i) => append(writer, `low ${i} ${'x'.repeat(300)}`, 0));
  await Promise.all(burst);
  await writer.close();
  expect(writer.status().bytes).toBeLessThanOrEqual(40_000);
  const { segments } = writer.status();
  expect(segments).toBeGreaterThan(7);
  expect((await readAll(disk)).seqs.length).toBeGreaterThan(80);
});

it('high beyond the reserve expires too: the journal stays within its size', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk, { limits: FLOOD, maxSegmentBytes: 4096 });
  for (let i = 1; i <= 300; i++) await append(writer, `high ${i} ${'x'.repeat(300)}`, 3);
  expect(writer.status().bytes).toBeLessThanOrEqual(40_000);
  const { seqs } = await readAll(disk);
  expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, i) => 300 - seqs.length + 1 + i));
});

it('what every output has is dropped without being called undelivered', async () => {
  const disk = new MemoryDisk();
  const expiries: JournalExpiry[] = [];
  let acknowledged = 0;
  const options = { limits: FLOOD, maxSegmentBytes: 4096, cursors: () => [acknowledged] };
  const writer = await openOn(disk, { ...options, onExpired: (expiry) => expiries.push(expiry) });
  for (let i = 1; i <= 300; i++) acknowledged = (await append(writer, 'x'.repeat(300), 3)) - 1;
  expect(expiries.length).toBeGreaterThan(5);
  expect(expiries.every(({ undelivered }) => undelivered === 0)).toBe(true);
});

it('a journal that was thinned can be opened, read and thinned on, crash at each call of it included', async () => {
  const flood = async (disk: MemoryDisk, from: number, to: number): Promise<number> => {
    const writer = await openOn(disk, { limits: FLOOD, maxSegmentBytes: 4096 }).catch(() => undefined);
    let highest = 0;
    for (let i = from; i <= to && writer !== undefined; i++) {
      const high = i % 40 === 0;
      highest = await append(writer, `${high ? 'high' : 'low'} ${'x'.repeat(300)}`, high ? 2 : 0).catch(() => highest);
    }
    await writer?.close().catch(() => {});
    return highest;
  };
  const before = new MemoryDisk();
  await flood(before, 1, 160);
  const whole = before.afterKill();
  await flood(whole, 161, 180);
  const crashes = Math.min(whole.steps, 300);
  for (let crashAt = 1; crashAt <= crashes; crashAt++) {
    const disk = before.afterKill();
    disk.crashAt = crashAt;
    const highest = await flood(disk, 161, 180);
    const after = crashAt % 2 === 0 ? disk.afterPowerLoss('torn') : disk.afterKill();
    await flood(after, 1, 1);
    const back = await readAll(after);
    const highs = back.texts.filter((each) => each.startsWith('high')).length;
    expect(highs, `crash at ${crashAt}`).toBe(4);
    expect(back.seqs.at(-1), `crash at ${crashAt}`).toBeGreaterThan(Math.max(highest, 160));
    expect(back.damage, `crash at ${crashAt}`).toEqual([]);
  }
  console.log(`journal: crash at each of ${crashes} calls while it is thinned, high ones lost 0`);
});

it('while retention thins and removes, the check finds nothing and readers miss nothing that is kept', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk, { limits: FLOOD, maxSegmentBytes: 4096 });
  const source = { directory: DIRECTORY, counters: new Counters(), io: disk };
  for (let i = 1; i <= 300; i++) {
    const high = i % 40 === 0;
    // Not waited for: retention goes on meanwhile.
    await append(writer, `${high ? 'high' : 'low'} ${i} ${'x'.repeat(300)}`, high ? 2 : 0);
    const [check, back] = await Promise.all([checkJournal(source), readAll(disk)]);
    expect(check.faults, `after ${i}`).toEqual([]);
    expect(back.damage, `after ${i}`).toEqual([]);
    expect(back.texts.filter((each) => each.startsWith('high')).length, `after ${i}`).toBe(Math.floor(i / 40));
  }
});

it('a thinned segment whose old file cannot be removed is counted as expired all the same', async () => {
  const disk = new MemoryDisk();
  const expiries: JournalExpiry[] = [];
  const counters = new Counters();
  const onExpired = (expiry: JournalExpiry) => expiries.push(expiry);
  const writer = await openOn(disk, { limits: FLOOD, maxSegmentBytes: 4096, onExpired, counters });
  disk.fault = ({ operation, path }) => (operation === 'unlink' && path.endsWith('.fbj') ? 'EIO' : undefined);
  for (let i = 1; i <= 120; i++) await append(writer, `${i} ${'x'.repeat(300)}`, i % 8 === 0 ? 2 : 0);
  await writer.close();
  disk.fault = () => undefined;
  expect(counters.get('journal_removals_failed_total')).toBeGreaterThan(0);
  expect(expiries.length).toBeGreaterThan(0);
  const { seqs } = await readAll(disk);
  const dropped = expiries.reduce((sum, { records }) => sum + records, 0);
  expect(seqs.length + dropped).toBeGreaterThanOrEqual(120);
});

it('the newest segment stays, however old and large, until the next one has begun: the seqs go on from it', async () => {
  const disk = new MemoryDisk();
  const first = await openOn(disk);
  for (let i = 1; i <= 3; i++) await append(first, 'x'.repeat(300));
  await first.close();
  disk.boot = 'b7'.repeat(16);
  const limits = { maxBytes: 100, maxAgeMs: 1, reservedBytes: 0, reservedRank: 2 };
  const later = { limits, maxSegmentBytes: 4096, nowMs: () => START_MS + 1e9, cursors: () => [3] };
  await (await openOn(disk, later)).close();
  const after = disk.afterPowerLoss('none');
  const writer = await openOn(after, later);
  expect(await append(writer, 'next')).toBe(4);
});

it('on a full disk the newest segment goes too, when it is delivered and the commit mark is durable', async () => {
  const disk = new MemoryDisk();
  const writer = await openOn(disk, { maxSegmentBytes: 1800, cursors: () => [3] });
  for (let i = 1; i <= 3; i++) await append(writer, 'x'.repeat(300));
  expect(writer.status().segments).toBe(1);
  disk.capacity = disk.usedBytes() + 232;
  expect(await append(writer, 'x'.repeat(900))).toBe(4);
  expect((await readAll(disk)).seqs).toEqual([4]);
  expect((await readAll(disk.afterPowerLoss('none'))).seqs).toEqual([4]);
});

it('a damaged last segment far beyond lowered limits is not taken for one of 2^53 records', async () => {
  const disk = new MemoryDisk();
  const first = await openOn(disk);
  for (let i = 1; i <= 30; i++) await append(first, `high ${i} ${'x'.repeat(300)}`, 3);
  await first.close();
  const name = [...disk.files().keys()].find((each) => each.endsWith('.fbj'))!;
  const content = disk.files().get(name)!;
  content[2000]! ^= 0xff;
  disk.put(name, content);
  const limits = { maxBytes: 4096, reservedBytes: 4096, reservedRank: 2 };
  const writer = await openOn(disk, { limits, maxSegmentBytes: 2048 });
  expect(writer.damage.length).toBe(1);
  expect(await append(writer, 'gap')).toBe(31);
  await writer.close();
  const again = await openOn(disk, { limits, maxSegmentBytes: 2048 });
  expect(await append(again, 'next')).toBe(32);
});
