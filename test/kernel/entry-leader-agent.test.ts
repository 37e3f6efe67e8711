// The entry leader through the agent as its users run it: a pane of tmux whose login shell has left keeps its leader when the
// agent is stopped, and when it is killed after it had the time to save.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AgentProcess, parseLines, runForebear, startAgent, until, whyNoSensor } from './agent-process.ts';
import { type Sshd, startSshd, whyNoSshd } from './sshd.ts';

const TMUX = '/usr/bin/tmux';
const missing = whyNoSensor() ?? whyNoSshd() ?? (existsSync(TMUX) ? undefined : `${TMUX} is missing`);
const MARK = `fbagent${process.pid}`;
const RULE = `
[metadata]
maturity = "production"

[rule]
rule_id = "5b0b6a3e-0000-4000-8000-000000000001"
name = "A marked program runs"
description = "A marked program runs"
author = ["Forebear"]
type = "query"
language = "kuery"
query = "event.category:process and event.type:start and event.action:exec and process.args:${MARK}.*"
severity = "low"
risk_score = 21
`;

let sshd: Sshd;
let agent: AgentProcess;
let rules: string;

interface Document {
  process: { args: string[]; entry_leader?: { pid: number; name: string; entry_meta: { type: string } } };
}

beforeAll(async () => {
  if (missing !== undefined) return;
  sshd = await startSshd();
  rules = join(sshd.folder, 'rules');
  mkdirSync(rules);
  writeFileSync(join(rules, 'marked.toml'), RULE);
  agent = await startAgent(['--rules', rules]);
});

afterAll(async () => {
  for (const name of ['second', 'third']) if (sshd !== undefined) open(name);
  await agent?.stop();
  agent?.remove();
  await sshd?.stop();
});

function open(gate: string): void {
  writeFileSync(join(sshd.folder, gate), '');
}

/** The entry leader of the alert about that marked program, but for times: each run reads the wall clock anew. */
async function leaderOf(label: string): Promise<unknown> {
  const find = () =>
    (agent.alerts() as unknown as Document[]).find(({ process }) => process.args[1] === `${MARK}.${label}`);
  await until(
    () => find() !== undefined,
    () => `the alert ${label} in:\n${agent.output()}`,
  );
  return JSON.parse(JSON.stringify(find()!.process.entry_leader), (key, value) =>
    key === 'start' ? undefined : value,
  );
}

async function restart(signal: NodeJS.Signals): Promise<{ status: number | null }> {
  const ended = await agent.stop(signal);
  agent = await startAgent(['--rules', rules, '--record', join(agent.state, `${signal}.fbrec`)], agent.state);
  return ended;
}

it('stays the login shell over a stop and a kill of the agent', async ({ skip }) => {
  if (missing !== undefined) skip(missing);
  const wait = (gate: string) => `until [ -e ${sshd.folder}/${gate} ] || [ ! -d ${sshd.folder} ]; do sleep 0.1; done`;
  const pane = `/bin/true ${MARK}.1; ${wait('second')}; /bin/true ${MARK}.2; ${wait('third')}; /bin/true ${MARK}.3; true`;
  sshd.run(`tmux -S ${sshd.folder}/tmux -f /dev/null new-session -d '${pane}'; true`, { tty: true });
  const first = await leaderOf('1');
  expect(first).toMatchObject({ name: 'bash', entry_meta: { type: 'sshd' } });
  expect(existsSync(`/proc/${(first as { pid: number }).pid}`)).toBe(false);
  expect((await restart('SIGTERM')).status).toBe(0);
  open('second');
  expect(await leaderOf('2')).toEqual(first);
  const file = join(agent.state, 'leaders.json');
  const before = readFileSync(file, 'utf8');
  await until(
    () => readFileSync(file, 'utf8') !== before,
    () => 'leaders.json to be written again',
  );
  await restart('SIGKILL');
  open('third');
  expect(await leaderOf('3')).toEqual(first);
  await agent.stop();
  const replay = runForebear(['replay', '--json', '--rules', rules, join(agent.state, 'SIGKILL.fbrec')]);
  expect(parseLines(replay.stdout)).toMatchObject([{ process: { entry_leader: first } }]);
});
