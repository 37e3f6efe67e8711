import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatNoticeLine } from '../../src/commands/notice-line.ts';
import { painter } from '../../src/commands/terminal.ts';
import { type ClockStep, encodeClock, type GapRecord, type Lifecycle } from '../../src/proto/record-codec.ts';
import { FakeJournal } from './fake-journal.ts';

const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = 'UTC';
});
afterAll(() => {
  process.env.TZ = zone;
});

function lineOf(journal: FakeJournal): string {
  const line = formatNoticeLine(journal.all[0]!, painter(false));
  return /^2026-11-24 09:00:00 {2}— (.*) —$/.exec(line)![1]!;
}

it.each<[Partial<GapRecord>, string]>([
  [{ detail: 'exec', count: 3 }, '3 exec records lost'],
  [{ detail: 'fork', count: 1, fromMs: 1000, toMs: 6000 }, '1 fork record lost within 5s'],
  [{ detail: 'the ring was full', count: 2 }, '2 lost in the kernel: the ring was full'],
  [{ kind: 'expired_records', count: 9 }, '9 journal records expired undelivered'],
  [{ kind: 'not_running', fromMs: 1, toMs: 7_200_001 }, 'the agent did not run for 2h'],
  [{ kind: 'unknown', detail: '\u001b' }, 'a gap of a kind that this version does not know: \\x1b'],
])('gap %j: %s', (gap, text) => expect(lineOf(new FakeJournal().addGap(gap))).toBe(text));

it.each<[Partial<Lifecycle>, string]>([
  [{}, 'agent started (0.1.0)'],
  [{ afterUncleanStop: true }, 'agent started (0.1.0) after a run that did not end cleanly'],
  [{ event: 'stop', version: '', detail: 'SIGTERM' }, 'agent stopped: SIGTERM'],
  [{ event: 'configuration', detail: '12 rules' }, 'configuration changed (0.1.0): 12 rules'],
])('lifecycle %j: %s', (part, text) => expect(lineOf(new FakeJournal().addLifecycle(part))).toBe(text));

it.each<[ClockStep, string]>([
  [{ foundMs: 1_000_000, expectedMs: 4_600_000, bootNs: 1n }, 'the clock was set back by 1h'],
  [{ foundMs: 70_000, expectedMs: 0, bootNs: 1n }, 'the clock was set forward by 1m 10s'],
])('clock step %#', (step, text) => expect(lineOf(new FakeJournal().add('clock', encodeClock(step)))).toBe(text));

it.each(['gap', 'lifecycle', 'clock'] as const)('a %s record that is damaged', (kind) => {
  expect(lineOf(new FakeJournal().add(kind, Buffer.from([0xff])))).toBe(`${kind} record that cannot be read`);
});
