// `forebear doctor` on this machine: beside a running agent, as another user, and on state that is damaged.

import { spawnSync } from 'node:child_process';
import { openSync, readdirSync, statSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type AgentProcess, type CommandResult, parseLines, startAgent, whyNoSensor } from './agent-process.ts';

const LAUNCHER = resolve(import.meta.dirname, '../../bin/forebear');
const missing = whyNoSensor();
let agent: AgentProcess;

beforeAll(async () => {
  if (missing === undefined) agent = await startAgent();
});
afterAll(async () => {
  await agent?.stop();
  agent?.remove();
});
beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

function statuses({ stdout }: Pick<CommandResult, 'stdout'>): Record<string, string> {
  return Object.fromEntries(parseLines(stdout).map(({ check, status }) => [check, status]));
}

it('finds a host on which the agent runs fine, loads the programs beside it, and changes nothing', () => {
  const before = readdirSync(agent.state).sort();
  const result = agent.command('doctor', '--json');
  expect([result.status, result.stderr]).toEqual([0, '']);
  const fine = ['kernel', 'btf', 'capabilities', 'bpf programs', 'addon', 'rules', 'journal', 'term store', 'agent'];
  expect(statuses(result)).toMatchObject(Object.fromEntries(fine.map((check) => [check, 'fine'])));
  expect(readdirSync(agent.state).sort()).toEqual(before);
});

it('says what it could not check as another user: status 0', () => {
  const as = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const args = [...as, LAUNCHER, 'doctor', '--json', '--state', agent.state];
  const { status, stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  const asked = ['capabilities', 'bpf programs', 'journal', 'term store', 'agent'];
  expect(statuses({ stdout })).toMatchObject(Object.fromEntries(asked.map((check) => [check, 'warning'])));
});

it('finds a journal that was written into: status 1', async () => {
  await agent.stop();
  const journal = join(agent.state, 'journal');
  const segment = readdirSync(journal).find((name) => name.endsWith('.fbj'))!;
  const file = join(journal, segment);
  writeSync(openSync(file, 'r+'), 'tampered', Math.floor(statSync(file).size / 2));
  const result = agent.command('doctor', '--json');
  expect([result.status, statuses(result).journal, statuses(result).agent]).toEqual([1, 'fault', 'warning']);
});
