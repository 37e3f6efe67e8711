// Entry leaders over a restart of the agent: what one enricher leaves is what the next one on this boot begins with.

import { describe, expect, it } from 'vitest';
import { toDocument } from '../../src/ecs/document.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Enricher } from '../../src/enrich/enricher.ts';
import { factFromJson, factToJson } from '../../src/enrich/fact-json.ts';
import type { SavedCreator, SavedMember } from '../../src/enrich/saved-leaders.ts';
import { ReplaySurroundings } from '../../src/enrich/surroundings-replay.ts';
import { Counters } from '../../src/stats.ts';
import { answers, busyHost, LIVE, restarted } from './busy-host.ts';
import { FakeHost, leaderText, START } from './fake-host.ts';

function sshdForks(host: FakeHost, pid: number): void {
  host.fork(100, pid, { lost: true });
  host.setsid(pid);
  host.exec(pid, '/bin/zsh', [], { lost: true });
}

/** As schema 1 has it. */
function shorter([pid, start, exec, name]: SavedCreator): SavedCreator {
  return [pid, start, exec, name];
}

interface LeaderPart {
  pid: number;
  entity_id: string;
  parent: object;
}

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

  it('the parent that a process was found with is not taken for one that was seen to fork it', () => {
    const host = new FakeHost();
    host.task(1);
    host.add(100, { ppid: 1, pgid: 100, sid: 100 }, '/usr/sbin/sshd');
    host.task(100);
    const seen = (of: FakeHost, pid: number) => {
      of.fork(100, pid);
      return of.exec(pid, '/usr/bin/tool')!.lineage!().map(({ name, source }) => `${name} ${source}`);
    };
    expect(seen(host, 101)).toEqual(['systemd kernel', 'sshd kernel', 'tool kernel']);
    expect(seen(restarted(host), 102)).toEqual(seen(host, 102));
  });

  it('an exec of a process that was not found yet makes a new image, also of the same file', () => {
    const host = busyHost();
    const idOf = (of: FakeHost) => of.exec(103, '/bin/bash', ['-bash'])!.get('process.entity_id');
    const next = new FakeHost({ start: { ...START, leaders: host.enricher.leaders() } });
    for (const [pid, process] of host.processes) next.processes.set(pid, process);
    next.nowNs = host.nowNs;
    expect(idOf(next)).toBe(idOf(host));
  });

  it('a file of the form before this is read', () => {
    const host = busyHost();
    const before = answers(host, LIVE);
    const { leaders, members, bootId } = host.enricher.leaders();
    const former = {
      schema: 1 as const,
      bootId,
      leaders: leaders.map(({ creator, ...leader }) => ({ ...leader, ...(creator && { creator: shorter(creator) }) })),
      members: members.map(
        ([pid, start, index, creator, ...rest]): SavedMember => [
          pid,
          start,
          index,
          creator && shorter(creator),
          ...rest,
        ],
      ),
    };
    expect(answers(restarted(host, former), LIVE)).toEqual(before);
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
