// What is written of entry leaders: what comes of it when it is malformed, and when there is more than fits.

import { describe, expect, it } from 'vitest';
import { type SavedLeaders, saveLeaders } from '../../src/enrich/saved-leaders.ts';
import { answers, busyHost, restarted } from './busy-host.ts';
import { FakeHost } from './fake-host.ts';

describe('what was saved and is malformed', () => {
  const saved = busyHost().enricher.leaders();
  const leader = saved.leaders[0]!;
  const member = saved.members[0]!;

  it.each<[string, unknown]>([
    ['no list', { leaders: 5, members: {} }],
    ['items that are none', { leaders: [null, 1, 'x', []], members: [null, 7, {}] }],
    ['a pid of another kind', { leaders: [{ ...leader, pid: '1' }], members: [] }],
    ['a start that is no number', { leaders: [{ ...leader, start: 'x' }], members: [] }],
    ['a type that there is not', { leaders: [{ ...leader, type: '__proto__' }], members: [] }],
    ['a mask that is none', { leaders: [{ ...leader, capabilities: ['0x1'] }], members: [] }],
    ['arguments of another kind', { leaders: [{ ...leader, image: { ...leader.image, args: [{}] } }], members: [] }],
    ['a member without its leader', { leaders: [], members: [member] }],
    ['a leader of another kind', { leaders: [leader], members: [[member[0], member[1], '0', null, '0', null]] }],
    ['a creator of another kind', { leaders: [leader], members: [[member[0], member[1], 0, 'x', '0', null]] }],
  ])('costs that item: %s', (_name, part) => {
    const broken = { ...saved, ...(part as object) } as SavedLeaders;
    const host = restarted(busyHost(), broken);
    const items = [broken.leaders, broken.members].flatMap((list) => (Array.isArray(list) ? list : []));
    const good = items.length - host.counters.get('enrich_leaders_refused_total');
    expect(good).toBe(/^a (creator|leader) of another kind$/.test(_name) ? 1 : 0);
    expect(answers(host, [110])).toEqual({ 110: 'init@110' });
  });
});

describe('bounds', () => {
  it('keeps the sessions of persons first where not all have room, and counts the rest', () => {
    const host = busyHost();
    for (let pid = 10_000; pid < 27_000; pid++) host.fork(110, pid);
    for (let pid = 30_000; pid < 30_100; pid++) host.fork(103, pid);
    const { leaders, members } = host.enricher.leaders();
    expect(members).toHaveLength(16_384);
    expect(host.counters.get('enrich_leaders_unsaved_total')).toBe(17_000 + 100 + 2 - 16_384);
    const shell = leaders.findIndex(({ pid }) => pid === 101);
    expect(members.filter(([, , index]) => index === shell)).toHaveLength(102);
  });

  it('keeps those whom nobody leads last', () => {
    const host = busyHost();
    host.change(1, { sid: 0, pgid: 0 });
    for (let pid = 10_000; pid < 10_010; pid++) host.fork(1, pid);
    const kept = () => host.enricher.leaders().members.filter(([, , index]) => index === null).length;
    expect(kept()).toBe(10);
    for (let pid = 20_000; pid < 36_380; pid++) host.fork(110, pid);
    expect(kept()).toBe(16_384 - 16_380 - 2);
    expect(host.counters.get('enrich_leaders_unsaved_total')).toBe(8);
  });

  it('says of kernel threads nothing, and of nobody that there is nobody', () => {
    const host = new FakeHost();
    host.add(2, { ppid: 0, sid: 0, pgid: 0, kernelThread: true }, '');
    host.task(2);
    host.fork(2, 3);
    expect(host.enricher.leaders()).toMatchObject({ leaders: [], members: [] });
    expect(saveLeaders([], 'boot')).toEqual({
      saved: { schema: 2, bootId: 'boot', leaders: [], members: [] },
      left: 0,
    });
  });
});
