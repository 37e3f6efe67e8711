import { describe, expect, it } from 'vitest';
import type { IngestBatch } from '../../src/proto/ingest-codec.ts';
import { journalOf, NOW_MS, TestHub, without } from './fixture.ts';

describe('what is stored', () => {
  it('is there once, however often it is sent', () => {
    using hub = new TestHub();
    const journal = journalOf('h1').alerts(3);
    expect(hub.store(journal.batch())).toEqual({ stored: 3, durableSeq: 3 });
    expect(hub.store(journal.batch())).toEqual({ stored: 0, durableSeq: 3 });
    journal.alerts(2);
    expect(hub.store(journal.batch(2))).toEqual({ stored: 2, durableSeq: 5 });
    expect(hub.all('SELECT seq FROM records ORDER BY row')).toEqual([1, 2, 3, 4, 5].map((seq) => ({ seq })));
    expect(hub.all('SELECT count(*) AS n FROM alerts')).toEqual([{ n: 5 }]);
    expect(hub.counters.get('hub_records_stored_total')).toBe(5);
    expect(hub.counters.get('hub_records_repeated_total')).toBe(5);
  });

  it('is what was sent, with columns to look for it by', () => {
    using hub = new TestHub();
    const journal = journalOf('h1');
    const { payload, link } = journal.alert({ severity: 'high', ruleName: 'R', rule_id: 'r-1', eventWallMs: 5.5 });
    hub.store(journal.batch());
    expect(hub.all('SELECT * FROM alerts')).toMatchObject([
      { uuid: 'h1-1', event_ms: 5.5, rule_id: 'r-1', rule_name: 'R', rank: 2, selftest: 0 },
    ]);
    const [stored] = hub.all('SELECT * FROM records');
    expect(stored).toMatchObject({ seq: 1, kind: 1, rank: 2, flags: 0 });
    expect(Buffer.compare(stored!.payload as Uint8Array, payload)).toBe(0);
    expect(Buffer.compare(stored!.link as Uint8Array, link!)).toBe(0);
  });

  it('keeps hosts apart that use the same journal id, seqs and uuids', () => {
    using hub = new TestHub();
    const one = journalOf('h1');
    one.alert({ uuid: 'same' });
    const other = { ...journalOf('h1').alerts(1).batch(), hostId: 'h2' };
    hub.store(one.batch());
    expect(hub.store(other)).toEqual({ stored: 1, durableSeq: 1 });
    expect(hub.all('SELECT count(*) AS n FROM alerts')).toEqual([{ n: 2 }]);
  });

  it('an alert under another seq too: the record is kept, the alert is one', () => {
    using hub = new TestHub();
    const journal = journalOf('h1');
    journal.alert({ uuid: 'same' });
    journal.alert({ uuid: 'same' });
    expect(hub.store(journal.batch()).stored).toBe(2);
    expect(hub.all('SELECT uuid FROM alerts')).toEqual([{ uuid: 'same' }]);
    expect(hub.counters.get('hub_alerts_repeated_total')).toBe(1);
  });

  it('what cannot be decoded, and kinds of later versions, as they came', () => {
    using hub = new TestHub();
    const journal = journalOf('h1');
    journal.write('alert', Buffer.from('no alert'));
    journal.write('gap', Buffer.from([0xff]));
    const batch = journal.batch();
    const later = { seq: 3, kind: 77, rank: 0, wallMs: 0, payload: Buffer.from('?') };
    expect(hub.store({ ...batch, records: [...batch.records, later] })).toEqual({ stored: 3, durableSeq: 3 });
    expect(hub.all('SELECT kind FROM records ORDER BY seq')).toEqual([{ kind: 1 }, { kind: 3 }, { kind: 77 }]);
    expect(hub.counters.get('hub_records_undecodable_total')).toBe(2);
  });

  it('with columns that are no larger than filters need, whatever a host sends', () => {
    using hub = new TestHub();
    const journal = journalOf('h1');
    const long = 'x'.repeat(100_000);
    journal.alert({ ruleName: long, rule_id: long, document: { process: { user: { name: long } } } });
    journal.alert({ uuid: long });
    journal.amend(long, {});
    expect(hub.store(journal.batch()).stored).toBe(3);
    const lengths = 'SELECT length(rule_name) AS r, length(rule_id) AS i, length(user) AS u FROM alerts';
    expect(hub.all(lengths)).toEqual([{ r: 512, i: 512, u: 512 }]);
    expect(hub.counters.get('hub_records_undecodable_total')).toBe(2);
  });

  it('with holes, and what fills them later', () => {
    using hub = new TestHub();
    const journal = journalOf('h1').alerts(9);
    hub.store(journal.batch(1, 2));
    hub.store(journal.batch(7, 9));
    expect(hub.store(journal.batch(3, 8))).toEqual({ stored: 4, durableSeq: 9 });
    expect(hub.all('SELECT count(*) AS n FROM records')).toEqual([{ n: 9 }]);
  });

  it('nothing for a question: no journal is made', () => {
    using hub = new TestHub();
    const journal = journalOf('h1').alerts(2);
    expect(hub.store(journal.batch(3))).toEqual({ stored: 0, durableSeq: 0 });
    expect(hub.all('SELECT * FROM journals')).toEqual([]);
    hub.store(journal.batch());
    expect(hub.store(journal.batch(3))).toEqual({ stored: 0, durableSeq: 2 });
  });
});

