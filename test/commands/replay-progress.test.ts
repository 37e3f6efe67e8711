import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ReplayProgress } from '../../src/commands/replay-progress.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function shown(errIsTerminal: boolean) {
  let text = '';
  let count = 0;
  const io = {
    errIsTerminal,
    err: (piece: string) => {
      text += piece;
    },
  };
  const progress = new ReplayProgress(io, () => `run.fbrec\x1b: ${++count} events`);
  return { progress, take: () => text.split('\r').join('').replaceAll('\x1b[K', '|') };
}

it('says twice a second how far it is, on one line that nothing in a name can break', () => {
  const { progress, take } = shown(true);
  vi.advanceTimersByTime(1000);
  expect(take()).toBe('|run.fbrec\\x1b: 1 events|run.fbrec\\x1b: 2 events');
  progress[Symbol.dispose]();
});

it('goes before an alert is printed, and for good at the end', () => {
  const { progress, take } = shown(true);
  progress.clear();
  expect(take()).toBe('');
  vi.advanceTimersByTime(500);
  progress.clear();
  progress.clear();
  progress[Symbol.dispose]();
  vi.advanceTimersByTime(5000);
  expect(take()).toBe('|run.fbrec\\x1b: 1 events|');
});

it('is silent where nobody looks', () => {
  const { take } = shown(false);
  vi.advanceTimersByTime(5000);
  expect(take()).toBe('');
});
