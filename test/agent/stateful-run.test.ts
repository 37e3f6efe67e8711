// Rules that join, count and suppress in a run of the agent: what goes into the journal and when, what the next run goes on from.

import { cpSync } from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RuleSet } from '../../src/detect/load-rules-io.ts';
import type { Rule } from '../../src/detect/rule.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { makeEqlRule, makeRule, makeThresholdRule } from '../detect/rules.ts';
import { FakeHost, START } from '../enrich/fake-host.ts';
import type { RecordInput } from '../sensor/encode.ts';
import { journalOf, newFolder, remove, start, words } from './agent-run.ts';

const SECOND_NS = 1_000_000_000n;
let state: string;
beforeEach(() => {
  state = newFolder();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  remove(state);
});

const suppression = { groupBy: ['process.name'], durationMs: 600_000, missingFields: 'suppress' } as const;
const RULES = (fields: FieldTable): Rule[] => [
  makeRule(fields, 'process.name:(one or two) and event.action:exec', { rule_id: 'suppressed', suppression }),
  makeThresholdRule(fields, 'process.name:one and event.action:exec', { value: 3 }, { rule_id: 'counted' }),
  makeEqlRule(
    fields,
    'sequence with maxspan=10s [process where process.name == "one" and event.action == "exec"] ![process where process.name == "two"]',
    { rule_id: 'missing' },
  ),
];

/** Execs of these names, at these seconds since boot. */
function execs(...list: (readonly [name: string, second: number])[]): RecordInput[] {
  const host = new FakeHost();
  list.forEach(([name], i) => {
    host.fork(1, 1000 + i);
    host.exec(1000 + i, `/bin/${name}`, [name]);
  });
  const records = host.records as RecordInput[];
  return records.map((record, i) => ({
    ...record,
    bootNs: BigInt(list[Math.floor(i / 2)]![1]) * SECOND_NS + BigInt(i),
  }));
}

async function agent(folder: string, bootS = 0) {
  const fields = new FieldTable();
  const rules = { rules: RULES(fields), verdicts: [] } as unknown as RuleSet;
  let nowMs = bootS * 1000;
  const clock = { wallMs: () => START.wallOffsetMs + nowMs, bootNs: () => BigInt(nowMs) * 1_000_000n };
  const run = await start(folder, { fields, rules, clock });
  await run.ready;
  const passed = (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      nowMs += 1000;
      vi.advanceTimersByTime(1000);
    }
  };
  const ended = async () => {
    run.stop();
    await run.done;
  };
  return { ...run, passed, ended, ids: () => run.alerts.map(({ alert }) => alert.rule_id) };
}

const amendsOf = async (folder: string) =>
  (await journalOf(folder)).flatMap((entry) => (entry.kind === 'amend' ? [entry.amend] : []));

it('time alone completes what waits for a missing event, a little later; the stop says what was in progress', async () => {
  const run = await agent(state, 100);
  run.sensor.batch(execs(['one', 100]));
  run.passed(11);
  expect(run.ids()).not.toContain('missing');
  run.passed(2);
  await expect.poll(run.ids).toContain('missing');
  run.sensor.batch(execs(['one', 113]));
  await run.ended();
  expect(words(await journalOf(state)).slice(-3)).toEqual(['amend', 'gap state_not_kept', 'stop']);
  expect((await journalOf(state)).at(-2)).toMatchObject({ gap: { count: 1 } });
});

it('counts of open alerts and of groups go on in the next run', async () => {
  const first = await agent(state, 100);
  first.sensor.batch(execs(['one', 100], ['one', 101], ['two', 102]));
  await first.ended();
  expect(first.ids()).toEqual(['suppressed', 'suppressed']);
  const second = await agent(state, 120);
  second.sensor.batch(execs(['one', 120], ['two', 121]));
  await second.ended();
  expect(second.ids()).toEqual(['counted']);
  const counts = (await amendsOf(state)).map(({ number, document }) => [number, document]);
  expect(counts.map(([number]) => number)).toEqual([2, 3, 2]);
  const { uuid } = first.alerts[0]!.alert;
  expect((await amendsOf(state)).map((amend) => amend.uuid === uuid)).toEqual([true, true, false]);
});

it('a crash loses what the journal had not been told, and the next run says so of sequences', async () => {
  const first = await agent(state, 100);
  first.sensor.batch(execs(['two', 100], ['two', 101]));
  first.sensor.batch(execs(['two', 112], ['two', 113]));
  await expect.poll(async () => (await amendsOf(state)).length).toBe(1);
  const left = newFolder();
  try {
    cpSync(state, left, { recursive: true });
    await first.ended();
    const second = await agent(left, 120);
    second.sensor.batch(execs(['two', 120], ['two', 121]));
    await second.ended();
    expect(second.ids()).toEqual([]);
    const docs = (await amendsOf(left)).map(({ document }) => document);
    // 101 was told of as 112 came; 112 and 113 are lost.
    expect(docs.at(-1)).toMatchObject({ kibana: { alert: { suppression: { docs_count: 3 } } } });
    expect(words(await journalOf(left))).toContain('gap state_not_kept');
  } finally {
    remove(left);
  }
});
