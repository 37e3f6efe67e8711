// Rules and exceptions that name a hash, in the detector, with a source of hashes that the test plays: what waits, what does
// not, in which order what waited is decided, and what is said where no hash comes.

import { describe, expect, it } from 'vitest';
import type { Alert } from '../../src/detect/alert.ts';
import { Detector } from '../../src/detect/detector.ts';
import type { HashOf, HashSource } from '../../src/detect/hash-source.ts';
import type { Rule } from '../../src/detect/rule.ts';
import type { EcsEvent, SlotValue } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Counters } from '../../src/stats.ts';
import { execEvent } from './events.ts';
import { entry, item, LIST, type Line, setOf } from './exceptions/lists.ts';
import { makeRule } from './rules.ts';

type Sight = ReturnType<HashSource['look']>;
const FIELD = { process: 'process.hash.sha256', parent: 'process.parent.hash.sha256' } as const;

/** Every hash is to come until the test tells of it. */
class FakeHashes implements HashSource {
  readonly asked: string[] = [];
  readonly made_: string[] = [];
  readonly #told = new Map<string, { sight: Sight; sha256?: string | undefined }>();

  look(event: EcsEvent, of: HashOf): Sight {
    const key = `${event.id} ${of}`;
    if (!this.asked.includes(key)) this.asked.push(key);
    const told = this.#told.get(key);
    if (told?.sha256 !== undefined) event.set(event.table.add(FIELD[of], 'keyword'), told.sha256);
    return told?.sight ?? 'coming';
  }

  made(event: EcsEvent, { uuid }: { uuid: string }): void {
    this.made_.push(`${event.id} ${uuid}`);
  }

  tell(id: string, sha256: string | undefined, sight: Sight = 'known', of: HashOf = 'process'): void {
    this.#told.set(`${id} ${of}`, { sight, sha256 });
  }
}

const RULES: Record<string, [query: string, terms?: string[]]> = {
  plain: ['process.name:tool'],
  bad: ['process.name:tool and process.hash.sha256:bad'],
  not_good: ['process.name:tool and not process.hash.sha256:good'],
  any: ['process.hash.sha256:bad'],
  parent: ['process.name:tool and process.parent.hash.sha256:bad'],
  terms: ['process.name:tool', ['process.hash.sha256']],
  never: ['process.name:other and process.hash.sha256:*'],
};

function detect(names: string[], lines: Line[] = [], over: Partial<Rule> = {}) {
  const fields = new FieldTable();
  const rules = names.map((name) => {
    const [query, terms] = RULES[name]!;
    return makeRule(fields, query, { rule_id: name, ...over }, terms);
  });
  const counters = new Counters();
  const exceptions = lines.length === 0 ? undefined : setOf(fields, lines);
  const detector = new Detector({ rules, exceptions, fields, counters });
  const hashes = new FakeHashes();
  detector.useHashes(hashes);
  let atMs = 0;
  const run = (id: string, values: Record<string, SlotValue> = {}) => {
    atMs += 1000;
    return words(detector.evaluate(execEvent(fields, { 'process.name': 'tool', ...values }, { id, wallMs: atMs })));
  };
  const tell = (...told: Parameters<FakeHashes['tell']>) => {
    hashes.tell(...told);
    return words(detector.resume());
  };
  return { run, tell, hashes, counters, detector, rules, exceptions };
}

/** `rule event` of each alert. */
function words(alerts: readonly Alert[]): string[] {
  return alerts.map(({ rule_id, document }) => {
    const { alert } = document.kibana as { alert: { ancestors: { id: string }[] } };
    return `${rule_id} ${alert.ancestors[0]!.id}`;
  });
}

