import { expect, it } from 'vitest';
import { Amends } from '../../src/agent/amends.ts';
import { Outbox } from '../../src/agent/outbox.ts';
import type { Alert } from '../../src/detect/alert.ts';
import { decodeEnvelope } from '../../src/proto/alert-codec.ts';
import { decodeAmend } from '../../src/proto/record-codec.ts';
import { Counters } from '../../src/stats.ts';
import { sampleAlert } from '../commands/sample-alert.ts';
import { FakeJournalWriter } from './fake-journal-writer.ts';
import { logged } from './logged.ts';

/** Outbox and amends on one journal, as agent.ts ties them. */
function parts(maxHeldBytes = 1 << 20) {
  const journal = new FakeJournalWriter();
  const counters = new Counters();
  const { log, lines } = logged();
  const amends = new Amends({ journal, counters, log, wallMs: () => 7 });
  const onDurable = (alert: Alert) => amends.durable(alert);
  const onGivenUp = amends.givenUp.bind(amends);
  const outbox = new Outbox({ journal, counters, log, onDurable, onDropped: () => {}, onGivenUp, maxHeldBytes });
  const make = (uuid: string, over: Partial<Alert> = {}) => {
    const alert = sampleAlert({ uuid, severity: 'high', ...over });
    amends.made(alert);
    outbox.put(alert);
  };
  const amend = (uuid: string) =>
    amends.put({ uuid, severity: 'high', document: { process: { hash: { sha256: uuid } } } });
  const written = () =>
    journal.records.map(({ kind, payload }) =>
      kind === 'alert' ? `alert ${decodeEnvelope(payload).uuid}` : `amend ${decodeAmend(payload).uuid}`,
    );
  return { journal, counters, lines, amends, outbox, make, amend, written };
}

it('an amend is written behind its alert, with its rank, also when it comes before the journal has answered', async () => {
  const { make, amend, outbox, amends, written, journal, counters } = parts();
  make('a');
  make('b');
  amend('b');
  amend('a');
  await outbox.drain();
  await amends.settled();
  expect(written()).toEqual(['alert a', 'alert b', 'amend a', 'amend b']);
  const [, , first] = journal.records;
  expect(first).toMatchObject({ kind: 'amend', rank: 2, wallMs: 7 });
  const document = { process: { hash: { sha256: 'a' } } };
  expect(decodeAmend(first!.payload)).toEqual({ uuid: 'a', number: 1, document });
  expect(counters.get('agent_amends_journalled_total')).toBe(2);
});

it('one that comes later is written at once', async () => {
  const { make, amend, outbox, amends, written } = parts();
  make('a');
  await outbox.drain();
  amend('a');
  await amends.settled();
  expect(written()).toEqual(['alert a', 'amend a']);
});

it('one of an alert that the journal refuses waits until that is taken', async () => {
  const { make, amend, outbox, amends, written, journal } = parts();
  journal.refuseWith = 'FB_JOURNAL_FULL';
  make('a');
  amend('a');
  await new Promise((resolve) => setImmediate(resolve));
  expect(journal.appends).toBe(1);
  journal.refuseWith = undefined;
  outbox.retry();
  await outbox.drain();
  await amends.settled();
  expect(written()).toEqual(['alert a', 'amend a']);
});

it.each<[why: string, run: (at: ReturnType<typeof parts>) => void]>([
  ['is too large', ({ journal }) => void Object.assign(journal, { refuseWith: 'FB_JOURNAL_RECORD_SIZE' })],
  ['is refused until the end', ({ journal }) => void Object.assign(journal, { refuseWith: 'FB_JOURNAL_FULL' })],
])('one of an alert that %s falls away, counted', async (_why, refuse) => {
  const at = parts();
  refuse(at);
  at.make('a');
  at.amend('a');
  await at.outbox.drain();
  await at.amends.settled();
  expect([at.written(), at.journal.appends]).toEqual([[], at.counters.get('agent_alerts_refused_total')]);
  expect(at.counters.get('agent_amends_dropped_total', 'alert_dropped')).toBe(1);
});

it('one of an alert that cannot be encoded falls away', async () => {
  const { make, amend, amends, counters, written } = parts();
  make('a', { eventBootNs: null as unknown as bigint });
  expect(counters.get('agent_alerts_dropped_total', 'unencodable')).toBe(1);
  amend('a');
  await amends.settled();
  expect(written()).toEqual([]);
  expect(counters.get('agent_amends_dropped_total', 'alert_dropped')).toBe(1);
});

it('one that the journal refuses is missing, counted, and said once until one is taken', async () => {
  const { make, amend, outbox, amends, counters, lines, journal } = parts();
  make('a');
  await outbox.drain();
  journal.refuseWith = 'FB_JOURNAL_FULL';
  for (const uuid of ['a', 'a']) amend(uuid);
  await amends.settled();
  expect(counters.get('agent_amends_dropped_total', 'journal_refuses')).toBe(2);
  expect(lines.map(({ message }) => message)).toEqual([
    'the journal refuses an amend record: refused with FB_JOURNAL_FULL',
  ]);
  journal.refuseWith = undefined;
  amend('a');
  await amends.settled();
  journal.refuseWith = 'FB_JOURNAL_FULL';
  amend('a');
  await amends.settled();
  expect(lines).toHaveLength(2);
});

const count = (uuid: string, n: number) => ({
  uuid,
  severity: 'high',
  number: n + 1,
  document: { kibana: { alert: { suppression: { docs_count: n } } } },
});
const amendsIn = ({ records }: FakeJournalWriter) =>
  records.flatMap(({ kind, payload }) => (kind === 'amend' ? [decodeAmend(payload)] : []));

it('a count that the journal refuses is tried again, the latest of each alert alone', async () => {
  const { make, outbox, amends, counters, journal } = parts();
  make('a');
  await outbox.drain();
  journal.refuseWith = 'FB_JOURNAL_FULL';
  for (const n of [1, 5, 3]) amends.put(count('a', n));
  await amends.settled();
  amends.retry();
  await amends.settled();
  expect(amendsIn(journal)).toEqual([]);
  journal.refuseWith = undefined;
  amends.retry();
  await amends.settled();
  amends.retry();
  await amends.settled();
  expect(amendsIn(journal).map(({ number }) => number)).toEqual([6]);
  expect(counters.get('agent_amends_dropped_total', 'journal_refuses')).toBe(0);
});

it('at the end once more, and is counted then', async () => {
  const { make, outbox, amends, counters, journal } = parts();
  make('a');
  await outbox.drain();
  journal.refuseWith = 'FB_JOURNAL_FULL';
  amends.put(count('a', 1));
  await amends.drain();
  expect(counters.get('agent_amends_dropped_total', 'journal_refuses')).toBe(1);
  await amends.drain();
  expect(counters.get('agent_amends_dropped_total', 'journal_refuses')).toBe(1);
});

it('what becomes known of an alert before the journal has it is one amend, under the latest number', async () => {
  const { make, amend, outbox, amends, journal } = parts();
  make('a');
  amends.put(count('a', 1));
  amend('a');
  amends.put(count('a', 2));
  await outbox.drain();
  await amends.settled();
  expect(amendsIn(journal)).toEqual([
    {
      uuid: 'a',
      number: 3,
      document: { process: { hash: { sha256: 'a' } }, kibana: { alert: { suppression: { docs_count: 2 } } } },
    },
  ]);
});
