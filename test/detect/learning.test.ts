import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Detector } from '../../src/detect/detector.ts';
import { learningOf } from '../../src/detect/learning.ts';
import { MemoryTermStore, type TermStore } from '../../src/detect/term-store.ts';
import { openTermStore } from '../../src/detect/term-store-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Counters } from '../../src/stats.ts';
import { DAY, execEvent, type When } from './events.ts';
import { makeRule } from './rules.ts';

const fields = new FieldTable();
const RULE = makeRule(fields, 'process.name:a', { rule_id: 'r' }, ['process.parent.name']);
const PLAIN = makeRule(fields, 'process.name:a', { rule_id: 'plain' });
const HOUR = DAY / 24;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-learning-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function exec(parent: string, when: When) {
  return execEvent(fields, { 'process.name': 'a', 'process.parent.name': parent }, when);
}

interface Run {
  rules?: (typeof RULE)[];
  learnMs?: number;
  terms?: TermStore;
  counters?: Counters;
  isSelftest?: () => boolean;
}

function detector({ rules = [RULE], learnMs = DAY, counters = new Counters(), ...rest }: Run = {}) {
  return new Detector({ rules, fields, counters, learnMs: () => learnMs, ...rest });
}

describe('while a rule learns', () => {
  it('what is new is remembered and counted, and makes no alert', () => {
    const counters = new Counters();
    const terms = new MemoryTermStore(counters);
    const stage = detector({ terms, counters });
    const made = [
      ['/x', 0],
      ['/x', 1],
      ['/y', 23],
      ['/x', 25],
      ['/z', 25],
      ['/z', 26],
    ] as const;
    const alerts = made.flatMap(([parent, hour]) => stage.evaluate(exec(parent, { wallMs: hour * HOUR })));
    expect(alerts.map((alert) => alert.terms)).toEqual([['/z']]);
    expect(counters.get('detect_alerts_learned_total')).toBe(2);
    expect(counters.get('detect_alerts_made_total')).toBe(1);
    expect(terms.size).toBe(3);
  });

  it('its end is the length after its first event, that moment included in the alerts', () => {
    const stage = detector();
    stage.evaluate(exec('/x', { wallMs: 5 }));
    expect(stage.evaluate(exec('/y', { wallMs: DAY + 4 }))).toEqual([]);
    expect(stage.evaluate(exec('/z', { wallMs: DAY + 5 }))).toHaveLength(1);
  });

  it('other rules alert, and so does a self-test', () => {
    const stage = detector({ rules: [RULE, PLAIN] });
    expect(stage.evaluate(exec('/x', {})).map((alert) => alert.rule_id)).toEqual(['plain']);
    expect(detector({ isSelftest: () => true }).evaluate(exec('/x', {}))).toHaveLength(1);
  });

  it('no max_signals is used up', () => {
    const stage = detector({ rules: [{ ...RULE, max_signals: 1, intervalMs: 9 * DAY }] });
    for (const parent of ['/a', '/b', '/c']) stage.evaluate(exec(parent, {}));
    expect(stage.evaluate(exec('/d', { wallMs: DAY }))[0]?.gaps).toEqual([]);
  });

  it('the length may differ by rule', () => {
    const counters = new Counters();
    const other = { ...RULE, rule_id: 'other' };
    const stage = new Detector({ rules: [RULE, other], fields, counters, learnMs: (id) => (id === 'r' ? DAY : 0) });
    expect(stage.evaluate(exec('/x', {})).map((alert) => alert.rule_id)).toEqual(['other']);
  });
});

describe('the clock', () => {
  it.each<[string, When, number]>([
    ['runs on boot time: the wall clock set forward', { wallMs: 9 * DAY, bootMs: HOUR }, 0],
    ['runs on boot time: the wall clock set back', { wallMs: -9 * DAY, bootMs: 25 * HOUR }, 1],
    ['counts wall time over a reboot', { wallMs: 23 * HOUR, bootMs: 5, bootId: 'boot-2' }, 0],
    ['counts wall time over a reboot, to the end', { wallMs: 24 * HOUR, bootMs: 5, bootId: 'boot-2' }, 1],
    ['ends learning when it stands before the begin after a reboot', { wallMs: -1, bootMs: 5, bootId: 'boot-2' }, 1],
  ])('%s', (_what, when, alerts) => {
    const stage = detector();
    stage.evaluate(exec('/x', { wallMs: 0 }));
    expect(stage.evaluate(exec('/y', when))).toHaveLength(alerts);
  });
});

