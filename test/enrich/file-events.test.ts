import { describe, expect, it } from 'vitest';
import type { EcsEvent } from '../../src/ecs/event.ts';
import { extensionOf } from '../../src/enrich/file-events.ts';
import type { FileRecord } from '../../src/sensor/record.ts';
import { FakeHost } from './fake-host.ts';

const INODE = {
  ino: 42n,
  size: 1_000n,
  mtimeNs: 1_700_000_000_000_000_000n,
  ctimeNs: 1_700_000_001_000_000_000n,
  devMajor: 8,
  devMinor: 1,
  mode: 0o100640,
  nlink: 2,
  uid: 1000,
  gid: 27,
};
const get = (event: EcsEvent | undefined, ...names: string[]) => names.map((name) => event?.get(name));

/** root: 200, vi of ann's. */
function editor(): FakeHost {
  const host = new FakeHost();
  host.task(1);
  host.fork(1, 200);
  host.exec(200, '/usr/bin/vi', ['vi', 'a.service']);
  return host;
}

function fileRecord(host: FakeHost, over: Partial<FileRecord>, pid = 200): FileRecord {
  const flags = { hardLink: false, symlink: false, special: false, tmpfile: false, exchange: false };
  const base = { kind: 'file', bootNs: host.step(), task: host.state(pid), tid: pid } as const;
  const marks = { truncated: [], unreadable: [], directory: false };
  return { ...base, ...flags, ...marks, operation: 'creation', ...over };
}

describe('an event of a file', () => {
  const host = editor();
  const event = host.enricher.enrich(
    fileRecord(host, {
      operation: 'rename',
      path: '/etc/systemd/system/a.service',
      oldPath: '/tmp/a.service.swp',
      inode: INODE,
      exchange: true,
    }),
  );

  it('says what happened and where such events belong', () => {
    expect(get(event, 'event.action', 'event.category', 'event.type', 'event.dataset', 'data_stream.dataset')).toEqual([
      'rename',
      ['file'],
      ['change'],
      'endpoint.events.file',
      'endpoint.events.file',
    ]);
  });

  it('says what the file is now, and of a rename what it was', () => {
    expect(get(event, 'file.path', 'file.name', 'file.extension', 'file.directory', 'file.type')).toEqual([
      '/etc/systemd/system/a.service',
      'a.service',
      'service',
      '/etc/systemd/system',
      'file',
    ]);
    expect(get(event, 'file.Ext.original.path', 'file.Ext.original.name', 'file.Ext.original.extension')).toEqual([
      '/tmp/a.service.swp',
      'a.service.swp',
      'swp',
    ]);
    expect(
      get(event, 'file.inode', 'file.size', 'file.mode', 'file.uid', 'file.owner', 'file.gid', 'file.group'),
    ).toEqual(['42', 1000, '0640', '1000', 'ann', '27', 'sudo']);
    expect(get(event, 'file.mtime', 'file.ctime', 'forebear.file.links', 'forebear.file.flags')).toEqual([
      1_700_000_000_000,
      1_700_000_001_000,
      2,
      ['exchange'],
    ]);
  });

  it('has the acting process with its lineage', () => {
    expect(get(event, 'process.name', 'process.args', 'process.parent.pid', 'user.name')).toEqual([
      'vi',
      ['vi', 'a.service'],
      1,
      'root',
    ]);
    expect(event?.lineage?.().map(({ pid }) => pid)).toEqual([1, 200]);
  });
});

// what the record says besides, file.type, file.target_path
const TYPES: [string, Partial<FileRecord>, string | undefined, string | undefined][] = [
  ['a new file without an inode', {}, 'file', undefined],
  ['a file that got its name late', { tmpfile: true }, 'file', undefined],
  ['a symbolic link', { symlink: true, linkTarget: '../x' }, 'symlink', '../x'],
  ['a hard link', { hardLink: true, linkTarget: '/x' }, undefined, '/x'],
  ['a special file of unknown kind', { special: true }, undefined, undefined],
  ['a fifo', { special: true, inode: { ...INODE, mode: 0o10644 } }, 'fifo', undefined],
  ['a socket', { special: true, inode: { ...INODE, mode: 0o140644 } }, 'socket', undefined],
  ['a deletion of what is not known', { operation: 'deletion' }, undefined, undefined],
  ['a deleted directory', { operation: 'deletion', directory: true }, 'dir', undefined],
];
it.each(TYPES)('%s', (_name, over, type, target) => {
  const host = editor();
  const event = host.enricher.enrich(fileRecord(host, { path: '/x/y', ...over }));
  expect(get(event, 'file.type', 'file.target_path')).toEqual([type, target]);
});