describe('a rule that names a hash', () => {
  it.each<[rule: string, sha256: string | undefined, sight: Sight, alerts: boolean, undecided: number]>([
    ['bad', 'bad', 'known', true, 0],
    ['bad', 'good', 'known', false, 0],
    ['bad', 'bad', 'doubted', true, 0],
    ['bad', undefined, 'absent', false, 1],
    ['not_good', 'good', 'known', false, 0],
    ['not_good', 'other', 'known', true, 0],
    // An exclusion does not exclude what nobody knows.
    ['not_good', undefined, 'absent', true, 1],
    ['any', 'bad', 'known', true, 0],
    ['terms', 'new', 'known', true, 0],
    ['terms', undefined, 'absent', false, 1],
  ])('%s, hash %s (%s): alert %s', (rule, sha256, sight, alerts, undecided) => {
    const { run, tell, counters } = detect([rule]);
    expect(run('e1')).toEqual([]);
    expect(tell('e1', sha256, sight)).toEqual(alerts ? [`${rule} e1`] : []);
    expect(counters.get('detect_rules_undecided_total')).toBe(undecided);
    expect(counters.get('detect_hash_waits_total')).toBe(1);
  });

  it.each<[rule: string, sha256: string | undefined, sight: Sight, alerts: boolean]>([
    ['bad', 'bad', 'known', true],
    ['bad', 'good', 'known', false],
    ['bad', undefined, 'absent', false],
    ['not_good', undefined, 'absent', true],
  ])('%s does not wait where that is known at once: hash %s (%s), alert %s', (rule, sha256, sight, alerts) => {
    const { run, hashes, counters } = detect([rule]);
    hashes.tell('e1', sha256, sight);
    expect(run('e1')).toEqual(alerts ? [`${rule} e1`] : []);
    expect(counters.get('detect_hash_waits_total')).toBe(0);
    expect(counters.get('detect_rules_undecided_total')).toBe(sight === 'absent' ? 1 : 0);
  });

  it('asks for no hash of an event that it cannot match whatever that is', () => {
    const { run, hashes } = detect(['bad', 'parent', 'never']);
    expect(run('e1', { 'process.name': 'none' })).toEqual([]);
    expect(hashes.asked).toEqual([]);
  });

  it('asks for the hash that it names', () => {
    const { run, tell, hashes } = detect(['parent']);
    run('e1');
    expect(hashes.asked).toEqual(['e1 parent']);
    expect(tell('e1', 'bad')).toEqual([]);
    expect(tell('e1', 'bad', 'known', 'parent')).toEqual(['parent e1']);
  });

  it('marks its alert where the hash did not come', () => {
    const { detector, hashes, run } = detect(['not_good']);
    run('e1');
    hashes.tell('e1', undefined, 'absent');
    const [alert] = detector.resume();
    expect(alert?.gaps).toEqual([{ kind: 'unreadable', detail: 'process.hash', count: 1 }]);
  });

  it('does not hold up other rules, nor they it', () => {
    const { run, tell } = detect(['plain', 'bad']);
    expect(run('e1')).toEqual(['plain e1']);
    expect(run('e2')).toEqual(['plain e2']);
    expect(tell('e2', 'bad')).toEqual([]);
    expect(tell('e1', 'bad')).toEqual(['bad e1', 'bad e2']);
  });

  it('decides in the order of the events: later ones wait behind, also those whose hash is known', () => {
    const { run, tell, hashes } = detect(['bad']);
    run('e1');
    hashes.tell('e2', 'bad');
    expect(run('e2')).toEqual([]);
    run('e3');
    expect(tell('e3', 'bad')).toEqual([]);
    expect(tell('e1', undefined, 'absent')).toEqual(['bad e2', 'bad e3']);
    hashes.tell('e4', 'bad');
    expect(run('e4')).toEqual(['bad e4']);
  });

  it('keeps new terms and max_signals in that order', () => {
    const terms = detect(['terms']);
    for (const id of ['e1', 'e2', 'e3']) terms.run(id);
    terms.tell('e2', 'same');
    terms.tell('e3', 'other');
    expect(terms.tell('e1', 'same')).toEqual(['terms e1', 'terms e3']);
    const capped = detect(['bad'], [], { max_signals: 1 });
    for (const id of ['e1', 'e2']) capped.run(id);
    capped.tell('e2', 'bad');
    expect(capped.tell('e1', 'bad')).toEqual(['bad e1']);
    expect(capped.detector.capped()).toEqual([{ rule_id: 'bad', count: 1 }]);
  });

  it('keeps at most 1024 events waiting: the oldest goes on without its hash, in its turn', () => {
    const { run, tell, counters, detector, hashes } = detect(['not_good']);
    for (let i = 0; i < 1024; i++) expect(run(`e${i}`)).toEqual([]);
    expect(run('e1024')).toEqual(['not_good e0']);
    expect(counters.get('detect_hash_waits_cut_total')).toBe(1);
    expect(counters.get('detect_rules_undecided_total')).toBe(1);
    for (let i = 1; i < 1024; i++) hashes.tell(`e${i}`, 'good');
    expect(detector.resume()).toEqual([]);
    expect(tell('e1024', 'x')).toEqual(['not_good e1024']);
  });

  it('has the process tree of the moment of the event', () => {
    const { detector, hashes } = detect(['bad']);
    const table = new FieldTable();
    const event = execEvent(table, { 'process.name': 'tool' }, { id: 'e1' });
    let name = 'then';
    event.lineage = () => [{ pid: 1, name, source: 'kernel' }];
    detector.evaluate(event);
    name = 'now';
    hashes.tell('e1', 'bad');
    const [alert] = detector.resume();
    expect(alert?.document).toMatchObject({ forebear: { lineage: [{ name: 'then' }] } });
  });
});

