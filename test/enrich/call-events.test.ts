import { expect, it } from 'vitest';
import type { CallRecord } from '../../src/sensor/record.ts';
import { FakeHost } from './fake-host.ts';

function eventOf(over: Partial<CallRecord>) {
  const fake = new FakeHost();
  fake.task(1);
  fake.fork(1, 200);
  fake.exec(200, '/usr/bin/perl', ['perl', '-e', '1']);
  return fake.enricher.enrich({
    kind: 'call',
    bootNs: fake.step(),
    task: fake.state(200),
    truncated: [],
    unreadable: [],
    call: 'memfd_create',
    tid: 200,
    args: [0n, 0n, 0n],
    result: 3,
    ...over,
  });
}

// call, arguments and name; fields of the event
const CALLS: [CallRecord['call'], Partial<CallRecord>, Record<string, unknown>][] = [
  [
    'memfd_create',
    { args: [3n, 0n, 0n], name: 'jit' },
    {
      'process.Ext.memfd.name': ['jit', 'memfd:jit'],
      'process.Ext.memfd.flags': 3,
      'process.Ext.memfd.flag_cloexec': true,
      'process.Ext.memfd.flag_allow_seal': true,
      'process.Ext.memfd.flag_exec': false,
    },
  ],
  [
    'ptrace',
    { args: [16n, 0xffff_0000_0000_00c8n, 0xffff_ffff_ffff_fff0n] },
    {
      'process.Ext.ptrace.request': 16,
      'process.Ext.ptrace.child_pid': 200,
      'process.Ext.ptrace.addr': 0xffff_ffff_ffff_fff0n,
      'process.Ext.memfd.flags': undefined,
    },
  ],
  [
    'shmget',
    { args: [0xffff_ffffn, 4096n, 0o1600n] },
    { 'process.Ext.shmget.key': -1, 'process.Ext.shmget.size': 4096, 'process.Ext.shmget.flags': 0o1600 },
  ],
  ['load_module', { name: 'nf_tables' }, { 'process.Ext.load_module.name': 'nf_tables' }],
];

it.each(CALLS)('%s: what it was called with', (call, over, fields) => {
  const event = eventOf({ call, ...over });
  const common = {
    'event.action': call,
    'event.category': ['process'],
    'event.type': ['start'],
    'process.name': 'perl',
  };
  for (const [name, value] of Object.entries({ ...common, ...fields }))
    expect([name, event?.get(name)]).toEqual([name, value]);
});

it('a name that could not be read is marked, and absent', () => {
  const event = eventOf({ unreadable: ['name'] });
  expect([event?.get('process.Ext.memfd.name'), event?.get('forebear.unreadable')]).toEqual([
    undefined,
    ['process.Ext.memfd.name'],
  ]);
});
