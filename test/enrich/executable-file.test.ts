import { describe, expect, it } from 'vitest';
import {
  FileKeys,
  type FoundFile,
  fileKey,
  isFresh,
  judgeFile,
  parseFdInfo,
  parseFileKey,
  parseMountDevice,
  splitDevice,
} from '../../src/enrich/executable-file.ts';
import type { Inode } from '../../src/sensor/record.ts';

const INODE: Inode = {
  ino: 2n ** 63n,
  size: 4096n,
  mtimeNs: 1_700_000_000_123_456_789n,
  ctimeNs: 1_700_000_001_000_000_001n,
  devMajor: 254,
  devMinor: 3,
  mode: 0o100755,
  nlink: 1,
  uid: 0,
  gid: 0,
};
const FOUND: FoundFile = { ...INODE, regular: true };

describe('the key of a file', () => {
  it('holds all that tells files apart, and gives it back', () => {
    const { mode: _m, nlink: _n, uid: _u, gid: _g, ...facts } = INODE;
    expect(parseFileKey(fileKey(INODE))).toEqual(facts);
  });

  it('is the same whether the time is what stat says or what is left of it in the kernel’s 64 bits', () => {
    // 1960, and 2400
    for (const mtimeNs of [-300_000_000_000_000_000n, 13_569_465_600_000_000_000n]) {
      const found = { ...FOUND, mtimeNs };
      const kept = parseFileKey(fileKey({ ...INODE, mtimeNs: BigInt.asIntN(64, mtimeNs) }))!;
      expect(judgeFile(kept, found)).toBe('same');
      expect(judgeFile(kept, { ...found, mtimeNs: mtimeNs + 1n })).toBe('changed');
    }
  });

  it('is one text for one file, another for any other', () => {
    const keys = new FileKeys();
    const changed: Partial<Inode>[] = [
      {},
      { ino: 5n },
      { size: 5n },
      { mtimeNs: 5n },
      { ctimeNs: 5n },
      { devMajor: 5 },
      { devMinor: 5 },
    ];
    expect(new Set(changed.map((part) => keys.of({ ...INODE, ...part }))).size).toBe(changed.length);
    expect(keys.of({ ...INODE, mode: 0, nlink: 0, uid: 7 })).toBe(keys.of(INODE));
    expect(keys.of(undefined)).toBeUndefined();
  });

  it('is right also for more files than are remembered', () => {
    const keys = new FileKeys();
    const inodes = Array.from({ length: 10_000 }, (_, i) => ({ ...INODE, ino: BigInt(i) }));
    expect(inodes.map((inode) => keys.of(inode))).toEqual(inodes.map(fileKey));
  });

  it.each(['', 'x', '1:2 3 4 5', '1:2 3 4 5 6 7', '1:2 3 4 5 -6', '1:2 3 4 5 6\n', `1:2 3 4 5 ${'9'.repeat(30)}`])(
    'is none: %j',
    (text) => expect(parseFileKey(text)).toBeUndefined(),
  );
});

it.each<[expected: string, what: string, found: Partial<FoundFile>]>([
  ['same', 'nothing', {}],
  ['other_file', 'the inode', { ino: 1n }],
  ['other_file', 'the device', { devMinor: 4 }],
  ['other_file', 'everything', { devMajor: 8, regular: false }],
  ['not_regular', 'its kind', { regular: false }],
  ['metadata_changed', 'ctime', { ctimeNs: INODE.ctimeNs + 1n }],
  ['changed', 'its times', { mtimeNs: INODE.mtimeNs + 1n, ctimeNs: INODE.ctimeNs + 1n }],
  ['changed', 'its size and ctime', { size: INODE.size + 1n, ctimeNs: INODE.ctimeNs + 1n }],
  ['changed', 'its size', { size: INODE.size + 1n }],
])('a found file is %s when this is different: %s', (expected, _what, part) => {
  expect(judgeFile(INODE, { ...FOUND, ...part })).toBe(expected);
});

it.each<[fresh: boolean, changedMs: number, executedMs: number]>([
  [true, 1.5, 21],
  [false, 1.5, 22],
  [true, 1.5, 1.5],
  // Ahead: the clock was set, or it is another machine's.
  [true, 500.5, 1],
  // On a whole second: the file system may know no finer ones.
  [true, 1000, 2999],
  [false, 1000, 3000],
])('it is fresh: %s, when changed at %d ms and executed at %d ms', (fresh, changedMs, executedMs) => {
  const baseMs = 1_700_000_000_000;
  const ctimeNs = BigInt(baseMs) * 1_000_000n + BigInt(changedMs * 1e6);
  expect(isFresh({ ...INODE, ctimeNs }, baseMs + executedMs)).toBe(fresh);
});

it.each([
  [254, 3],
  [0, 42],
  [4095, 255],
  [4096, 256],
  [0xffffffff, 0xffffffff],
])('a device number of stat, as glibc packs it: %d:%d', (major, minor) => {
  const [a, b] = [BigInt(major), BigInt(minor)];
  const packed = (b & 0xffn) | ((a & 0xfffn) << 8n) | ((b & ~0xffn) << 12n) | ((a & ~0xfffn) << 32n);
  expect(splitDevice(packed)).toEqual([major, minor]);
});

it('reads what the kernel says of an open file and of mounts', () => {
  expect(parseFdInfo('pos:\t0\nflags:\t012000000\nmnt_id:\t45\nino:\t3\n')).toEqual({ mountId: '45', ino: 3n });
  expect(parseFdInfo('pos:\t0\nflags:\t0\nmnt_id:\t45\n')).toEqual({ mountId: '45' });
  expect(parseFdInfo('')).toEqual({});
  const mounts =
    '42 27 0:39 / /tmp/l rw - tmpfs tmpfs rw\n145 27 0:41 / / rw - x x rw\n45 27 0:40 / /m rw - overlay overlay rw\n';
  expect(parseMountDevice(mounts, '45')).toEqual([0, 40]);
  expect(parseMountDevice(mounts, '5')).toBeUndefined();
});