const EXTENSIONS: [string, string | undefined][] = [
  ['/a/b.service', 'service'],
  ['/a/b.tar.gz', 'gz'],
  ['/a/.bashrc', undefined],
  ['/a/.config.d', 'd'],
  ['/a.d/b', undefined],
  ['/a/b.', undefined],
  ['/', undefined],
];
it.each(EXTENSIONS)('the extension of %s is %j', (path, wanted) => expect(extensionOf(path)).toBe(wanted));

it('a name that is renamed to itself is no event', () => {
  const host = editor();
  expect(host.enricher.enrich(fileRecord(host, { operation: 'rename', path: '/a', oldPath: '/a' }))).toBeUndefined();
});

it('a rename of which neither path could be read is an event', () => {
  const host = editor();
  const event = host.enricher.enrich(fileRecord(host, { operation: 'rename', unreadable: ['path', 'old_path'] }));
  expect(get(event, 'event.action', 'forebear.unreadable')).toEqual([
    'rename',
    ['file.path', 'file.Ext.original.path'],
  ]);
});

/** As the kernel has a process whose files it closes at its end: without terminal and namespaces. */
const LEAVING = { ttyMajor: 0, ttyMinor: 0, mntNs: 0, netNs: 0 };

it.each([
  ['whose end was told', true],
  ['whose end was lost', false],
])('a file closed by a process that leaves, %s, changes nothing of what is known of it', (_name, told) => {
  const host = editor();
  host.change(200, { sid: 200, pgid: 200, ttyMajor: 136, ttyMinor: 3 });
  host.exec(200, '/bin/bash', ['bash']);
  host.fork(200, 201);
  const leaving = { ...host.state(200), ...LEAVING };
  host.exit(200, 0, { lost: !told });
  const closing = fileRecord(host, { operation: 'modification', path: '/tmp/log', task: leaving, tid: 200 }, 201);
  const fields = ['process.tty.char_device.minor', 'process.interactive', 'forebear.host_namespace.mount'];
  expect(get(host.enricher.enrich(closing), ...fields)).toEqual([3, true, true]);
  expect(host.exec(201, '/bin/sleep')?.get('process.session_leader.interactive')).toBe(true);
});

it('of a process that was not known is an event all the same, and the process is known from then on', () => {
  const host = editor();
  host.enricher.enrich(fileRecord(host, { path: '/etc/a' }, 200));
  const stranger = { ...host.state(200), tgid: 999, startNs: 77n, comm: 'strange' };
  const event = host.enricher.enrich(fileRecord(host, { path: '/etc/b', task: stranger, tid: 999 }));
  expect(get(event, 'process.pid', 'process.name', 'file.path')).toEqual([999, 'strange', '/etc/b']);
});

it('the sketch says what the event says, in every field that it has', () => {
  const host = editor();
  const record = fileRecord(host, { operation: 'rename', path: '/etc/a.b', oldPath: '/tmp/c', inode: INODE });
  let sketched: unknown[] | undefined;
  const { fileSketchSlots } = host.enricher;
  const event = host.enricher.enrich(record, (sketch) => {
    sketched = [...fileSketchSlots].map((slot) => sketch.slots[slot]);
    return true;
  });
  expect(sketched).toEqual([...fileSketchSlots].map((slot) => event?.slots[slot]));
  expect(sketched?.filter((value) => value !== undefined).length).toBeGreaterThan(10);
  expect(host.enricher.enrich(fileRecord(host, { path: '/x' }), () => false)).toBeUndefined();
});
