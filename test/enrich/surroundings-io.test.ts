// The live surroundings on this machine: what they read is compared with what the machine says by another way.

import { readFileSync } from 'node:fs';
import * as os from 'node:os';
import { afterEach, expect, it } from 'vitest';
import type { News } from '../../src/enrich/surroundings.ts';
import { LiveSurroundings } from '../../src/enrich/surroundings-io.ts';
import { UserNames } from '../../src/enrich/users-io.ts';
import { Counters } from '../../src/stats.ts';

let wallMs = 1_700_000_000_000;
const clock = { wallMs: () => wallMs, bootNs: () => 5_000_000_000n };
const live = () => new LiveSurroundings({ clock, counters: new Counters() });

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

it('say which host, boot and names there are before the first record', async () => {
  const start = await live().start();
  expect(start.bootId).toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  expect(start.host).toMatchObject({ name: os.hostname(), architecture: os.machine() });
  expect(start.host.os.kernel).toBe(os.release());
  expect(start.users).toContainEqual([0, 'root']);
  expect(start.groups).toContainEqual([0, 'root']);
  expect(start.namespaces.mnt).toBeGreaterThan(0);
  expect(start.wallOffsetMs).toBe(1_700_000_000_000 - 5000);
});

it('tell of a step of the wall clock, not of its noise', async () => {
  const surroundings = live();
  const news: News[] = [];
  surroundings.onNews((item) => news.push(item));
  await surroundings.start();
  wallMs += 3;
  surroundings.checkClock();
  expect(news).toEqual([]);
  wallMs += 3_600_000;
  surroundings.checkClock();
  expect(news).toEqual([{ kind: 'wall_offset', ms: wallMs - 5000 }]);
});

it('look up a single name when it is wanted', async () => {
  const { promise, resolve } = Promise.withResolvers<News>();
  const names = new UserNames(resolve, new Counters());
  stops.push(() => names.stop());
  names.want('group', 0);
  expect(await promise).toEqual({ kind: 'name', of: 'group', id: 0, name: 'root' });
});

it('drop look-ups beyond their queue, and count them', () => {
  const counters = new Counters();
  const names = new UserNames(() => {}, counters);
  for (let id = 0; id < 300; id++) names.want('user', 3_000_000_000 + id);
  names.stop();
  expect(counters.get('enrich_name_lookups_dropped_total', 'queue_full')).toBeGreaterThan(0);
});
