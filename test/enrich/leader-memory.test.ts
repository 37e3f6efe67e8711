// Entry leaders over a restart of the agent: what one enricher leaves is what the next one on this boot begins with.

import { describe, expect, it } from 'vitest';
import { toDocument } from '../../src/ecs/document.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Enricher } from '../../src/enrich/enricher.ts';
import { factFromJson, factToJson } from '../../src/enrich/fact-json.ts';
import { type SavedLeaders, saveLeaders } from '../../src/enrich/saved-leaders.ts';
import { ReplaySurroundings } from '../../src/enrich/surroundings-replay.ts';
import { Counters } from '../../src/stats.ts';
import { FakeHost, HOST_NS, leaderText, START } from './fake-host.ts';

const SHIM = '/usr/bin/containerd-shim-runc-v2';

/** sshd (100), a login shell (101), a pane of tmux (102, 103), a service (110), a container (120 by 119). */
function busyHost(): FakeHost {
  const host = new FakeHost();
  host.task(1);
  const session = (parent: number, pid: number, executable: string, tty = 0) => {
    host.fork(parent, pid);
    host.setsid(pid);
    if (tty > 0) host.change(pid, { ttyMajor: 136, ttyMinor: tty });
    host.exec(pid, executable, [executable, '-x', '\udcff']);
  };
  session(1, 100, '/usr/sbin/sshd');
  host.fork(100, 101);
  host.setsid(101);
  host.change(101, { uid: 1000, euid: 1000, groups: [27, 1000], ttyMajor: 136, ttyMinor: 3, cwd: '/home/ann' });
  host.exec(101, '/bin/bash', ['-bash']);
  session(101, 102, '/usr/bin/tmux');
  session(102, 103, '/bin/bash', 5);
  session(1, 110, '/usr/sbin/cron');
  session(1, 119, SHIM);
  host.fork(119, 120);
  host.setsid(120);
  host.change(120, { pidNs: HOST_NS.pid + 1 });
  host.exec(120, '/bin/sh');
  return host;
}

/** The same host for an agent that starts anew. */
function restarted(host: FakeHost, leaders: SavedLeaders | undefined = host.enricher.leaders()): FakeHost {
  const start = { ...START, ...(leaders === undefined ? {} : { leaders }) };
  const next = new FakeHost({ start });
  next.processes.clear();
  for (const [pid, process] of host.processes) next.processes.set(pid, process);
  next.nowNs = host.nowNs;
  for (const pid of [...next.processes.keys()].sort((a, b) => a - b)) next.task(pid);
  next.enricher.backfill(1000);
  return next;
}

function sshdForks(host: FakeHost, pid: number): void {
  host.fork(100, pid, { lost: true });
  host.setsid(pid);
  host.exec(pid, '/bin/zsh', [], { lost: true });
}

interface LeaderPart {
  pid: number;
  entity_id: string;
  parent: object;
}

/** type@leader of what each process runs next. */
function answers(host: FakeHost, pids: readonly number[]): Record<number, string> {
  return Object.fromEntries(
    pids.map((pid) => {
      host.fork(pid, pid + 1000);
      return [pid, leaderText(host.exec(pid + 1000, '/usr/bin/systemctl'))];
    }),
  );
}

const LIVE = [100, 101, 102, 103, 110, 119, 120];
const BEFORE = { 101: 'sshd@101', 102: 'sshd@101', 103: 'sshd@101', 110: 'init@110', 119: 'init@119' };

