// When the agent saves who leads which session, and that a full disk stops nothing.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LeaderKeeper } from '../../src/agent/leader-keeper.ts';
import { Troubles } from '../../src/agent/troubles.ts';
import { readLeaders } from '../../src/enrich/leaders-io.ts';
import { Counters } from '../../src/stats.ts';
import { BOOT_ID } from '../enrich/fake-host.ts';
import { sshSession } from '../enrich/ssh-session.ts';

function keeperOn(directory: string) {
  const { enricher } = sshSession();
  const counters = new Counters();
  const lines: string[] = [];
  const say = (...args: unknown[]) => void lines.push(String(args.at(-1)));
  const troubles = new Troubles({ warn: say, info: say });
  const seen = { records: 0, leaders: () => enricher.leaders() };
  return { keeper: new LeaderKeeper({ directory, enricher: seen, counters, troubles }), seen, counters, lines };
}

it('saves every fifth second, and only after records', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fb-keeper-'));
  const file = join(folder, 'leaders.json');
  const { keeper, seen, counters } = keeperOn(folder);
  const fiveTicks = () =>
    Array.from({ length: 5 }, () => {
      keeper.tick();
      return existsSync(file);
    });
  expect(fiveTicks()).toEqual([false, false, false, false, false]);
  seen.records = 7;
  expect(fiveTicks()).toEqual([false, false, false, false, true]);
  expect(readLeaders(folder, BOOT_ID, counters)?.leaders.map(({ type }) => type)).toContain('sshd');
  rmSync(file);
  expect(fiveTicks()).toEqual([false, false, false, false, false]);
  seen.records = 8;
  keeper.save();
  expect(existsSync(file)).toBe(true);
  rmSync(folder, { recursive: true });
});

it('a run that ends before the first record leaves what the one before it has left', () => {
  const { keeper, seen } = keeperOn('/nowhere');
  seen.leaders = () => {
    throw new Error('asked');
  };
  keeper.save();
});

it('what cannot be written is counted, said once, and tried again', () => {
  const { keeper, seen, counters, lines } = keeperOn('/nowhere');
  seen.records = 1;
  keeper.save();
  keeper.save();
  expect(counters.get('agent_leaders_unsaved_total')).toBe(2);
  expect(lines).toHaveLength(1);
});
