// What the hub drops when it is full or old: of whom, how much is looked at for it, and what is left to tell forks by.

import { describe, expect, it } from 'vitest';
import { bytesIn, forgetJournals, LINKS_KEPT, Retention } from '../../src/hub/retention-io.ts';
import { journalOf, NOW_MS, TestHub, TestJournal } from './fixture.ts';

const LIMITS = { maxBytes: 2 ** 40, maxAgeMs: 1000, forwarded: () => undefined as number | undefined };
/** Nothing is that old. */
const YOUNG = { maxAgeMs: 1e12 };

function retentionOf(hub: TestHub, part: Partial<typeof LIMITS> = {}): Retention {
  return new Retention(hub.database.sql, { ...LIMITS, ...part }, hub.counters);
}

/** Two branches of one journal that part behind seq 3. */
function branches() {
  const original = journalOf('h1').alerts(3);
  const clone = original.clone();
  original.alerts(3);
  for (const uuid of ['c4', 'c5', 'c6']) clone.alert({ uuid });
  return { original, clone };
}

describe('by age', () => {
  it('goes what came first, counted; its links tell a fork still, and that it was here', () => {
    using hub = new TestHub();
    const { original, clone } = branches();
    hub.store(original.batch(1, 5), NOW_MS);
    hub.store(original.batch(6), NOW_MS + 2000);
    const retention = retentionOf(hub);
    expect([1, 2].map(() => retention.step(NOW_MS + 2500))).toEqual([true, false]);
    expect(hub.counters.get('hub_records_expired_total', 'age')).toBe(5);
    expect(hub.all('SELECT seq FROM records')).toEqual([{ seq: 6 }]);
    expect(hub.all('SELECT uuid FROM alerts')).toEqual([{ uuid: 'h1-6' }]);
    expect(hub.store(original.batch())).toEqual({ stored: 0, durableSeq: 6 });
    expect(hub.store(clone.batch())).toEqual({ stored: 0, durableSeq: 6, forkSeq: 4 });
  });

  it('what came while the clock was ahead stays, and keeps nothing else', () => {
    using hub = new TestHub();
    const journal = journalOf('h1').alerts(3);
    for (const [i, arrivedMs] of [NOW_MS, NOW_MS + 1e9, NOW_MS].entries())
      hub.store(journal.batch(i + 1, i + 1), arrivedMs);
    retentionOf(hub).step(NOW_MS + 2000);
    expect(hub.all('SELECT seq FROM records')).toEqual([{ seq: 2 }]);
  });
});

describe('by size', () => {
  it('goes in steps, counted, and what outputs had not got yet apart', () => {
    using hub = new TestHub();
    hub.store(journalOf('h1').alerts(1200).batch());
    const retention = retentionOf(hub, { ...YOUNG, maxBytes: 1, forwarded: () => 700 });
    expect([1, 2, 3, 4].map(() => retention.step(NOW_MS))).toEqual([true, true, true, false]);
    expect(hub.counters.get('hub_records_expired_total', 'size')).toBe(1200);
    expect(hub.counters.get('hub_records_expired_unforwarded_total')).toBe(500);
    expect(hub.all('SELECT bytes FROM hosts')).toEqual([{ bytes: 0 }]);
  });

  it('a host that floods pushes out its own records alone, whatever came first', () => {
    using hub = new TestHub();
    hub.store(journalOf('h1').alerts(300).batch());
    const before = bytesIn(hub.database.sql);
    const flooding = journalOf('h2');
    for (let i = 0; i < 5000; i++) flooding.write('clock', Buffer.alloc(i % 2 === 0 ? 0 : 700));
    hub.store(flooding.batch());
    const retention = retentionOf(hub, { ...YOUNG, maxBytes: before * 2 });
    while (retention.step(NOW_MS));
    const counts =
      'SELECT host_id, count(*) AS n FROM records JOIN journals USING (journal) JOIN hosts USING (host) GROUP BY host';
    const [quiet, flooded] = hub.all(counts) as { n: number }[];
    expect(quiet?.n).toBe(300);
    expect(flooded?.n).toBeGreaterThan(0);
    expect(hub.all('SELECT min(seq) > 1 AS f FROM records JOIN journals USING (journal) WHERE host = 2')).toEqual([
      { f: 1 },
    ]);
  });

  it('goes even where it is not known whose records take the room', () => {
    using hub = new TestHub();
    hub.store(journalOf('h1').alerts(3).batch());
    hub.store({ ...journalOf('h2').batch(), records: [] });
    hub.database.sql.exec("UPDATE hosts SET bytes = CASE host_id WHEN 'h2' THEN 9e9 ELSE 0 END");
    retentionOf(hub, { ...YOUNG, maxBytes: 1 }).step(NOW_MS);
    expect(hub.all('SELECT * FROM records')).toEqual([]);
  });
});

