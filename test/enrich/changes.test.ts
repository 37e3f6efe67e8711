import { describe, expect, it } from 'vitest';
import { toDocument } from '../../src/ecs/document.ts';
import type { EcsEvent } from '../../src/ecs/event.ts';
import { ID_CHANGES, type IdChange } from '../../src/enrich/change-events.ts';
import type { CredentialsRecord, ExecRecord } from '../../src/sensor/record.ts';
import { FakeHost, type FakeProcess, leaderText } from './fake-host.ts';
import { sshSession } from './ssh-session.ts';

const get = (event: EcsEvent | undefined, names: readonly string[]) => names.map((name) => event?.get(name));
const actions = (events: readonly EcsEvent[]) => events.map((event) => event.get('event.action'));

const PERSON = [
  'user.id',
  'user.name',
  'user.Ext.real.id',
  'group.id',
  'group.Ext.real.id',
  'process.supplemental_groups.id',
] as const;

/** root: 200, a daemon that the ring has told of from its fork on. */
function daemon(): FakeHost {
  const host = new FakeHost();
  host.task(1);
  host.fork(1, 200);
  host.change(200, { pgid: 200, sid: 200 });
  host.exec(200, '/usr/sbin/daemon', ['daemon', '-x']);
  return host;
}

/** A change of ids: the events that are wanted. tid: the thread that makes it; before: where it differs from the process's. */
function changeIds(
  host: FakeHost,
  pid: number,
  over: Partial<FakeProcess & CredentialsRecord>,
  wanted: readonly IdChange[] = ID_CHANGES,
): EcsEvent[] {
  const { fsuid, fsgid, tid = pid, before, ...task } = over;
  const { uid, euid, suid, gid, egid, sgid } = host.get(pid);
  host.change(pid, task);
  const process = host.get(pid);
  const record: CredentialsRecord = {
    ...{ kind: 'credentials', bootNs: host.step(), task: host.state(pid), truncated: [], unreadable: [], tid },
    before: { uid, euid, suid, fsuid: euid, gid, egid, sgid, fsgid: egid, ...before },
    fsuid: fsuid ?? process.euid,
    fsgid: fsgid ?? process.egid,
    groups: process.groups,
  };
  return host.enricher.changes.ofCredentials(record, new Set(wanted));
}

describe('a new session', () => {
  const host = sshSession();
  host.fork(101, 110);
  const before = host.fork(110, 111);
  const event = host.newSession(111);

  it('is an event of the process as it is then, in full', () => {
    expect(
      get(event, ['event.category', 'event.type', 'event.action', 'process.pid', 'process.name', 'process.args']),
    ).toEqual([['process'], ['change'], 'session_id_change', 111, 'bash', ['-bash']]);
    expect(get(event, ['process.session_leader.pid', 'process.session_leader.same_as_process'])).toEqual([111, true]);
    expect(get(event, ['process.group_leader.pid', 'process.interactive', 'process.tty.char_device.major'])).toEqual([
      111,
      false,
      undefined,
    ]);
    expect(get(event, ['user.id', 'process.parent.pid', 'process.parent.args'])).toEqual(['1000', 110, ['-bash']]);
  });

  it('leaves the process and its children with the entry leader that they had until an exec', () => {
    expect([leaderText(before), leaderText(event)]).toEqual(['sshd@101', 'sshd@101']);
    expect(leaderText(host.fork(111, 112))).toBe('sshd@101');
    expect(host.last.get(112)?.get('process.session_leader.pid')).toBe(111);
  });

  it('has an id of its own', () => {
    expect(event?.id).not.toBe(before?.id);
    expect(event?.get('event.sequence')).toBe(host.records.length - 1);
  });
});

describe('a process of which nothing was seen before', () => {
  it('is read from /proc for its change, its parent too', () => {
    const host = new FakeHost();
    host.add(300, { ppid: 1 }, '/usr/bin/old');
    host.fork(300, 301, { lost: true });
    host.exec(301, '/usr/bin/tool', ['tool'], { lost: true });
    host.readable(300, ['old', 'a']);
    host.readable(301, ['tool', 'b']);
    const event = host.newSession(301);
    expect(get(event, ['process.args', 'process.parent.args', 'process.session_leader.pid'])).toEqual([
      ['tool', 'b'],
      ['old', 'a'],
      301,
    ]);
  });

  it('is kept with what its record says when /proc says nothing', () => {
    const host = new FakeHost();
    host.add(301, { ppid: 300, comm: 'tool' }, '/usr/bin/tool');
    const [event] = changeIds(host, 301, { euid: 7 });
    expect(get(event, ['process.pid', 'process.name', 'user.id', 'process.args'])).toEqual([
      301,
      'tool',
      '7',
      undefined,
    ]);
    expect(host.counters.get('enrich_forks_missed_total')).toBe(1);
    expect(host.fork(301, 302)?.get('process.parent.name')).toBe('tool');
  });
});

// name, ids that change, events
const CHANGES: [string, Parameters<typeof changeIds>[2], IdChange[]][] = [
  ['the effective user', { euid: 1000 }, ['uid_change']],
  ['the real user', { uid: 1000 }, ['uid_change']],
  ['the saved user', { suid: 1000 }, ['uid_change']],
  ['the file system user', { fsuid: 1000 }, ['uid_change']],
  ['the effective group', { egid: 1000 }, ['gid_change']],
  ['the real group', { gid: 1000 }, ['gid_change']],
  ['the saved group', { sgid: 1000 }, ['gid_change']],
  ['the file system group', { fsgid: 1000 }, ['gid_change']],
  [
    'users and groups',
    { uid: 1000, euid: 1000, suid: 1000, gid: 27, egid: 27, sgid: 27 },
    ['uid_change', 'gid_change'],
  ],
  ['nothing that has an event', { groups: [1, 2] }, []],
];

