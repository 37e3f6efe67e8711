// The reader of alerts beside a server that writes: in pages, in order, and in nobody's way between two of them.

import { expect, it } from 'vitest';
import { type AlertQuery, HubAlerts } from '../../src/hub/alerts-io.ts';
import { openToRead } from '../../src/hub/database-io.ts';
import { journalOf, NOW_MS, TestHub } from './fixture.ts';

/** More than two pages, several at the same time. */
function filled(hub: TestHub, count = 700): void {
  const journal = journalOf('h1');
  for (let i = 0; i < count; i++) journal.alert({ eventWallMs: NOW_MS + Math.trunc(((i * 37) % count) / 3) });
  hub.store(journal.batch());
}

const ORDER = 'SELECT uuid FROM alerts ORDER BY event_ms, row';

it.each<[string, (all: HubAlerts, query: AlertQuery) => Iterable<{ uuid: string }>, string]>([
  ['oldest event first', (all, query) => all.oldest(query), ORDER],
  ['newest event first', (all, query) => all.newest(query), 'SELECT uuid FROM alerts ORDER BY event_ms DESC, row DESC'],
  ['as they came', (all, query) => all.after(0, query), 'SELECT uuid FROM alerts ORDER BY row'],
])('has each once, %s, whatever the pages', (_order, read, sql) => {
  using hub = new TestHub();
  filled(hub);
  const uuids = [...read(new HubAlerts(hub.database.sql), {})].map(({ uuid }) => uuid);
  expect(uuids).toEqual(hub.all(sql).map(({ uuid }) => uuid));
});

it('what came up to a row, and no more', () => {
  using hub = new TestHub();
  filled(hub);
  const rows = [...new HubAlerts(hub.database.sql).after(100, {}, 600)].map(({ row }) => row);
  expect([rows.length, rows[0], rows.at(-1)]).toEqual([500, 101, 600]);
});

it('a reader that pauses keeps nothing in the log of the database', () => {
  using hub = new TestHub();
  filled(hub);
  using reading = openToRead(hub.path);
  const all = new HubAlerts(reading.sql);
  for (const read of [all.oldest({}), all.newest({}), all.after(0, {})]) {
    const alerts = read[Symbol.iterator]();
    const { value } = alerts.next();
    hub.store(journalOf('h2').alerts(1).batch());
    expect(hub.all('PRAGMA wal_checkpoint(TRUNCATE)')).toMatchObject([{ busy: 0, log: 0 }]);
    expect(all.payloadOf(value!)).toBeInstanceOf(Uint8Array);
    alerts.return?.();
  }
});

it('what expired between the look and the showing is not there', () => {
  using hub = new TestHub();
  filled(hub, 3);
  const all = new HubAlerts(hub.database.sql);
  const [first] = all.oldest({});
  hub.database.sql.exec('DELETE FROM records');
  expect(all.payloadOf(first!)).toBeUndefined();
});
