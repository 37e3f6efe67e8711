import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Alert } from '../../src/detect/alert.ts';
import { Detector } from '../../src/detect/detector.ts';
import { openTermStore } from '../../src/detect/term-store-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Counters } from '../../src/stats.ts';
import { DAY, execEvent } from './events.ts';
import { makeRule } from './rules.ts';

// One sequence of events, cut at every index: stopped (or crashed) there and started again, the alerts are the same.

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-restart-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const fields = new FieldTable();
const TERMS = makeRule(fields, 'process.name:a', { rule_id: 'terms' }, ['process.parent.name', 'process.args']);
const CAPPED = makeRule(fields, 'process.name:a', { rule_id: 'capped', max_signals: 3 });

/** Parent, argument, day; a boot ends with each jump of more than a day. */
const STEPS: readonly (readonly [string, string, number])[] = [
  ['/x', '1', 0],
  ['/x', '1', 0.001],
  ['/\udcff', '1', 0.0011],
  ['/\udcfe', '1', 0.0012],
  ['/x', '2', 0.0013],
  ['/x', '1', 3],
  ['/y', '1', 3.001],
  ['/x', '2', 8],
  ['/x', '1', 8.0001],
  ['/y', '1', 19],
  ['/y', '1', 19.00001],
];

const EVENTS = STEPS.map(([parent, argument, day], i) =>
  execEvent(
    fields,
    { 'process.name': 'a', 'process.parent.name': parent, 'process.args': argument },
    { id: `e${i}`, wallMs: day * DAY, bootId: `boot-${Math.floor(day)}` },
  ),
);

/** The alert's bytes as they would be journalled. */
const written = ({ document, gaps }: Alert) => JSON.stringify({ document, gaps });

type Journal = { alert: Alert; index: number }[];

function start(directory: string, rules: (typeof TERMS)[], journal: Journal) {
  const counters = new Counters();
  const terms = openTermStore(directory, counters);
  const detector = new Detector({ rules, fields, counters, terms });
  journal.slice(terms.checkpointSeq).forEach(({ alert, index }, i) => {
    detector.applyAlert(alert.rule_id, alert.terms, EVENTS[index]!, terms.checkpointSeq + i + 1);
  });
  return { terms, detector };
}

function run({ detector }: ReturnType<typeof start>, from: number, to: number, journal: Journal): void {
  for (let index = from; index < to; index++) {
    for (const alert of detector.evaluate(EVENTS[index]!)) {
      journal.push({ alert, index });
      detector.durable(alert, journal.length);
    }
  }
}

function whole(rules: (typeof TERMS)[]): string[] {
  const journal: Journal = [];
  const directory = join(folder, 'whole');
  mkdirSync(directory);
  const stage = start(directory, rules, journal);
  run(stage, 0, EVENTS.length, journal);
  stage.terms.close();
  return journal.map(({ alert }) => written(alert));
}

it('a stop changes no alert, wherever it happens', () => {
  const expected = whole([TERMS, CAPPED]);
  expect(expected.length).toBeGreaterThan(9);
  for (let at = 0; at <= EVENTS.length; at++) {
    const directory = join(folder, `cut-${at}`);
    mkdirSync(directory);
    const journal: Journal = [];
    const before = start(directory, [TERMS, CAPPED], journal);
    run(before, 0, at, journal);
    before.terms.close();
    const after = start(directory, [TERMS, CAPPED], journal);
    run(after, at, EVENTS.length, journal);
    after.terms.close();
    expect(journal.map(({ alert }) => written(alert))).toEqual(expected);
  }
});

/** What a crash may lose is the last sighting in the minute before it: that tuple can alert once more, no other. */
it('a crash hides no alert, and repeats none but for what was seen last', () => {
  const expected: string[] = whole([TERMS]).map((text) => JSON.parse(text).document.kibana.alert.uuid);
  let repeated = 0;
  for (let at = 0; at <= EVENTS.length; at++) {
    const [live, left] = [join(folder, `live-${at}`), join(folder, `left-${at}`)];
    for (const directory of [live, left]) mkdirSync(directory);
    const journal: Journal = [];
    const before = start(live, [TERMS], journal);
    run(before, 0, at, journal);
    for (const file of ['terms.db', 'terms.db-wal']) {
      if (existsSync(join(live, file))) copyFileSync(join(live, file), join(left, file));
    }
    before.terms.close();
    const after = start(left, [TERMS], journal);
    run(after, at, EVENTS.length, journal);
    after.terms.close();
    const more = journal.filter(({ alert }) => !expected.includes(alert.uuid));
    expect(journal.filter((entry) => !more.includes(entry)).map(({ alert }) => alert.uuid)).toEqual(expected);
    const [parent, argument] = STEPS[at - 1] ?? [];
    for (const { alert } of more) expect(alert.terms).toEqual([parent, argument]);
    repeated += more.length;
  }
  expect(repeated).toBeLessThanOrEqual(1);
});
