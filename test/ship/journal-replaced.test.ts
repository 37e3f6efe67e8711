// The journal is removed, or another one put in its place, while the shipper follows it: what the new one has arrives.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { journalDirectory, parseConfig } from '../../src/config.ts';
import type { Output } from '../../src/ship/output.ts';
import { runShip } from '../../src/ship.ts';
import { Counters } from '../../src/stats.ts';
import { ScriptedOutput, SILENT } from './fixture.ts';
import { alert, appendTo, T0 } from './journal-fixture.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'forebear-ship-'));
});
afterEach(() => rmSync(base, { recursive: true }));

/** A shipper that follows. out: resolves when the endpoint has had so many; ends it. */
function following() {
  const config = parseConfig('[outputs.x]\ntype = "file"\npath = "x"\nbatch_count = 2\nmax_backoff = "100ms"', 'test');
  const output = new ScriptedOutput();
  const waiting = new Set<() => void>();
  const gate = { open: Promise.resolve() };
  const watched: Output = {
    type: 'file',
    send: async (batch) => {
      await gate.open;
      const answer = await output.send(batch);
      for (const check of waiting) check();
      return answer;
    },
    close: async () => {},
  };
  const stop = new AbortController();
  const running = runShip({
    config: { ...config, state: { directory: base }, ship: { ...config.ship, directory: join(base, 'ship') } },
    ...{ version: '1', counters: new Counters(), log: SILENT as never, once: false, signal: stop.signal },
    makeOutput: async () => watched,
  });
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      const check = () => output.took.length >= count && resolve();
      waiting.add(check);
      check();
    });
  const end = () => {
    stop.abort();
    return running;
  };
  return { took: output.took, until, gate, end };
}

function removeSegments(): void {
  const directory = journalDirectory(base);
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
}

const alerts = (...uuids: string[]) => uuids.map((uuid) => alert(uuid, T0));

it('a shorter one, while nothing is to be sent', async () => {
  await appendTo(base, alerts('a', 'b', 'c'));
  const { took, until, end } = following();
  await until(3);
  removeSegments();
  await appendTo(base, alerts('d', 'e'));
  await until(5);
  await end();
  expect(took).toEqual(['a', 'b', 'c', 'd', 'e']);
});

it('a longer one, while the endpoint keeps the lane waiting', async () => {
  await appendTo(base, alerts('a', 'b', 'c', 'd'), 600);
  const { took, until, gate, end } = following();
  await until(4);
  const { promise, resolve } = Promise.withResolvers<void>();
  gate.open = promise;
  await appendTo(base, alerts('e'), 600);
  removeSegments();
  await appendTo(base, alerts('f', 'g', 'h', 'i', 'j', 'k', 'l', 'm'), 600);
  resolve();
  await until(12);
  await end();
  expect(took.slice(-8)).toEqual(['f', 'g', 'h', 'i', 'j', 'k', 'l', 'm']);
});
