// What a user meets when the agent cannot run: one error with a code and what to do, status 2, no stack, nothing left behind.
// Through bin/forebear, as root and as nobody.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ruleText } from '../detect/rule-text.ts';
import { LAUNCHER, whyNotBuilt } from './built.ts';
import { AS_NOBODY, whyNotAsNobody } from './other-user.ts';

const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined };
let folder: string;
let state: string;

beforeEach((ctx) => {
  const missing = whyNotBuilt();
  if (missing !== undefined) ctx.skip(missing);
  folder = mkdtempSync(join(tmpdir(), 'forebear-errors-'));
  chmodSync(folder, 0o755);
  state = join(folder, 'state');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Never without a time limit: what should fail must not run as an agent. */
function agent(args: readonly string[], as: readonly string[] = []): SpawnSyncReturns<string> {
  const [command, ...rest] = [...as, LAUNCHER, 'agent', ...args];
  return spawnSync(command!, rest, { env, encoding: 'utf8', timeout: 20_000, cwd: folder });
}

interface Told {
  code: string;
  message: string;
  hint: string;
}

function failure(args: readonly string[], as: readonly string[] = []): Told {
  const { status, stdout, stderr } = agent([...args, '--json'], as);
  expect([status, stdout]).toEqual([2, '']);
  return (JSON.parse(stderr.trim().split('\n').at(-1)!) as { error: Told }).error;
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('no rule that would run: FB_RULES_NONE, and no state is made', () => {
  it.each<[string, () => string[], RegExp]>([
    ['a path that does not exist', () => [join(folder, 'none')], /none: FB_RULE_FILE/],
    ['a folder without rules', () => [folder], /name a rule file/],
    ['all refused', () => [file('a.toml', ruleText({ language: '"esql"' })), file('b.toml', '=')], /a\.toml: FB_RULE_/],
  ])('%s', (_name, paths, hint) => {
    const told = failure(['--state', state, ...paths().flatMap((path) => ['--rules', path])]);
    expect(told.code).toBe('FB_RULES_NONE');
    expect(told.hint).toMatch(hint);
    expect(existsSync(state)).toBe(false);
  });

  it('in the configuration', () => {
    const config = file('forebear.toml', `[state]\ndirectory = "state"\n[rules]\npaths = ["no-rules"]\n`);
    expect(failure(['--config', config])).toMatchObject({ code: 'FB_RULES_NONE' });
  });
});

describe('a state directory that cannot be used: FB_STATE_DIRECTORY', () => {
  it.each<[string, () => string]>([
    ['is a file', () => file('state', 'x')],
    ['lies below a file', () => join(file('a', 'x'), 'state')],
    [
      'is a link to nowhere',
      () => {
        symlinkSync(join(folder, 'nowhere'), state);
        return state;
      },
    ],
    [
      'holds a link to nowhere in the place of the journal',
      () => {
        mkdirSync(state);
        symlinkSync(join(folder, 'nowhere'), join(state, 'journal'));
        return state;
      },
    ],
    ['cannot be made', () => '/proc/forebear'],
  ])('%s', (_name, directory) => {
    const told = failure(['--state', directory()]);
    expect(told.code).toBe('FB_STATE_DIRECTORY');
    expect(told.hint).toMatch(/--state/);
  });
});

it('a recording that exists: FB_RECORD_WRITE, and it is as it was', () => {
  const recording = file('run.fbrec', 'precious');
  const told = failure(['--state', state, '--record', recording]);
  expect(told.code).toBe('FB_RECORD_WRITE');
  expect(told.hint).toMatch(/does not exist yet/);
  expect(spawnSync('cat', [recording], { encoding: 'utf8' }).stdout).toBe('precious');
});

it('is for a person two lines: what is wrong, what to do', () => {
  const { status, stdout, stderr } = agent(['--state', file('state', 'x')]);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^forebear: the state directory cannot be used: .+\nname a directory .+\n$/);
});

describe('as a user without rights', () => {
  beforeEach((ctx) => {
    const closed = process.getuid?.() === 0 ? whyNotAsNobody() : undefined;
    if (closed !== undefined) ctx.skip(closed);
  });
  const nobody = () => (process.getuid?.() === 0 ? AS_NOBODY : []);

  it('says which rights the sensor needs, and ends what it had begun', (ctx) => {
    if (!existsSync('/sys/kernel/btf/vmlinux')) return ctx.skip('this kernel has no BTF (/sys/kernel/btf/vmlinux)');
    chmodSync(folder, 0o777);
    const told = failure(['--state', state], nobody());
    expect(told.code).toBe('FB_SENSOR_NO_PERMISSION');
    expect(told.hint).toMatch(/^run as root, or with CAP_BPF/);
    const tail = spawnSync(LAUNCHER, ['tail', '--state', state], { env, encoding: 'utf8' }).stdout;
    expect(tail.split('\n').filter((line) => line.includes('agent started')).length).toBe(1);
    expect(tail.match(/agent stopped \(.*\): FB_SENSOR_NO_PERMISSION/g)?.length).toBe(1);
    expect(tail).not.toContain('did not end cleanly');
  });

  it.each([
    ['cannot be made', () => {}],
    ['belongs to another', () => mkdirSync(state, { mode: 0o755 })],
  ])('a state directory that %s: FB_STATE_DIRECTORY', (name, prepare) => {
    prepare();
    if (process.getuid?.() !== 0) chmodSync(name === 'cannot be made' ? folder : state, 0o555);
    const told = failure(['--state', state], nobody());
    expect([told.code, told.hint]).toEqual(['FB_STATE_DIRECTORY', expect.stringContaining('or run as root')]);
    expect(existsSync(state) ? readdirSync(state) : []).toEqual([]);
  });
});
