// Rules loaded anew in a whole run: what is different from the next record on, what goes on, what is refused, and what the journal
// and the status say of each.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Reload, Reloaded } from '../../src/agent/reload.ts';
import { parseAgentStatus } from '../../src/agent-status.ts';
import { AgentReload } from '../../src/commands/agent-reload.ts';
import { ExceptionSet, judgeItems } from '../../src/detect/exceptions/exception-set.ts';
import type { RuleSet } from '../../src/detect/load-rules-io.ts';
import type { Rule } from '../../src/detect/rule.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { ForebearError } from '../../src/errors.ts';
import { entry, item, LIST, readText } from '../detect/exceptions/lists.ts';
import { makeRule } from '../detect/rules.ts';
import { FakeHost } from '../enrich/fake-host.ts';
import type { RecordInput } from '../sensor/encode.ts';
import { configIn, journalOf, newFolder, remove, start } from './agent-run.ts';

let state: string;
beforeEach(() => {
  state = newFolder();
});
afterEach(() => remove(state));

function setOf(rules: readonly Rule[], refused: RuleSet['verdicts'] = []): RuleSet {
  const verdicts = rules.map((rule) => ({ file: `/r/${rule.rule_id}.toml`, rule, sensors: [], fields: [] }));
  return { rules, verdicts: [...verdicts, ...refused] };
}

async function running() {
  const fields = new FieldTable();
  const host = new FakeHost();
  host.add(50, { ppid: 1, pgid: 50, sid: 50 }, '/bin/sh');
  host.task(50);
  const rule = (rule_id: string, query: string, over: Partial<Rule> = {}, terms?: string[]) =>
    makeRule(fields, query, { rule_id, ...over }, terms);
  const rules = {
    terms: rule('terms', 'event.action:exec and process.name:tool*', {}, ['process.name']),
    capped: rule('capped', 'event.action:exec and process.name:tool*', { max_signals: 3 }),
    other: rule('other', 'event.action:exec and process.name:other'),
  };
  let perform: ((action: (reload: Reload) => Promise<void>) => void) | undefined;
  const run = await start(state, {
    fields,
    rules: setOf([rules.terms, rules.capped]),
    reloads: (listener) => {
      perform = listener;
    },
  });
  await run.ready;
  const [sent, warned]: [string[], string[]] = [[], []];
  const supervision = { reloading: () => void sent.push('reloading'), reloaded: () => void sent.push('reloaded') };
  let pid = 100;
  const exec = (name: string) => {
    host.fork(50, ++pid);
    host.exec(pid, `/bin/${name}`, [name]);
    run.sensor.batch(host.records.splice(0) as RecordInput[]);
  };
  let read: Partial<Reloaded> | Error;
  const load = async () => {
    if (read instanceof Error) throw read;
    return { config: configIn(state), rules: setOf([rules.terms, rules.capped]), ...read };
  };
  const log = { info() {}, warn: (line: unknown) => void warned.push(String(line)), error() {} };
  const command = new AgentReload({ load, log: log as never });
  const reload = async (next: Partial<Reloaded> | Error, onTurn?: () => void) => {
    const turns = onTurn === undefined ? undefined : setInterval(onTurn, 0);
    read = next;
    await new Promise<void>((done) => perform!((running) => command.run(running, supervision).then(done)));
    clearInterval(turns);
    return command.outcome;
  };
  const ended = async () => {
    run.stop();
    await run.done;
    const lifecycles = (await journalOf(state)).flatMap((entry) =>
      entry.kind === 'lifecycle' ? [entry.lifecycle] : [],
    );
    return { alerts: run.alerts.map(({ alert }) => alert), lifecycles };
  };
  const status = () => parseAgentStatus(readFileSync(join(state, 'status.json'), 'utf8'))!;
  return { run, rules, rule, exec, reload, ended, sent, warned, status };
}