/** Two branches of one journal that part behind seq 3. */
function branches() {
  const original = journalOf('h1').alerts(3);
  const clone = original.clone();
  original.alerts(3);
  for (const uuid of ['c4', 'c5', 'c6']) clone.alert({ uuid });
  return { original, clone };
}

describe('a clone or a restored snapshot', () => {
  it.each<[string, (batch: IngestBatch) => IngestBatch]>([
    ['told by its links', (batch) => batch],
    ['told by its bytes, where no links are known', (batch) => without(batch, 'link', 'flags')],
  ])('%s', (_how, as) => {
    using hub = new TestHub();
    const { original, clone } = branches();
    hub.store(as(original.batch()));
    expect(hub.store(as(clone.batch(2)))).toEqual({ stored: 0, durableSeq: 6, forkSeq: 4 });
    expect(hub.all('SELECT seq, count FROM forks')).toEqual([{ seq: 4, count: 1 }]);
    expect(hub.all("SELECT uuid FROM alerts WHERE uuid LIKE 'c%'")).toEqual([]);
    // The original goes on.
    original.alerts(1);
    expect(hub.store(as(original.batch(7)))).toEqual({ stored: 1, durableSeq: 7 });
  });

  it('told by the chain where the seqs never meet', () => {
    using hub = new TestHub();
    const { original, clone } = branches();
    hub.store(original.batch(1, 4));
    expect(hub.store(clone.batch(5))).toEqual({ stored: 0, durableSeq: 4, forkSeq: 5 });
  });

  it('not where the sender does not know what goes into the links', () => {
    using hub = new TestHub();
    const { original, clone } = branches();
    hub.store(original.batch(1, 4));
    expect(hub.store(without(clone.batch(5), 'flags'))).toEqual({ stored: 2, durableSeq: 6 });
  });

  it('what comes before the fork is stored, what follows is not', () => {
    using hub = new TestHub();
    const { original, clone } = branches();
    hub.store(original.batch(4));
    expect(hub.store(clone.batch())).toEqual({ stored: 3, durableSeq: 6, forkSeq: 4 });
    expect(hub.all('SELECT count(*) AS n FROM records')).toEqual([{ n: 6 }]);
  });

  it('may go on under another journal id', () => {
    using hub = new TestHub();
    const { original, clone } = branches();
    hub.store(original.batch());
    const renamed = { ...clone.batch(4), journalId: 'cc'.repeat(16) };
    expect(hub.store(renamed)).toEqual({ stored: 3, durableSeq: 6 });
    expect(hub.all('SELECT count(*) AS n FROM alerts')).toEqual([{ n: 9 }]);
  });

  it('counts how often it was refused', () => {
    using hub = new TestHub();
    const { original, clone } = branches();
    hub.store(original.batch());
    hub.store(clone.batch(4), NOW_MS + 1);
    hub.store(clone.batch(4), NOW_MS + 2);
    expect(hub.all('SELECT seq, count, first_ms, seen_ms FROM forks')).toEqual([
      { seq: 4, count: 2, first_ms: NOW_MS + 1, seen_ms: NOW_MS + 2 },
    ]);
  });
});

it('an alert that names another host is kept, and counted', () => {
  using hub = new TestHub();
  const journal = journalOf('h1').alerts(1);
  journal.alert({ hostId: 'h2' });
  hub.store(journal.batch());
  expect(hub.counters.get('hub_alerts_foreign_total')).toBe(1);
  expect(hub.all('SELECT DISTINCT host_id FROM alerts JOIN hosts USING (host)')).toEqual([{ host_id: 'h1' }]);
});

it('an alert of a host whose clock is ahead has its place among those that came with it', () => {
  using hub = new TestHub();
  const [ahead, right] = [journalOf('h1'), journalOf('h2')];
  for (const eventWallMs of [NOW_MS + 1e11, 1e18]) ahead.alert({ eventWallMs });
  right.alert({ eventWallMs: NOW_MS + 10 });
  hub.store(ahead.batch());
  hub.store(right.batch(), NOW_MS + 20);
  expect(hub.all('SELECT uuid, event_ms FROM alerts ORDER BY event_ms DESC, row')).toEqual([
    { uuid: 'h2-1', event_ms: NOW_MS + 10 },
    { uuid: 'h1-1', event_ms: NOW_MS },
    { uuid: 'h1-2', event_ms: NOW_MS },
  ]);
});

it('a batch that fails in its middle leaves nothing', () => {
  using hub = new TestHub();
  const journal = journalOf('h1').alerts(3);
  const bad = without(journal.batch(), 'flags');
  const records = [...bad.records.slice(0, 2), { ...bad.records[2]!, rank: 'x' as unknown as number }];
  expect(() => hub.store({ ...bad, records })).toThrow();
  expect(hub.all('SELECT * FROM records')).toEqual([]);
  expect(hub.counters.entries()).toEqual([]);
  expect(hub.store(journal.batch())).toEqual({ stored: 3, durableSeq: 3 });
});
