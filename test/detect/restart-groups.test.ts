// What rules count and suppress by, cut at every event: stopped and started again, the alerts and what they count are the same;
// crashed, what is lost is bounded, and no alert comes twice.

import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Alert, AlertAmend } from '../../src/detect/alert.ts';
import { Detector } from '../../src/detect/detector.ts';
import type { Rule } from '../../src/detect/rule.ts';
import { openTermStore } from '../../src/detect/term-store-io.ts';
import type { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Counters } from '../../src/stats.ts';
import { execEvent } from './events.ts';
import { folded } from './kinds/run.ts';
import { makeRule, makeThresholdRule } from './rules.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-groups-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const fields = new FieldTable();
const suppression = { groupBy: ['process.args'], durationMs: 90_000, missingFields: 'suppress' } as const;
const counting = { fields: ['process.args'], value: 3, cardinality: [{ field: 'process.pid', value: 2 }] };
const RULES: Rule[] = [
  makeThresholdRule(fields, 'process.name:a', counting, { rule_id: 'counted', from: 'now-2m' }),
  makeRule(fields, 'process.name:a', { rule_id: 'suppressed', suppression }),
  makeThresholdRule(fields, 'process.name:a', { value: 2, fields: ['process.args'] }, { rule_id: 'both', suppression }),
  makeRule(fields, 'process.name:a', { rule_id: 'terms', suppression: { ...suppression, groupBy: ['user.name'] } }, [
    'process.pid',
    'process.args',
  ]),
];

/** Seconds, argument, pid: a value beyond 2^53 and bytes that are no UTF-8 among them. A boot ends at 400 s. */
const BIG = 2n ** 60n + 1n;
const STEPS: readonly (readonly [number, string, number | bigint])[] = [
  [0, 'x', 1],
  [1, 'x', 1],
  [2, 'y\udcff', 1],
  [9, 'x', 1],
  [12, 'x', 2],
  [13, 'y\udcff', BIG],
  [30, 'y\udcff', 1],
  [31, 'x', 3],
  [92, 'x', 1],
  [93, 'x', 2],
  [100, 'y\udcff', 1],
  [115, 'x', 1],
  [116, 'x', 2],
  [117, 'x', 1],
  [190, 'y\udcff', BIG],
  [191, 'y\udcff', BIG + 1n],
  [192, 'x', 1],
  [430, 'x', 1],
  [440, 'x', 2],
  [450, 'x', 1],
];
const EVENTS = STEPS.map(([s, argument, pid], i) =>
  execEvent(
    fields,
    { 'process.name': 'a', 'process.args': argument, 'process.pid': pid },
    {
      id: `e${i}`,
      wallMs: 1e12 + s * 1000,
      bootId: s < 400 ? 'one' : 'two',
      bootMs: s < 400 ? s * 1000 : (s - 400) * 1000,
    },
  ),
);

type Entry = { alert: Alert; event: EcsEvent } | { amend: AlertAmend };

function start(directory: string, journal: Entry[]) {
  const counters = new Counters();
  const terms = openTermStore(directory, counters);
  const onAmend = (amend: AlertAmend) => journal.push({ amend });
  const detector = new Detector({ rules: RULES, fields, counters, terms, onAmend });
  for (const [i, entry] of [...journal].entries()) {
    if (i < terms.checkpointSeq) continue;
    if ('amend' in entry) detector.applyAmend(entry.amend);
    else detector.applyAlert(entry.alert.rule_id, entry.alert.terms, entry.event, i + 1, entry.alert);
  }
  return { terms, detector, counters };
}

function run({ detector }: ReturnType<typeof start>, from: number, to: number, journal: Entry[]): void {
  for (const event of EVENTS.slice(from, to)) {
    for (const alert of detector.evaluate(event)) {
      journal.push({ alert, event });
      detector.durable(alert, journal.length);
    }
  }
}

const alertsOf = (journal: Entry[]) => journal.flatMap((entry) => ('alert' in entry ? [entry.alert] : []));
const amendsOf = (journal: Entry[]) => journal.flatMap((entry) => ('amend' in entry ? [entry.amend] : []));
const read = (journal: Entry[]) => alertsOf(journal).map((alert) => JSON.stringify(folded(alert, amendsOf(journal))));
const newFolder = () => mkdtempSync(join(folder, 'state-'));

function stop({ detector, terms }: ReturnType<typeof start>): void {
  detector.flush();
  terms.close();
}

function whole(): Entry[] {
  const journal: Entry[] = [];
  const stage = start(newFolder(), journal);
  run(stage, 0, EVENTS.length, journal);
  stop(stage);
  return journal;
}

it('the story has alerts of every rule, windows that end, counts in alerts', () => {
  const alerts = alertsOf(whole());
  const perRule = RULES.map(({ rule_id }) => alerts.filter((alert) => alert.rule_id === rule_id).length);
  expect(perRule).toEqual([6, 7, 5, 2]);
  expect(amendsOf(whole()).length).toBeGreaterThan(8);
});

