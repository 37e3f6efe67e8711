// What the records lack: processes older than the agent, lost records, parents that /proc knows or does not.

import { describe, expect, it } from 'vitest';
import type { EcsEvent } from '../../src/ecs/event.ts';
import { FakeHost } from './fake-host.ts';

const kinds = (event: EcsEvent | undefined) => event?.gaps.map((gap) => `${gap.kind} ${gap.detail}`);

function oldShell(): FakeHost {
  const host = new FakeHost();
  host.task(1);
  host.add(200, { ppid: 1, sid: 200, pgid: 200 }, '/bin/bash');
  host.task(200);
  return host;
}

describe('a parent older than the agent', () => {
  it('is read from /proc at once, and marked', () => {
    const host = oldShell();
    host.readable(200, ['-bash'], { cwd: '/root' });
    host.fork(200, 201);
    const event = host.exec(201, '/bin/ls')!;
    expect(event.get('process.parent.args')).toEqual(['-bash']);
    expect(event.get('process.parent.working_directory')).toBe('/root');
    expect(event.get('forebear.parent_source')).toBe('procfs');
    expect(event.gaps).toEqual([]);
  });

  it('is pid 1, which some kernels do not show at start-up: named after its comm, or what its children say', () => {
    const host = new FakeHost();
    host.add(200, { ppid: 1, sid: 200, pgid: 200 }, '/usr/sbin/service');
    host.readable(1, ['init']);
    const { executable: _unreadable, ...reading } = host.surroundings.readings.get(1)!;
    host.surroundings.readings.set(1, { ...reading, task: { ...reading.task, comm: 'my-init' } });
    const lineage = host
      .task(200)!
      .lineage?.()
      .map(({ pid, executable }) => [pid, executable]);
    expect(lineage).toEqual([
      [1, '/usr/lib/systemd/systemd'],
      [200, '/usr/sbin/service'],
    ]);
  });

  it('is asked for once', () => {
    const host = oldShell();
    host.readable(200, ['-bash']);
    for (let pid = 201; pid < 210; pid++) {
      host.fork(200, pid);
      host.exec(pid, '/bin/ls');
    }
    expect(host.surroundings.asked.filter((question) => question === 'process 200')).toHaveLength(1);
  });

  it('that cannot be read keeps its executable, and the event says what is missing', () => {
    const host = oldShell();
    host.fork(200, 201);
    const event = host.exec(201, '/bin/ls')!;
    expect(event.get('process.parent.executable')).toBe('/bin/bash');
    expect(event.get('process.parent.args')).toBeUndefined();
    expect(event.get('forebear.parent_source')).toBe('executable');
    expect(kinds(event)).toContain('unknown_parent process.parent.args');
    host.fork(200, 202);
    host.exec(202, '/bin/ls');
    expect(host.surroundings.asked.filter((question) => question === 'process 200')).toHaveLength(1);
  });
});

describe('backfill', () => {
  it('reads in slices until nothing is left', () => {
    const host = new FakeHost();
    host.task(1);
    host.readable(1, ['/sbin/init']);
    expect(host.surroundings.asked).toEqual([]);
    for (let pid = 10; pid < 35; pid++) {
      host.add(pid, { ppid: 1, sid: pid, pgid: pid }, `/usr/sbin/d${pid}`);
      host.task(pid);
      host.readable(pid, [`d${pid}`, '--daemon']);
    }
    const left = [host.enricher.backfill(10), host.enricher.backfill(10), host.enricher.backfill(10)];
    expect(left).toEqual([16, 6, 0]);
    expect(host.surroundings.asked).toHaveLength(26);
    expect(host.enricher.backfill(10)).toBe(0);
    expect(host.exit(20)!.get('process.command_line')).toBe('d20 --daemon');
  });

  it('gives what it read to those who were forked before', () => {
    const host = oldShell();
    host.fork(200, 201);
    host.readable(201, ['never asked']);
    host.readable(200, ['-bash']);
    host.enricher.backfill(100);
    expect(host.exit(201)!.get('process.args')).toEqual(['-bash']);
  });
});

