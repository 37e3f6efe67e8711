import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AgentStatus, RuleCostReport } from '../../src/agent-status.ts';
import { runProgram } from '../../src/commands/program.ts';
import { registerRules } from '../../src/commands/rules.ts';
import { fakeIo } from './fake-io.ts';
import { snapshot } from './sample-status.ts';

const ENTRY = { name: 'rules', summary: 'rules', load: async () => registerRules };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-cost-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const COSTS: RuleCostReport = {
  rules: [
    {
      rule_id: 'r1',
      name: 'Costly\u001b[2J',
      sketches: 9000,
      evaluations: 1000,
      matches: 12,
      alerts: 3,
      seconds: 0.75,
    },
    { rule_id: 'r2', name: 'Cheap', sketches: 50, evaluations: 0, matches: 0, alerts: 0, seconds: 0.000_02 },
    { rule_id: 'r3', name: 'Unsampled', sketches: 0, evaluations: 0, matches: 0, alerts: 0, seconds: 0 },
  ],
  all: { rules: 60, sketches: 10_000, evaluations: 1500, matches: 12, alerts: 3, seconds: 1 },
};

function agentWith(part: Partial<AgentStatus>): void {
  const status = snapshot({ pid: process.pid, startedMs: 0, nowMs: 1_000_000_000_000, stoppedMs: 1, ...part });
  writeFileSync(join(folder, 'status.json'), JSON.stringify(status));
}

async function cost(...args: string[]) {
  const io = fakeIo();
  const status = await runProgram(['rules', 'cost', '--state', folder, ...args], io, [ENTRY]);
  return { status, lines: io.stdout().trimEnd().split('\n'), err: io.stderr() };
}

describe('for a person', () => {
  it('the costliest first, with its share, and the rest in one line', async () => {
    agentWith({ ruleCosts: COSTS, startedMs: 1_000_000_000_000 - 1_000_000 });
    const { status, lines } = await cost('-n', '1');
    expect(status).toBe(0);
    expect(lines).toEqual([
      'the agent has been stopped; these are its last figures',
      '  share     time     each    sketches      events  matches   alerts  rule',
      ' 75.0 %   750 ms  75.0 us       9,000       1,000       12        3  Costly\\x1b[2J (r1)',
      ' 25.0 %   250 ms   167 us       1,000         500        0        0  59 others',
      '',
      '60 rules took 1.00 s in 1,000 s: 0.10 % of one CPU; estimated from samples',
    ]);
  });

  it('a rule that no sample met has no time, not none', async () => {
    agentWith({ ruleCosts: COSTS });
    const { lines } = await cost();
    expect(lines[4]).toMatch(/^ +0\.0 % +- +- +0 +0 +0 +0 {2}Unsampled/);
  });
});

it('--json: one object a rule, with its share', async () => {
  agentWith({ ruleCosts: COSTS });
  const { status, lines } = await cost('--json', '-n', '2');
  expect(status).toBe(0);
  const [first, second] = lines.map((line) => JSON.parse(line));
  expect(first).toEqual({ ...COSTS.rules[0], share: 0.75 });
  expect(Object.keys(first)).toEqual('rule_id name sketches evaluations matches alerts seconds share'.split(' '));
  expect([lines.length, second.rule_id]).toEqual([2, 'r2']);
  expect(lines[0]).not.toContain('\u001b');
});

it.each<[string, () => void, number, string]>([
  ['there is no agent', () => {}, 1, 'FB_COMMAND_NOT_FOUND'],
  ['an agent before this version tells none', () => agentWith({}), 1, 'FB_COMMAND_NOT_FOUND'],
  [
    'the agent has no rule',
    () => agentWith({ ruleCosts: { rules: [], all: { ...COSTS.all, rules: 0 } } }),
    1,
    'FB_COMMAND_NOT_FOUND',
  ],
  ['its status is none', () => writeFileSync(join(folder, 'status.json'), '{}'), 2, 'FB_STATUS_MALFORMED'],
])('where %s it says so', async (_name, make, status, code) => {
  make();
  const { err, ...got } = await cost('--json');
  expect(got).toEqual({ status, lines: [''] });
  expect(JSON.parse(err).error.code).toBe(code);
});

it.each(['0', '-1', '1.5', 'x'])('-n %s is a usage error', async (count) => {
  expect((await cost('-n', count)).status).toBe(2);
});