it('no statement looks at all records, alerts or links', () => {
  using hub = new TestHub();
  const { sql } = hub.database;
  const statements: string[] = [];
  const prepare = sql.prepare.bind(sql);
  sql.prepare = (text) => {
    statements.push(text);
    return prepare(text);
  };
  const journal = journalOf('h1').alerts(1200);
  hub.store(journal.batch());
  for (const part of [{ maxBytes: 1, ...YOUNG }, {}]) while (retentionOf(hub, part).step(NOW_MS + 1e6));
  forgetJournals(sql, NOW_MS);
  const plans = statements
    .filter((text) => !text.startsWith('PRAGMA'))
    .flatMap((text) => prepare(`EXPLAIN QUERY PLAN ${text}`).all(...Array(text.split('?').length - 1).fill(0)))
    .map(({ detail }) => String(detail));
  expect(plans.length).toBeGreaterThan(15);
  expect(plans.filter((plan) => /^SCAN (records|alerts|amends|gaps|links)/.test(plan))).toEqual([]);
});

describe('what is left of records', () => {
  it('so many links of each journal, those of heartbeats beyond', () => {
    using hub = new TestHub();
    const journal = journalOf('h1');
    journal.heartbeat();
    for (let i = 0; i < LINKS_KEPT + 1500; i++) journal.write('clock', Buffer.alloc(0));
    for (let from = 1; from <= journal.records.length; from += 2000) hub.store(journal.batch(from, from + 1999));
    const retention = retentionOf(hub);
    while (retention.step(NOW_MS + 2000));
    const [links] = hub.all('SELECT count(*) AS n, max(seq) AS last FROM links WHERE kind = 6');
    expect(links).toMatchObject({ last: LINKS_KEPT + 1501 });
    expect(links!.n).toBeGreaterThanOrEqual(LINKS_KEPT);
    expect(links!.n).toBeLessThan(LINKS_KEPT + 1000);
    expect(hub.all('SELECT seq FROM links WHERE kind = 4')).toEqual([{ seq: 1 }]);
  });

  it('fewer where links would take the room of records', () => {
    using hub = new TestHub();
    const journal = journalOf('h1');
    for (let i = 0; i < 3000; i++) journal.write('clock', Buffer.alloc(0));
    hub.store(journal.batch());
    const retention = retentionOf(hub, { maxBytes: 2 ** 17, ...YOUNG });
    while (retention.step(NOW_MS));
    expect(hub.all('SELECT count(*) AS n FROM links')[0]!.n).toBeLessThan(1500);
  });
});

describe('journals that have nothing left', () => {
  it('are forgotten when they are not heard of', () => {
    using hub = new TestHub();
    hub.store(journalOf('h1').alerts(1).batch(), NOW_MS);
    hub.store(journalOf('h2').alerts(1).batch(), NOW_MS + 5000);
    forgetJournals(hub.database.sql, NOW_MS + 1000);
    expect(hub.all('SELECT count(*) AS n FROM journals')).toEqual([{ n: 2 }]);
    retentionOf(hub).step(NOW_MS + 2000);
    forgetJournals(hub.database.sql, NOW_MS + 1000);
    expect(hub.all('SELECT host FROM journals')).toEqual([{ host: 2 }]);
    expect(hub.all('SELECT * FROM links')).toEqual([]);
  });

  it('are forgotten but for the last hundred of a host that begins one after the other', () => {
    using hub = new TestHub();
    hub.store(journalOf('h2').alerts(1).batch());
    for (let i = 1; i <= 150; i++) {
      hub.store(new TestJournal('h1', i.toString(16).padStart(32, '0')).alerts(1).batch(), NOW_MS + i);
    }
    const retention = retentionOf(hub);
    while (retention.step(NOW_MS + 10_000));
    forgetJournals(hub.database.sql, NOW_MS - 1e9);
    expect(
      hub.all('SELECT host_id, count(*) AS n FROM journals JOIN hosts USING (host) GROUP BY host ORDER BY n'),
    ).toEqual([
      { host_id: 'h2', n: 1 },
      { host_id: 'h1', n: 100 },
    ]);
    expect(hub.all('SELECT count(*) AS n FROM links')).toEqual([{ n: 101 }]);
  });
});