it('a new rule holds from the next record on; history, cap and cost of the others go on', async () => {
  const { rules, exec, reload, ended, sent, status } = await running();
  for (const name of ['tool1', 'tool2', 'other']) exec(name);
  expect(await reload({ rules: setOf([rules.other, rules.terms, rules.capped]) })).toBe('');
  for (const name of ['tool1', 'tool3', 'tool4', 'other']) exec(name);
  const { alerts, lifecycles } = await ended();
  const made = (id: string) => alerts.filter(({ rule_id }) => rule_id === id).length;
  expect([made('terms'), made('capped'), made('other')]).toEqual([4, 3, 1]);
  expect(sent).toEqual(['reloading', 'reloaded']);
  expect(lifecycles.map(({ event }) => event)).toEqual(['start', 'configuration', 'stop']);
  const [first, change, last] = lifecycles;
  expect(change!.detail).toBe(`rules ${first!.ruleSetHash} -> ${change!.ruleSetHash}: new other`);
  expect(last!.ruleSetHash).toBe(change!.ruleSetHash);
  expect(status().rules.running).toBe(3);
  expect(status().ruleCosts?.all).toMatchObject({ rules: 3, alerts: 8, matches: 11 });
});

it('the same again is no change', async () => {
  const { reload, ended } = await running();
  expect(await reload({})).toBe('');
  expect((await ended()).lifecycles.map(({ event }) => event)).toEqual(['start', 'stop']);
});

it('changed and gone rules are told by name, a rule that is gone makes no alert', async () => {
  const { rules, rule, exec, reload, ended, status } = await running();
  const next = rule('capped', 'event.action:exec and process.name:other', { max_signals: 3 });
  exec('tool1');
  expect(await reload({ rules: setOf([next]) })).toBe('');
  for (const name of ['tool2', 'other']) exec(name);
  const { alerts, lifecycles } = await ended();
  expect(alerts.map(({ rule_id, document }) => [rule_id, (document.process as { name: string }).name])).toEqual([
    ['terms', 'tool1'],
    ['capped', 'tool1'],
    ['capped', 'other'],
  ]);
  expect(lifecycles[1]!.detail).toMatch(/: changed capped, gone terms$/);
  expect(status().ruleCosts?.all.alerts).toBe(3);
  expect(rules.capped.rule_id).toBe('capped');
});

const BROKEN = new ForebearError('FB_RULE_SYNTAX', 'line 3');

it.each<[string, (parts: Awaited<ReturnType<typeof running>>) => Partial<Reloaded> | Error, string, string?]>([
  ['it cannot be read', () => new ForebearError('FB_CONFIG_SYNTAX', 'not TOML', { line: 3 }), 'not TOML', ', line 3'],
  [
    'a file of a rule that runs is broken',
    ({ rules }) => ({
      rules: setOf([rules.terms, rules.other], [{ file: '/r/capped.toml', sensors: [], fields: [], error: BROKEN }]),
    }),
    '/r/capped.toml, of which a rule runs, would be refused: FB_RULE_SYNTAX line 3',
  ],
  [
    'its folder cannot be read',
    () => ({ rules: setOf([], [{ file: '/r', sensors: [], fields: [], error: BROKEN }]) }),
    '/r, of which a rule runs, would be refused: FB_RULE_SYNTAX line 3',
  ],
  [
    'a rule wants records that are not attached',
    ({ rules, rule }) => ({ rules: setOf([rules.terms, rules.capped, rule('s', 'event.action:session_id_change')]) }),
    'rules need what is set up at the start only: records of kind session',
    ' (systemctl restart forebear)',
  ],
  [
    'a rule wants a variable that does not leave the decoder',
    ({ rules, rule }) => ({
      rules: setOf([rules.terms, rules.capped, rule('v', 'event.action:exec and process.env_vars:HISTFILE=*')]),
    }),
    'rules need what is set up at the start only: the environment variable HISTFILE',
    ' (systemctl restart forebear)',
  ],
  [
    'a rule wants hashes that are not made',
    ({ rules, rule }) => ({
      rules: setOf([rules.terms, rules.capped, rule('h', 'event.action:exec and process.hash.md5:00')]),
    }),
    'rules need what is set up at the start only: hashes of kind md5, events that wait for hashes',
    ' (systemctl restart forebear)',
  ],
])('all is as before where %s, and the journal says so', async (_name, next, reason, hint = '') => {
  const parts = await running();
  expect(await parts.reload(next(parts))).toBe(`RELOAD REFUSED, all is as before: ${reason}${hint}`);
  parts.exec('tool1');
  const { alerts, lifecycles } = await parts.ended();
  expect(alerts.map(({ rule_id }) => rule_id)).toEqual(['terms', 'capped']);
  expect(lifecycles.map(({ event, detail }) => [event, detail])).toEqual([
    ['start', ''],
    ['configuration', `a reload was refused, all is as before: ${reason}`],
    ['stop', ''],
  ]);
  expect(lifecycles[1]!.ruleSetHash).toBe(lifecycles[0]!.ruleSetHash);
  expect(parts.sent).toEqual(['reloading', 'reloaded']);
});

