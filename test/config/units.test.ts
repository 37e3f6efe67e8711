import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/config/nearest.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/config/units.ts';

describe('sizes', () => {
  it.each([
    ['0B', 0],
    ['64MiB', 67_108_864],
    ['64 MiB', 67_108_864],
    ['1.5KiB', 1536],
    ['16TiB', 17_592_186_044_416],
    ['64MB', undefined],
    ['64', undefined],
    ['-1B', undefined],
    ['1e3B', undefined],
    ['9999999999TiB', undefined],
    ['1constructor', undefined],
    ['', undefined],
  ])('%j is %s bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [67_108_864, '64 MiB'],
    [3_435_973_837, '3.2 GiB'],
  ])('%s bytes are shown as %s', (bytes, text) => expect(formatSize(bytes)).toBe(text));
});

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['90s', 90_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['1y', undefined],
    ['1', undefined],
    ['h', undefined],
  ])('%j is %s ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each([
    [0, '0s'],
    [-5, '0s'],
    [59_999, '59s'],
    [3_600_000, '1h'],
    [183_845_000, '2d 3h'],
    [90_061_000, '1d 1h'],
  ])('%s ms are shown as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('the nearest known name', () => {
  it.each([
    ['medium', 'medium'],
    ['mediun', 'medium'],
    ['hgih', 'high'],
    ['Critical', 'critical'],
    ['lo', 'low'],
    ['severe', undefined],
    ['', undefined],
    ['x'.repeat(100_000), undefined],
  ])('of %.10j is %s', (word, near) => {
    expect(nearest(word, ['low', 'medium', 'high', 'critical'])).toBe(near);
  });
});
