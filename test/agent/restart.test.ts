// What a run finds of the one before: a crash between journal and term store, an unclean stop, records that cannot be read,
// what retention dropped at open.

import { cpSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openJournalFor } from '../../src/agent/journal-for-io.ts';
import { restoreTerms } from '../../src/agent/restore-terms.ts';
import { journalDirectory } from '../../src/config.ts';
import type { Alert } from '../../src/detect/alert.ts';
import { Detector } from '../../src/detect/detector.ts';
import { readHistories } from '../../src/detect/term-history-io.ts';
import { openTermStore } from '../../src/detect/term-store-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import type { JournalExpiry, JournalRecord } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { encodeAlert } from '../../src/proto/alert-codec.ts';
import { encodeLifecycle } from '../../src/proto/record-codec.ts';
import { Counters } from '../../src/stats.ts';
import { execEvent } from '../detect/events.ts';
import { makeRule } from '../detect/rules.ts';
import { START } from '../enrich/fake-host.ts';
import { configIn, journalOf, newFolder, remove, runOver, start, story, words } from './agent-run.ts';
import { logged } from './logged.ts';

let state: string;
beforeEach(() => {
  state = newFolder();
});
afterEach(() => remove(state));

describe('a crash', () => {
  /** A copy of the state as it is now: what a crash at this moment leaves behind. */
  function crashed(): string {
    const copy = newFolder();
    cpSync(state, copy, { recursive: true });
    return copy;
  }

  it('after the alert was journalled, before its term was: the term counts as seen, the start says so', async () => {
    const run = await start(state);
    await run.ready;
    run.sensor.batch(story());
    await expect.poll(() => run.alerts.length).toBe(1);
    const left = crashed();
    run.stop();
    await run.done;
    try {
      const again = await runOver(left, story());
      expect(again.ready.restored).toBe(1);
      expect(again.alerts).toEqual([]);
      const life = words(await journalOf(left));
      // The state lies elsewhere now, which is a change of configuration.
      expect(life).toEqual(['start', 'alert', 'gap not_running', 'start unclean', 'configuration', 'stop']);
      // Now it is in the term store: nothing is left to restore.
      expect((await runOver(left, story())).ready).toMatchObject({ restored: 0, terms: 1 });
      expect(words(await journalOf(left)).slice(6)).toEqual(['start', 'stop']);
    } finally {
      remove(left);
    }
  });

  it('on a host where nothing happens: what was seen a minute before is kept', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      let bootMs = 30_000;
      const clock = { wallMs: () => START.wallOffsetMs + bootMs, bootNs: () => BigInt(bootMs) * 1_000_000n };
      const run = await start(state, { clock });
      await run.ready;
      const again = story().map((record) => ({ ...record, bootNs: record.bootNs! + 20_000_000_000n }));
      run.sensor.batch([...story(), ...again]);
      await expect.poll(() => run.alerts.length).toBe(1);
      const lastSeen = () => {
        const left = crashed();
        const seen = [...readHistories(left)].flatMap((history) => [...history.seen.values()]);
        remove(left);
        return seen.map(({ bootNs }) => bootNs);
      };
      expect(lastSeen()).not.toContain(again.at(-2)!.bootNs);
      bootMs += 61_000;
      vi.advanceTimersByTime(1000);
      expect(lastSeen()).toEqual([again.at(-2)!.bootNs]);
      run.stop();
      await run.done;
    } finally {
      vi.useRealTimers();
    }
  });

  it('before the alert was journalled: it comes again', async () => {
    const run = await start(state);
    await run.ready;
    const left = crashed();
    run.sensor.batch(story());
    run.stop();
    await run.done;
    expect(run.alerts).toHaveLength(1);
    try {
      expect((await runOver(left, story())).alerts).toHaveLength(1);
    } finally {
      remove(left);
    }
  });
});

describe('restoring terms', () => {
  const fields = new FieldTable();
  const rules = [makeRule(fields, 'process.name:a', { max_signals: 3 }, ['process.parent.name'])];
  const event = (parent: string) => execEvent(fields, { 'process.name': 'a', 'process.parent.name': parent });

  function setUp() {
    const counters = new Counters();
    const terms = openTermStore(state, counters);
    const detector = new Detector({ rules, fields, counters, terms });
    return { counters, terms, detector, ...logged() };
  }

  function alertsOf(...parents: string[]): Alert[] {
    const detector = new Detector({ rules, fields, counters: new Counters() });
    return parents.flatMap((parent) => detector.evaluate(event(parent)));
  }

  function* records(payloads: readonly Uint8Array[]): Generator<JournalRecord> {
    for (const [i, payload] of payloads.entries()) {
      yield { seq: i + 1, kind: 1, kindName: 'alert', rank: 1, wallMs: 0, payload, journalId: 'j' };
    }
  }

  const reader = (payloads: readonly Uint8Array[]) =>
    async function* (fromSeq: number) {
      for (const record of records(payloads)) if (record.seq >= fromSeq) yield record;
    };

  it('steps over what cannot be decoded, counts it, says so twice at most, and takes the others', async () => {
    const { counters, terms, detector, log, lines } = setUp();
    const garbage = Buffer.from('no alert at all');
    const payloads = [garbage, ...alertsOf('p', 'q').map(encodeAlert), garbage, garbage];
    const applied = await restoreTerms({ read: reader(payloads), terms, detector, counters, log });
    expect([applied, counters.get('agent_alerts_undecodable_total')]).toEqual([2, 3]);
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'warn']);
    expect(['p', 'q', 'r'].map((parent) => detector.evaluate(event(parent)).length)).toEqual([0, 0, 1]);
    terms.close();
  });

  it('begins after the checkpoint, so that nothing counts twice for max_signals', async () => {
    const payloads = alertsOf('p', 'q').map(encodeAlert);
    const first = setUp();
    expect(await restoreTerms({ ...first, read: reader(payloads) })).toBe(2);
    first.terms.close();
    const second = setUp();
    expect(second.terms.checkpointSeq).toBe(2);
    expect(await restoreTerms({ ...second, read: reader(payloads) })).toBe(0);
    // Two of three are used up.
    expect(['r', 's'].map((parent) => second.detector.evaluate(event(parent)).length)).toEqual([1, 0]);
    second.terms.close();
  });

  it('leaves records of other kinds and alerts of rules that are gone alone', async () => {
    const { counters, terms, detector, log } = setUp();
    const [alert] = alertsOf('p');
    const read = async function* (): AsyncGenerator<JournalRecord> {
      const [record] = [...records([encodeAlert({ ...alert!, rule_id: 'gone' })])];
      yield { ...record!, kind: 3, kindName: 'gap' };
      yield { ...record!, seq: 2 };
    };
    expect(await restoreTerms({ read, terms, detector, counters, log })).toBe(1);
    expect(detector.evaluate(event('p'))).toHaveLength(1);
    terms.close();
  });
});