it('a new rule file that is broken keeps no other from being loaded', async () => {
  const { rules, exec, reload, ended, status, warned } = await running();
  const refused = [{ file: '/r/new.toml', sensors: [], fields: [], error: BROKEN }];
  expect(await reload({ rules: setOf([rules.terms, rules.capped, rules.other], refused) })).toBe('');
  expect(warned).toEqual([expect.stringMatching(/^refused: \/r\/new\.toml: .* \[FB_RULE_SYNTAX\]$/)]);
  exec('other');
  expect((await ended()).alerts.map(({ rule_id }) => rule_id)).toEqual(['other']);
  expect(status().rules).toMatchObject({ running: 3, refused: [{ file: '/r/new.toml', code: 'FB_RULE_SYNTAX' }] });
});

it('settings that hold from the next start on are named, and compared at the next start', async () => {
  const { reload, ended, warned } = await running();
  const config = configIn(state);
  const outputs = [{ ...({ name: 'x', type: 'file', path: '/x', max_hold: 0 } as never as object) }] as never;
  const rules = { ...config.rules, reload: 'signal' } as const;
  const said = 'changed settings that need a restart (systemctl restart forebear): log.level, rules.reload';
  expect(await reload({ config: { ...config, outputs, rules, log: { ...config.log, level: 'debug' } } })).toBe(said);
  const { lifecycles } = await ended();
  expect(lifecycles[1]!.detail).toBe('outputs.x (new)');
  expect(warned).toEqual([said]);
});

it('what the sensor was set up with changes by a restart: the status says so until the settings are as they were', async () => {
  const { rules, rule, reload, ended, warned } = await running();
  const config = configIn(state);
  const sensor = { ...config.sensor, ringBytes: 2 * config.sensor.ringBytes, environment: ['HISTFILE'] };
  const changed = { ...config, sensor, files: { ...config.files, exceptNames: ['cache'] } };
  const names = 'files.except_names, sensor.environment, sensor.ring_bytes';
  const said = `changed settings that need a restart (systemctl restart forebear): ${names}`;
  expect(await reload({ config: changed })).toBe(said);
  // By file, as rules change: the configuration is not read.
  expect(await reload({ config, readBelow: ['/r'] })).toBe(said);
  const needs = rule('v', 'event.action:exec and process.env_vars:HISTFILE=*');
  expect(await reload({ config: changed, rules: setOf([rules.terms, rules.capped, needs]) })).toBe(
    'RELOAD REFUSED, all is as before: rules need what is set up at the start only: the environment variable HISTFILE ' +
      `(systemctl restart forebear); ${said}`,
  );
  expect(await reload({ config })).toBe('');
  expect(warned).toEqual([said]);
  await ended();
});

