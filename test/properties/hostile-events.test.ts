// Hostile text from the kernel to the screen: in arguments, environment, paths, names, cgroups and users of real records, through
// decoder, rules, journal and every command that prints of it. Nothing raw is shown, nothing is lost, bytes are what is compared.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { journalDirectory } from '../../src/config.ts';
import type { Alert } from '../../src/detect/alert.ts';
import type { StartFact } from '../../src/enrich/surroundings.ts';
import type { JournalRecord } from '../../src/journal/journal.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { documentText } from '../../src/proto/alert-codec.ts';
import { Counters } from '../../src/stats.ts';
import { encodeText } from '../../src/text.ts';
import { newFolder, remove, ScriptSensor, start, TestSurroundings } from '../agent/agent-run.ts';
import { fakeIo } from '../commands/fake-io.ts';
import { ruleText } from '../detect/rule-text.ts';
import { FakeHost, START } from '../enrich/fake-host.ts';
import type { RecordInput } from '../sensor/encode.ts';
import { Comparison, type MayDiffer } from './comparison.ts';
import { HOSTILE, unsafeIn } from './hostile-text.ts';
import { loadedFrom } from './rule-files.ts';

const RULE = ruleText(
  {
    rule_id: '"hostile"',
    name: '"Whatever it is called"',
    query: `'process.args:"--hostile" and event.action:exec'`,
    rule_name_override: '"process.args"',
    max_signals: '1000',
  },
  `[rule.new_terms]
field = "new_terms_fields"
value = ["process.executable", "process.parent.executable"]
[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-7d"
`,
);
const DETECTED: readonly MayDiffer[] = [
  { path: 'kibana.alert.last_detected', why: 'a replay has no clock', holds: () => true },
  { path: 'agent', why: 'the version that replays', holds: () => true },
];
/** The bound of a path. */
const PATH_MAX = 4000;

let folder: string;
let state: string;
let rules: string;
let recording: string;
let live: readonly Alert[];
let records: readonly JournalRecord[];

class HostileSurroundings extends TestSurroundings {
  override async start(): Promise<StartFact> {
    const names = HOSTILE.map(([, text], i): [number, string] => [2000 + i, text.slice(0, 200)]);
    const host = { ...START.host, name: 'web\u001b]0;x\u0007\u202e1', os: { name: 'a\u009bm', full: 'b\ud800' } };
    return { ...START, host, users: names, groups: names };
  }
}

/** One alert of each: everything about the process, and about its parent, is called so. */
function hostileRecords(): RecordInput[] {
  const host = new FakeHost();
  for (const [i, [, text]] of HOSTILE.entries()) {
    const [parent, child] = [3000 + 2 * i, 3001 + 2 * i];
    const path = text.slice(0, PATH_MAX);
    host.fork(1, parent);
    host.setsid(parent);
    const ids = { uid: 2000 + i, euid: 2000 + i, gid: 2000 + i, egid: 2000 + i, groups: [2000 + i] };
    host.change(parent, { ...ids, cwd: `/${path}`, cgroup: `/system.slice/${path}/session-1.scope` });
    host.exec(parent, `/tmp/${path}`, [text, '', text]);
    host.fork(parent, child);
    // NUL-padding, as a program leaves that writes its own title.
    const padding = Array.from({ length: 500 }, () => '');
    host.exec(child, `/opt/${path}`, [text, '--hostile', text, ...padding], {
      filename: `./${path}`,
      interpreter: `/bin/${path}`,
      env: [`LD_PRELOAD=${path}`, `${path}=x`],
    });
    host.exit(child);
  }
  return host.records.map((record, i) => {
    const [, text] = HOSTILE[i % HOSTILE.length]!;
    return { ...record, task: { ...record.task, comm: text.slice(0, 15) } } as RecordInput;
  });
}

async function agentOver(input: readonly RecordInput[], recordTo?: string): Promise<readonly Alert[]> {
  const { fields, set } = await loadedFrom(rules, new Map([['rule.toml', RULE]]));
  const sensor = new ScriptSensor();
  const run = await start(state, {
    fields,
    rules: set,
    makeSurroundings: () => new HostileSurroundings(),
    makeSensor: (envNames) => Object.assign(sensor, { envNames }),
    sensor,
    ...(recordTo === undefined ? {} : { recordTo }),
  });
  await run.ready;
  run.sensor.batch(input);
  run.stop();
  await run.done;
  return run.alerts.map(({ alert }) => alert);
}

beforeAll(async () => {
  folder = newFolder();
  [state, rules, recording] = ['state', 'rules', 'run.fbrec'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const each of [state, rules]) mkdirSync(each);
  live = await agentOver(hostileRecords(), recording);
  const found: JournalRecord[] = [];
  const source = { directory: journalDirectory(state), counters: new Counters() };
  for await (const record of readJournal(source)) if (record.kindName === 'alert') found.push(record);
  records = found;
});
afterAll(() => remove(folder));

interface Document {
  process: { args: string[]; executable: string; working_directory: string; name: string };
  forebear: { raw?: { field: string; index?: number; bytes: string }[] };
}

