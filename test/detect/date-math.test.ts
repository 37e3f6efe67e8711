import { describe, expect, it } from 'vitest';
import { parseInterval, parseLookback } from '../../src/detect/date-math.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

describe('intervals', () => {
  it.each([
    ['5m', 5 * MINUTE],
    ['60m', 60 * MINUTE],
    ['1h', 60 * MINUTE],
    ['30s', 30_000],
    ['2d', 2 * DAY],
    [' 1w ', 7 * DAY],
  ])('%s', (text, ms) => expect(parseInterval(text, 'rule.interval')).toBe(ms));

  it.each(['', '5', 'm', '-5m', '5 m', '5min', '1.5h', '0m', '31d', '99999999999d', 'now-5m'])('refuses %j', (text) => {
    expect(() => parseInterval(text, 'rule.interval')).toThrow(
      expect.objectContaining({ code: 'FB_RULE_VALUE', message: expect.stringMatching(/^rule\.interval: /) }),
    );
  });
});

describe('times before now', () => {
  it.each([
    ['now-9m', 9 * MINUTE],
    ['now-119m', 119 * MINUTE],
    ['now-7d', 7 * DAY],
    ['now-1d/d', DAY],
    ['now-1h-30m', 90 * MINUTE],
    ['now-2h+30m', 90 * MINUTE],
    ['now-1M', 30 * DAY],
    ['now-1y', 365 * DAY],
  ])('%s', (text, ms) => expect(parseLookback(text, 'p')).toBe(ms));

  it.each(['now', 'now+5m', 'now-5', '2024-01-01', 'now-', 'now-2y', 'now-5m-', `now${'-1s'.repeat(99)}`])(
    'refuses %j',
    (text) => expect(() => parseLookback(text, 'p')).toThrow(expect.objectContaining({ code: 'FB_RULE_VALUE' })),
  );
});