it('a rule that is taken out of a file of many is gone, whatever another of that file is refused for', async () => {
  const { rules, rule, reload, ended } = await running();
  const file = '/r/export.ndjson';
  const verdict = { file, sensors: [], fields: [] };
  const gone = { ...rule('gone', 'event.action:exec'), file };
  const refused = { ...verdict, rule_id: 'esql', error: new ForebearError('FB_RULE_LANGUAGE', 'ES|QL') };
  const set = (...more: Rule[]) => ({
    ...setOf([rules.terms, ...more]),
    verdicts: [...setOf([rules.terms]).verdicts, ...more.map((one) => ({ ...verdict, rule: one })), refused],
  });
  expect(await reload({ rules: set(gone) })).toBe('');
  expect(await reload({ rules: set() })).toBe('');
  const { lifecycles } = await ended();
  expect(lifecycles.at(-2)!.detail).toMatch(/: gone gone$/);
});

it('a rule whose file is at fault goes on as it was, and the others as they are now', async () => {
  const { rules, exec, reload, ended, status, warned } = await running();
  const verdict = { file: '/r/capped.toml', line: 4, rule_id: 'capped', sensors: [], fields: [], error: BROKEN };
  const set = setOf([rules.terms, rules.other], [{ ...verdict, rule: rules.capped, kept: true }]);
  const now = { ...set, rules: [rules.terms, rules.other, rules.capped] };
  const words = 'capped as before (/r/capped.toml:4: FB_RULE_SYNTAX)';
  expect(await reload({ rules: now })).toBe(`RULES AT FAULT GO ON AS BEFORE: ${words}`);
  expect(warned).toEqual([`RULES AT FAULT GO ON AS BEFORE: ${words}`]);
  for (const name of ['tool1', 'other']) exec(name);
  const { alerts, lifecycles } = await ended();
  expect(alerts.map(({ rule_id }) => rule_id)).toEqual(['terms', 'capped', 'other']);
  expect(lifecycles[1]!.detail).toMatch(new RegExp(`: new other, ${words.replaceAll(/[().]/g, '.')}$`));
  expect(status().rules).toMatchObject({
    running: 3,
    refused: [{ rule_id: 'capped', code: 'FB_RULE_SYNTAX', reason: 'runs as it was before: line 3' }],
  });
});

it('events have their turn while rules are made ready, and each is judged by the one set or the other', async () => {
  const { rules, rule, exec, reload, ended } = await running();
  const many = Array.from({ length: 1_500 }, (_, i) =>
    rule(`many-${i}`, `event.action:exec and process.name:(x${i} or y)`),
  );
  let execs = 0;
  const next = { rules: setOf([rules.terms, rules.capped, rules.other, ...many]) };
  expect(
    await reload(next, () => {
      execs++;
      exec('other');
    }),
  ).toBe('');
  exec('other');
  expect(execs).toBeGreaterThan(2);
  const { alerts } = await ended();
  const made = alerts.filter(({ rule_id }) => rule_id === 'other').length;
  expect(made).toBeGreaterThanOrEqual(1);
  expect(made).toBeLessThanOrEqual(execs + 1);
});

it('an exception in force whose file is broken refuses the reload', async () => {
  const { rules, reload, ended } = await running();
  const set = (text: string) => {
    const reader = readText(text, '/e/list.ndjson');
    const verdicts = [...judgeItems(reader, { fields: new FieldTable() })];
    return { ...setOf([rules.terms, rules.capped]), exceptions: new ExceptionSet(reader, verdicts) };
  };
  const [list, one] = [LIST, item([entry('match', 'user.name', 'ann')])].map((line) => JSON.stringify(line));
  expect(await reload({ rules: set(`${list}\n${one}\n`) })).toBe('');
  const refused = await reload({ rules: set(`${list}\n${one!.slice(0, 40)}\n`) });
  expect(refused).toContain(
    '/e/list.ndjson:2: the exception item-1 is in force, and would be refused: FB_EXCEPTION_JSON',
  );
  expect(await reload({ rules: set(`${list}\n`) })).toBe('');
  await ended();
});
