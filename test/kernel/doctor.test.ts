// `forebear doctor` on this machine: beside a running agent, as another user, and on state that is damaged.

import { openSync, readdirSync, statSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { asNobody, whyNotAsNobody } from '../commands/other-user.ts';
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

it('says what it could not check as another user: status 0', (context) => {
  const closed = whyNotAsNobody();
  if (closed !== undefined) return context.skip(closed);
  const { status, stdout, stderr } = asNobody(LAUNCHER, 'doctor', '--json', '--state', agent.state);
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