describe('every alert', () => {
  it('asks for both hashes and is told to the source, which amends it later', () => {
    const { run, hashes } = detect(['plain']);
    run('e1');
    expect(hashes.asked).toEqual(['e1 process', 'e1 parent']);
    expect(hashes.made_.map((made) => made.split(' ')[0])).toEqual(['e1']);
  });

  it('has what is known by then', () => {
    const { detector, hashes } = detect(['plain']);
    hashes.tell('e1', 'abc');
    const [alert] = detector.evaluate(execEvent(new FieldTable(), { 'process.name': 'tool' }, { id: 'e1' }));
    expect(alert?.document).toMatchObject({ process: { hash: { sha256: 'abc' } } });
    expect(alert?.gaps).toEqual([]);
  });
});

describe('an exception that names a hash', () => {
  const everyRule = { ...LIST, tags: ['forebear:every-rule'] };
  const excepting = (...entries: Line[]) => [everyRule, item(entries)];
  const good = entry('match', 'process.hash.sha256', 'good');
  const notGood = entry('match', 'process.hash.sha256', 'good', 'excluded');
  const asRoot = entry('match', 'user.name', 'root');

  it.each<[what: string, hidden: boolean, entries: Line[], sha256: string | undefined, sight: Sight]>([
    ['the hash', true, [good], 'good', 'known'],
    ['another hash', false, [good], 'other', 'known'],
    ['no hash', false, [good], undefined, 'absent'],
    ['a hash that is not proven', false, [good], 'good', 'doubted'],
    ['what is not that hash', true, [notGood], 'other', 'known'],
    ['what is not that hash, and none is known', false, [notGood], undefined, 'absent'],
    ['what is not that hash, and it is not proven', false, [notGood], 'other', 'doubted'],
    ['that there is one', true, [entry('exists', 'process.hash.sha256')], 'x', 'known'],
    [
      'that there is none, and none came',
      false,
      [entry('exists', 'process.hash', undefined, 'excluded')],
      undefined,
      'absent',
    ],
  ])('and excepts %s: hidden %s', (_what, hidden, entries, sha256, sight) => {
    const { run, tell, counters } = detect(['plain'], excepting(asRoot, ...entries));
    expect(run('e1')).toEqual([]);
    expect(tell('e1', sha256, sight)).toEqual(hidden ? [] : ['plain e1']);
    expect(counters.get('detect_events_excepted_total', 'item-1')).toBe(hidden ? 1 : 0);
  });

  it('does not wait where another condition of it fails, nor where another item hides', () => {
    const failing = detect(['plain'], excepting(entry('match', 'user.name', 'ann'), good));
    expect(failing.run('e1')).toEqual(['plain e1']);
    const hidden = detect(['plain'], [...excepting(asRoot, good), item([asRoot], { item_id: 'item-2' })]);
    expect(hidden.run('e1')).toEqual([]);
    expect(hidden.counters.get('detect_hash_waits_total')).toBe(0);
    expect(hidden.counters.get('detect_events_excepted_total', 'item-2')).toBe(1);
  });

  it('does not wait for an item that is expired, whatever comes before it', () => {
    const expired = { expire_time: new Date(500).toISOString() };
    expect(detect(['plain'], [everyRule, item([asRoot, good], expired)]).run('e1')).toEqual(['plain e1']);
    const parent = item([asRoot, entry('match', 'process.parent.hash.sha256', 'good')], expired);
    const { run, tell } = detect(['plain'], [everyRule, item([asRoot, good], { item_id: 'item-2' }), parent]);
    expect(run('e1')).toEqual([]);
    expect(tell('e1', 'other')).toEqual(['plain e1']);
  });

  it('waits for each hash that one of its items names', () => {
    const parent = item([entry('match', 'process.parent.hash.sha256', 'good')], { item_id: 'item-2' });
    const { run, tell } = detect(['plain'], [...excepting(good), parent]);
    expect(run('e1')).toEqual([]);
    expect(tell('e1', 'other')).toEqual([]);
    expect(tell('e1', 'other', 'known', 'parent')).toEqual(['plain e1']);
  });

  it('of another rule makes nothing wait', () => {
    const { run } = detect(['plain'], [{ ...LIST, tags: ['forebear:rule:other'] }, item([good])]);
    expect(run('e1')).toEqual(['plain e1']);
  });

  it('keeps the order: an event that it does not concern waits behind one that it does', () => {
    const { run, tell } = detect(['plain'], excepting(asRoot, good));
    expect(run('e1')).toEqual([]);
    expect(run('e2', { 'user.name': 'ann' })).toEqual([]);
    expect(tell('e1', 'other')).toEqual(['plain e1', 'plain e2']);
    expect(run('e3', { 'user.name': 'ann' })).toEqual(['plain e3']);
  });

  it('on a rule that names one: both have to be there', () => {
    const parent = entry('match', 'process.parent.hash.sha256', 'good');
    const { run, tell } = detect(['bad'], excepting(parent));
    run('e1');
    expect(tell('e1', 'bad')).toEqual([]);
    expect(tell('e1', 'good', 'known', 'parent')).toEqual([]);
    run('e2');
    tell('e2', 'bad');
    expect(tell('e2', 'other', 'known', 'parent')).toEqual(['bad e2']);
  });

  it('counts as history no more than any other', () => {
    const { run, tell, hashes } = detect(['terms'], excepting(good));
    run('e1');
    expect(tell('e1', 'good')).toEqual([]);
    hashes.tell('e2', 'good', 'doubted');
    expect(run('e2')).toEqual(['terms e2']);
  });
});

it('without a source of hashes nothing waits: documents have what they have', () => {
  const { detector, run } = detect(
    ['bad'],
    [{ ...LIST, tags: ['forebear:every-rule'] }, item([entry('match', 'process.hash.md5', 'x')])],
  );
  detector.useHashes(undefined);
  expect(run('e1', { 'process.hash.sha256': 'bad' })).toEqual(['bad e1']);
  expect(run('e2')).toEqual([]);
  expect(run('e3', { 'process.hash.sha256': 'bad', 'process.hash.md5': 'x' })).toEqual([]);
});

it('where hashes are no longer made, what waits goes on without its own', () => {
  const { run, detector, counters } = detect(['not_good']);
  expect(run('e1')).toEqual([]);
  expect(words(detector.useHashes(undefined))).toEqual(['not_good e1']);
  expect(counters.get('detect_hash_waits_cut_total')).toBe(1);
});
