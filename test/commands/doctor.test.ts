// Each fault that doctor knows, on a machine that is otherwise fine: what it finds, and that it says what to do.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CHECKS, formatChecks } from '../../src/commands/doctor.ts';
import { CAPABILITIES, type Probes, runChecks } from '../../src/commands/doctor-check.ts';
import { runProgram } from '../../src/commands/program.ts';
import { painter } from '../../src/commands/terminal.ts';
import { VERSION } from '../../src/commands/version.ts';
import { defaultConfig, parseConfig } from '../../src/config.ts';
import type { RuleSet } from '../../src/detect/load-rules-io.ts';
import { ForebearError } from '../../src/errors.ts';
import type { SensorStatus, SourceStatus } from '../../src/sensor/sensor.ts';
import { fakeIo } from './fake-io.ts';
import { snapshot } from './sample-status.ts';

const NOW = Date.UTC(2026, 10, 25, 12);
const STATE = '/var/lib/forebear';
const ALL = Object.values(CAPABILITIES).reduce((set, bit) => set | (1n << BigInt(bit)), 0n);
const FILES: Record<string, string> = {
  '/etc/machine-id': `${'0123456789abcdef'.repeat(2)}\n`,
  '/proc/self/limits': 'Max locked memory         65536                65536                bytes     \n',
  '/proc/sys/kernel/unprivileged_bpf_disabled': '2\n',
};
const DIRECTORY = { uid: 0, mode: 0o750, directory: true, mtimeMs: 0 };
const program = (part = {}) => ({ name: 'fb_exec', attachPoint: 'tp_btf/sched_process_exec', attached: true, ...part });
const source = (part: Partial<SourceStatus>): SourceStatus => {
  return { kind: 'session', source: 'trampoline', wanted: true, reason: 'EPERM', unseen: [], ...part };
};
const attached = (part = {}): SensorStatus => ({ source: 'ebpf', ringBytes: 1, programs: [program(part)] });
const running = (part = {}) => snapshot({ version: VERSION, nowMs: NOW, startedMs: NOW - 1000, ...part });
const quiet = { lost: {}, recursionMisses: 0, undecodable: 0 };
const calm = running({ sensor: withCounters(quiet) });

function withCounters(part: object) {
  const { sensor } = snapshot();
  return { ...sensor, programs: [program()], counters: { ...sensor.counters, ...part } };
}

function rules(running: number, refused: number, items = {}): RuleSet {
  const error = new ForebearError('FB_RULE_LANGUAGE', 'eql: not yet');
  const verdicts = Array.from({ length: refused }, (_, i) => ({ file: `r${i}.toml`, error }));
  const exceptions = { summary: () => ({ applies: 0, unbound: 0, expired: 0, disabled: 0, refused: 0, ...items }) };
  return { rules: Array.from({ length: running }), verdicts, exceptions } as unknown as RuleSet;
}

function machine(part: Partial<Probes> = {}, files: Record<string, string | undefined> = {}): Probes {
  const read = (path: string) => ({ ...FILES, ...files })[path];
  return {
    config: defaultConfig(),
    release: '6.18.44',
    euid: 0,
    capabilities: ALL,
    wallMs: () => NOW,
    bootMs: () => 3_600_000,
    read,
    stat: (path) =>
      ['/', '/var', '/var/lib', '/sys/kernel/btf/vmlinux', STATE, `${STATE}/journal`].includes(path)
        ? DIRECTORY
        : undefined,
    writable: () => true,
    freeBytes: () => 2 ** 40,
    bytesIn: () => 0,
    runtime: { actual: '24.21.0', pinned: '24.21.0' },
    builtMs: NOW - 86_400_000,
    loadAddon: () => {},
    attach: async () => attached(),
    checkJournal: async () => ({ segments: 1, records: 5, faults: [] }),
    termSchema: () => ({ version: 1, known: 1 }),
    loadRules: async () => rules(1, 0),
    snapshot: () => calm,
    alive: () => true,
    ...part,
  };
}

const absent =
  (gone: string): Probes['stat'] =>
  (path) =>
    path.startsWith(gone) ? undefined : DIRECTORY;
const thrower = (error: Error) => (): never => {
  throw error;
};
const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });

it('is content with a machine that is fine', async () => {
  const results = await runChecks(CHECKS, machine());
  expect(results.filter(({ status }) => status !== 'fine')).toEqual([]);
  expect(results).toHaveLength(CHECKS.length);
});

type Row = [
  check: string,
  status: string,
  found: RegExp,
  part: Partial<Probes>,
  files?: Record<string, string | undefined>,
];

const IN_THE_CLEAR = parseConfig('[outputs.far]\ntype = "hub"\nurl = "http://far"\ntoken_file = "k"', 'test');

