import { describe, expect, it } from 'vitest';
import { toDocument } from '../../src/ecs/document.ts';
import type { EcsEvent } from '../../src/ecs/event.ts';
import { FakeHost, HOST_NS } from './fake-host.ts';
import { sshSession } from './ssh-session.ts';

const get = (event: EcsEvent | undefined, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, event?.get(name)]));

describe('an exec', () => {
  const host = sshSession();
  const event = host.exec(103, '/usr/bin/systemctl', ['systemctl', 'enable', 'x'], { env: ['LD_PRELOAD=/x.so'] })!;

  it('says what runs', () => {
    expect(
      get(event, [
        'event.category',
        'event.type',
        'event.action',
        'event.kind',
        'event.module',
        'event.dataset',
        'process.pid',
        'process.name',
        'process.executable',
        'process.args',
        'process.args_count',
        'process.command_line',
        'process.env_vars',
        'process.working_directory',
        'process.interactive',
        'process.tty.char_device.major',
        'process.tty.char_device.minor',
        'process.thread.capabilities.effective',
        'host.name',
        'host.os.type',
        'agent.type',
        'container.id',
      ]),
    ).toEqual({
      'event.category': ['process'],
      'event.type': ['start'],
      'event.action': 'exec',
      'event.kind': 'event',
      'event.module': 'endpoint',
      'event.dataset': 'endpoint.events.process',
      'process.pid': 103,
      'process.name': 'systemctl',
      'process.executable': '/usr/bin/systemctl',
      'process.args': ['systemctl', 'enable', 'x'],
      'process.args_count': 3,
      'process.command_line': 'systemctl enable x',
      'process.env_vars': ['LD_PRELOAD=/x.so'],
      'process.working_directory': '/home/ann',
      'process.interactive': true,
      'process.tty.char_device.major': 136,
      'process.tty.char_device.minor': 3,
      'process.thread.capabilities.effective': ['CAP_SYS_ADMIN'],
      'host.name': 'web-1',
      'host.os.type': 'linux',
      'agent.type': 'forebear',
      'container.id': undefined,
    });
  });

  it('says who runs it', () => {
    expect(
      get(event, [
        'user.id',
        'user.name',
        'user.Ext.real.id',
        'user.Ext.real.name',
        'group.name',
        'process.user.name',
        'process.real_user.name',
        'process.real_group.name',
        'process.supplemental_groups.id',
        'process.supplemental_groups.name',
      ]),
    ).toEqual({
      'user.id': '0',
      'user.name': 'root',
      'user.Ext.real.id': '1000',
      'user.Ext.real.name': 'ann',
      'group.name': 'root',
      'process.user.name': 'root',
      'process.real_user.name': 'ann',
      'process.real_group.name': 'ann',
      'process.supplemental_groups.id': ['27', '1000'],
      'process.supplemental_groups.name': ['sudo', 'ann'],
    });
  });

  it('says where it comes from', () => {
    expect(
      get(event, [
        'process.parent.pid',
        'process.parent.executable',
        'process.parent.args',
        'process.parent.command_line',
        'process.parent.user.name',
        'process.group_leader.pid',
        'process.group_leader.name',
        'process.session_leader.pid',
        'process.session_leader.args',
        'process.session_leader.same_as_process',
        'process.entry_leader.pid',
        'process.entry_leader.name',
        'process.entry_leader.entry_meta.type',
        'process.entry_leader.parent.pid',
        'process.previous.executable',
        'process.previous.args_count',
        'forebear.ancestors.executable',
        'forebear.parent_source',
      ]),
    ).toEqual({
      'process.parent.pid': 102,
      'process.parent.executable': '/home/ann/payload',
      'process.parent.args': ['./payload', 'a b', ''],
      'process.parent.command_line': './payload a b ',
      'process.parent.user.name': 'ann',
      'process.group_leader.pid': 102,
      'process.group_leader.name': 'payload',
      'process.session_leader.pid': 101,
      'process.session_leader.args': ['-bash'],
      'process.session_leader.same_as_process': false,
      'process.entry_leader.pid': 101,
      'process.entry_leader.name': 'bash',
      'process.entry_leader.entry_meta.type': 'sshd',
      'process.entry_leader.parent.pid': 100,
      'process.previous.executable': '/home/ann/payload',
      'process.previous.args_count': 3,
      'forebear.ancestors.executable': ['/home/ann/payload', '/bin/bash', '/usr/sbin/sshd', '/usr/lib/systemd/systemd'],
      'forebear.parent_source': 'kernel',
    });
  });

  it('draws its lineage, oldest first', () => {
    const lineage = event.lineage!();
    expect(lineage.map((ancestor) => [ancestor.pid, ancestor.name, ancestor.command_line])).toEqual([
      [1, 'systemd', undefined],
      [100, 'sshd', 'sshd: /usr/sbin/sshd -D [listener]'],
      [101, 'bash', '-bash'],
      [102, 'payload', './payload a b '],
      [103, 'systemctl', 'systemctl enable x'],
    ]);
    expect(lineage.map((ancestor) => ancestor.source)).toEqual(['kernel', 'procfs', 'kernel', 'kernel', 'kernel']);
  });

  it('has no gap', () => {
    expect(event.gaps).toEqual([]);
  });

  it('takes its time from the record', () => {
    expect(event.wallMs).toBe(1_700_000_000_000 + Number(event.bootNs) / 1e6);
    expect(event.get('@timestamp')).toBe(event.wallMs);
    expect(toDocument(event)).toMatchObject({ '@timestamp': new Date(Math.floor(event.wallMs)).toISOString() });
  });
});

