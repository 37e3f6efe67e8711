import { expect, it } from 'vitest';
import { Credentials } from '../../src/hub/credentials-io.ts';
import { countHosts, listHosts } from '../../src/hub/hosts-io.ts';
import { journalOf, NOW_MS, TestHub } from './fixture.ts';

const MINUTE = 60_000;
const AFTER = 5 * MINUTE;

it('a host is silent when no heartbeat has come for so long, whatever else it sends', () => {
  using hub = new TestHub();
  const journal = journalOf('h1');
  journal.heartbeat(NOW_MS);
  hub.store(journal.batch(), NOW_MS);
  journal.alerts(1);
  hub.store(journal.batch(), NOW_MS + AFTER);
  const state = (atMs: number) => {
    const [host] = listHosts(hub.database.sql, AFTER, atMs);
    return { state: host!.state, sinceMs: host!.sinceMs };
  };
  expect(state(NOW_MS + AFTER)).toEqual({ state: 'ok', sinceMs: undefined });
  expect(state(NOW_MS + AFTER + 1)).toEqual({ state: 'silent', sinceMs: NOW_MS });
  journal.heartbeat(NOW_MS + AFTER + 1);
  hub.store(journal.batch(), NOW_MS + AFTER + 2);
  expect(state(NOW_MS + AFTER + 2)).toEqual({ state: 'ok', sinceMs: undefined });
});

it('a heartbeat that is sent again is no sign of life', () => {
  using hub = new TestHub();
  const journal = journalOf('h1');
  journal.heartbeat(NOW_MS);
  hub.store(journal.batch(), NOW_MS);
  hub.store(journal.batch(), NOW_MS + 2 * AFTER);
  expect(listHosts(hub.database.sql, AFTER, NOW_MS + 2 * AFTER)).toMatchObject([{ state: 'silent', sinceMs: NOW_MS }]);
});

it('a host that never sent one is silent since it was first heard of', () => {
  using hub = new TestHub();
  hub.store(journalOf('h1').alerts(1).batch(), NOW_MS);
  expect(listHosts(hub.database.sql, AFTER, NOW_MS + 1)).toMatchObject([{ state: 'ok' }]);
  expect(listHosts(hub.database.sql, AFTER, NOW_MS + AFTER + 1)).toMatchObject([{ state: 'silent', sinceMs: NOW_MS }]);
});

it('says stopped where the agent had said so, and silent again after its next start', () => {
  using hub = new TestHub();
  const journal = journalOf('h1');
  journal.heartbeat(NOW_MS);
  journal.stop();
  hub.store(journal.batch(), NOW_MS);
  const later = NOW_MS + 9 * AFTER;
  expect(listHosts(hub.database.sql, AFTER, later)).toMatchObject([{ state: 'stopped', sinceMs: NOW_MS }]);
  journal.heartbeat();
  hub.store(journal.batch(), NOW_MS);
  expect(listHosts(hub.database.sql, AFTER, later)).toMatchObject([{ state: 'silent' }]);
});

it('how far behind: by the age of the newest heartbeat when it came; a clock that is ahead is not behind', () => {
  using hub = new TestHub();
  const [late, ahead] = [journalOf('h1'), journalOf('h2')];
  late.heartbeat(NOW_MS - 90 * MINUTE);
  ahead.heartbeat(NOW_MS + 90 * MINUTE);
  for (const journal of [late, ahead]) hub.store(journal.batch(), NOW_MS);
  expect(listHosts(hub.database.sql, AFTER, NOW_MS)).toMatchObject([
    { hostId: 'h1', state: 'ok', lagMs: 90 * MINUTE },
    { hostId: 'h2', state: 'ok', lagMs: 0 },
  ]);
});

it('a fork is shown while it is refused, remembered after', () => {
  using hub = new TestHub();
  const original = journalOf('h1');
  original.heartbeat();
  const clone = original.clone();
  original.heartbeat();
  clone.alert();
  hub.store(original.batch(), NOW_MS);
  hub.store(clone.batch(), NOW_MS + 1);
  const fork = { journalId: clone.journalId, seq: 2, firstMs: NOW_MS + 1, seenMs: NOW_MS + 1, count: 1 };
  expect(listHosts(hub.database.sql, AFTER, NOW_MS + 2)).toMatchObject([{ state: 'fork', forks: [fork] }]);
  original.heartbeat();
  hub.store(original.batch(), NOW_MS + 2 * AFTER);
  expect(listHosts(hub.database.sql, AFTER, NOW_MS + 2 * AFTER)).toMatchObject([{ state: 'ok', forks: [fork] }]);
});

it('a revoked host is not silent; numbers are per host', () => {
  using hub = new TestHub();
  hub.store(journalOf('h1').alerts(3).batch(), NOW_MS);
  hub.store(journalOf('h2').alerts(2).batch(), NOW_MS);
  new Credentials(hub.database.sql).revoke('h1', NOW_MS + 7);
  expect(listHosts(hub.database.sql, AFTER, NOW_MS + 9 * AFTER)).toMatchObject([
    { hostId: 'h1', state: 'revoked', sinceMs: NOW_MS + 7, records: 3, alerts: 3, journals: 1 },
    { hostId: 'h2', state: 'silent', records: 2, alerts: 2 },
  ]);
});

it('states are counted as they are listed', () => {
  using hub = new TestHub();
  const [alive, forked, stopped] = [journalOf('h1'), journalOf('h2'), journalOf('h3')];
  const clone = forked.clone();
  alive.heartbeat();
  forked.heartbeat();
  clone.alert();
  stopped.heartbeat();
  stopped.stop();
  for (const journal of [forked, clone, stopped, journalOf('h4').alerts(1), journalOf('h5').alerts(1)]) {
    hub.store(journal.batch(), NOW_MS);
  }
  hub.store(alive.batch(), NOW_MS + AFTER);
  hub.store(clone.batch(), NOW_MS + AFTER);
  new Credentials(hub.database.sql).revoke('h5', NOW_MS);
  const at = NOW_MS + AFTER + 1;
  expect(countHosts(hub.database.sql, AFTER, at)).toEqual({ ok: 1, silent: 1, stopped: 1, fork: 1, revoked: 1 });
  expect(listHosts(hub.database.sql, AFTER, at).map(({ state }) => state)).toEqual([
    'ok',
    'fork',
    'stopped',
    'silent',
    'revoked',
  ]);
});