describe('in the journal', () => {
  it('each is an alert of its own, by its bytes', () => {
    expect(live.map(({ terms }) => terms)).toEqual(
      HOSTILE.map(([, text]) => [`/opt/${text.slice(0, PATH_MAX)}`, `/tmp/${text.slice(0, PATH_MAX)}`]),
    );
    expect(new Set(live.map(({ uuid }) => uuid)).size).toBe(HOSTILE.length);
  });

  it.each(HOSTILE.map(([what], i) => [what, i] as const))(
    '%s: valid JSON and UTF-8, the bytes beside what has none',
    (_what, i) => {
      const text = HOSTILE[i]![1];
      const path = text.slice(0, PATH_MAX);
      const stored = documentText(records[i]!.payload);
      expect(stored.isWellFormed()).toBe(true);
      expect(Buffer.byteLength(stored)).toBeLessThanOrEqual(65_536);
      const document = JSON.parse(stored) as Document;
      const { executable, args, working_directory } = document.process;
      const cut = text.length > 10_000;
      if (!cut) {
        expect([executable, working_directory]).toEqual(
          [`/opt/${path}`, `/${path}`].map((each) => each.toWellFormed()),
        );
        expect(args.slice(0, 4)).toEqual([text, '--hostile', text, ''].map((each) => each.toWellFormed()));
      } else expect(stored).toContain('document_cut');
      if (text.isWellFormed() || cut) return;
      const raw = new Map(document.forebear.raw!.map(({ field, index, bytes }) => [`${field} ${index ?? ''}`, bytes]));
      for (const [field, value] of [
        ['process.executable ', `/opt/${path}`],
        ['process.parent.executable ', `/tmp/${path}`],
        ['process.args 0', text],
        ['process.args 2', text],
        ['process.working_directory ', `/${path}`],
        ['forebear.filename ', `./${path}`],
        ['process.env_vars 0', `LD_PRELOAD=${path}`],
        ['user.name ', text],
      ] as const) {
        expect([field, raw.get(field)]).toEqual([field, Buffer.from(encodeText(value)).toString('base64')]);
      }
    },
  );

  it('is known again by an agent that starts anew, each by its bytes', async () => {
    expect(await agentOver(hostileRecords())).toEqual([]);
    const other = hostileRecords().map((record) =>
      record.kind === 'exec' && record.executable?.includes('\udcff')
        ? { ...record, executable: record.executable.replaceAll('\udcff', '\udcfd') }
        : record,
    );
    const changed = HOSTILE.filter(([, text]) => text.slice(0, PATH_MAX).includes('\udcff'));
    expect(await agentOver(other)).toHaveLength(changed.length);
  });
});

describe('on the screen', () => {
  const terminal = { outIsTerminal: true, errIsTerminal: true, columns: 80, env: { TERM: 'xterm', LANG: 'C.UTF-8' } };

  async function printed(args: readonly string[], part = {}) {
    const io = fakeIo(part);
    const status = await runProgram(args, io);
    return { status, out: io.stdout(), err: io.stderr() };
  }

  const withRules = () => ['--rules', rules, '--no-exceptions'];
  it.each<[string, () => string[]]>([
    ['tail', () => ['tail', '--lines', 'all', '--state', state]],
    ['tail of a rule', () => ['tail', '--rule', '*', '--lines', 'all', '--state', state]],
    ['replay', () => ['replay', ...withRules(), recording]],
    ['status', () => ['status', '--state', state]],
    ['learn status', () => ['learn', 'status', ...withRules(), '--state', state]],
    ['learn export', () => ['learn', 'export', '--state', state]],
  ])('%s: text, text for a terminal, JSON', async (name, args) => {
    for (const [part, more] of [
      [{}, []],
      [terminal, []],
      [{}, ['--json']],
    ] as const) {
      if (more.length > 0 && name === 'learn export') continue;
      const { out, err } = await printed([...args(), ...more], part);
      expect(out.length).toBeGreaterThan(0);
      expect(unsafeIn(out, part === terminal)).toBeUndefined();
      expect(unsafeIn(err)).toBeUndefined();
      if (more.length > 0) for (const line of out.trimEnd().split('\n')) JSON.parse(line);
    }
  });

  it('show: each of them', async () => {
    for (const { seq } of records) {
      const show = ['show', String(seq), '--state', state];
      for (const [part, more] of [
        [{}, []],
        [terminal, []],
        [{}, ['--json']],
      ] as const) {
        const { status, out } = await printed([...show, ...more], part);
        expect([status, unsafeIn(out, part === terminal)]).toEqual([0, undefined]);
        if (more.length > 0) JSON.parse(out);
      }
    }
  });

  it('no text makes a line of its own', async () => {
    const { out } = await printed(['tail', '--lines', String(records.length), '--state', state]);
    const lines = out.trimEnd().split('\n');
    expect(lines.filter((line) => line.startsWith('2026-01-01'))).toEqual([]);
    expect(lines.filter((line) => / {2}low {2}/.test(line))).toHaveLength(records.length);
  });

  it('a replay has the documents of the live run', async () => {
    const { out } = await printed(['replay', '--json', ...withRules(), recording]);
    const documents = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Alert['document']);
    expect(documents).toHaveLength(live.length);
    const table = new Comparison(DETECTED);
    for (const [i, alert] of live.entries()) {
      expect(table.difference(alert, { ...alert, document: documents[i]! })).toBeUndefined();
    }
  });
});
