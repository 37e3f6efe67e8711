// The first rule on this machine's own kernel, from real ssh sessions, through the agent as its users run it.

import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRuleSet } from '../../src/detect/load-rule-set-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { RecordingReader } from '../../src/record/read-recording-io.ts';
import { AgentParts, freshState, type State } from '../properties/agent-parts.ts';
import { recordedWorld } from '../properties/recorded-world.ts';
import { quickFolder } from '../properties/whole-run.ts';
import { type AgentProcess, runForebear, startAgent, whyNoSensor } from './agent-process.ts';
import { type Sshd, startSshd, whyNoSshd } from './sshd.ts';

const RULE = 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6';
const missing = whyNoSensor() ?? whyNoSshd();

type Document = Record<string, unknown>;

/** The value at a dotted path of a nested document, dotted keys included. */
function at(document: Document, path: string): unknown {
  let value: unknown = document;
  for (const part of path.split('.')) value = (value as Document | undefined)?.[part];
  return value;
}

describe('the first rule, from a real ssh session', () => {
  let sshd: Sshd;
  let agent: AgentProcess;
  let programs = 0;

  beforeAll(async () => {
    if (missing !== undefined) return;
    sshd = await startSshd();
    agent = await startAgent();
  });

  afterAll(async () => {
    await agent?.stop();
    agent?.remove();
    await sshd?.stop();
  });

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  /** A copy of dash under a new path: its term was never seen. */
  function unusualProgram(name = `payload-${programs++}`): string {
    const path = join(sshd.folder, name);
    copyFileSync('/bin/dash', path);
    return path;
  }

  /** Alerts of the first rule whose parent is that program, once the agent has seen everything up to now. */
  async function alertsOf(program: string): Promise<Document[]> {
    await seenEverything();
    // Other rules see what it leaves out.
    const alerts = agent.alerts().filter((alert) => at(alert, 'kibana.alert.rule.rule_id') === RULE);
    return alerts.filter((alert) => at(alert, 'process.parent.executable') === program);
  }

  /** A marker that always alerts, as its own program: when it is there, all before it went through. */
  async function seenEverything(): Promise<void> {
    const marker = unusualProgram(`marker-${programs++}`);
    sshd.run(`${marker} -c 'systemctl start fb-none.service; true'`);
    for (let attempt = 0; attempt < 200; attempt++) {
      if (agent.alerts().some((alert) => at(alert, 'process.parent.executable') === marker)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the marker's alert did not come:\n${agent.output()}`);
  }

  it.each([
    ['without a terminal', false],
    ['on a terminal', true],
  ])('fires when a program of an unusual name enables and starts a unit, %s', async (_name, tty) => {
    const program = unusualProgram();
    sshd.run(`bash -c "${program} -c 'systemctl enable fb-none.service; true'; true"`, { tty });
    const [alert, ...more] = await alertsOf(program);
    expect(more).toEqual([]);
    const { user, uid } = sshd;
    const expected: Document = {
      'kibana.alert.rule.rule_id': RULE,
      'event.kind': 'alert',
      'process.executable': '/usr/bin/systemctl',
      'process.args': ['systemctl', 'enable', 'fb-none.service'],
      'process.args_count': 3,
      'process.parent.executable': program,
      'process.parent.args': [program, '-c', 'systemctl enable fb-none.service; true'],
      'process.entry_leader.entry_meta.type': 'sshd',
      'process.entry_leader.name': 'bash',
      'process.interactive': tty,
      'user.id': String(uid),
      'user.name': user,
      'kibana.alert.new_terms': [program],
    };
    for (const [path, value] of Object.entries(expected)) expect([path, at(alert!, path)]).toEqual([path, value]);
    expect(at(alert!, 'process.entry_leader.pid')).not.toBe(at(alert!, 'process.parent.pid'));
  });

  it('stays silent when the same program does it again', async () => {
    const program = unusualProgram();
    for (let i = 0; i < 3; i++) sshd.run(`${program} -c 'systemctl start fb-none.service; true'`);
    expect(await alertsOf(program)).toHaveLength(1);
  });

  it('stays silent with five arguments', async () => {
    const program = unusualProgram();
    sshd.run(`${program} -c 'systemctl enable a.service b.service c.service; true'`);
    expect(await alertsOf(program)).toEqual([]);
  });

  it('stays silent from sudo', async (context) => {
    if (!existsSync('/usr/bin/sudo'))
      return context.skip('/usr/bin/sudo is missing (scripts/setup --test installs it)');
    const sudoers = '/etc/sudoers.d/fb-test';
    writeFileSync(sudoers, `${sshd.user} ALL=(ALL) NOPASSWD: ALL\nDefaults:${sshd.user} use_pty\n`, { mode: 0o440 });
    try {
      sshd.run('sudo systemctl start fb-none.service', { tty: true });
    } finally {
      rmSync(sudoers);
    }
    expect(await alertsOf('/usr/bin/sudo')).toEqual([]);
  });

  it('stays silent for a child of pid 1', async () => {
    const program = unusualProgram();
    // The shell that starts it is gone before it runs: the kernel gives the orphan to pid 1.
    sshd.run(`${program} -c '(sleep 0.3; exec systemctl start fb-none.service) >/dev/null 2>&1 </dev/null & exit 0'`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await alertsOf(program)).toEqual([]);
  });

  it('knows a parent completely that was gone before anyone could read /proc', async (context) => {
    const built = join(import.meta.dirname, '../../build/test/brief-parent');
    if (!existsSync(built)) return context.skip('build/test/brief-parent is not built (scripts/build)');
    const program = join(sshd.folder, 'brief-parent');
    copyFileSync(built, program);
    // While the agent stands still nobody can read /proc of the parent; when it goes on, the parent has gone.
    process.kill(agent.pid, 'SIGSTOP');
    sshd.run(`${program} --mark 'a b'`);
    process.kill(agent.pid, 'SIGCONT');
    const [alert] = await alertsOf(program);
    expect(at(alert!, 'process.parent.args')).toEqual([program, '--mark', 'a b']);
    expect(at(alert!, 'process.parent.name')).toBe('brief-parent');
    expect(at(alert!, 'process.entry_leader.entry_meta.type')).toBe('sshd');
    expect(existsSync(`/proc/${at(alert!, 'process.parent.pid')}`)).toBe(false);
    expect(at(alert!, 'forebear.parent_source')).toBe('kernel');
  });

  // These two last: the first stops the agent.
  it('gives the same alerts when its own recording is replayed, and loses nothing on the way', async () => {
    await seenEverything();
    const live = agent.alerts();
    const { status, output } = await agent.stop('SIGINT');
    expect(status).toBe(0);
    expect(output).toMatch(/ 0 lost/);
    mkdirSync(join(agent.state, 'replay'), { recursive: true });
    const replayed = runForebear(['replay', '--json', agent.recording]);
    expect(replayed.stderr).toBe('');
    expect(live.length).toBeGreaterThan(5);
    expect(replayed.stdout.split('\n').filter(Boolean)).toEqual(live.map(withoutLatency));
  });

  it('gives the same alerts when an agent is stopped anywhere in that recording, and another goes on', {
    timeout: 120_000,
  }, async () => {
    const { folder, rules, world } = await recordedRun(agent.recording);
    const idsFrom = async (state: State, from: number, to: number) => {
      const run = await AgentParts.start({ world, rules, state, from, start: world.start });
      run.take(to);
      return { state: run.stop(), ids: run.alerts.map(({ uuid }) => uuid) };
    };
    const end = world.records.length;
    const { ids } = await idsFrom(freshState(folder), 0, end);
    expect(ids).toEqual(agent.alerts().map((alert) => at(alert, 'kibana.alert.uuid')));
    for (let cut = 0; cut <= end; cut += Math.ceil(end / 40)) {
      const first = await idsFrom(freshState(folder), 0, cut);
      const second = await idsFrom({ ...first.state, leaders: undefined as never }, cut, end);
      expect([...first.ids, ...second.ids], `before record ${cut} of ${end}`).toEqual(ids);
    }
    rmSync(folder, { recursive: true });
  });
});

/** A recording and the rules that it was made with, for the parts of an agent. */
async function recordedRun(recording: string) {
  const fields = new FieldTable();
  const shipped = join(import.meta.dirname, '../../rules');
  const sources = { rules: [shipped], exceptions: [join(shipped, 'exceptions')], disabled: [] };
  const set = await loadRuleSet(sources, { fields, languages: LANGUAGES, abilities: LINUX_HOST });
  const world = recordedWorld(new RecordingReader(recording).frames());
  return { folder: quickFolder(), rules: { fields, set, learnMs: () => 0 }, world };
}

/** A live alert as the line that a replay prints: only when it was detected differs, which a replay takes from the event. */
function withoutLatency(alert: Document): string {
  const kibana = alert.kibana as { alert: Document };
  return JSON.stringify({
    ...alert,
    kibana: { alert: { ...kibana.alert, last_detected: kibana.alert.original_time } },
  });
}