describe('a change of ids', () => {
  it.each(CHANGES)('of %s', (_name, change, expected) => {
    const host = daemon();
    expect(actions(changeIds(host, 200, change))).toEqual(expected);
  });

  it('tells who the process is now, and who it was', () => {
    const host = daemon();
    const ids = { uid: 1000, euid: 1000, suid: 0, gid: 27, egid: 27, groups: [27, 1000] };
    const [user, group] = changeIds(host, 200, ids);
    for (const event of [user, group]) {
      expect(get(event, PERSON)).toEqual(['1000', 'ann', '1000', '27', '27', ['27', '1000']]);
      expect(get(event, ['event.type', 'process.args', 'process.parent.pid'])).toEqual([
        ['change'],
        ['daemon', '-x'],
        1,
      ]);
    }
    expect(toDocument(user!)).toMatchObject({ forebear: { previous: { user: { id: '0' }, real_user: { id: '0' } } } });
    expect(toDocument(group!)).toMatchObject({
      forebear: { previous: { group: { id: '0' }, real_group: { id: '0' } } },
    });
    expect(user?.get('forebear.previous.group.id')).toBeUndefined();
    expect(user?.id).not.toBe(group?.id);
    expect(get(host.fork(200, 201), PERSON)).toEqual(['1000', 'ann', '1000', '27', '27', ['27', '1000']]);
  });

  it('makes the events that are wanted, and keeps the process table also for none', () => {
    const host = daemon();
    const both = { euid: 1000, egid: 27 };
    expect(actions(changeIds(host, 200, both, ['gid_change']))).toEqual(['gid_change']);
    expect(changeIds(host, 200, { euid: 7, egid: 8 }, [])).toEqual([]);
    expect(get(host.fork(200, 201), ['user.id', 'group.id'])).toEqual(['7', '8']);
  });

  it('is told once of a process whose threads all make it, one after the other', () => {
    const host = daemon();
    const before = { uid: 0, euid: 0, suid: 0, fsuid: 0 };
    const ids = { uid: 1000, euid: 1000, suid: 1000, before: { ...before, gid: 0, egid: 0, sgid: 0, fsgid: 0 } };
    const told = [201, 202, 200].map((tid) => actions(changeIds(host, 200, { ...ids, tid })));
    expect(told).toEqual([['uid_change'], [], []]);
  });

  it('is told of each thread that goes its own way', () => {
    const host = daemon();
    const root = { uid: 0, euid: 0, suid: 0, fsuid: 0, gid: 0, egid: 0, sgid: 0, fsgid: 0 };
    expect(actions(changeIds(host, 200, { tid: 201, euid: 5, before: root }))).toEqual(['uid_change']);
    expect(actions(changeIds(host, 200, { tid: 202, euid: 6, before: root }))).toEqual(['uid_change']);
    expect(actions(changeIds(host, 200, { tid: 201, euid: 0, before: { ...root, euid: 5 } }))).toEqual(['uid_change']);
  });
});

describe('an exec that changes ids', () => {
  /** ann's shell has forked 104, which now executes a file that is set-group-id shadow and set-user-id root. */
  function setIdExec(over: Parameters<FakeHost['change']>[1] = { euid: 0, suid: 0, egid: 42, sgid: 42 }) {
    const host = sshSession();
    host.fork(101, 104);
    host.change(104, over);
    const enrich = host.enricher.enrich.bind(host.enricher);
    const events: EcsEvent[] = [];
    host.enricher.enrich = (record) => {
      events.push(...host.enricher.changes.ofExec(record as ExecRecord, new Set(ID_CHANGES)));
      const event = enrich(record);
      events.push(event!);
      return event;
    };
    host.exec(104, '/usr/bin/chage', ['chage', '-l'], { setuid: true });
    return events;
  }

  it('is told before it, of the old image with the new ids', () => {
    const events = setIdExec();
    expect(actions(events)).toEqual(['uid_change', 'gid_change', 'exec']);
    const images = events.map((event) => get(event, ['process.name', 'user.id', 'group.id', 'process.parent.user.id']));
    expect(images).toEqual([
      ['bash', '0', '42', '1000'],
      ['bash', '0', '42', '1000'],
      ['chage', '0', '42', '1000'],
    ]);
    expect(get(events[0], ['forebear.previous.user.id', 'user.Ext.real.id'])).toEqual(['1000', '1000']);
    expect(events[1]?.get('forebear.previous.group.id')).toBe('1000');
    const entities = events.map((event) => event.get('process.entity_id'));
    expect(entities[0]).toBe(entities[1]);
    expect(entities[0]).not.toBe(entities[2]);
    expect(new Set(events.map(({ id }) => id)).size).toBe(3);
    expect(new Set(events.map((event) => event.get('event.sequence'))).size).toBe(1);
  });

  it('of a file that is not set-id tells of no change', () => {
    expect(actions(setIdExec({}))).toEqual(['exec']);
  });

  it('of a process that was not known before tells of none: what its ids were nobody knows', () => {
    const host = new FakeHost();
    host.add(300, { ppid: 1, euid: 5 }, '/usr/bin/x');
    const record = { kind: 'exec', task: host.get(300) } as unknown as ExecRecord;
    expect(host.enricher.changes.ofExec(record, new Set(ID_CHANGES))).toEqual([]);
  });
});