describe('lost records', () => {
  it('a parent whose records are lost comes from /proc', () => {
    const host = oldShell();
    host.readable(200, ['-bash']);
    host.fork(200, 201, { lost: true });
    host.exec(201, '/usr/bin/make', ['make'], { lost: true });
    host.readable(201, ['make', 'all']);
    host.fork(201, 202);
    const event = host.exec(202, '/usr/bin/cc')!;
    expect(event.get('process.parent.args')).toEqual(['make', 'all']);
    expect(event.get('forebear.parent_source')).toBe('procfs');
    expect(host.counters.get('enrich_processes_adopted_total')).toBe(1);
    expect(event.get('forebear.ancestors.executable')).toEqual([
      '/usr/bin/make',
      '/bin/bash',
      '/usr/lib/systemd/systemd',
    ]);
  });

  it('a parent that is gone is what the kernel said of it, and the loss is named', () => {
    const host = oldShell();
    host.enricher.noteLoss('fork', 7);
    host.fork(200, 201, { lost: true });
    host.exec(201, '/usr/bin/make', ['make'], { lost: true });
    host.fork(201, 202, { lost: true });
    const event = host.exec(202, '/usr/bin/cc')!;
    expect(event.get('process.parent.executable')).toBe('/usr/bin/make');
    expect(event.get('process.parent.name')).toBe('make');
    expect(event.get('process.parent.entity_id')).toBeUndefined();
    expect(kinds(event)).toEqual(['unknown_parent process.parent', 'lost_records records lost before this event']);
    expect(event.gaps.at(-1)?.count).toBe(7);
    expect(event.get('forebear.lost')).toBe(7);
    expect(event.lineage!()[0]).toEqual({ pid: 201, source: 'unknown' });
    expect(host.counters.get('enrich_forks_missed_total')).toBe(1);
  });

  it('a loss touches no event that lacks nothing', () => {
    const host = oldShell();
    host.readable(200, ['-bash']);
    host.enricher.noteLoss('exit', 3);
    host.fork(200, 201);
    expect(host.exec(201, '/bin/ls')!.gaps).toEqual([]);
  });

  it('where the kernel names another parent than the table, the kernel is right and /proc has its arguments', () => {
    const host = oldShell();
    host.readable(200, ['-bash']);
    host.enricher.backfill(10);
    host.fork(200, 201);
    host.exec(201, '/usr/bin/python3', ['python3', 'x.py'], { lost: true });
    host.readable(201, ['python3', 'x.py']);
    host.fork(201, 202);
    const event = host.exec(202, '/bin/ls')!;
    expect(event.get('process.parent.executable')).toBe('/usr/bin/python3');
    expect(event.get('process.parent.args')).toEqual(['python3', 'x.py']);
    expect(event.get('forebear.parent_source')).toBe('procfs');
    expect(host.counters.get('enrich_images_corrected_total')).toBe(1);
  });

  it('and where /proc cannot tell, no stale arguments are shown', () => {
    const host = oldShell();
    host.readable(200, ['-bash']);
    host.enricher.backfill(10);
    host.fork(200, 201);
    host.exec(201, '/usr/bin/python3', ['python3', 'x.py'], { lost: true });
    host.fork(201, 202);
    const event = host.exec(202, '/bin/ls')!;
    expect(event.get('process.parent.executable')).toBe('/usr/bin/python3');
    expect(event.get('process.parent.name')).toBe('python3');
    expect(event.get('process.parent.args')).toBeUndefined();
    expect(kinds(event)).toContain('unknown_parent process.parent.args');
  });
});

describe('names', () => {
  it('an unknown one is asked for once, and used when it has come', () => {
    const host = oldShell();
    host.change(200, { uid: 5000, euid: 5000 });
    for (let pid = 201; pid < 204; pid++) {
      host.fork(200, pid);
      host.exec(pid, '/bin/ls');
    }
    expect(host.surroundings.asked.filter((question) => question === 'user 5000')).toHaveLength(1);
    expect(host.last.get(203)!.get('user.name')).toBeUndefined();
    host.enricher.apply({ kind: 'name', of: 'user', id: 5000, name: 'bo' });
    expect(host.exit(203)!.get('user.name')).toBe('bo');
  });

  it('all are replaced when the files have changed', () => {
    const host = oldShell();
    host.enricher.apply({ kind: 'names', users: [[0, 'boss']], groups: [[0, 'wheel']] });
    const event = host.fork(200, 201)!;
    expect([event.get('user.name'), event.get('group.name')]).toEqual(['boss', 'wheel']);
  });

  it('time to look for changes comes once a second of record time', () => {
    const host = oldShell();
    const before = host.surroundings.ticks;
    for (let i = 0; i < 3000; i++) host.fork(200, 1000 + i);
    expect(host.surroundings.ticks - before).toBe(3);
  });
});

it('exits that were lost are found by looking', () => {
  const host = oldShell();
  for (let pid = 300; pid < 310; pid++) host.fork(200, pid);
  const before = host.enricher.processes.count;
  for (let pid = 300; pid < 310; pid++) host.surroundings.dead.add(pid);
  host.enricher.expire(1000);
  expect(host.counters.get('enrich_exits_missed_total')).toBe(10);
  host.nowNs += 31_000_000_000n;
  host.fork(200, 400);
  expect(host.enricher.processes.count).toBe(before - 10 + 1);
});
