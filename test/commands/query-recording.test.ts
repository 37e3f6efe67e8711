// `forebear query` over a recording: the events of a run, with both languages.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { registerQuery } from '../../src/commands/query.ts';
import { VERSION } from '../../src/commands/version.ts';
import { newFolder, remove, start, story } from '../agent/agent-run.ts';
import type { RecordInput } from '../sensor/encode.ts';
import { fakeIo } from './fake-io.ts';

let folder: string;
let recording: string;
/** Of one exec with HISTFILE in its environment. */
let withVariable: string;

async function recorded(name: string, batches: readonly (readonly RecordInput[])[]): Promise<string> {
  const file = join(folder, `${name}.fbrec`);
  const run = await start(join(folder, name), { recordTo: file, version: VERSION });
  await run.ready;
  for (const batch of batches) run.sensor.batch(batch);
  run.stop();
  await run.done;
  return file;
}

beforeAll(async () => {
  folder = newFolder();
  recording = await recorded('run', [story('/tmp/one'), story('/tmp/two')]);
  const variable = (record: RecordInput) =>
    record.kind === 'exec' && record.args?.[0] === '/tmp/three' ? { ...record, env: ['HISTFILE=/x'] } : record;
  withVariable = await recorded('variable', [story('/tmp/three').map(variable)]);
});
afterAll(() => remove(folder));

async function query(language: string, ...args: string[]) {
  const io = fakeIo();
  const entry = { name: 'query', summary: '', load: async () => registerQuery };
  const status = await runProgram(['query', '--language', language, ...args], io, [entry]);
  const lines = io.stdout().split('\n').filter(Boolean);
  return { status, err: io.stderr(), found: lines.map((line) => JSON.parse(line)) };
}

const executables = (events: { process: { executable: string } }[]) => events.map(({ process }) => process.executable);

it('finds the same events with KQL and with EQL, as the agent has them', async () => {
  const kql = await query('kql', '--json', 'event.action:exec and process.executable:/tmp/*', recording);
  const eql = await query(
    'eql',
    '--json',
    'process where event.action == "exec" and process.executable : "/tmp/*"',
    recording,
  );
  expect(executables(kql.found)).toEqual(['/tmp/one', '/tmp/two']);
  expect(eql).toEqual(kql);
  expect(kql.found[0]).toMatchObject({ agent: { version: VERSION }, event: { kind: 'event' }, host: {} });
});

it('finds sequences in the order of the kernel', async () => {
  const any = '[process where event.action == "exec" and process.executable : "/tmp/*"]';
  const { status, found, err } = await query(
    'eql',
    '--json',
    `sequence by host.id with maxspan=1m ${any} ${any}`,
    recording,
  );
  expect({ status, err }).toEqual({ status: 0, err: '' });
  expect(found.map(executables)).toEqual([['/tmp/one', '/tmp/two']]);
});

it('takes documents beside it, by their time', async () => {
  const file = join(folder, 'late.ndjson');
  writeFileSync(
    file,
    `${JSON.stringify({ '@timestamp': '2200-01-01', event: { category: 'process' }, process: { executable: '/tmp/late' } })}\n`,
  );
  const { found } = await query(
    'eql',
    '--json',
    'process where process.executable : "/tmp/*" | tail 2',
    file,
    recording,
  );
  expect(executables(found).at(-1)).toBe('/tmp/late');
});

it.each([
  ['kql', 'process.env_vars:HISTF*'],
  ['kql', 'process.env_vars:HISTFILE=*'],
  ['eql', 'process where process.env_vars : "HISTF*"'],
  ['eql', 'process where startsWith~(process.env_vars, "histf")'],
])('sees the variables that a query names, by a pattern too: %s %s', async (language, text) => {
  expect(executables((await query(language, '--json', text, withVariable)).found)).toEqual(['/tmp/three']);
});

it.each([
  ['kql', 'event.action:exec'],
  ['eql', 'process where event.action == "exec"'],
])('prints what matches piece by piece, at the pace of the reader: %s', async (language, text) => {
  const said: string[] = [];
  const io = fakeIo({
    out: (printed) => void said.push(`${printed.trim().split('\n').length} lines`),
    drained: async () => void said.push('taken'),
  });
  const entry = { name: 'query', summary: '', load: async () => registerQuery };
  await runProgram(['query', '--language', language, text, recording], io, [entry]);
  expect(said.filter((one) => one !== 'taken')).toEqual(['3 lines', '3 lines']);
  const [first, second] = [said.indexOf('3 lines'), said.lastIndexOf('3 lines')];
  expect(said.slice(first, second)).toContain('taken');
});
