// The agent's life as a process: killed right after an alert, stopped, restarted, with a reader of its output that hangs.
// Rules of its own, on programs of its own: no sshd is needed.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LAUNCHER, whyNotBuilt } from '../commands/built.ts';
import { QUERY_RULE, ruleText } from '../detect/rule-text.ts';
import { parseLines, runForebear, until, whyNoSensor } from './agent-process.ts';

const missing = whyNoSensor() ?? whyNotBuilt();
let folder: string;
let state: string;
let children: ChildProcess[];

beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
  folder = mkdtempSync(join(tmpdir(), 'fb-life-'));
  state = join(folder, 'state');
  children = [];
  copyFileSync('/bin/true', join(folder, 'fb-target'));
  // These tests flood with alerts and want all of them; the limits have tests of their own (floods.test.ts).
  writeFileSync(configFile(), '[limits]\nrule_bytes_per_minute = "1GiB"\nall_bytes_per_minute = "1GiB"\n');
  writeFileSync(rulesFile(), ruleText({ query: `'event.action:exec and process.name:fb-target'` }));
});
afterEach(() => {
  if (missing !== undefined) return;
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const configFile = () => join(folder, 'forebear.toml');
const rulesFile = () => join(folder, 'rule.toml');

interface Started {
  child: ChildProcess;
  out(): string;
  err(): string;
  /** Begins to take stdout; until then it hangs. */
  read(): void;
  ended(): Promise<number | null>;
}

/** Resolves when it is ready. With --json, stdout is not read until asked for. */
async function startAgent(...args: string[]): Promise<Started> {
  const child = spawn(
    LAUNCHER,
    ['agent', '--config', configFile(), '--state', state, '--rules', rulesFile(), ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    },
  );
  children.push(child);
  const printed = { out: '', err: '' };
  const read = () =>
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed.out += text;
    });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed.err += text;
  });
  if (!args.includes('--json')) read();
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await until(
    () => (printed.out + printed.err).includes('ready    ') || child.exitCode !== null,
    () => printed.err,
  );
  expect(child.exitCode).toBeNull();
  return { child, out: () => printed.out, err: () => printed.err, read, ended: () => exited };
}

/** A shell under that name runs the target so often. */
function runTarget(name: string, times = 1): void {
  const shell = join(folder, name);
  copyFileSync('/bin/dash', shell);
  const loop = `i=0; while [ $i -lt ${times} ]; do "$0"; i=$((i+1)); done`;
  expect(spawnSync(shell, ['-c', loop, join(folder, 'fb-target')]).status).toBe(0);
}

const parentsIn = (documents: Record<string, unknown>[]) =>
  documents.map((document) => (document as { process: { parent: { name: string } } }).process.parent.name);
const tail = () => parentsIn(parseLines(runForebear(['tail', '--json', '-n', 'all', '--state', state]).stdout));
const notices = () => runForebear(['tail', '-n', 'all', '--state', state]).stdout;
const journalled = () =>
  (JSON.parse(runForebear(['status', '--json', '--state', state]).stdout || '{}') as { alerts?: number }).alerts ?? 0;

describe('killed right after an alert was printed', () => {
  it('has the alert in the journal, and its term counts as seen by the next run', async () => {
    const first = await startAgent();
    runTarget('payload-1');
    await until(() => first.out().includes('payload-1'), first.out);
    first.child.kill('SIGKILL');
    await first.ended();
    expect(tail()).toEqual(['payload-1']);

    const second = await startAgent();
    expect(second.out()).toMatch(/^terms {4}1 known, 1 alerts? applied after an unclean stop$/m);
    runTarget('payload-1');
    runTarget('payload-2');
    await until(() => second.out().includes('payload-2'), second.out);
    second.child.kill('SIGTERM');
    expect(await second.ended()).toBe(0);
    expect(tail()).toEqual(['payload-1', 'payload-2']);

    const third = await startAgent();
    expect(third.out()).toMatch(/^terms {4}2 known$/m);
    // As Ctrl-C does under npm start: from the terminal, and from npm.
    for (let i = 0; i < 2; i++) third.child.kill('SIGINT');
    expect(await third.ended()).toBe(0);
    expect(third.out()).toContain('stopped  ');
    const starts = notices()
      .split('\n')
      .filter((line) => line.includes('agent started'))
      .map((line) => line.includes('did not end cleanly'));
    expect(starts).toEqual([false, true, false]);
  });
});

describe('two agents on one state', () => {
  it('the second ends with FB_JOURNAL_LOCKED, the first goes on', async () => {
    const first = await startAgent();
    const { status, stdout, stderr } = runForebear(['agent', '--state', state, '--rules', rulesFile(), '--json']);
    expect([status, stdout, JSON.parse(stderr).error.code]).toEqual([2, '', 'FB_JOURNAL_LOCKED']);
    runTarget('payload');
    await until(() => first.out().includes('payload'), first.out);
    first.child.kill();
    expect(await first.ended()).toBe(0);
  });
});

describe('a rule path of several that is not there', () => {
  it('is said among the first lines', async () => {
    const agent = await startAgent('--rules', join(folder, 'none'));
    expect(agent.out()).toMatch(/^rules {4}1 run, 1 refused/m);
    expect(agent.out()).toMatch(/refused: .*none: FB_RULE_FILE/);
    agent.child.kill();
    await agent.ended();
  });
});

describe('--json, and a reader that hangs', () => {
  const TIMES = 2000;

  beforeEach(() => {
    const query = `'event.action:exec and process.name:fb-target'`;
    if (missing === undefined)
      writeFileSync(rulesFile(), ruleText({ ...QUERY_RULE, query, max_signals: '100000' }, ''));
  });

  it('keeps a bounded number of alerts for it, says how many are missing, and goes on when it takes again', async () => {
    const agent = await startAgent('--json');
    runTarget('flood', TIMES);
    await until(
      () => journalled() === TIMES,
      () => `${TIMES} alerts, not ${journalled()}`,
    );
    agent.read();
    const said = /^(\d+) alerts were not printed/m;
    await until(() => said.test(agent.err()), agent.err);
    const skipped = Number(said.exec(agent.err())![1]);
    runTarget('afterwards');
    await until(() => agent.out().includes('"afterwards"'), agent.err);
    agent.child.kill();
    expect(await agent.ended()).toBe(0);
    // Nothing but documents on stdout; what is for a person is on stderr.
    const parents = parentsIn(parseLines(agent.out()));
    expect(parents.length).toBeGreaterThan(1000);
    expect(parents.length - 1 + skipped).toBe(TIMES);
    expect(parents.at(-1)).toBe('afterwards');
    expect(agent.err()).toMatch(/^forebear 0/);
    expect(agent.err()).toMatch(new RegExp(`^stopped .* ${TIMES + 1} alerts; journal at`, 'm'));
    console.log(`hanging reader: ${parents.length - 1} of ${TIMES} alerts printed, ${skipped} said to be missing`);
  });

  it('ends at SIGTERM all the same, and says what was not printed', async () => {
    const agent = await startAgent('--json');
    runTarget('flood', TIMES);
    await until(
      () => journalled() === TIMES,
      () => `${TIMES} alerts, not ${journalled()}`,
    );
    agent.child.kill();
    expect(await agent.ended()).toBe(0);
    expect(agent.err()).toMatch(/^\d+ alerts were not printed/m);
    expect(agent.err()).toMatch(/^stopped /m);
    expect(tail()).toHaveLength(TIMES);
  });
});
