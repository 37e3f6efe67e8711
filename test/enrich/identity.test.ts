import { describe, expect, it } from 'vitest';
import { FakeHost } from './fake-host.ts';
import { sshSession } from './ssh-session.ts';

describe('identity', () => {
  it('gives each image an entity id of its own, the earlier ones in the ancestry', () => {
    const host = sshSession();
    const first = host.exec(103, '/bin/sh')!;
    const second = host.exec(103, '/bin/cat')!;
    const forked = host.fork(103, 104)!;
    const ids = [first, second].map((event) => String(event.get('process.entity_id')));
    expect(ids[0]).not.toBe(ids[1]);
    expect(ids[0]!.split('.')[0]).toBe(ids[1]!.split('.')[0]);
    expect((second.get('process.Ext.ancestry') as string[])[0]).toBe(ids[0]);
    expect(forked.get('process.parent.entity_id')).toBe(ids[1]);
    expect((forked.get('process.Ext.ancestry') as string[]).slice(0, 2)).toEqual([ids[1], ids[0]]);
    expect((second.get('process.Ext.ancestry') as string[]).length).toBeLessThanOrEqual(20);
  });

  it('bounds the ancestry of a process that execs for ever', () => {
    const host = sshSession();
    for (let i = 0; i < 50; i++) host.exec(103, `/bin/${i}`);
    expect((host.last.get(103)!.get('process.Ext.ancestry') as string[]).length).toBeLessThanOrEqual(20);
  });

  it('gives the same event the same id, another one another', () => {
    const ids = [sshSession(), sshSession()].map((host) => host.exec(103, '/bin/sh')!.id);
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).toHaveLength(22);
    expect(sshSession().fork(103, 104)!.id).not.toBe(ids[0]);
  });

  it('a reused pid inherits nothing', () => {
    const host = sshSession();
    host.exec(103, '/bin/a', ['/bin/a', 'secret']);
    const before = host.last.get(103)!.get('process.entity_id');
    host.exit(103);
    host.fork(101, 103);
    const forked = host.last.get(103)!;
    expect(forked.get('process.args')).toEqual(['-bash']);
    expect(forked.get('process.entity_id')).not.toBe(before);
    expect(host.counters.get('enrich_exits_missed_total')).toBe(0);
  });

  it('a start-up record never overrides what the ring has told', () => {
    const host = sshSession();
    host.exec(103, '/usr/bin/systemctl', ['systemctl', 'enable', 'x']);
    expect(host.task(103)).toBeUndefined();
    expect(host.counters.get('enrich_tasks_superseded_total')).toBe(1);
    expect(host.exit(103)!.get('process.args')).toEqual(['systemctl', 'enable', 'x']);
  });

  it('a start-up record of an earlier user of the pid is too late', () => {
    const host = sshSession();
    const old = { ...host.get(103), startNs: 5n };
    host.processes.set(103, old);
    expect(host.task(103)).toBeUndefined();
  });

  it('a fork record of a process that start-up found keeps what start-up knew', () => {
    const host = new FakeHost();
    host.task(1);
    host.add(100, { sid: 100 }, '/usr/bin/late');
    host.task(100);
    const forked = host.tell({
      kind: 'fork',
      bootNs: host.step(),
      task: host.records.at(-1)!.task,
      truncated: [],
      unreadable: [],
      creator: { tgid: 1, startNs: 1n },
    })!;
    expect(forked.get('process.executable')).toBe('/usr/bin/late');
  });
});