describe('after a restart', () => {
  it('every process has the leader that it had', () => {
    const host = busyHost();
    const before = answers(host, LIVE);
    expect(before).toEqual({ 100: 'init@100', ...BEFORE, 120: 'container@120' });
    expect(answers(restarted(host), LIVE)).toEqual(before);
  });

  it('a pane of tmux has the login shell for its leader that left long before, fields and all', () => {
    const host = busyHost();
    host.exit(101);
    host.exit(100);
    host.nowNs += 3_600_000_000_000n;
    host.fork(103, 200);
    const before = host.exec(200, '/usr/bin/systemctl')!;
    const again = restarted(host);
    again.nowNs += 3_600_000_000_000n;
    again.fork(103, 201);
    const after = again.exec(201, '/usr/bin/systemctl')!;
    const leaderOf = (event: typeof after) =>
      (toDocument(event) as { process: { entry_leader: object } }).process.entry_leader;
    expect(leaderText(after)).toBe('sshd@101');
    expect(leaderOf(after)).toEqual(leaderOf(before));
    expect(leaderOf(after)).toMatchObject({ args: ['-bash'], working_directory: '/home/ann', parent: { pid: 100 } });
  });

  it('keeps the ids of images, but not of one that was replaced meanwhile', () => {
    const host = busyHost();
    const ids = LIVE.map((pid) => host.last.get(pid)!.get('process.entity_id'));
    host.exec(110, '/usr/sbin/crond', [], { lost: true });
    const again = restarted(host);
    const after = LIVE.map((pid) => again.last.get(pid)!.get('process.entity_id'));
    expect(after.filter((id, i) => id !== ids[i])).toEqual([after[LIVE.indexOf(110)]]);
  });

  it.each<[string, (host: FakeHost) => void, Record<number, string>]>([
    [
      'a session that sshd opened for a child that was there',
      (host) => {
        host.setsid(131);
        host.exec(131, '/bin/zsh', [], { lost: true });
      },
      { 131: 'sshd@131' },
    ],
    [
      'such a session whose sshd has left',
      (host) => {
        host.setsid(131);
        host.exec(131, '/bin/zsh', [], { lost: true });
        host.exit(100, 0, { lost: true });
      },
      { 131: 'sshd@131' },
    ],
    ['a fork by sshd, with an exec', (host) => sshdForks(host, 132), { 132: 'sshd@132' }],
    ['an exec of the login shell', (host) => host.exec(101, '/bin/zsh', [], { lost: true }), { 101: 'sshd@101' }],
    ['a fork in a pane', (host) => host.fork(103, 132, { lost: true }), { 132: 'sshd@101' }],
    ['the exit of a parent', (host) => host.exit(102, 0, { lost: true }), { 103: 'sshd@101' }],
    ['a session within a session', (host) => host.setsid(133), { 133: 'sshd@101' }],
  ])('what happened meanwhile is decided upon: %s', (_name, meanwhile, expected) => {
    const host = busyHost();
    host.fork(100, 131);
    host.fork(101, 133);
    const saved = host.enricher.leaders();
    meanwhile(host);
    expect(answers(restarted(host, saved), Object.keys(expected).map(Number))).toEqual(expected);
  });

  it('an exec in the second run finds who forked the process in the first', () => {
    const host = busyHost();
    host.fork(101, 130);
    host.exit(101);
    const again = restarted(host);
    again.setsid(130);
    expect(leaderText(again.exec(130, '/tmp/payload'))).toBe('sshd@101');
    expect(
      again.last
        .get(130)!
        .lineage?.()
        .map(({ pid, name }) => [pid, name]),
    ).toContainEqual([101, 'bash']);
  });

  it('holds over any number of restarts', () => {
    const host = busyHost();
    host.exit(101);
    let again = restarted(host);
    for (let i = 0; i < 3; i++) again = restarted(again);
    expect(answers(again, [103, 120])).toEqual({ 103: 'sshd@101', 120: 'container@120' });
  });

  it('another process of the same pid is not taken for the one that was', () => {
    const host = busyHost();
    const saved = host.enricher.leaders();
    host.exit(103);
    host.add(103, { ppid: 1, sid: 103, pgid: 103 }, '/usr/sbin/service');
    expect(answers(restarted(host, saved), [103])).toEqual({ 103: 'init@103' });
  });

  it('of another boot nothing is taken', () => {
    const host = busyHost();
    host.exit(101);
    const saved = { ...host.enricher.leaders(), bootId: 'another' };
    const again = restarted(host, saved);
    expect(answers(again, [102])).toEqual({ 102: 'init@102' });
    expect(again.counters.get('enrich_leaders_restored_total')).toBe(0);
  });

  /** pid 1 never called setsid, and neither did its child: nobody leads the two. */
  const withoutLeaders = () => {
    const host = new FakeHost();
    host.change(1, { sid: 0, pgid: 0 });
    host.task(1);
    host.fork(1, 50);
    host.exec(50, '/usr/bin/supervise');
    host.fork(50, 51);
    host.setsid(51);
    host.exec(51, '/bin/sh');
    return host;
  };
  const toolOf = (host: FakeHost, pid: number) => {
    host.fork(51, pid);
    const document = toDocument(host.exec(pid, '/usr/bin/systemctl')!) as { process: { entry_leader: LeaderPart } };
    const { pid: leader, entity_id, parent } = document.process.entry_leader;
    return { leader, entity_id, parent };
  };

  it('a process that nobody leads is the image that it was, for whoever has it for a parent', () => {
    const host = withoutLeaders();
    const before = toolOf(host, 60);
    expect(before).toMatchObject({ leader: 51, parent: { entity_id: host.last.get(50)!.get('process.entity_id') } });
    expect(toolOf(restarted(host), 61)).toEqual(before);
    expect(toolOf(restarted(restarted(host)), 61)).toEqual(before);
    host.exec(50, '/usr/bin/supervisord', [], { lost: true });
    expect(toolOf(restarted(host), 61)).not.toEqual(before);
  });

  it('a process that nobody leads is remembered for who forked it', () => {
    const session = (host: FakeHost) => {
      host.setsid(52);
      return leaderText(host.exec(52, '/usr/bin/payload'));
    };
    const host = withoutLeaders();
    host.fork(50, 52);
    host.exit(50);
    expect(session(restarted(host))).toBe('unknown@52');
    expect(session(host)).toBe('unknown@52');
  });

  it('a file of the form before this is read', () => {
    const host = busyHost();
    const before = answers(host, LIVE);
    expect(answers(restarted(host, { ...host.enricher.leaders(), schema: 1 }), LIVE)).toEqual(before);
  });

  it('a replay of the second run makes the same events', () => {
    const lines: string[] = [];
    const host = busyHost();
    host.exit(101);
    const start = { ...START, leaders: host.enricher.leaders() };
    const next = new FakeHost({ start, onFact: (fact) => lines.push(factToJson(fact)) });
    for (const [pid, process] of host.processes) next.processes.set(pid, process);
    next.nowNs = host.nowNs;
    const live = [102, 103].map((pid) => JSON.stringify(toDocument(next.task(pid)!)));
    const surroundings = new ReplaySurroundings(lines.map(factFromJson));
    const agent = { version: '0.0.0' };
    const counters = new Counters();
    const again = new Enricher({ fields: new FieldTable(), surroundings, start: surroundings.start, counters, agent });
    expect(next.records.map((record) => JSON.stringify(toDocument(again.enrich(record)!)))).toEqual(live);
    expect(live[1]).toContain('"sshd"');
  });
});

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