const FAULTS: Row[] = [
  ['configuration', 'fault', /FB_CONFIG_VALUE/, { configError: new ForebearError('FB_CONFIG_VALUE', 'x') }],
  ['configuration', 'warning', /state in .*; output far: its token goes to far in the clear/, { config: IN_THE_CLEAR }],
  ['kernel', 'fault', /Linux 5\.9\.0/, { release: '5.9.0' }],
  ['kernel', 'fault', /Linux 4\.19/, { release: '4.19.0-amd64' }],
  ['kernel', 'warning', /no version/, { release: 'custom' }],
  ['btf', 'fault', /vmlinux/, { stat: absent('/sys') }],
  [
    'lockdown',
    'fault',
    /confidentiality/,
    {},
    { '/sys/kernel/security/lockdown': 'none integrity [confidentiality]\n' },
  ],
  [
    'bpf settings',
    'warning',
    /unprivileged_bpf_disabled=0/,
    {},
    { '/proc/sys/kernel/unprivileged_bpf_disabled': '0\n' },
  ],
  ['bpf settings', 'warning', /bpf_jit_enable=0/, {}, { '/proc/sys/net/core/bpf_jit_enable': '0\n' }],
  ['bpf settings', 'warning', /bpf_stats_enabled=1/, {}, { '/proc/sys/kernel/bpf_stats_enabled': '1\n' }],
  ['capabilities', 'fault', /root without CAP_SYS_PTRACE:/, { capabilities: ALL & ~(1n << 19n) }],
  [
    'capabilities',
    'warning',
    /uid 1000 has not CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE/,
    { capabilities: 0n, euid: 1000 },
  ],
  ['locked memory', 'warning', /64 KiB/, { release: '5.10.0', capabilities: ALL & ~(1n << 24n) }],
  ['bpf programs', 'warning', /not tried/, { capabilities: 0n, euid: 1000 }],
  [
    'bpf programs',
    'fault',
    /FB_SENSOR_NO_PERMISSION/,
    { attach: thrower(new ForebearError('FB_SENSOR_NO_PERMISSION', 'BPF')) },
  ],
  [
    'bpf programs',
    'fault',
    /sched_process_exec: EPERM$/,
    { attach: async () => attached({ attached: false, reason: 'EPERM\nlog' }) },
  ],
  [
    'bpf programs',
    'warning',
    /attached and taken off again; no source of session \(EPERM\)$/,
    {
      attach: async () => ({
        ...attached(),
        sources: [source({ source: 'none', unseen: ['all'] }), source({ source: 'syscalls' })],
      }),
    },
  ],
  ['runtime', 'fault', /Node 22\.0\.0.*24\.21\.0/, { runtime: { actual: '22.0.0', pinned: '24.21.0' } }],
  ['addon', 'fault', /FB_SENSOR_ADDON/, { loadAddon: thrower(new ForebearError('FB_SENSOR_ADDON', 'no libbpf')) }],
  ['rules', 'fault', /0 run, 1 refused.*eql/, { loadRules: async () => rules(0, 1) }],
  ['rules', 'warning', /3 run, 2 refused/, { loadRules: async () => rules(3, 2) }],
  ['exceptions', 'warning', /2 apply.*1 refused/, { loadRules: async () => rules(1, 0, { applies: 2, refused: 1 }) }],
  [
    'exceptions',
    'fault',
    /FB_EXCEPTION_DISABLE/,
    { loadRules: thrower(new ForebearError('FB_EXCEPTION_DISABLE', 'x')) },
  ],
  ['clock', 'fault', /1970-01-01/, { wallMs: () => 0 }],
  ['clock', 'fault', /no date|2200/, { wallMs: () => Date.UTC(2200) }],
  ['clock', 'warning', /before this program was built/, { builtMs: NOW + 86_400_000 }],
  ['clock', 'warning', /set back/, { snapshot: () => running({ nowMs: NOW + 3_600_000 }) }],
  ['clock', 'fault', /boot clock/, { bootMs: () => 0 }],
  ['host id', 'warning', /missing or empty/, {}, { '/etc/machine-id': undefined }],
  ['host id', 'warning', /holds no id/, {}, { '/etc/machine-id': 'uninitialized\n' }],
  [
    'state directory',
    'fault',
    /others can write/,
    { stat: (path) => ({ ...DIRECTORY, mode: path === STATE ? 0o770 : 0o755 }) },
  ],
  ['state directory', 'warning', /everybody can read/, { stat: () => ({ ...DIRECTORY, mode: 0o755 }) }],
  ['state directory', 'fault', /no directory/, { stat: () => ({ ...DIRECTORY, directory: false }) }],
  ['state directory', 'fault', /not even by root/, { writable: () => false }],
  ['state directory', 'warning', /uid 1000/, { writable: () => false, euid: 1000 }],
  ['state directory', 'fault', /cannot make it below \/var\/lib$/, { stat: absent(STATE), writable: () => false }],
  ['disk space', 'warning', /100 MiB free/, { freeBytes: () => 100 << 20 }],
  ['disk space', 'fault', /1 MiB free/, { freeBytes: () => 1 << 20 }],
  [
    'journal',
    'fault',
    /damaged at record 3/,
    { checkJournal: async () => ({ segments: 1, records: 2, faults: [{ segment: 's', what: 'damaged', seq: 3 }] }) },
  ],
  ['journal', 'warning', /uid 1000 may not/, { checkJournal: thrower(denied), euid: 1000 }],
  ['journal', 'fault', /EACCES/, { checkJournal: thrower(denied) }],
  ['term store', 'fault', /schema 2/, { termSchema: () => ({ version: 2, known: 1 }) }],
  ['agent', 'warning', /not run here/, { snapshot: () => undefined }],
  ['agent', 'warning', /was stopped/, { snapshot: () => running({ stoppedMs: NOW }) }],
  ['agent', 'fault', /is gone/, { alive: () => false }],
  ['agent', 'fault', /does not answer/, { snapshot: () => running({ nowMs: NOW - 60_000 }) }],
  ['agent', 'fault', /without tp_btf\/sched_process_fork/, { snapshot: () => running({ sensor: snapshot().sensor }) }],
  [
    'agent',
    'warning',
    /runs without credentials, for which its rules ask/,
    {
      snapshot: () =>
        running({
          sensor: {
            ...withCounters(quiet),
            sources: [{ kind: 'credentials', source: 'none', wanted: false, asked: true, unseen: [] }],
          },
        }),
    },
  ],
  [
    'agent',
    'warning',
    /3 records lost/,
    { snapshot: () => running({ sensor: withCounters({ ...quiet, lost: { exec: 3 } }) }) },
  ],
  ['agent', 'warning', /version is 0\.0\.9/, { snapshot: () => ({ ...calm, version: '0.0.9' }) }],
  ['agent', 'fault', /FB_STATUS_MALFORMED/, { snapshot: thrower(new ForebearError('FB_STATUS_MALFORMED', 'x')) }],
];

