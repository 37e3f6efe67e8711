import { expect, it } from 'vitest';
import { parseSince } from '../../src/commands/since.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
const LOCAL = (time: string) => new Date(time).getTime();

it.each([
  ['1h', NOW - 3_600_000],
  ['7d', NOW - 604_800_000],
  ['2026-11-24T10:00', LOCAL('2026-11-24T10:00:00')],
  ['2026-11-24 10:00:30.5', LOCAL('2026-11-24T10:00:30.500')],
  ['2026-11-24', LOCAL('2026-11-24T00:00:00')],
  ['2026-11-24T10:00Z', Date.UTC(2026, 10, 24, 10)],
  ['2026-11-24T10:00:00+08:00', Date.UTC(2026, 10, 24, 2)],
])('%s is a time', (text, ms) => expect(parseSince(text, NOW)).toBe(ms));

it.each(['', '1', 'yesterday', '2026-02-30', '2026-13-01', '2026-11-24T25:00', '10:00', '24.11.2026', '-1h'])(
  '%j is none',
  (text) => expect(() => parseSince(text, NOW)).toThrow(expect.objectContaining({ code: 'FB_COMMAND_TIME' })),
);
