// What arrives is passed on: in order of arrival, amends folded within their host, from where it stopped.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseHubConfig } from '../../src/config/hub.ts';
import { forwardDirectory, startForwarding } from '../../src/hub/forward-io.ts';
import { ForwardSource } from '../../src/hub/forward-source-io.ts';
import type { Position } from '../../src/ship/source.ts';
import { Counters } from '../../src/stats.ts';
import { FakeTime } from '../ship/fixture.ts';
import { journalOf, NOW_MS, SILENT, TestHub } from './fixture.ts';

const ALL = new Set(['alert', 'amend', 'gap', 'lifecycle', 'clock', 'heartbeat'] as const);

/** What a lane would be given by now, and what was said of the cursor. */
async function items(
  hub: TestHub,
  after?: Position,
  part: Partial<ConstructorParameters<typeof ForwardSource>[0]['wanted']> = {},
) {
  const resets: string[] = [];
  const waiting = new FakeTime();
  waiting.ms = NOW_MS + 3_600_000;
  const wanted = { kinds: ALL, severity: 'low' as const, selftest: true, ...part };
  const { sql, id } = hub.database;
  const source = new ForwardSource({ sql, id, wanted, waiting, onReset: (reason) => resets.push(reason) });
  const { seq: last } = (await source.newest()) ?? { seq: 0 };
  const stopping = new AbortController();
  const found = [];
  if (last > (after?.journalId === id ? after.seq : 0)) {
    for await (const item of source.items(after, stopping.signal)) {
      found.push(item);
      if (item.position?.seq === last) break;
    }
  }
  return {
    found,
    resets,
    ids: found.map(({ parcel }) => parcel?.id),
    documents: found.map(({ parcel }) => parcel && text(parcel.document)),
  };
}

const text = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>;

it('in the order in which it came, over all hosts, with the host and journal it is of', async () => {
  using hub = new TestHub();
  const [one, two] = [journalOf('h1').alerts(2), journalOf('h2').alerts(1)];
  hub.store(one.batch(1, 1));
  hub.store(two.batch());
  hub.store(one.batch(2));
  const { found, ids } = await items(hub);
  expect(ids).toEqual(['h1-1', 'h2-1', 'h1-2']);
  expect(found.map(({ position }) => position)).toEqual(
    [1, 2, 3].map((seq) => ({ seq, journalId: hub.database.id, link: Buffer.alloc(32) })),
  );
  expect(found[1]?.parcel).toMatchObject({ hostId: 'h2', journalId: two.journalId, seq: 1 });
});

it('goes on behind its position; one of another hub begins again, and says so', async () => {
  using hub = new TestHub();
  hub.store(journalOf('h1').alerts(3).batch());
  const position = { seq: 2, journalId: hub.database.id, link: Buffer.alloc(32) };
  expect((await items(hub, position)).ids).toEqual(['h1-3']);
  const foreign = await items(hub, { ...position, journalId: 'ee'.repeat(16) });
  expect(foreign.ids).toEqual(['h1-1', 'h1-2', 'h1-3']);
  expect(foreign.resets).toHaveLength(1);
});

it('begins again, and says so, where the database was restored from a copy that ends before', async () => {
  using hub = new TestHub();
  hub.store(journalOf('h1').alerts(2).batch());
  const position = { seq: 5, journalId: hub.database.id, link: Buffer.alloc(32) };
  const source = (resets: string[]) =>
    new ForwardSource({
      ...{ sql: hub.database.sql, id: hub.database.id, waiting: new FakeTime() },
      wanted: { kinds: ALL, severity: 'low', selftest: true },
      onReset: (reason) => resets.push(reason),
    });
  const resets: string[] = [];
  const { value } = await source(resets).items(position, new AbortController().signal).next();
  expect(value).toMatchObject({ position: { seq: 1 } });
  expect(resets).toEqual(['the database ends at 2, the cursor was at 5']);
  // What has expired is no copy.
  hub.database.sql.exec('DELETE FROM records');
  expect((await items(hub, { ...position, seq: 2 })).resets).toEqual([]);
});

it("folds what amends an alert, but not into another host's", async () => {
  using hub = new TestHub();
  const [one, two] = [journalOf('h1'), journalOf('h2')];
  one.alert({ uuid: 'u', eventWallMs: NOW_MS, document: { n: 1 } });
  two.amend('u', { forged: true });
  one.amend('u', { hash: 'x' });
  hub.store(one.batch(1, 1));
  hub.store(two.batch());
  hub.store(one.batch(2));
  const { documents } = await items(hub);
  expect(documents).toHaveLength(3);
  expect(documents[0]).toEqual({ n: 1, hash: 'x' });
  expect(documents[1]).toMatchObject({ forged: true, 'kibana.alert.uuid': 'u' });
  expect(documents[2]).toBeUndefined();
});

it('only what the output wants; what is left out moves the position on', async () => {
  using hub = new TestHub();
  const journal = journalOf('h1');
  journal.alert({ severity: 'low' });
  journal.heartbeat();
  journal.alert({ severity: 'high' });
  journal.alert({ severity: 'high', selftest: true });
  hub.store(journal.batch());
  const { found, ids } = await items(hub, undefined, {
    kinds: new Set(['alert'] as const),
    severity: 'high',
    selftest: false,
  });
  expect(ids).toEqual([undefined, undefined, 'h1-3', undefined]);
  expect(found.at(-1)?.position?.seq).toBe(4);
});

it('with the lanes of the shipper: a restart sends nothing twice, and retention knows how far it is', async () => {
  using hub = new TestHub();
  const out = join(hub.path, 'out.ndjson');
  const config = parseHubConfig(`[outputs.next]\ntype = "file"\npath = "${out}"`, 'hub.toml', hub.path);
  const faults: unknown[] = [];
  const shared = {
    config,
    version: '0',
    counters: new Counters(),
    log: SILENT,
    onFault: (e: unknown) => void faults.push(e),
  };
  const lines = () => {
    try {
      return readFileSync(out, 'utf8').split('\n').filter(Boolean).length;
    } catch {
      return 0;
    }
  };
  const journal = journalOf('h1');
  for (const count of [40, 25]) {
    const before = journal.records.length;
    hub.store(journal.alerts(count).batch(before + 1));
    const forwarding = startForwarding(hub.database, shared);
    await expect.poll(lines, { timeout: 15_000 }).toBe(before + count);
    await expect.poll(() => forwarding.forwarded(), { timeout: 5000 }).toBe(before + count);
    await forwarding.stop();
  }
  expect(lines()).toBe(65);
  expect(faults).toEqual([]);
  expect(forwardDirectory(config)).toBe(join(hub.path, 'ship'));
});

it('without outputs nothing runs', async () => {
  using hub = new TestHub();
  const config = parseHubConfig('', 'hub.toml', hub.path);
  const log = SILENT;
  const forwarding = startForwarding(hub.database, {
    config,
    version: '0',
    counters: new Counters(),
    log,
    onFault: () => {},
  });
  expect(forwarding.forwarded()).toBeUndefined();
  await forwarding.stop();
});
