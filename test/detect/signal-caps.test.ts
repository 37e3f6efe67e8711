// max_signals over the states that a stop and a crash leave.

import { describe, expect, it } from 'vitest';
import { type CapState, SignalCaps } from '../../src/detect/signal-caps.ts';

const RULE = { rule_id: 'r', intervalMs: 300_000, max_signals: 3 };
const at = (seconds: number, bootId = 'boot', wallMs = 1_000_000 + seconds * 1000) => ({
  bootId,
  bootNs: BigInt(seconds) * 1_000_000_000n,
  wallMs,
});

function kept(caps: SignalCaps): CapState | undefined {
  return [...caps.states()][0];
}

function restored(state: Partial<CapState>): SignalCaps {
  const caps = new SignalCaps();
  caps.restore([{ rule_id: 'r', start: at(100), count: 0, capped: 0, ...state }]);
  return caps;
}

/** How many more alerts the interval takes. */
function room(caps: SignalCaps, seconds: number): number {
  let allowed = 0;
  while (caps.take(RULE, at(seconds)).allowed) allowed++;
  return allowed;
}

describe('what is kept', () => {
  it('counts the alerts that are durable, not those on their way', () => {
    const caps = new SignalCaps();
    for (const seconds of [100, 101, 102]) caps.take(RULE, at(seconds));
    expect(kept(caps)).toEqual({ rule_id: 'r', start: at(100), count: 0, capped: 0 });
    caps.durable('r');
    expect(kept(caps)).toMatchObject({ count: 1 });
    for (let i = 0; i < 5; i++) caps.durable('r');
    expect(kept(caps)).toMatchObject({ count: 3 });
    expect(room(caps, 103)).toBe(0);
  });

  it('of an interval that is over, those on their way count for none', () => {
    const caps = new SignalCaps();
    caps.take(RULE, at(100));
    caps.take(RULE, at(500));
    caps.durable('r');
    expect(kept(caps)).toMatchObject({ start: at(500), count: 1 });
  });

  it('and what the journal has beyond it, is all that was made', () => {
    for (let durable = 0; durable <= 3; durable++) {
      const caps = new SignalCaps();
      for (const seconds of [100, 101, 102]) caps.take(RULE, at(seconds));
      for (let i = 0; i < durable; i++) caps.durable('r');
      const next = new SignalCaps();
      next.restore(caps.states());
      for (const seconds of [100, 101, 102].slice(durable)) next.applied(RULE, at(seconds));
      expect([kept(next)?.count, room(next, 103)]).toEqual([3, 0]);
    }
  });
});

describe('an alert of the journal', () => {
  it('keeps nothing back, however many there are, and has told of what was kept back before it', () => {
    const caps = restored({ count: 3, capped: 7 });
    for (let i = 0; i < 5; i++) caps.applied(RULE, at(150));
    expect(kept(caps)).toMatchObject({ count: 8, capped: 0 });
  });

  it('of an interval that was over when the state was kept does not count for this one', () => {
    const caps = restored({ count: 1 });
    caps.applied(RULE, at(99));
    expect(room(caps, 150)).toBe(2);
  });
});

it.each([
  ['a second later', at(1, 'next', 1_101_000), 0],
  ['an interval later', at(1, 'next', 1_400_000), 3],
  ['before the interval began: it is over', at(1, 'next', 5_000), 3],
])('after a reboot the interval runs on by the wall clock: %s', (_name, time, expected) => {
  const caps = restored({ count: 3 });
  let allowed = 0;
  for (let i = 0; i < 4; i++) if (caps.take(RULE, time).allowed) allowed++;
  expect(allowed).toBe(expected);
});
