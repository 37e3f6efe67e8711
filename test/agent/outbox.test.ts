import { describe, expect, it } from 'vitest';
import { Outbox } from '../../src/agent/outbox.ts';
import type { Alert } from '../../src/detect/alert.ts';
import { decodeEnvelope, encodeAlert } from '../../src/proto/alert-codec.ts';
import { Counters } from '../../src/stats.ts';
import { sampleAlert } from '../commands/sample-alert.ts';
import { FakeJournalWriter } from './fake-journal-writer.ts';
import { logged } from './logged.ts';

const alert = (uuid: string, part: Partial<Alert> = {}) => sampleAlert({ uuid, ...part });
/** Of one alert as the journal stores it; all of these tests have names of one length. */
const BYTES = encodeAlert(alert('a00')).length;
const names = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `a${String(from + i).padStart(2, '0')}`);

function setUp(maxHeldBytes?: number) {
  const journal = new FakeJournalWriter();
  const counters = new Counters();
  const { log, lines } = logged();
  const shown: [string, number][] = [];
  const dropped: number[] = [];
  const outbox = new Outbox({
    journal,
    counters,
    log,
    onDurable: ({ uuid }, seq) => shown.push([uuid, seq]),
    onDropped: (count) => dropped.push(count),
    ...(maxHeldBytes !== undefined && { maxHeldBytes }),
  });
  const put = (...uuids: string[]) => {
    for (const uuid of uuids) outbox.put(alert(uuid));
  };
  const stored = () => journal.records.map(({ payload }) => decodeEnvelope(payload).uuid);
  return { journal, counters, lines, shown, dropped, outbox, put, stored };
}

/** Lets every answer of the journal come in: each takes a few turns of the microtask queue. */
const answers = () => new Promise((resolve) => setImmediate(resolve));

describe('a journal that takes', () => {
  it('gets alerts in the order of put, and each is shown after its acknowledgement, in the order of seqs', async () => {
    const { put, shown, stored, outbox } = setUp();
    put(...names(1, 20));
    expect(shown).toEqual([]);
    await outbox.drain();
    expect(stored()).toEqual(names(1, 20));
    expect(shown).toEqual(names(1, 20).map((uuid, i) => [uuid, i + 1]));
  });

  it('ranks by severity and is told when the alert was detected', async () => {
    const { outbox, journal } = setUp();
    const severities = ['low', 'medium', 'high', 'critical'] as const;
    for (const severity of severities) outbox.put(alert('a', { severity, detectedWallMs: 77 }));
    await outbox.drain();
    expect(journal.records.map(({ kind, rank, wallMs }) => [kind, rank, wallMs])).toEqual(
      [0, 1, 2, 3].map((rank) => ['alert', rank, 77]),
    );
  });
});