describe('over restarts', () => {
  function stored(learnMs: number, directory = folder) {
    const counters = new Counters();
    const terms = openTermStore(directory, counters);
    return { terms, stage: detector({ terms, counters, learnMs }) };
  }

  /** One event after a start, its alerts; then a clean stop. */
  function once(learnMs: number, parent: string, when: When): number {
    const { terms, stage } = stored(learnMs);
    const { length } = stage.evaluate(exec(parent, when));
    terms.close();
    return length;
  }

  it('the end stays where it is', () => {
    const at = [0, 10, 20, 23, 24];
    const made = at.map((hour) => once(DAY, `/${hour}`, { wallMs: hour * HOUR, bootId: `boot-${hour}` }));
    expect(made).toEqual([0, 0, 0, 0, 1]);
  });

  it('the end is final: a longer time, or a clock that was set back, does not undo it', () => {
    expect(once(DAY, '/a', { wallMs: 0 })).toBe(0);
    expect(once(DAY, '/b', { wallMs: 2 * DAY, bootId: 'boot-2' })).toBe(1);
    expect(once(9 * DAY, '/c', { wallMs: 2 * DAY, bootId: 'boot-2' })).toBe(1);
    expect(once(DAY, '/d', { wallMs: HOUR, bootId: 'boot-3' })).toBe(1);
  });

  it('the end that is told of does not move any more either', () => {
    const start = { bootId: '', bootNs: 0n, wallMs: 0 };
    const learning = { begin: start, ms: DAY, over: true };
    expect(learningOf({ queryHash: 'q', start, learning }, 9 * DAY, start)).toEqual(learning);
  });

  it('until then the length is the configured one, counted from the begin', () => {
    expect(once(DAY, '/a', { wallMs: 0 })).toBe(0);
    expect(once(2 * DAY, '/b', { wallMs: 30 * HOUR })).toBe(0);
    expect(once(0, '/c', { wallMs: 31 * HOUR })).toBe(1);
    expect(once(2 * DAY, '/d', { wallMs: 32 * HOUR })).toBe(0);
    expect(once(DAY, '/e', { wallMs: 33 * HOUR })).toBe(1);
  });

  it('configured later it counts from the first event all the same', () => {
    expect(once(0, '/a', { wallMs: 0 })).toBe(1);
    expect(once(DAY, '/b', { wallMs: 23 * HOUR })).toBe(0);
    expect(once(DAY, '/c', { wallMs: 24 * HOUR })).toBe(1);
  });

  it('a crash right after the first event does not move the end', () => {
    const { terms, stage } = stored(DAY);
    stage.evaluate(exec('/a', { wallMs: 0 }));
    const left = join(folder, 'left');
    mkdirSync(left);
    for (const file of ['terms.db', 'terms.db-wal']) {
      if (existsSync(join(folder, file))) copyFileSync(join(folder, file), join(left, file));
    }
    terms.close();
    const after = stored(DAY, left);
    expect(after.stage.evaluate(exec('/b', { wallMs: DAY }))).toHaveLength(1);
    after.terms.close();
  });

  it('cut at every index, the alerts are the same', () => {
    const events = Array.from({ length: 16 }, (_, i) =>
      exec(`/${(i * 5) % 9}`, { id: `e${i}`, wallMs: i * 4 * HOUR, bootId: `boot-${i >> 2}` }),
    );
    const run = (name: string, cut: number) => {
      const directory = join(folder, name);
      mkdirSync(directory);
      const uuids: string[] = [];
      for (const part of [events.slice(0, cut), events.slice(cut)]) {
        const { terms, stage } = stored(DAY, directory);
        for (const alert of part.flatMap((event) => stage.evaluate(event))) {
          uuids.push(alert.uuid);
          stage.durable(alert, uuids.length);
        }
        terms.close();
      }
      return uuids;
    };
    const expected = run('whole', 0);
    expect(expected).toHaveLength(3);
    for (let cut = 1; cut <= events.length; cut++) expect(run(`cut-${cut}`, cut)).toEqual(expected);
  });

  it('a history of before there was learning is taken as it is', () => {
    once(0, '/a', { wallMs: 0 });
    const database = new DatabaseSync(join(folder, 'terms.db'));
    database.exec('DROP TABLE learning');
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
    database.close();
    expect(once(DAY, '/a', { wallMs: HOUR })).toBe(0);
    expect(once(DAY, '/b', { wallMs: HOUR })).toBe(0);
    expect(once(DAY, '/c', { wallMs: DAY })).toBe(1);
  });

  it('other fields begin a new history, and learn anew', () => {
    once(DAY, '/a', { wallMs: 0 });
    const counters = new Counters();
    const terms = openTermStore(folder, counters);
    const rules = [makeRule(fields, 'process.name:a', { rule_id: 'r' }, ['user.name'])];
    const stage = detector({ rules, terms, counters });
    expect(stage.evaluate(exec('/a', { wallMs: 5 * DAY }))).toEqual([]);
    terms.close();
  });

  it('what is left is told before and after the first event', () => {
    const rule = { rule_id: 'r', fields: ['process.parent.name'], queryHash: 'q', learnMs: DAY };
    const at = (wallMs: number) => ({ bootId: '', bootNs: 0n, wallMs });
    const fresh = openTermStore(folder, new Counters());
    expect(fresh.learningLeft(rule, at(5))).toBe(DAY);
    fresh.declare(rule, at(10));
    expect(fresh.learningLeft(rule, at(HOUR + 10))).toBe(23 * HOUR);
    fresh.close();
    const again = openTermStore(folder, new Counters());
    expect(again.learningLeft(rule, at(HOUR + 10))).toBe(23 * HOUR);
    expect(again.learningLeft({ ...rule, fields: ['user.name'] }, at(9 * DAY))).toBe(DAY);
    expect(again.learningLeft(rule, at(9 * DAY))).toBe(0);
    again.close();
  });
});
