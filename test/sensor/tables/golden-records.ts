// Golden records of wire version 1, written with Python's struct from native/wire.h, not with our encoder: if one of these no
// longer decodes to the same, old recordings do not either. A change of wire.h adds records here and changes none.

import type { SensorRecord, TaskState } from '../../../src/sensor/record.ts';

const TASK: TaskState = {
  startNs: 0x1111n,
  parentStartNs: 0x2222n,
  sessionLeaderStartNs: 0x3333n,
  groupLeaderStartNs: 0x4444n,
  capPermitted: 0x1ff_ffff_ffffn,
  capEffective: 0x20n,
  tgid: 501,
  ppid: 502,
  pgid: 503,
  sid: 504,
  uid: 1001,
  euid: 1002,
  suid: 1003,
  gid: 1004,
  egid: 1005,
  sgid: 1006,
  ttyMajor: 136,
  ttyMinor: 7,
  pidNs: 0xf000_0001,
  mntNs: 0xf000_0002,
  userNs: 0xf000_0003,
  netNs: 0xf000_0004,
  groupCount: 2,
  comm: 'true',
  kernelThread: false,
};
const MARKS = { truncated: [], unreadable: [], unreachable: [] };

export const GOLDEN: { name: string; hex: string; record: SensorRecord }[] = [
  {
    name: 'exec',
    hex: `
      98010000010101000807060504030201
        0100000090000000
          1111000000000000222200000000000033330000000000004444000000000000
          ffffffffff0100002000000000000000f5010000f6010000f7010000f8010000
          e9030000ea030000eb030000ec030000ed030000ee0300008800000007000000
          010000f0020000f0030000f0040000f003000000020000001200000008000000
          74727565000000000000000000000000
        0500000038000000
          4d00000000000000580000000000000063000000000000006f00000000000000
          0800000001000000ed890000010000000000000005000000
        0d00000008000000
          1b00000064000000
        040004000d000000
          2f7573722f62696e2f74727565000000
        0600000003000000
          2e2f740000000000
        070000000d000000
          2f7573722f62696e2f74727565000000
        0800080004000000
          2f746d7000000000
        0c00000007000000
          2f62696e2f62ff00
        0b00010001000000
          2f00000000000000
        0900000008000000
          7472756500007800
        0a00010011000000
          413d62004c445f5052454c4f41443d2f6500000000000000`,
    record: {
      kind: 'exec',
      bootNs: 0x0102030405060708n,
      task: TASK,
      truncated: ['cgroup', 'env'],
      unreadable: [],
      unreachable: ['cwd'],
      executable: '/usr/bin/true',
      deleted: true,
      memfd: false,
      setuid: true,
      setgid: false,
      script: true,
      inode: {
        ino: 77n,
        size: 88n,
        mtimeNs: 99n,
        ctimeNs: 111n,
        devMajor: 8,
        devMinor: 1,
        mode: 0o104755,
        nlink: 1,
        uid: 0,
        gid: 5,
      },
      filename: './t',
      interpreter: '/usr/bin/true',
      cwd: '/tmp',
      args: ['true', '', 'x'],
      argc: 3,
      argBytes: 8,
      env: ['LD_PRELOAD=/e'],
      cgroup: '/',
      parentExecutable: '/bin/b\udcff',
      groups: [27, 100],
    },
  },
  {
    name: 'fork',
    hex: `
      c0000000010201000200000000000000
        0100000090000000
          1111000000000000222200000000000033330000000000004444000000000000
          ffffffffff0100002000000000000000f5010000f6010000f7010000f8010000
          e9030000ea030000eb030000ec030000ed030000ee0300008800000007000000
          010000f0020000f0030000f0040000f000000000020000000000000000000000
          74727565000000000000000000000000
        0200000010000000
          5555000000000000590200005a020000`,
    record: { kind: 'fork', bootNs: 2n, task: TASK, ...MARKS, creator: { tgid: 601, startNs: 0x5555n } },
  },
  {
    name: 'exit',
    hex: `
      c0000000010301000300000000000000
        0100000090000000
          1111000000000000222200000000000033330000000000004444000000000000
          ffffffffff0100002000000000000000f5010000f6010000f7010000f8010000
          e9030000ea030000eb030000ec030000ed030000ee0300008800000007000000
          010000f0020000f0030000f0040000f000000000020000000000000000000000
          74727565000000000000000000000000
        0300000010000000
          6666000000000000000b000000000000`,
    record: { kind: 'exit', bootNs: 3n, task: TASK, ...MARKS, endNs: 0x6666n, code: 0x0b00 },
  },
  {
    name: 'task',
    hex: `
      a8000000010401000400000000000000
        0100000090000000
          1111000000000000222200000000000033330000000000004444000000000000
          ffffffffff0100002000000000000000f5010000f6010000f7010000f8010000
          e9030000ea030000eb030000ec030000ed030000ee0300008800000007000000
          010000f0020000f0030000f0040000f000000000020000000100000000000000
          6b776f726b65722f303a310000000000`,
    record: {
      kind: 'task',
      bootNs: 4n,
      task: { ...TASK, comm: 'kworker/0:1', kernelThread: true },
      ...MARKS,
      groups: [],
    },
  },
  {
    name: 'session',
    hex: `
      a8000000010501000500000000000000
        0100000090000000
          1111000000000000222200000000000033330000000000004444000000000000
          ffffffffff0100002000000000000000f5010000f6010000f7010000f8010000
          e9030000ea030000eb030000ec030000ed030000ee0300008800000007000000
          010000f0020000f0030000f0040000f000000000020000000000000000000000
          74727565000000000000000000000000`,
    record: { kind: 'session', bootNs: 5n, task: TASK, ...MARKS },
  },
  {
    name: 'credentials',
    hex: `
      f0000000010601000600000000000000
        0100000090000000
          1111000000000000222200000000000033330000000000004444000000000000
          ffffffffff0100002000000000000000f5010000f6010000f7010000f8010000
          e9030000ea030000eb030000ec030000ed030000ee0300008800000007000000
          010000f0020000f0030000f0040000f000000000020000000000000000000000
          74727565000000000000000000000000
        0e00000030000000
          e903000000000000eb030000ec030000ed030000ee030000ef030000f0030000
          ea030000f30300005902000000000000
        0d00010008000000
          1b00000064000000`,
    record: {
      kind: 'credentials',
      bootNs: 6n,
      task: TASK,
      ...MARKS,
      truncated: ['groups'],
      tid: 601,
      before: { uid: 1001, euid: 0, suid: 1003, fsuid: 1004, gid: 1005, egid: 1006, sgid: 1007, fsgid: 1008 },
      fsuid: 1002,
      fsgid: 1011,
      groups: [27, 100],
    },
  },
  {
    name: 'file',
    hex: `
      28010000010705000700000000000000
        0100000090000000
          1111000000000000222200000000000033330000000000004444000000000000
          ffffffffff0100002000000000000000f5010000f6010000f7010000f8010000
          e9030000ea030000eb030000ec030000ed030000ee0300008800000007000000
          010000f0020000f0030000f0040000f000000000020000000000000000000000
          74727565000000000000000000000000
        0f00000010000000
          02000000400000005902000001000000
        100010000b000000
          2f6574632f782f2e2e2f620000000000
        1100010006000000
          2f746d702f610000
        1300000038000000
          2a000000000000000010000000000000010000000000000002000000000000000800000001000000ed41000002000000e803000064000000`,
    record: {
      kind: 'file',
      bootNs: 7n,
      task: TASK,
      ...MARKS,
      truncated: ['old_path'],
      operation: 'rename',
      tid: 601,
      path: '/etc/b',
      oldPath: 'tmp/a',
      inode: {
        ino: 42n,
        size: 4096n,
        mtimeNs: 1n,
        ctimeNs: 2n,
        devMajor: 8,
        devMinor: 1,
        mode: 0o40755,
        nlink: 2,
        uid: 1000,
        gid: 100,
      },
      hardLink: false,
      symlink: false,
      special: false,
      tmpfile: false,
      exchange: false,
      directory: true,
    },
  },
  {
    name: 'network: an attempt',
    hex: `
      00010000010805000700000000000000
        0100000090000000
          1111000000000000222200000000000033330000000000004444000000000000
          ffffffffff0100002000000000000000f5010000f6010000f7010000f8010000
          e9030000ea030000eb030000ec030000ed030000ee0300008800000007000000
          010000f0020000f0030000f0040000f000000000020000000000000000000000
          74727565000000000000000000000000
        1400000050000000
          0a000005000000000000000000000000cb007109000000000000000000000000
          efcdab000000000000000000000000000000000000000000409cbb0102000106
          8dffffff5a0200000000000000000000`,
    record: {
      kind: 'network',
      bootNs: 7n,
      task: TASK,
      ...MARKS,
      operation: 'connection_attempted',
      direction: 'egress',
      tid: 602,
      family: 'ipv4',
      localAddress: '10.0.0.5',
      localPort: 40_000,
      remoteAddress: '203.0.113.9',
      remotePort: 443,
      cookie: 0xabcdefn,
      sent: 0n,
      received: 0n,
      result: -115,
    },
  },
  {
    name: 'network: an end',
    hex: `
      00010000010805000700000000000000
        0100000090000000
          1111000000000000222200000000000033330000000000004444000000000000
          ffffffffff0100002000000000000000f5010000f6010000f7010000f8010000
          e9030000ea030000eb030000ec030000ed030000ee0300008800000007000000
          010000f0020000f0030000f0040000f000000000020000000000000000000000
          74727565000000000000000000000000
        1400000050000000
          0000000000000000000000000000000120010db8000000000000000000000001
          05000000000000020700000000000000001a711802000000160050c30a000306
          00000000590200000100000000000000`,
    record: {
      kind: 'network',
      bootNs: 7n,
      task: TASK,
      ...MARKS,
      operation: 'disconnect_received',
      direction: 'ingress',
      tid: 601,
      family: 'ipv6',
      localAddress: '::1',
      localPort: 22,
      remoteAddress: '2001:db8::1',
      remotePort: 50_000,
      cookie: (1n << 57n) | 5n,
      sent: 7n,
      received: 9_000_000_000n,
      result: 0,
    },
  },
  {
    name: 'call',
    hex: `
      f0000000010905000700000000000000
        0100000090000000
          1111000000000000222200000000000033330000000000004444000000000000
          ffffffffff0100002000000000000000f5010000f6010000f7010000f8010000
          e9030000ea030000eb030000ec030000ed030000ee0300008800000007000000
          010000f0020000f0030000f0040000f000000000020000000000000000000000
          74727565000000000000000000000000
        1500000030000000
          0300000000000000000000000000000000000000000000000000000000000000
          010000005a0200000000000004000000
        1600000002000000
          68ff000000000000`,
    record: {
      kind: 'call',
      bootNs: 7n,
      task: TASK,
      ...MARKS,
      call: 'memfd_create',
      tid: 602,
      args: [3n, 0n, 0n],
      result: 4,
      name: 'h\udcff',
    },
  },
];