it('a stop changes neither alerts nor what they count, wherever it happens', () => {
  const expected = read(whole());
  for (let at = 0; at <= EVENTS.length; at++) {
    const directory = newFolder();
    const journal: Entry[] = [];
    const before = start(directory, journal);
    run(before, 0, at, journal);
    stop(before);
    const after = start(directory, journal);
    run(after, at, EVENTS.length, journal);
    stop(after);
    expect(read(journal), `before event ${at}`).toEqual(expected);
  }
});

it('so do stops after each and every event', () => {
  const directory = newFolder();
  const journal: Entry[] = [];
  for (let at = 0; at < EVENTS.length; at++) {
    const stage = start(directory, journal);
    run(stage, at, at + 1, journal);
    stop(stage);
  }
  expect(read(journal)).toEqual(read(whole()));
});

/** Of one alert: what it counts in the end. */
const countOf = (alert: Alert, journal: Entry[]) => {
  const document = folded(alert, amendsOf(journal)) as { kibana: { alert: { suppression?: { docs_count: number } } } };
  return document.kibana.alert.suppression?.docs_count ?? 0;
};

it('a crash repeats no alert and no number; what it loses was counted in the last ten seconds, or minute', () => {
  const before = whole();
  const expected = alertsOf(before);
  const lost = { counts: 0, thresholds: 0 };
  for (let at = 0; at <= EVENTS.length; at++) {
    const [live, left] = [newFolder(), newFolder()];
    const journal: Entry[] = [];
    const first = start(live, journal);
    run(first, 0, at, journal);
    for (const file of ['terms.db', 'terms.db-wal']) {
      if (existsSync(join(live, file))) copyFileSync(join(live, file), join(left, file));
    }
    first.terms.close();
    const second = start(left, journal);
    run(second, at, EVENTS.length, journal);
    stop(second);
    const made = alertsOf(journal);
    expect(new Set(made.map(({ uuid }) => uuid)).size).toBe(made.length);
    const numbers = amendsOf(journal).map(({ uuid, number }) => `${uuid} ${number}`);
    expect(new Set(numbers).size, `numbers, before event ${at}`).toBe(numbers.length);
    const only = (rule_id: string, alerts: Alert[]) => alerts.filter((alert) => alert.rule_id === rule_id);
    expect(only('suppressed', made).map(({ uuid }) => uuid)).toEqual(
      only('suppressed', expected).map(({ uuid }) => uuid),
    );
    const recent = STEPS.slice(0, at).filter(([s]) => STEPS[at - 1]![0] - s < 10).length;
    for (const alert of only('suppressed', expected)) {
      const missing = countOf(alert, before) - countOf(alert, journal);
      expect(missing).toBeGreaterThanOrEqual(0);
      expect(missing).toBeLessThanOrEqual(recent);
      lost.counts += missing;
    }
    // Each of the two groups counts anew at worst.
    const late = only('counted', expected).length - only('counted', made).length;
    expect(late, `before event ${at}`).toBeLessThanOrEqual(2);
    lost.thresholds += Math.max(0, late);
  }
  expect(lost.counts).toBeGreaterThan(0);
  expect(lost.thresholds).toBeGreaterThan(0);
});

it('what made an alert is not kept before the journal has that: a crash between repeats it, never hides it', () => {
  const directory = newFolder();
  const first = start(directory, []);
  const made = EVENTS.slice(0, 5).flatMap((event) => first.detector.evaluate(event));
  expect(made.map(({ rule_id }) => rule_id)).toEqual(expect.arrayContaining(['counted', 'suppressed', 'both']));
  // Written by time, as on any event a minute later; none of the alerts is durable.
  first.terms.tick({ ...EVENTS[4]!, bootNs: EVENTS[4]!.bootNs + 61_000_000_000n });
  const left = newFolder();
  for (const file of ['terms.db', 'terms.db-wal']) copyFileSync(join(directory, file), join(left, file));
  const second = start(left, []);
  // The next of each: its group had all but the last event, its window is not open.
  const again = second.detector.evaluate(EVENTS[7]!);
  expect(again.map(({ rule_id }) => rule_id).sort()).toEqual(['suppressed', 'terms']);
  second.terms.close();
  first.terms.close();
});

it('what made an alert that the journal never got makes one again, and what comes after it is kept', () => {
  const directory = newFolder();
  const journal: Entry[] = [];
  const first = start(directory, journal);
  const made = EVENTS.slice(0, 5).flatMap((event) => first.detector.evaluate(event));
  for (const alert of made) first.detector.givenUp(alert);
  const again = EVENTS.slice(7, 9).flatMap((event) => first.detector.evaluate(event));
  expect(again.map(({ rule_id }) => rule_id).sort()).toEqual(['both', 'suppressed', 'terms']);
  for (const [i, alert] of again.entries()) first.detector.durable(alert, i + 1);
  stop(first);
  const second = start(directory, journal);
  // Two events of the group are counted, of two pids: this is the third.
  const third = second.detector.evaluate(EVENTS[9]!);
  expect(third.map(({ rule_id }) => rule_id)).toEqual(['counted']);
  stop(second);
});