describe('the journal at open', () => {
  const clock = { wallMs: () => START.wallOffsetMs, bootNs: () => 0n };
  const source = () => ({ config: configIn(state), start: START, counters: new Counters(), clock });
  const lifecycle = (event: 'start' | 'stop' | 'configuration') =>
    encodeLifecycle({
      event,
      version: '',
      detail: '',
      bootId: '',
      ruleSetHash: '',
      counters: [],
      afterUncleanStop: false,
    });

  it.each([
    ['empty', [], false],
    ['ended by a stop', [lifecycle('start'), lifecycle('stop')], false],
    ['ended without', [lifecycle('stop'), lifecycle('start')], true],
    ['ended after another record', [lifecycle('start'), lifecycle('configuration')], true],
    ['ended by what cannot be read', [lifecycle('stop'), Buffer.from([0xff])], true],
  ])('%s: unclean is %s', async (_name, payloads, unclean) => {
    const before = await openJournalFor(source());
    for (const payload of payloads) await before.journal.append(payload, { kind: 'lifecycle', rank: 2, wallMs: 1 });
    await before.journal.append(Buffer.from('x'), { kind: 'gap', rank: 2, wallMs: 2 });
    await before.journal.close();
    const after = await openJournalFor(source());
    expect(after.lastRun?.unclean ?? false).toBe(unclean);
    expect(after.lastRun?.endMs).toBe(payloads.length === 0 ? undefined : 2);
    await after.journal.close();
  });

  it('looks at the newest segments only for how the run before ended: one that filled them had not stopped', async () => {
    const config = configIn(state);
    const small = { ...source(), config: { ...config, journal: { ...config.journal, segmentBytes: 65_536 } } };
    const wallMs = clock.wallMs();
    const before = await openJournalFor(small);
    await before.journal.append(lifecycle('stop'), { kind: 'lifecycle', rank: 2, wallMs });
    for (let i = 0; i < 20; i++) await before.journal.append(Buffer.alloc(30_000), { kind: 'alert', rank: 0, wallMs });
    expect(before.journal.status().segments).toBeGreaterThan(4);
    await before.journal.close();
    const after = await openJournalFor(small);
    expect(after.lastRun).toEqual({ unclean: true, endMs: wallMs });
    await after.journal.close();
  });

  it('tells what retention dropped before anyone listened, and what it drops later', async () => {
    const directory = journalDirectory(state);
    const filled = await openJournal({
      directory,
      hostIdentity: 'x',
      hostId: 'h',
      counters: new Counters(),
      nowMs: clock.wallMs,
      reserveBytes: 0,
      maxSegmentBytes: 65_536,
    });
    for (let i = 0; i < 20; i++) {
      await filled.append(Buffer.alloc(30_000), { kind: 'alert', rank: 0, wallMs: clock.wallMs() });
    }
    await filled.close();
    const config = configIn(state);
    const journal = { ...config.journal, maxBytes: 262_144, segmentBytes: 65_536, highSeverityBytes: 0 };
    const opened = await openJournalFor({ ...source(), config: { ...config, journal } });
    const told: JournalExpiry[] = [];
    opened.onExpired((expiry) => told.push(expiry));
    const early = told.length;
    expect(early).toBeGreaterThan(0);
    expect(told[0]).toMatchObject({ fromSeq: 1 });
    const undelivered = told.reduce((sum, expiry) => sum + expiry.undelivered, 0);
    expect(undelivered).toBe(told.at(-1)!.toSeq);
    for (let i = 0; i < 6; i++) {
      await opened.journal.append(Buffer.alloc(30_000), { kind: 'alert', rank: 0, wallMs: clock.wallMs() });
    }
    expect(told.length).toBeGreaterThan(early);
    await opened.journal.close();
  });

  it('tells of it in gap records behind the start', async () => {
    await runOver(state, story());
    const config = configIn(state);
    // A day later everything is too old; the clock of that run says so.
    const later = { wallMs: () => START.wallOffsetMs + 86_400_000, bootNs: () => 60_000_000_000n };
    const aged = { ...config, journal: { ...config.journal, maxAgeMs: 3_600_000, segmentBytes: 256 } };
    const run = await runOver(state, story(), { config: aged, clock: later });
    await run.done;
    const next = await runOver(state, [], { config: aged, clock: { ...later, wallMs: () => later.wallMs() * 2 } });
    await next.done;
    expect(words(await journalOf(state)).slice(0, 2)).toEqual(['start', 'gap expired_records']);
  });
});
