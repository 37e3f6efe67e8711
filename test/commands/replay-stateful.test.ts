// Sequences, thresholds and suppression in a replay: on the events' own clock, the same output for the same input, and for a
// recording the alerts of the live run, with what they counted by its end.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { VERSION } from '../../src/commands/version.ts';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRules } from '../../src/detect/load-rules-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { foldAmend } from '../../src/proto/fold-amend.ts';
import { journalOf, newFolder, remove, start, story } from '../agent/agent-run.ts';
import { fakeIo } from './fake-io.ts';

interface Document {
  process?: { name?: string };
  forebear?: { sequence?: unknown[] };
  kibana: { alert: Record<string, unknown> & { rule: { rule_id: string }; suppression?: Record<string, unknown> } };
}

let folder: string;
let rules: string;
beforeAll(() => {
  folder = newFolder();
  rules = join(folder, 'rules');
  const text = (id: string, type: string, language: string, query: string, more = '') => `[metadata]
[rule]
rule_id = "${id}"
name = "Rule ${id}"
description = "what it means"
type = "${type}"
language = "${language}"
index = ["logs-endpoint.events.process*"]
severity = "low"
risk_score = 21
version = 1
from = "now-5m"
query = '''${query}'''
${more}
`;
  const enabled = 'event.action:exec and process.name:systemctl';
  const files = [
    text(
      'suppressed',
      'query',
      'kuery',
      enabled,
      '[rule.alert_suppression]\ngroup_by = ["process.name"]\nduration = { value = 1, unit = "h" }',
    ),
    text('counted', 'threshold', 'kuery', enabled, '[rule.threshold]\nfield = ["user.name"]\nvalue = 2'),
    text(
      'joined',
      'eql',
      'eql',
      'sequence by user.name with maxspan=5m [process where event.action == "exec" and process.name == "payload"] [process where process.name == "systemctl" and event.action == "exec"]',
    ),
    text(
      'missing',
      'eql',
      'eql',
      'sequence by user.name with maxspan=5m [process where event.action == "exec" and process.name == "systemctl"] ![process where process.name == "nothing"]',
    ),
  ];
  for (const [i, file] of files.entries()) writeFileSync(join(folder, `${i}.toml`), file);
  rules = folder;
});
afterAll(() => remove(folder));

async function replay(...args: string[]) {
  const io = fakeIo();
  const status = await runProgram(['replay', '--rules', rules, ...args], io);
  const documents = () =>
    io
      .stdout()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Document);
  return { status, stdout: io.stdout(), stderr: io.stderr(), documents };
}

const idOf = ({ kibana }: Document) => kibana.alert.rule.rule_id;

it('a recording gives the alerts of the live run, and what they counted; what waits at its end completes', async () => {
  const recording = join(folder, 'run.fbrec');
  const fields = new FieldTable();
  const set = await loadRules([rules], { fields, languages: LANGUAGES, abilities: LINUX_HOST });
  expect(set.rules.map(({ rule_id }) => rule_id).sort()).toEqual(['counted', 'joined', 'missing', 'suppressed']);
  const state = join(folder, 'state');
  const run = await start(state, { recordTo: recording, version: VERSION, rules: set, fields });
  await run.ready;
  for (let i = 0; i < 3; i++) run.sensor.batch(story());
  run.stop();
  await run.done;
  const entries = await journalOf(state);
  const live = entries.flatMap((entry) => (entry.kind === 'alert' ? [entry.alert] : []));
  const foldedOf = (uuid: string, document: object) =>
    entries
      .flatMap((entry) => (entry.kind === 'amend' && entry.amend.uuid === uuid ? [entry.amend.document] : []))
      .reduce((folded, amend) => foldAmend(folded, amend), document as Readonly<Record<string, unknown>>);
  const timeless = (document: object) => {
    const { kibana, ...rest } = document as Document;
    return JSON.stringify({ ...rest, kibana: { alert: { ...kibana.alert, last_detected: '' } } });
  };
  const { documents, stdout } = await replay('--json', recording);
  const replayed = documents().filter((document) => idOf(document) !== 'missing');
  expect(replayed.map(idOf)).toEqual(['suppressed', 'joined', 'counted', 'joined', 'joined']);
  expect(replayed.map(timeless)).toEqual(live.map(({ uuid, document }) => timeless(foldedOf(uuid, document))));
  expect(replayed[0]!.kibana.alert.suppression).toMatchObject({ docs_count: 2 });
  expect(documents().filter((document) => idOf(document) === 'missing')).toHaveLength(3);
  expect((await replay('--json', recording)).stdout).toBe(stdout);
});

it('documents go by their own time', async () => {
  const at = (second: number, name: string) => ({
    '@timestamp': new Date(1.7e12 + second * 1000).toISOString(),
    event: { category: ['process'], type: ['start'], action: 'exec', id: `${name}${second}` },
    host: { os: { type: 'linux' } },
    process: { name },
    user: { name: 'ann' },
  });
  const events = [
    at(0, 'systemctl'),
    at(301, 'systemctl'),
    at(400, 'systemctl'),
    at(401, 'payload'),
    at(402, 'systemctl'),
  ];
  const file = join(folder, 'events.ndjson');
  writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  const { documents } = await replay('--json', file);
  expect(documents().map((document) => [idOf(document), document.kibana.alert.original_time])).toEqual([
    ['suppressed', events[0]!['@timestamp']],
    ['missing', events[0]!['@timestamp']],
    ['counted', events[2]!['@timestamp']],
    ['joined', events[4]!['@timestamp']],
    ...[1, 2, 4].map((i) => ['missing', events[i]!['@timestamp']]),
  ]);
  const joined = documents().find((document) => idOf(document) === 'joined')!;
  expect(joined.process).toBeUndefined();
  expect(joined.forebear!.sequence).toHaveLength(2);
});
