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
    header: { thinned } as SegmentInfo['header'],
    totals: { records: 10, firstSeq, lastSeq: firstSeq + 9, minMs: 0, maxMs, ranks, link: Buffer.alloc(32) },
  };
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