describe('a journal that refuses', () => {
  it('shows nothing, and shows all of it once the journal takes again: in the order of put', async () => {
    const { journal, put, outbox, shown, stored, counters, lines } = setUp();
    journal.refuseWith = 'FB_JOURNAL_FULL';
    put(...names(1, 3));
    await answers();
    put(...names(4, 6));
    await answers();
    expect([shown, stored()]).toEqual([[], []]);
    journal.refuseWith = undefined;
    // Between the first that is taken and the rest, another one comes.
    outbox.retry();
    put('a07');
    await answers();
    expect(stored()).toEqual(names(1, 7));
    expect(shown.map(([, seq]) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(counters.get('agent_alerts_journalled_total')).toBe(7);
    expect(lines.map(({ level }) => level)).toEqual(['error', 'info']);
  });

  it('is asked with one alert at each retry, and log and order stay quiet', async () => {
    const { journal, put, outbox, counters, lines, stored } = setUp();
    journal.refuseWith = 'FB_JOURNAL_FULL';
    put(...names(1, 5));
    await answers();
    const before = journal.appends;
    for (let i = 0; i < 4; i++) {
      outbox.retry();
      await answers();
    }
    expect(journal.appends - before).toBe(4);
    expect(counters.get('agent_alerts_refused_total')).toBe(9);
    expect(lines).toHaveLength(1);
    journal.refuseWith = undefined;
    outbox.retry();
    await answers();
    expect(stored()).toEqual(names(1, 5));
  });

  it('goes on by itself when it refused some only because too much waited', async () => {
    const { journal, put, shown, stored } = setUp();
    journal.refuses = (payload) =>
      decodeEnvelope(payload).uuid === 'a03' && journal.appends <= 5 ? 'FB_JOURNAL_QUEUE' : undefined;
    put(...names(1, 5));
    await answers();
    expect(stored()).toEqual(['a01', 'a02', 'a04', 'a05', 'a03']);
    expect(shown.map(([uuid]) => uuid)).toEqual(stored());
  });

  it('keeps the oldest within the bound of bytes, counts the others, and tells of them once', async () => {
    const { journal, put, outbox, counters, dropped, stored } = setUp(3 * BYTES + 1);
    journal.refuseWith = 'FB_JOURNAL_FULL';
    put(...names(1, 2));
    await answers();
    put(...names(3, 9));
    await answers();
    outbox.retry();
    put('a10');
    await answers();
    expect(counters.get('agent_alerts_dropped_total', 'journal_refuses')).toBe(7);
    expect(dropped).toEqual([]);
    journal.refuseWith = undefined;
    outbox.retry();
    await answers();
    expect([stored(), dropped]).toEqual([names(1, 3), [7]]);
    put('a11');
    await outbox.drain();
    expect([stored(), dropped]).toEqual([[...names(1, 3), 'a11'], [7]]);
  });

  it('keeps what is severe: of what waits the newest of the least severity makes room', async () => {
    const { journal, outbox, counters, stored, shown } = setUp(4 * BYTES);
    const puts = (...all: [string, Alert['severity']][]) => {
      for (const [uuid, severity] of all) outbox.put(alert(uuid, { severity }));
    };
    journal.refuseWith = 'FB_JOURNAL_FULL';
    puts(['a01', 'low'], ['a02', 'medium'], ['a03', 'low'], ['a04', 'low']);
    await answers();
    puts(['a05', 'high'], ['a06', 'low'], ['a07', 'critical'], ['a08', 'medium'], ['a09', 'high'], ['a10', 'medium']);
    await answers();
    // Of four: 05 pushed out 04, 07 03, 08 01; 09 pushed out 08; 06 and 10 found nothing less severe.
    expect(counters.get('agent_alerts_dropped_total', 'journal_refuses')).toBe(6);
    journal.refuseWith = undefined;
    await outbox.drain();
    expect(stored()).toEqual(['a02', 'a05', 'a07', 'a09']);
    expect(shown.map(([uuid]) => uuid)).toEqual(stored());
  });

  it('shows what it held as it was put', async () => {
    const { journal, outbox } = setUp();
    const seen: Alert[] = [];
    const held = new Outbox({
      journal,
      counters: new Counters(),
      log: logged().log,
      onDurable: (each) => seen.push(each),
      onDropped: () => {},
    });
    const whole = alert('a01', { terms: ['/a\udcff'], gaps: [{ kind: 'truncated', detail: 'args', count: 3 }] });
    journal.refuseWith = 'FB_JOURNAL_FULL';
    held.put(whole);
    await answers();
    journal.refuseWith = undefined;
    await held.drain();
    await outbox.drain();
    expect(seen).toEqual([whole]);
  });

  it('tells of each that is given up what state is rebuilt from, held or not', async () => {
    const journal = new FakeJournalWriter();
    const given: unknown[] = [];
    const outbox = new Outbox({
      ...{ journal, counters: new Counters(), log: logged().log, onDurable: () => {}, onDropped: () => {} },
      onGivenUp: ({ uuid, rule_id, terms, group }) => given.push([uuid, rule_id, terms, group]),
      maxHeldBytes: BYTES + BYTES / 2,
    });
    journal.refuseWith = 'FB_JOURNAL_FULL';
    outbox.put(alert('a01', { rule_id: 'r1', terms: ['/a\udcff'], severity: 'low' }));
    await answers();
    outbox.put(alert('a02', { rule_id: 'r2', terms: ['b'], group: '["x"]', severity: 'low' }));
    outbox.put(alert('a03', { rule_id: 'r3', terms: ['c'], severity: 'high' }));
    expect(given).toEqual([
      ['a02', 'r2', ['b'], '["x"]'],
      ['a01', 'r1', ['/a\udcff'], undefined],
    ]);
    await outbox.drain();
    expect(given[2]).toEqual(['a03', 'r3', ['c'], undefined]);
  });

  it('frees the room of what it took', async () => {
    const { journal, put, outbox, counters, stored } = setUp(2 * BYTES);
    for (let round = 0; round < 3; round++) {
      journal.refuseWith = 'FB_JOURNAL_FULL';
      put(...names(2 * round + 1, 2 * round + 2));
      await answers();
      journal.refuseWith = undefined;
      outbox.retry();
      await answers();
    }
    expect(stored()).toEqual(names(1, 6));
    expect(counters.get('agent_alerts_dropped_total', 'journal_refuses')).toBe(0);
  });
});

describe('drain', () => {
  it('offers once more what is held', async () => {
    const { journal, put, outbox, shown, dropped } = setUp();
    journal.refuseWith = 'FB_JOURNAL_FULL';
    put(...names(1, 3));
    await answers();
    journal.refuseWith = undefined;
    await outbox.drain();
    expect([shown.length, dropped]).toEqual([3, []]);
  });

  it('counts and tells what the journal refuses to the end', async () => {
    const { journal, put, outbox, counters, shown, dropped } = setUp();
    journal.refuseWith = 'FB_JOURNAL_FULL';
    put(...names(1, 3));
    await outbox.drain();
    expect([shown, dropped]).toEqual([[], [3]]);
    expect(counters.get('agent_alerts_dropped_total', 'journal_refuses')).toBe(3);
  });

  it('loses count of none: put = journalled + dropped, whatever the journal does', async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const { journal, put, outbox, counters, shown, stored } = setUp(4 * BYTES);
      let state = seed;
      const random = () => {
        state = (state * 48271) % 2147483647;
        return state / 2147483647;
      };
      journal.refuses = () => (random() < 0.6 ? 'FB_JOURNAL_FULL' : undefined);
      for (const uuid of names(1, 40)) {
        put(uuid);
        if (random() < 0.3) outbox.retry();
        if (random() < 0.5) await answers();
      }
      await outbox.drain();
      const journalled = counters.get('agent_alerts_journalled_total');
      expect([seed, journalled + counters.get('agent_alerts_dropped_total', 'journal_refuses')]).toEqual([seed, 40]);
      expect(shown.map(([uuid]) => uuid)).toEqual(stored());
      expect(new Set(stored()).size).toBe(journalled);
    }
  });
});

describe('an alert that cannot be kept at all', () => {
  it('too large for the journal: is dropped and told, and the others pass', async () => {
    const { journal, put, outbox, counters, dropped, stored } = setUp();
    journal.refuses = (payload) => (decodeEnvelope(payload).uuid === 'a01' ? 'FB_JOURNAL_RECORD_SIZE' : undefined);
    put(...names(1, 3));
    await outbox.drain();
    expect([stored(), dropped]).toEqual([names(2, 3), [1]]);
    expect(counters.get('agent_alerts_dropped_total', 'too_large')).toBe(1);
  });

  it('not to be encoded: is dropped and told, and the others pass', async () => {
    const { put, outbox, counters, dropped, stored, lines } = setUp();
    outbox.put(alert('a01', { document: { n: 1n } }));
    put('a02');
    await outbox.drain();
    expect([stored(), dropped]).toEqual([['a02'], [1]]);
    expect(counters.get('agent_alerts_dropped_total', 'unencodable')).toBe(1);
    expect(lines[0]?.level).toBe('error');
  });
});
