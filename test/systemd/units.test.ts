// The units as systemd-analyze judges them: how much they are exposed, whether it understands each line. And that nothing is
// in a unit that README.md gives no reason for.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const FOLDER = resolve(import.meta.dirname, '../../systemd');
const UNITS = ['forebear.service', 'forebear-ship.service', 'forebear-hub.service'];
const RETRY = 'forebear-retry@.timer';
/** Of systemd 252: tenths, as --threshold takes them. */
const MOST_EXPOSED = '12';
const CAPABILITIES = ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_PTRACE', 'CAP_DAC_READ_SEARCH'];

const analyze = (...args: string[]) => spawnSync('systemd-analyze', args, { encoding: 'utf8' });
const textOf = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const directives = (unit: string) =>
  [...textOf(unit).matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]): [string, string] => [name!, value!]);

const root = mkdtempSync(join(tmpdir(), 'forebear-units-'));
afterAll(() => rmSync(root, { recursive: true }));
beforeAll(() => {
  mkdirSync(join(root, 'usr/lib/systemd/system'), { recursive: true });
  for (const unit of [...UNITS, RETRY]) cpSync(join(FOLDER, unit), join(root, 'usr/lib/systemd/system', unit));
  for (const target of ['multi-user', 'sysinit', 'basic', 'network', 'shutdown']) {
    writeFileSync(join(root, `usr/lib/systemd/system/${target}.target`), '[Unit]\nDescription=x\n');
  }
  for (const program of ['usr/bin/forebear', 'bin/sh']) {
    mkdirSync(resolve(root, program, '..'), { recursive: true });
    writeFileSync(join(root, program), '#!/bin/sh\n', { mode: 0o755 });
  }
});

it('has a unit for each service', () => {
  expect(
    readdirSync(FOLDER)
      .filter((name) => name.endsWith('.service'))
      .sort(),
  ).toEqual([...UNITS].sort());
});

it('says why, for each directive of the timer', () => {
  const reasons = textOf('README.md');
  expect(directives(RETRY).filter(([name]) => !reasons.includes(`${name}=`))).toEqual([]);
});

describe.each(UNITS)('%s', (unit) => {
  it('is exposed no more than it must be', (ctx) => {
    if (analyze('--version').status !== 0) return ctx.skip('systemd-analyze is missing (package systemd)');
    const { status, stdout } = analyze(
      'security',
      '--offline=yes',
      '--no-pager',
      `--threshold=${MOST_EXPOSED}`,
      join(FOLDER, unit),
    );
    expect([status, stdout.split('\n').at(-2)]).toEqual([0, expect.stringContaining(`exposure level for ${unit}`)]);
  });

  it('has no line that systemd does not understand', (ctx) => {
    if (analyze('--version').status !== 0) return ctx.skip('systemd-analyze is missing (package systemd)');
    const { stderr } = analyze('verify', `--root=${root}`, '--man=no', '--recursive-errors=no', unit);
    expect(stderr.split('\n').filter((line) => line.includes(unit))).toEqual([]);
  });

  it('says why, for each directive', () => {
    const reasons = textOf('README.md');
    const missing = directives(unit).filter(([name]) => !reasons.includes(`\`${name}=`));
    expect(missing).toEqual([]);
  });

  it('comes back, whatever it died of, and is watched', () => {
    const given = new Map(directives(unit));
    expect(given.get('Restart')).toBe('always');
    expect(given.get('StartLimitIntervalSec')).toBe('0');
    expect(given.get('Type')).toBe('notify');
    expect(Number.parseInt(given.get('WatchdogSec')!, 10)).toBeGreaterThan(0);
    for (const limit of ['MemoryMax', 'CPUQuota', 'TasksMax']) expect(given.has(limit)).toBe(true);
  });
});

it('a service that cannot start is not tried again each second', (ctx) => {
  for (const unit of UNITS) {
    const given = new Map(directives(unit));
    expect([given.get('RestartPreventExitStatus'), given.get('OnFailure')]).toEqual(['78', 'forebear-retry@%p.timer']);
  }
  const timer = new Map(directives(RETRY));
  expect([timer.get('Unit'), timer.get('PartOf')]).toEqual(['%i.service', '%i.service']);
  if (analyze('--version').status !== 0) return ctx.skip('systemd-analyze is missing (package systemd)');
  const verify = ['verify', `--root=${root}`, '--man=no', '--recursive-errors=no', 'forebear-retry@forebear.timer'];
  const { stderr } = analyze(...verify);
  expect(stderr.split('\n').filter((line) => line.includes('forebear'))).toEqual([]);
});

it('the agent has four capabilities and no network, the others have none', () => {
  const of = (unit: string, name: string) =>
    directives(unit)
      .filter(([key]) => key === name)
      .map(([, value]) => value);
  expect(of('forebear.service', 'CapabilityBoundingSet')).toEqual([CAPABILITIES.join(' ')]);
  expect(of('forebear.service', 'AmbientCapabilities')).toEqual([CAPABILITIES.join(' ')]);
  expect(of('forebear.service', 'PrivateNetwork')).toEqual(['yes']);
  for (const unit of UNITS.slice(1)) {
    expect(of(unit, 'CapabilityBoundingSet')).toEqual(['']);
    expect(of(unit, 'AmbientCapabilities')).toEqual([]);
  }
});

/** Of Ubuntu 22.04, the oldest that the package is for; none of these beds is one. */
const OLDEST_SYSTEMD = 249;
const NEWS = '/usr/share/doc/systemd/NEWS.gz';

it(`has no directive that came after systemd ${OLDEST_SYSTEMD}`, (ctx) => {
  if (!existsSync(NEWS)) return ctx.skip(`needs the history of systemd (${NEWS})`);
  const chapters = gunzipSync(readFileSync(NEWS))
    .toString()
    .split(/^CHANGES WITH (?=\d)/m);
  const older = chapters.filter((chapter) => Number.parseInt(chapter, 10) <= OLDEST_SYSTEMD).join('');
  const newer = chapters.filter((chapter) => Number.parseInt(chapter, 10) > OLDEST_SYSTEMD).join('');
  const told = (text: string, name: string) => new RegExp(`\\b${name}=`).test(text);
  const names = new Set(UNITS.flatMap((unit) => directives(unit).map(([name]) => name)));
  expect([...names].filter((name) => told(newer, name) && !told(older, name))).toEqual([]);
});
