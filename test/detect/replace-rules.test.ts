// The detector's rules replaced: what waited for a hash is decided by the rules that it came under; costs of all only grow.

import { expect, it } from 'vitest';
import { Detector } from '../../src/detect/detector.ts';
import type { HashSource } from '../../src/detect/hash-source.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Counters } from '../../src/stats.ts';
import { execEvent } from './events.ts';
import { makeRule } from './rules.ts';

function setUp() {
  const fields = new FieldTable();
  const counters = new Counters();
  const bad = makeRule(fields, 'process.name:tool and process.hash.sha256:bad', { rule_id: 'bad' });
  const notGood = makeRule(fields, 'process.name:tool and not process.hash.sha256:good', { rule_id: 'not good' });
  const detector = new Detector({ rules: [bad, notGood], fields, counters });
  const known = new Map<string, string>();
  const slot = fields.add('process.hash.sha256', 'keyword');
  const hashes: HashSource = {
    look: (event) => {
      const hash = known.get(event.id);
      if (hash !== undefined) event.set(slot, hash);
      return hash === undefined ? 'coming' : 'known';
    },
    made: () => {},
  };
  detector.useHashes(hashes);
  let wallMs = 0;
  const run = (id: string) => {
    wallMs += 1000;
    return detector
      .evaluate(execEvent(fields, { 'process.name': 'tool' }, { id, wallMs }))
      .map(({ rule_id }) => rule_id);
  };
  const tell = (id: string, hash: string) => {
    known.set(id, hash);
    return detector.resume().map(({ rule_id }) => rule_id);
  };
  return { detector, counters, bad, run, tell };
}

it('what waited goes on without its hash, once, and what comes later waits under the new rules', () => {
  const { detector, counters, bad, run, tell } = setUp();
  for (const id of ['1', '2']) expect(run(id)).toEqual([]);
  expect(detector.replaceRules({ rules: [bad] }).map(({ rule_id }) => rule_id)).toEqual(['not good', 'not good']);
  expect(counters.get('detect_hash_waits_cut_total')).toBe(4);
  expect(tell('1', 'bad')).toEqual([]);
  expect(run('3')).toEqual([]);
  expect(tell('3', 'bad')).toEqual(['bad']);
});

it('what the rules have cost is kept, that of rules that are gone in the sum', () => {
  const { detector, bad, run, tell } = setUp();
  run('1');
  tell('1', 'bad');
  const before = detector.costs(10);
  detector.replaceRules({ rules: [bad] });
  const after = detector.costs(10);
  expect(before.all).toMatchObject({ rules: 2, matches: 2, alerts: 2 });
  expect(after.all).toEqual({ ...before.all, rules: 1 });
  expect(after.rules).toEqual(before.rules.filter(({ rule_id }) => rule_id === 'bad'));
});

it('rules prepared beforehand narrow every kind of sketch from the first one on', () => {
  const fields = new FieldTable();
  const rules = Array.from({ length: 40 }, (_, i) => makeRule(fields, `process.name:tool${i}`, { rule_id: `r${i}` }));
  const detector = new Detector({ rules, fields, counters: new Counters() });
  const event = () => execEvent(fields, { 'process.name': 'other' });
  const slots = (...names: string[]) =>
    new Set(
      ['host.os.type', 'event.category', 'event.type', 'event.action', ...names].map((name) => fields.slot(name)),
    );
  const sketches = [slots('process.name'), slots('process.name', 'file.path')];
  for (const sketch of sketches) {
    const isWanted = detector.sketchFilter(sketch);
    for (let i = 0; i < 50; i++) isWanted(event());
    expect(isWanted(event())).toBe(false);
  }
  const steps = detector.prepare({ rules });
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  detector.replaceRules(step.value);
  expect(sketches.map((sketch) => detector.sketchFilter(sketch)(event()))).toEqual([false, false]);
});
