// Sessions and changed ids on this machine's own kernel, through the agent as its users run it: real su, sudo, setpriv, setsid.
// What is attached, and that nothing is where nobody asks.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AgentStatus } from '../../src/agent-status.ts';
import { type AgentProcess, parseLines, runForebear, startAgent, whyNoSensor } from './agent-process.ts';

const FIRST_RULE = join(
  import.meta.dirname,
  '../../rules/linux/persistence_systemd_service_started_by_unusual_parent.toml',
);
const missing = whyNoSensor();
const folder = mkdtempSync(join(tmpdir(), 'fb-changes-'));
/** An argument of every program that this test runs, and of no other. */
const MARK = basename(folder);

beforeEach((ctx) => {
  if (missing !== undefined) ctx.skip(missing);
});
afterAll(() => rmSync(folder, { recursive: true }));

function ruleFile(action: string): string {
  const path = join(folder, `${action}.toml`);
  const query = `event.category:process and event.type:change and event.action:${action} and process.args:${MARK}`;
  const keys = { rule_id: action, name: action, type: 'query', language: 'kuery', severity: 'low', description: 'x' };
  const lines = Object.entries({ ...keys, query, index: ['logs-endpoint.events.process*'] });
  writeFileSync(path, `[rule]\nrisk_score = 1\n${lines.map(([k, v]) => `${k} = ${JSON.stringify(v)}`).join('\n')}\n`);
  return path;
}

function configFile(events: string): string {
  const path = join(folder, `events-${events.length}.toml`);
  writeFileSync(path, `[sensor]\nevents = ${events}\n`);
  return path;
}

function run(program: string, ...args: string[]): void {
  spawnSync(program, args, { stdio: 'ignore', timeout: 20_000 });
}

const sensorOf = (agent: AgentProcess) => (JSON.parse(agent.command('status', '--json').stdout) as AgentStatus).sensor;
/** kind: source, of which it is wanted; and the programs beside those that always are there. */
function attachedTo(agent: AgentProcess) {
  const { sources = [], programs } = sensorOf(agent);
  const always = /^fb_(exec|fork|exit)(_again)?$|^fb_(task|maps|progs)$/;
  return {
    sources: Object.fromEntries(sources.map(({ kind, source }) => [kind, source === 'none' ? source : 'attached'])),
    programs: programs.filter(({ name, attached }) => attached && !always.test(name)).map(({ name }) => name),
  };
}

type Alert = Record<string, unknown>;

/** The value at a dotted path of a nested document, dotted keys included. */
function at(document: Alert, path: string): unknown {
  if (path in document) return document[path];
  return path.split('.').reduce<unknown>((value, part) => (value as Alert | undefined)?.[part], document);
}

