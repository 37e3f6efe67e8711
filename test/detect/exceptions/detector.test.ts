// Exceptions in the detector: for which rules an item is, until when, what is counted, and that an excepted event is no
// history, also over a restart.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Detector } from '../../../src/detect/detector.ts';
import type { TermStore } from '../../../src/detect/term-store.ts';
import { openTermStore } from '../../../src/detect/term-store-io.ts';
import type { Gap, SlotValue } from '../../../src/ecs/event.ts';
import { FieldTable } from '../../../src/ecs/fields.ts';
import { Counters } from '../../../src/stats.ts';
import { DAY, execEvent, type When } from '../events.ts';
import { makeRule } from '../rules.ts';
import { entry, item, LIST, type Line, type SetOptions, setOf } from './lists.ts';

const FROM_DPKG = item([entry('match', 'forebear.ancestors.executable', '/usr/bin/dpkg')]);
const EVERY = { ...LIST, tags: ['forebear:every-rule'] };

interface Setup extends SetOptions {
  lists?: string[];
  terms?: TermStore;
}

/** A new_terms rule `rule-1` with the exceptions; at: the alerts of an exec with those ancestors. */
function detect(lines: Line[], { lists = [], terms, ...options }: Setup = {}) {
  const fields = new FieldTable();
  const rules = [
    makeRule(fields, 'process.name:systemctl', { exceptionLists: lists }, ['process.parent.executable']),
    makeRule(fields, 'process.name:none', { rule_id: 'rule-2' }),
  ];
  const counters = new Counters();
  const exceptions = setOf(fields, lines, options);
  const detector = new Detector({ rules, exceptions, fields, counters, ...(terms && { terms }) });
  const at = (
    parent: string,
    ancestors: string[],
    when: When = {},
    more: Record<string, SlotValue> = {},
    gaps: Gap[] = [],
  ) => {
    const values = { 'process.name': 'systemctl', 'process.parent.executable': parent, ...more };
    const event = execEvent(fields, { ...values, 'forebear.ancestors.executable': ancestors }, when);
    event.gaps = gaps;
    return detector.evaluate(event);
  };
  return { at, counters, detector, rules, exceptions };
}

describe('which rules an item is for', () => {
  it.each<[name: string, hidden: boolean, list: Line, line: Line, lists: string[]]>([
    ['its list is named by the rule', true, LIST, FROM_DPKG, ['list-1']],
    ['nobody names its list', false, LIST, FROM_DPKG, ['list-2']],
    ['a tag of the list names the rule', true, { ...LIST, tags: ['x', 'forebear:rule:rule-1'] }, FROM_DPKG, []],
    ['a tag of the list names another', false, { ...LIST, tags: ['forebear:rule:rule-2'] }, FROM_DPKG, []],
    ['a tag of the item names the rule', true, LIST, { ...FROM_DPKG, tags: ['forebear:rule:rule-1'] }, []],
    ['every rule, by the list', true, EVERY, FROM_DPKG, []],
    ['every rule, by the item', true, LIST, { ...FROM_DPKG, tags: ['forebear:every-rule'] }, []],
  ])('%s: %s', (_name, hidden, list, line, lists) => {
    const { at } = detect([list, line], { lists });
    expect(at('/bin/sh', ['/bin/sh', '/usr/bin/dpkg']).length).toBe(hidden ? 0 : 1);
  });
});

describe('when an item is in force', () => {
  const until = (ms: number) => ({ ...FROM_DPKG, expire_time: new Date(ms).toISOString() });
  const linux = { ...FROM_DPKG, os_types: ['linux', 'macos'] };
  it.each<[name: string, hidden: boolean, line: Line, when: When, more: Record<string, SlotValue>]>([
    ['before it expires, by the time of the event', true, until(5 * DAY), { wallMs: 5 * DAY - 1 }, {}],
    ['from that time on', false, until(5 * DAY), { wallMs: 5 * DAY }, {}],
    ['at a time that is not known', false, until(5 * DAY), { wallMs: 0 }, {}],
    ['on its system', true, linux, {}, {}],
    ['on another', false, linux, {}, { 'host.os.type': 'windows' }],
    ['on an unknown one', false, linux, {}, { 'host.os.type': undefined }],
  ])('%s: %s', (_name, hidden, line, when, more) => {
    const { at } = detect([EVERY, line]);
    expect(at('/bin/sh', ['/usr/bin/dpkg'], when, more).length).toBe(hidden ? 0 : 1);
  });

  it('not when it is switched off', () => {
    const { at, exceptions, rules } = detect([EVERY, FROM_DPKG], { disabled: ['item-1'] });
    expect(at('/bin/sh', ['/usr/bin/dpkg'])).toHaveLength(1);
    expect(exceptions.summary(rules, 0)).toEqual({ applies: 0, expired: 0, disabled: 1, refused: 0, unbound: 0 });
  });

  it('and not when it is refused, whatever the other entries say', () => {
    const list = { type: 'list', operator: 'included', field: 'host.ip', list: { id: 'l', type: 'ip' } };
    const { at } = detect([EVERY, item([...(FROM_DPKG.entries as Line[]), list])]);
    expect(at('/bin/sh', ['/usr/bin/dpkg'])).toHaveLength(1);
  });
});

