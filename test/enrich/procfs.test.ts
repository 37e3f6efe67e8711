import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { factFromJson, factToJson } from '../../src/enrich/fact-json.ts';
import { entryTypeOfLogin } from '../../src/enrich/login-session.ts';
import {
  executableOf,
  parseAssignments,
  parseCgroup,
  parseCmdline,
  parseNames,
  parseNamespace,
  parseStat,
  parseStatus,
  sameStart,
} from '../../src/enrich/procfs.ts';
import { isAlive, readNamespace, readProcess } from '../../src/enrich/procfs-io.ts';
import type { PlacedFact } from '../../src/enrich/surroundings.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const STAT = '4242 (a) b (c) S 1 4200 4100 34817 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3';

describe('stat', () => {
  it('reads a name with blanks and parentheses', () => {
    expect(parseStat(STAT)).toEqual({
      pid: 4242,
      comm: 'a) b (c',
      ppid: 1,
      pgid: 4200,
      sid: 4100,
      ttyMajor: 136,
      ttyMinor: 1,
      kernelThread: false,
      startTicks: 987654,
    });
  });

  it('reads a terminal with a large minor number', () => {
    expect(parseStat(STAT.replace('34817', String((136 << 8) | 0x12 | (0x345 << 20))))).toMatchObject({
      ttyMajor: 136,
      ttyMinor: 0x34512,
    });
  });

  it('knows a kernel thread', () => {
    expect(parseStat(STAT.replace('4194560', String(0x00200040)))?.kernelThread).toBe(true);
  });

  it.each(['', 'x', '1 (a', '1 a) (', '1 (a) S', '1 (a) S x y z', 'NaN (a) S 1 2 3 4 5 6'])('refuses %j', (text) => {
    expect(parseStat(text)).toBeUndefined();
  });

  it.each([
    [987654, 9_876_540_000_000n, true],
    [987654, 9_876_549_999_999n, true],
    [987654, 9_876_530_000_000n, true],
    [987654, 9_876_560_000_000n, false],
    [0, 0n, true],
  ])('ticks %i and %i ns are one start: %j', (ticks, ns, same) => {
    expect(sameStart(ticks, ns)).toBe(same);
  });
});

it('reads ids, groups and capabilities of status', () => {
  const text =
    'Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t1000\t27\t27\t27\nGroups:\t4 27 1000 \nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000200000\n';
  expect(parseStatus(text)).toEqual({
    uids: [1000, 0, 0],
    gids: [1000, 27, 27],
    groups: [4, 27, 1000],
    capPermitted: 0x1ffffffffffn,
    capEffective: 0x200000n,
  });
  expect(parseStatus('Name:\tx\nUid:\n')).toBeUndefined();
});

it.each([
  ['', []],
  ['\0', []],
  ['ls\0', ['ls']],
  ['ls', ['ls']],
  ['a\0\0b\0', ['a', '', 'b']],
  ['sshd: ann [priv]\0\0\0\0', ['sshd: ann [priv]']],
  ['a\xff\0', ['a\udcff']],
])('splits the command line %j', (text, args) => {
  expect(parseCmdline(bytes(text))).toEqual(args);
});

it.each([
  ['0::/user.slice/session-3.scope\n', '/user.slice/session-3.scope'],
  ['9:name=systemd:/\n4:memory:/job/1\n0::/\n', '/job/1'],
  ['1:name=systemd:/docker/abc\n', '/docker/abc'],
  ['0::/\n', '/'],
  ['0::/a:b\n', '/a:b'],
  ['', undefined],
])('finds the cgroup in %j', (text, path) => {
  expect(parseCgroup(text)).toBe(path);
});

it('drops the mark of a deleted executable', () => {
  expect(executableOf('/tmp/x (deleted)')).toBe('/tmp/x');
  expect(executableOf('/tmp/x')).toBe('/tmp/x');
});

it('reads a namespace', () => {
  expect([parseNamespace('mnt:[4026531841]'), parseNamespace('mnt:'), parseNamespace('')]).toEqual([4026531841, 0, 0]);
});

it('reads names, leaving out what is malformed', () => {
  const text =
    'root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n\n+::::::\nbad:x:-1:\nann:x:1000:1000\nhuge:x:99999999999:\n:x:5:\n';
  expect(parseNames(text)).toEqual([
    [0, 'root'],
    [1000, 'ann'],
  ]);
});

it('reads assignments, quoted or not', () => {
  const text = '# comment\nNAME="Debian GNU/Linux"\nID=debian\nX=\'a b\'\nESC="a\\"b\\$"\nlower=1\nEMPTY=\n';
  expect([...parseAssignments(text)]).toEqual([
    ['NAME', 'Debian GNU/Linux'],
    ['ID', 'debian'],
    ['X', 'a b'],
    ['ESC', 'a"b$'],
    ['EMPTY', ''],
  ]);
});

it.each([
  ['SERVICE=sshd\nREMOTE=1', 'sshd'],
  ['SERVICE=cron\nCLASS=background', 'init'],
  ['SERVICE=systemd-user', 'init'],
  ['SERVICE=login\nTTY=tty1', 'console'],
  ['SERVICE=login\nTTY=ttyS0', 'terminal'],
  ['SERVICE=login\nTTY=hvc0', 'terminal'],
  ['SERVICE=gdm-password', 'unknown'],
  ['', 'unknown'],
])('a login session of %j is of type %s', (text, type) => {
  expect(entryTypeOfLogin(parseAssignments(text))).toBe(type);
});

describe('a real process', () => {
  const { pid } = process;
  /** The start of this process in ns, as far as /proc tells it. */
  const startNs = BigInt(parseStat(readStat())!.startTicks) * 10_000_000n;

  function readStat(): string {
    return process.getBuiltinModule('fs').readFileSync(`/proc/${pid}/stat`, 'utf8');
  }

  it('is read with what it is', () => {
    const reading = readProcess(pid, startNs);
    expect(reading).toMatchObject({ executable: process.execPath, cwd: process.cwd(), argsCut: false });
    expect(reading?.task).toMatchObject({ tgid: pid, startNs, ppid: process.ppid, euid: process.geteuid!() });
    expect(reading?.args.length).toBeGreaterThan(1);
    expect(readNamespace('self', 'mnt')).toBe(reading?.task.mntNs);
    const placed: PlacedFact = { at: 0, fact: { kind: 'process', pid, startNs, reading: reading ?? null } };
    expect(factFromJson(factToJson(placed))).toEqual(placed);
  });

  it('is not taken for another one that had its pid', () => {
    expect(readProcess(pid, startNs + 50_000_000n)).toBeUndefined();
    expect(isAlive(pid, startNs)).toBe(true);
    expect(isAlive(pid, startNs + 50_000_000n)).toBe(false);
  });

  it('may be gone', () => {
    expect(readProcess(2 ** 22 + 1, 1n)).toBeUndefined();
    expect(isAlive(2 ** 22 + 1, 1n)).toBe(false);
  });

  it('is taken for alive where nobody can look', () => {
    const proc = mkdtempSync(join(tmpdir(), 'fb-proc-'));
    try {
      // EISDIR in the place of EMFILE, which a test run cannot have.
      mkdirSync(join(proc, '7/stat'), { recursive: true });
      expect([isAlive(7, 1n, proc), isAlive(8, 1n, proc)]).toEqual([true, false]);
    } finally {
      rmSync(proc, { recursive: true });
    }
  });
});