describe('rules about sessions and changed ids', () => {
  let agent: AgentProcess;
  let alerts: Alert[] = [];

  beforeAll(async () => {
    if (missing !== undefined) return;
    const rules = ['session_id_change', 'uid_change', 'gid_change'].map(ruleFile);
    agent = await startAgent(rules.flatMap((path) => ['--rules', path]));
    run('su', 'nobody', '-s', '/bin/true', MARK, 'su');
    run('sudo', '-n', '-u', 'nobody', 'true', MARK, 'sudo');
    run('setpriv', '--reuid', '4711', '--regid', '4712', '--clear-groups', 'true', MARK, 'both');
    run('setpriv', '--reuid', '4711', '--regid', '4712', '--clear-groups', 'chage', '-l', MARK);
    run('setsid', 'true', MARK);
    await agent.until('setsid true');
    alerts = agent.alerts();
  });

  afterAll(async () => {
    await agent?.stop();
    agent?.remove();
  });

  /** What the alerts of a rule say, in their order: of the program with that argument. */
  function told(rule: string, argument: string, ...paths: string[]): unknown[][] {
    const own = alerts.filter(
      (alert) =>
        at(alert, 'kibana.alert.rule.rule_id') === rule && (at(alert, 'process.args') as string[]).includes(argument),
    );
    return own.map((alert) => paths.map((path) => at(alert, path)));
  }

  const MISSING = (program: string) => (existsSync(`/usr/bin/${program}`) ? undefined : `${program} is not installed`);

  it.for(['su', 'sudo'])('tell of %s that becomes nobody', (program, ctx) => {
    const lacking = MISSING(program);
    if (lacking !== undefined) ctx.skip(lacking);
    const found = told('uid_change', program, 'process.name', 'user.id', 'user.name', 'event.type');
    expect(found).toContainEqual([program, '65534', 'nobody', ['change']]);
    expect(told('gid_change', program, 'process.name', 'group.id')).toContainEqual([program, '65534']);
  });

  it('tell of both ids, each once, with what they were', () => {
    expect(told('uid_change', 'both', 'user.id', 'user.Ext.real.id', 'forebear.previous.user.id')).toEqual([
      ['4711', '4711', '0'],
    ]);
    expect(told('gid_change', 'both', 'group.id', 'group.Ext.real.id', 'forebear.previous.group.id')).toEqual([
      ['4712', '4712', '0'],
    ]);
  });

  it('tell of a set-group-id file as of the image that executes it, which has the new group by then', (ctx) => {
    const mode = spawnSync('stat', ['-c', '%A %G', '/usr/bin/chage'], { encoding: 'utf8' }).stdout;
    if (!/^-.{5}s.* shadow$/m.test(mode)) ctx.skip('/usr/bin/chage is not set-group-id shadow here');
    const names = ['process.name', 'user.id', 'group.name', 'forebear.previous.group.id'];
    // What chage itself does with its rights comes after.
    expect(told('gid_change', 'chage', ...names).slice(0, 2)).toEqual([
      ['setpriv', '4711', undefined, '0'],
      ['setpriv', '4711', 'shadow', '4712'],
    ]);
  });

  it('tell of a new session', () => {
    const [session, ...more] = told(
      'session_id_change',
      'true',
      'process.name',
      'process.session_leader.same_as_process',
    );
    expect([session, more]).toEqual([['setsid', true], []]);
  });

  it('are why these are attached, and nothing else is', () => {
    const { sources, programs } = attachedTo(agent);
    const attached = Object.entries(sources).filter(([, source]) => source === 'attached');
    expect(attached.map(([kind]) => kind)).toEqual(['session', 'credentials']);
    expect([
      ['fb_sys_enter', 'fb_sys_exit'],
      ['fb_session', 'fb_credentials'],
    ]).toContainEqual(programs);
  });

  it('fire likewise in a replay of the run', async () => {
    await agent.stop();
    const rules = ['session_id_change', 'uid_change', 'gid_change'].flatMap((action) => ['--rules', ruleFile(action)]);
    const replayed = parseLines(runForebear(['replay', agent.recording, '--json', ...rules]).stdout);
    const uuids = (documents: Alert[]) => documents.map((alert) => at(alert, 'kibana.alert.uuid'));
    expect(uuids(replayed)).toEqual(uuids(alerts));
    expect(alerts.length).toBeGreaterThan(6);
  });
});

// name, arguments of the agent, what is attached
const NOTHING = { sources: { session: 'none', credentials: 'none' }, programs: [] };
const OTHERS: [string, () => string[], { sources: Record<string, string> }, string | undefined][] = [
  ['with the first rule alone, nothing', () => ['--rules', FIRST_RULE], NOTHING, undefined],
  [
    'with a rule about gid_change and sensor.events = [], nothing: the rule is refused',
    () => ['--rules', FIRST_RULE, '--rules', ruleFile('gid_change'), '--config', configFile('[]')],
    NOTHING,
    'FB_RULE_SENSOR rule.query: needs credentials events, which sensor.events leaves out',
  ],
  [
    'with sensor.events = ["session"] that alone, whatever rules ask',
    () => ['--config', configFile('["session"]')],
    { sources: { session: 'attached', credentials: 'none' } },
    'FB_RULE_SENSOR rule.index: needs file events, which sensor.events leaves out',
  ],
];
it.each(OTHERS)('%s', async (_name, args, attached, said) => {
  const agent = await startAgent(args());
  try {
    expect(attachedTo(agent)).toMatchObject(attached);
    if (said === undefined) expect(agent.output()).not.toMatch(/see nothing|leaves out/);
    else expect(agent.output()).toContain(said);
  } finally {
    await agent.stop();
    agent.remove();
  }
});