describe('says what is at fault, and what to do', () => {
  it.each(FAULTS)('%s: %s %s', async (check, status, found, part, files) => {
    const results = await runChecks(CHECKS, machine(part, files));
    const result = results.find((one) => one.check === check)!;
    expect([result.status, result.found]).toEqual([status, expect.stringMatching(found)]);
    expect(result.advice).toMatch(/\w/);
  });
});

it.each([
  ['a kernel with lockdown=integrity', {}, { '/sys/kernel/security/lockdown': '[integrity]' }],
  ['no state yet', { stat: absent(STATE), snapshot: () => undefined }, {}],
  ['locked memory that the agent raises itself', { release: '5.10.0' }, {}],
  ['CAP_SYS_ADMIN for both BPF capabilities', { capabilities: ALL & ~(1n << 38n) & ~(1n << 39n) }, {}],
  [
    'a journal as large as it may become, on a full disk with a little left',
    { bytesIn: () => 2 ** 30, freeBytes: () => 32 << 20 },
    {},
  ],
])('is no fault: %s', async (_name, part, files) => {
  const results = await runChecks(CHECKS, machine(part, files));
  expect(results.filter(({ status, check }) => status !== 'fine' && check !== 'agent' && check !== 'btf')).toEqual([]);
});

it('goes on when everything that it asks throws', async () => {
  const broken = Object.fromEntries(
    Object.entries(machine()).map(([name, value]) => [
      name,
      typeof value === 'function' ? thrower(new Error('broken')) : value,
    ]),
  ) as unknown as Probes;
  const results = await runChecks(CHECKS, broken);
  expect(results.map(({ check }) => check)).toEqual(CHECKS.map(({ name }) => name));
  expect(results.filter(({ status }) => status === 'fault').length).toBeGreaterThan(8);
});

it('escapes what it found', async () => {
  const results = await runChecks(CHECKS, machine({ release: '6.1\u001b[2J\u202e' }));
  expect(formatChecks(results, painter(false))).toMatch(/^[\x20-\x7e\n]+$/);
});

describe('the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fb-doctor-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function run(...args: string[]) {
    const io = fakeIo();
    return { status: await runProgram(['doctor', '--state', folder, ...args], io), out: io.stdout(), err: io.stderr() };
  }

  it('prints one object a check', async () => {
    const { out, err } = await run('--json');
    expect(err).toBe('');
    const objects = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(objects.map(({ check }) => check)).toEqual(CHECKS.map(({ name }) => name));
    for (const object of objects)
      expect(Object.keys(object)).toEqual(expect.arrayContaining(['check', 'status', 'found']));
  });

  it('reports a configuration that cannot be used, and checks the rest: status 1', async () => {
    const config = join(folder, 'forebear.toml');
    writeFileSync(config, '[journal]\nmax_bytes = "much"\n');
    const { status, out } = await run('--config', config);
    expect(status).toBe(1);
    expect(out).toMatch(/^fault {5}configuration .*FB_CONFIG_VALUE/m);
    expect(out).toMatch(/^(fine|warning|fault) +agent/m);
  });

  it('refuses what it does not know: status 2', async () => {
    expect((await run('--what')).status).toBe(2);
  });
});