it('hides what one of several items fits, and counts it for the first', () => {
  const other = item([entry('match', 'user.name', 'root')], { item_id: 'item-2' });
  const { at, counters } = detect([EVERY, FROM_DPKG, other]);
  expect([at('/a', ['/usr/bin/dpkg']), at('/a', []), at('/a', [])]).toEqual([[], [], []]);
  expect(counters.get('detect_events_excepted_total', 'item-1')).toBe(1);
  expect(counters.get('detect_events_excepted_total', 'item-2')).toBe(2);
  expect(counters.get('detect_events_matched_total')).toBe(3);
});

describe('a doubt about an excluded field brings the alert', () => {
  const notRoot = (field: string) => [EVERY, item([entry('match', field, 'x', 'excluded')])];
  const gap = (kind: Gap['kind'], detail: string): Gap => ({ kind, detail, count: 1 });
  it.each<[field: string, hidden: boolean, gaps: Gap[]]>([
    ['process.args', true, []],
    ['process.args', false, [gap('truncated', 'process.args')]],
    ['process.command_line', false, [gap('truncated', 'process.args')]],
    ['process.working_directory', false, [gap('unreadable', 'process.working_directory')]],
    ['process.working_directory', true, [gap('truncated', 'process.args')]],
    ['process.parent.name', false, [gap('unknown_parent', 'pid 4')]],
    ['forebear.ancestors.executable', false, [gap('unknown_parent', 'pid 4')]],
    ['process.entry_leader.name', false, [gap('unknown_session', 'pid 4')]],
    ['process.parent.name', true, [gap('unknown_session', 'pid 4')]],
    ['process.env_vars', true, [gap('unknown_parent', 'pid 4')]],
  ])('%s: hidden %s with %j', (field, hidden, gaps) => {
    expect(detect(notRoot(field)).at('/a', [], {}, {}, gaps).length).toBe(hidden ? 0 : 1);
  });
});

describe('history', () => {
  it('has no excepted event: the program is new when it comes alone', () => {
    const { at } = detect([EVERY, FROM_DPKG]);
    expect(at('/usr/bin/dash', ['/usr/bin/dash', '/usr/bin/dpkg'])).toEqual([]);
    expect(at('/usr/bin/dash', ['/usr/bin/dash', '/bin/bash'])).toHaveLength(1);
    expect(at('/usr/bin/dash', ['/usr/bin/dash', '/bin/bash'])).toEqual([]);
  });

  it('has none of them after a restart either, and those that alerted', () => {
    const folder = mkdtempSync(join(tmpdir(), 'forebear-excepted-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const run = (use: (setup: ReturnType<typeof detect>) => void) => {
      const terms = openTermStore(folder, new Counters());
      use(detect([EVERY, FROM_DPKG], { terms }));
      terms.close();
    };
    run(({ at, detector }) => {
      expect(at('/usr/bin/dash', ['/usr/bin/dpkg'], { wallMs: DAY })).toEqual([]);
      detector.durable(at('/a', [], { wallMs: DAY })[0]!, 1);
    });
    run(({ at }) => {
      expect(at('/a', [], { wallMs: DAY + 1 })).toEqual([]);
      expect(at('/usr/bin/dash', [], { wallMs: DAY + 1 })).toHaveLength(1);
    });
  });

  it('is kept and marked when the exceptions of the rule change, not when those of others do', () => {
    const folder = mkdtempSync(join(tmpdir(), 'forebear-excepted-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const historyAt = (day: number, lines: Line[], parent: string) => {
      const terms = openTermStore(folder, new Counters());
      const { at } = detect(lines, { terms });
      const document = at(parent, [], { wallMs: day * DAY })[0]!.document as { forebear: { new_terms: Line } };
      terms.close();
      return document.forebear.new_terms.history;
    };
    const unbound = item([entry('exists', 'user.name')], { item_id: 'item-2', list_id: 'l' });
    expect(historyAt(1, [EVERY, FROM_DPKG], '/a')).toBe('never seen in less than a second of history');
    expect(historyAt(2, [EVERY, FROM_DPKG, { ...LIST, list_id: 'l' }, unbound], '/b')).toBe(
      'never seen in 1 day of history',
    );
    expect(historyAt(3, [EVERY], '/c')).toMatch(/^never seen in 2 days of history \(.* exceptions were changed less/);
  });
});

it('takes no room of max_signals', () => {
  const fields = new FieldTable();
  const rules = [makeRule(fields, 'process.name:a', { max_signals: 1 })];
  const exceptions = setOf(fields, [EVERY, item([entry('match', 'user.name', 'ann')])]);
  const detector = new Detector({ rules, exceptions, fields, counters: new Counters() });
  const at = (user: string) => detector.evaluate(execEvent(fields, { 'process.name': 'a', 'user.name': user })).length;
  expect([at('ann'), at('ann'), at('bob'), at('bob')]).toEqual([0, 0, 1, 0]);
});
