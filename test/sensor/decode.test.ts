import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/sensor/decode.ts';
import { FIELD, FIELD_FLAG, HEAD, TASK } from '../../src/sensor/layout.ts';
import type { ExecRecord, SensorRecord } from '../../src/sensor/record.ts';
import { encodeArea, encodeBatch, encodeFields, encodeRecord, PLAIN_TASK, type RecordInput } from './encode.ts';
import { GOLDEN } from './tables/golden-records.ts';

const NO_NAMES: ReadonlySet<string> = new Set();

function decodeOne(bytes: Uint8Array, names = NO_NAMES): SensorRecord {
  const decoder = new Decoder(names);
  const records = decoder.decode(bytes);
  expect([records.length, decoder.counts.malformed, decoder.counts.unknown]).toEqual([1, 0, 0]);
  return records[0]!;
}

const decodeExec = (input: Omit<RecordInput & { kind: 'exec' }, 'kind'>, names = NO_NAMES) =>
  decodeOne(encodeRecord({ kind: 'exec', ...input }), names) as ExecRecord;

describe('golden bytes, written out by hand from wire.h', () => {
  it.each(GOLDEN)('$name', ({ hex, record }) => {
    expect(decodeOne(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'), new Set(['LD_PRELOAD']))).toEqual(record);
  });
});

describe('what the encoder writes, the decoder reads', () => {
  const full: RecordInput & { kind: 'exec' } = {
    kind: 'exec',
    bootNs: 2n ** 63n,
    task: {
      ...PLAIN_TASK,
      tgid: 0xffff_ffff,
      uid: 1000,
      euid: 0,
      ttyMajor: 136,
      ttyMinor: 3,
      groupCount: 70,
      comm: 'fifteen-letters',
    },
    inode: {
      ino: 2n ** 64n - 1n,
      size: 1n,
      mtimeNs: -2n,
      ctimeNs: 3n,
      devMajor: 4,
      devMinor: 5,
      mode: 6,
      nlink: 0,
      uid: 8,
      gid: 9,
    },
    executable: '/usr/bin/env',
    deleted: true,
    memfd: true,
    setuid: true,
    setgid: true,
    script: true,
    filename: './x',
    interpreter: '/usr/bin/env',
    cwd: '/root',
    args: ['env', '', 'a b', '\n', '\udcff\udcfe'],
    argc: 9,
    argBytes: 200_000,
    env: ['LD_PRELOAD=/x.so'],
    cgroup: '/user.slice',
    parentExecutable: '/usr/bin/bash',
    groups: [0, 27, 0xffff_ffff],
    truncated: ['args', 'env'],
    unreadable: ['cwd'],
    unreachable: ['executable'],
  };

  it('a full exec record', () => {
    expect(decodeOne(encodeRecord(full), new Set(['LD_PRELOAD']))).toEqual({
      ...full,
      truncated: expect.arrayContaining(['args', 'env']),
    });
  });

  it.each<RecordInput>([
    { kind: 'fork', bootNs: 1n, task: PLAIN_TASK, creator: { tgid: 7, startNs: 8n }, truncated: [], unreadable: [] },
    { kind: 'exit', bootNs: 1n, task: PLAIN_TASK, endNs: 99n, code: 0x8b, truncated: [], unreadable: [] },
    {
      kind: 'task',
      bootNs: 1n,
      task: { ...PLAIN_TASK, kernelThread: true },
      groups: [],
      truncated: [],
      unreadable: [],
    },
    { kind: 'session', bootNs: 1n, task: PLAIN_TASK, truncated: [], unreadable: [] },
    {
      kind: 'credentials',
      bootNs: 1n,
      task: { ...PLAIN_TASK, uid: 1, euid: 2, suid: 3, gid: 0xffff_ffff },
      tid: 101,
      before: { uid: 4, euid: 5, suid: 6, fsuid: 7, gid: 8, egid: 9, sgid: 10, fsgid: 0xffff_fffe },
      fsuid: 11,
      fsgid: 12,
      groups: [4, 24],
      truncated: ['groups'],
      unreadable: [],
    },
    {
      kind: 'network',
      bootNs: 1n,
      task: PLAIN_TASK,
      operation: 'lookup_result',
      direction: 'egress',
      tid: 101,
      family: 'ipv6',
      localAddress: '::1',
      localPort: 40_000,
      remoteAddress: 'fe80::1',
      remotePort: 53,
      cookie: 0n,
      sent: 0n,
      received: 0n,
      result: 0,
      message: Buffer.from('the first bytes'),
      truncated: ['message'],
      unreadable: [],
    },
  ])('a $kind record', (input) => {
    expect(decodeOne(encodeRecord(input))).toEqual({ ...input, unreachable: [] });
  });

  it('any arguments, byte for byte', () => {
    const argument = fc.string({ unit: fc.constantFrom('a', ' ', '\n', 'é', '\udcff', '\udc80', '😀') });
    fc.assert(
      fc.property(fc.array(argument), (args) => {
        expect(encodeArea(decodeExec({ args }).args)).toEqual(encodeArea(args));
      }),
    );
  });
});

it('a path whose beginning was cut is none from the root: it must not pass for /usr/bin/su', () => {
  const cut = { executable: '/usr/bin/su', parentExecutable: '/usr/bin/su', cwd: '/usr/bin', cgroup: '/user.slice' };
  const whole = decodeExec({ ...cut, filename: '/usr/bin/su', truncated: ['filename'] });
  expect(whole).toMatchObject({ ...cut, filename: '/usr/bin/su' });
  expect(decodeExec({ ...cut, truncated: ['executable', 'parent_executable', 'cwd', 'cgroup'] })).toMatchObject({
    executable: 'usr/bin/su',
    parentExecutable: 'usr/bin/su',
    cwd: 'usr/bin',
    cgroup: 'user.slice',
  });
});

describe('argument areas', () => {
  const cases: [string, string, string[]][] = [
    ['no argument at all', '', []],
    ['one empty argument', '\0', ['']],
    ['two empty arguments', '\0\0', ['', '']],
    ['the last one cut before its NUL', 'ab\0c', ['ab', 'c']],
    ['cut right behind a NUL', 'ab\0', ['ab']],
  ];
  it.each(cases)('%s', (_name, area, args) => {
    const task = encodeRecord({ kind: 'exec' }).subarray(24, 24 + TASK.size);
    const bytes = encodeFields(1, 0n, [
      { id: FIELD.task, payload: task },
      { id: FIELD.args, payload: Buffer.from(area, 'latin1') },
    ]);
    expect((decodeOne(bytes) as ExecRecord).args).toEqual(args);
  });
});

describe('environment', () => {
  it.each([
    [['LD_PRELOAD*'], ['LD_PRELOAD=/tmp/\udcff.so', 'LD_PRELOAD2=x']],
    [
      ['~ld_preload?', 'PATH'],
      ['PATH=/bin', 'LD_PRELOAD2=x'],
    ],
    [['ld_preload?'], []],
    [['*PRELOAD', 'LD_PRELOAD'], ['LD_PRELOAD=/tmp/\udcff.so']],
    [['~secret'], ['SECRET=\n']],
    [['*_*2'], ['LD_PRELOAD2=x']],
    [
      ['P*T?', '*C*R*T', '??'],
      ['PATH=/bin', 'SECRET=\n'],
    ],
  ])('of names like %s', (names, found) => {
    expect(decodeExec({ env }, new Set(names)).env).toEqual(found);
  });

  const env = ['PATH=/bin', 'LD_PRELOAD=/tmp/\udcff.so', 'LD_PRELOAD2=x', 'LD_PRELOAD', '=odd', 'SECRET=\n', ''];
  it('lets only the variables out that were asked for, their bytes intact', () => {
    expect(decodeExec({ env }, new Set(['LD_PRELOAD', 'HOME'])).env).toEqual(['LD_PRELOAD=/tmp/\udcff.so']);
  });
  it('takes no longer for a name that nearly fits in many ways', () => {
    const hostile = Array.from({ length: 60 }, (_, i) => `${'a'.repeat(120)}${i}=x`);
    expect(decodeExec({ env: hostile }, new Set([`${'*a'.repeat(30)}*b`])).env).toEqual([]);
  });
  it('lets nothing out when nothing was asked for', () => {
    expect(decodeExec({ env }).env).toEqual([]);
  });
  it('takes no variable without a name, even when asked', () => {
    expect(decodeExec({ env: ['=odd', 'plain'] }, new Set(['', 'plain'])).env).toEqual([]);
  });
});

it('leaves out a path of which nothing could be read, and keeps an empty one', () => {
  expect(decodeExec({ cwd: '', unreadable: ['cwd'] })).not.toHaveProperty('cwd');
  expect(decodeExec({ cwd: '' }).cwd).toBe('');
});

it('reads structs that a later version has made longer, and skips fields that it does not know', () => {
  const task = Buffer.concat([encodeRecord({ kind: 'fork' }).subarray(24, 24 + TASK.size), Buffer.alloc(24, 0xff)]);
  const creator = encodeRecord({ kind: 'fork' }).subarray(24 + TASK.size + 8);
  const record = decodeOne(
    encodeFields(2, 5n, [
      { id: 999, flags: FIELD_FLAG.truncated, payload: Buffer.from('later') },
      { id: FIELD.task, payload: task },
      { id: FIELD.creator, payload: creator },
    ]),
  );
  expect(record).toMatchObject({ kind: 'fork', bootNs: 5n, task: PLAIN_TASK, truncated: [] });
});

describe('bytes that are wrong cost their record and are counted', () => {
  const good = encodeRecord({ kind: 'exit' });
  const edited = (edit: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(encodeRecord({ kind: 'exec', args: ['x'] }));
    edit(bytes);
    return bytes;
  };
  // name, bytes between two good records, [decoded, malformed, unknown]
  const cases: [string, Uint8Array, [number, number, number]][] = [
    ['a kind of a later version', encodeFields(77, 0n, []), [2, 0, 1]],
    ['kind 0', edited((b) => b.writeUInt8(0, HEAD.kind)), [2, 0, 1]],
    ['another wire version', edited((b) => b.writeUInt8(2, HEAD.version)), [2, 0, 1]],
    ['no task field', encodeFields(1, 0n, []), [2, 1, 0]],
    [
      'a fork without its creator',
      encodeFields(2, 0n, [{ id: FIELD.task, payload: Buffer.alloc(TASK.size) }]),
      [2, 1, 0],
    ],
    [
      'an exit without its code',
      encodeFields(3, 0n, [{ id: FIELD.task, payload: Buffer.alloc(TASK.size) }]),
      [2, 1, 0],
    ],
    [
      'credentials without the ids before',
      encodeFields(6, 0n, [{ id: FIELD.task, payload: Buffer.alloc(TASK.size) }]),
      [2, 1, 0],
    ],
    [
      'a task field that is too short',
      encodeFields(1, 0n, [{ id: FIELD.task, payload: Buffer.alloc(TASK.size - 8) }]),
      [2, 1, 0],
    ],
    ['a field that runs over the end', edited((b) => b.writeUInt32LE(0xffff_fff0, 20)), [2, 1, 0]],
    ['length 0', edited((b) => b.writeUInt32LE(0, 0)), [1, 1, 0]],
    ['a length that is no multiple of 8', edited((b) => b.writeUInt32LE(b.length - 1, 0)), [1, 1, 0]],
    ['a length beyond the batch', edited((b) => b.writeUInt32LE(0xffff_fff8, 0)), [1, 1, 0]],
    ['half a head', Buffer.alloc(8), [1, 1, 0]],
  ];
  it.each(cases)('%s', (_name, bytes, expected) => {
    const decoder = new Decoder(NO_NAMES);
    const records = decoder.decode(Buffer.concat([good, bytes, good]));
    expect([records.length, decoder.counts.malformed, decoder.counts.unknown]).toEqual(expected);
  });

  it('random bytes never throw and never yield more records than heads fit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
        expect(new Decoder(new Set(['A'])).decode(bytes).length).toBeLessThanOrEqual(bytes.length / HEAD.size);
      }),
      { numRuns: 2000 },
    );
  });

  it('mutated records never throw, and each is decoded or counted', () => {
    const batch = encodeBatch([
      { kind: 'exec', executable: '/bin/sh', args: ['sh', '-c', 'x'], env: ['A=1'], inode: {}, groups: [1], cwd: '/' },
      { kind: 'fork' },
      { kind: 'exit' },
      { kind: 'session' },
      { kind: 'credentials', groups: [1] },
    ]);
    const mutation = fc.tuple(fc.nat({ max: batch.length - 1 }), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 8 }), (mutations) => {
        const bytes = Buffer.from(batch);
        for (const [at, value] of mutations) bytes[at] = value;
        const decoder = new Decoder(new Set(['A']));
        const records = decoder.decode(bytes);
        expect(Object.values(decoder.counts.decoded).reduce((a, b) => a + b)).toBe(records.length);
        expect(records.length + decoder.counts.malformed + decoder.counts.unknown).toBeGreaterThan(0);
      }),
      { numRuns: 3000 },
    );
  });
});

it('decodes a batch that lies anywhere in its buffer, and keeps nothing of it', () => {
  const record = encodeRecord({ kind: 'exec', executable: '/bin/true', args: ['true'] });
  const shifted = new Uint8Array(record.length + 3);
  shifted.set(record, 3);
  const records = new Decoder(NO_NAMES).decode(shifted.subarray(3));
  shifted.fill(0xff);
  expect(records).toMatchObject([{ executable: '/bin/true', args: ['true'] }]);
});
