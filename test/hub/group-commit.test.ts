// Batches of many hosts in one transaction: each durable when it is answered, each by itself when it fails.

import { expect, it } from 'vitest';
import { GroupCommit } from '../../src/hub/group-commit.ts';
import { Ingest, type Outcome } from '../../src/hub/ingest-io.ts';
import type { IngestBatch } from '../../src/proto/ingest-codec.ts';
import { journalOf, NOW_MS, TestHub, without } from './fixture.ts';

/** What was stored together: hosts. */
function grouped(hub: TestHub, onGroup = () => {}) {
  const ingest = new Ingest(hub.database.sql, hub.counters);
  const groups: string[][] = [];
  const storeAll = (batches: readonly IngestBatch[], nowMs: number): Outcome[] => {
    groups.push(batches.map(({ hostId }) => hostId));
    onGroup();
    return ingest.storeAll(batches, nowMs);
  };
  return { groups, commit: new GroupCommit(storeAll) };
}

const HOSTS = ['h1', 'h2', 'h3', 'h4'];
/** Fails at its second record, when the first has been written. */
function bad(batch: IngestBatch): IngestBatch {
  const spoilt = without(batch, 'flags');
  const [first, second] = spoilt.records;
  return { ...spoilt, records: [first!, { ...second!, rank: 'x' as unknown as number }] };
}

it('stores what came together in one transaction, and answers each', async () => {
  using hub = new TestHub();
  const { groups, commit } = grouped(hub);
  const sent = HOSTS.map((host, i) =>
    commit.store(
      journalOf(host)
        .alerts(i + 1)
        .batch(),
      NOW_MS,
    ),
  );
  expect((await Promise.all(sent)).map(({ stored }) => stored)).toEqual([1, 2, 3, 4]);
  expect(groups).toEqual([HOSTS]);
  expect(hub.counters.get('hub_records_stored_total')).toBe(10);
});

it('one that fails leaves nothing, and takes no other with it', async () => {
  using hub = new TestHub();
  const { commit } = grouped(hub);
  const batches = HOSTS.map((host) => journalOf(host).alerts(2).batch());
  const sent = batches.map((batch, i) => commit.store(i === 1 ? bad(batch) : batch, NOW_MS));
  expect((await Promise.allSettled(sent)).map(({ status }) => status)).toEqual([
    ...['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  ]);
  expect(hub.all('SELECT host_id FROM hosts ORDER BY host_id')).toEqual(
    ['h1', 'h3', 'h4'].map((host_id) => ({ host_id })),
  );
  expect(hub.counters.get('hub_records_stored_total')).toBe(6);
});

it('none is told to be stored when the transaction is not', async () => {
  using hub = new TestHub();
  const { sql } = hub.database;
  const exec = sql.exec.bind(sql);
  sql.exec = (text) => {
    if (text !== 'COMMIT') return exec(text);
    throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
  };
  const { commit } = grouped(hub);
  const sent = HOSTS.map((host) => commit.store(journalOf(host).alerts(1).batch(), NOW_MS));
  expect((await Promise.allSettled(sent)).map(({ status }) => status)).toEqual(HOSTS.map(() => 'rejected'));
  sql.exec = exec;
  expect(hub.all('SELECT * FROM records')).toEqual([]);
  expect(hub.counters.entries()).toEqual([]);
  expect(await commit.store(journalOf('h1').alerts(1).batch(), NOW_MS)).toMatchObject({ stored: 1 });
});

it('a group is bounded in bytes, in order of arrival; what comes meanwhile is the next', async () => {
  using hub = new TestHub();
  const large = (host: string) => {
    const journal = journalOf(host);
    for (let i = 0; i < 3; i++) journal.write('clock', Buffer.alloc(2 ** 20));
    return journal.batch();
  };
  const later: Promise<unknown>[] = [];
  const { groups, commit } = grouped(hub, () => {
    if (later.length === 0) later.push(commit.store(journalOf('h5').alerts(1).batch(), NOW_MS));
  });
  const batches = [large('h1'), journalOf('h2').alerts(1).batch(), large('h3'), large('h4')];
  await Promise.all(batches.map((batch) => commit.store(batch, NOW_MS)));
  await Promise.all(later);
  expect(groups).toEqual([['h1', 'h2'], ['h3'], ['h4', 'h5']]);
});