describe('fork and exit', () => {
  it('a fork runs what its creator ran', () => {
    const host = sshSession();
    const event = host.fork(102, 110)!;
    expect(
      get(event, ['event.action', 'event.type', 'process.executable', 'process.args', 'process.parent.pid']),
    ).toEqual({
      'event.action': 'fork',
      'event.type': ['start'],
      'process.executable': '/home/ann/payload',
      'process.args': ['./payload', 'a b', ''],
      'process.parent.pid': 102,
    });
    expect(event.lineage!().at(-1)?.source).toBe('fork');
  });

  it.each([
    [0, 0, undefined],
    [3 << 8, 3, undefined],
    [9, 137, 9],
    [0x80 | 11, 139, 11],
  ])('wait status %i is exit code %i, signal %j', (code, exitCode, signal) => {
    const event = sshSession().exit(103, code)!;
    expect(get(event, ['event.action', 'event.type', 'process.exit_code', 'forebear.exit_signal'])).toEqual({
      'event.action': 'end',
      'event.type': ['end'],
      'process.exit_code': exitCode,
      'forebear.exit_signal': signal,
    });
    expect(event.get('process.end')).toBe(event.wallMs);
  });

  it('a session that a process made without an exec shows in its next fork', () => {
    const host = sshSession();
    host.fork(102, 110);
    host.setsid(110);
    expect(host.fork(110, 111)!.get('process.session_leader.pid')).toBe(110);
    const event = host.exit(110)!;
    expect(
      get(event, ['process.session_leader.pid', 'process.session_leader.same_as_process', 'process.interactive']),
    ).toEqual({
      'process.session_leader.pid': 110,
      'process.session_leader.same_as_process': true,
      'process.interactive': false,
    });
  });

  it('an exit of a process that nobody saw is an event all the same', () => {
    const host = new FakeHost();
    host.fork(1, 50, { lost: true });
    const event = host.exit(50)!;
    expect(get(event, ['process.pid', 'process.executable'])).toEqual({
      'process.pid': 50,
      'process.executable': undefined,
    });
    expect(host.counters.get('enrich_exits_unknown_total')).toBe(1);
    expect(host.enricher.processes.count).toBe(0);
  });
});

describe('namespaces', () => {
  it('names no user outside the host’s user namespace, and says so', () => {
    const host = sshSession();
    host.change(103, { userNs: HOST_NS.user + 1, mntNs: HOST_NS.mnt + 1 });
    const event = host.exec(103, '/usr/bin/systemctl')!;
    expect(get(event, ['user.id', 'user.name', 'group.name', 'process.supplemental_groups.name'])).toEqual({
      'user.id': '0',
      'user.name': undefined,
      'group.name': undefined,
      'process.supplemental_groups.name': undefined,
    });
    expect(
      get(event, ['forebear.host_namespace.mount', 'forebear.host_namespace.user', 'forebear.host_namespace.pid']),
    ).toEqual({
      'forebear.host_namespace.mount': false,
      'forebear.host_namespace.user': false,
      'forebear.host_namespace.pid': true,
    });
    expect(event.get('process.parent.user.name')).toBe('ann');
  });

  it('says why a session is a container', () => {
    const host = sshSession();
    host.exec(102, '/usr/bin/conmon');
    host.fork(102, 104);
    host.setsid(104);
    host.change(104, { mntNs: 1, cgroup: `/machine.slice/libpod-${'ab'.repeat(32)}.scope` });
    const event = host.exec(104, '/bin/sh')!;
    expect(event.get('forebear.entry_leader_evidence')).toEqual(['mount_namespace', 'cgroup']);
    expect(event.get('container.id')).toBe('ab'.repeat(32));
  });
});

describe('limits', () => {
  it('carries full arguments of process and parent, 1 KiB of the leaders’, and marks what it cut', () => {
    const host = sshSession();
    const long = ['x'.repeat(5000), 'y'];
    host.exec(101, '/bin/bash', long);
    host.fork(101, 104);
    const event = host.exec(104, '/bin/sh', long)!;
    expect(event.get('process.args')).toEqual(long);
    expect(event.get('process.parent.args')).toEqual(long);
    expect(event.get('process.session_leader.args')).toEqual(['x'.repeat(1024)]);
    expect(event.get('process.entry_leader.args_count')).toBe(2);
    expect(event.gaps.map((gap) => [gap.kind, gap.detail])).toEqual([
      ['truncated', 'process.session_leader.args'],
      ['truncated', 'process.group_leader.args'],
      ['truncated', 'process.entry_leader.args'],
    ]);
    expect(event.lineage!().every((ancestor) => (ancestor.command_line ?? '').length <= 1024)).toBe(true);
  });

  it('marks what the sensor could not carry', () => {
    const host = sshSession();
    const event = host.exec(103, '/bin/sh', ['sh', 'x'], {
      argc: 4711,
      truncated: ['args', 'env'],
      unreadable: ['cwd'],
    })!;
    expect(
      get(event, [
        'process.args_count',
        'process.Ext.command_line_truncated',
        'forebear.truncated',
        'forebear.unreadable',
      ]),
    ).toEqual({
      'process.args_count': 4711,
      'process.Ext.command_line_truncated': true,
      'forebear.truncated': ['process.args', 'process.env_vars'],
      'forebear.unreadable': ['process.working_directory'],
    });
    expect(event.gaps.map((gap) => gap.kind)).toEqual(['truncated', 'truncated', 'unreadable']);
    host.fork(103, 104);
    const child = host.exec(104, '/bin/ls')!;
    expect(child.get('process.parent.Ext.command_line_truncated')).toBe(true);
  });
});
