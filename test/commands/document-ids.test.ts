// Ids of documents that have none: the same in every replay, one for each line. Their alerts have as many ids.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DocumentIds } from '../../src/commands/document-ids.ts';
import { runProgram } from '../../src/commands/program.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { flattenDocument } from '../../src/ecs/flatten.ts';
import { newFolder, remove } from '../agent/agent-run.ts';
import { ruleText } from '../detect/rule-text.ts';
import { fakeIo } from './fake-io.ts';

let folder: string;
beforeAll(() => {
  folder = newFolder();
});
afterAll(() => remove(folder));

const table = new FieldTable();
const idsOf = (documents: readonly Record<string, unknown>[]) => {
  const ids = new DocumentIds();
  return documents.map((document) => ids.of(flattenDocument(document, table).event, JSON.stringify(document)));
};
const at = (second: number, more = {}) => ({ '@timestamp': second * 1000, ...more });

it('tells equal lines of one moment apart, and is the same each time', () => {
  const documents = [at(1), at(1), at(1, { a: 1 }), at(1), at(2)];
  const ids = idsOf(documents);
  expect(new Set(ids).size).toBe(5);
  expect(idsOf(documents)).toEqual(ids);
});

it('an event that comes again later is the same one; an id of its own is kept', () => {
  const ids = idsOf([at(1), at(2), at(1), at(1, { 'event.id': 'x' }), at(1, { 'event.id': 'x' })]);
  expect(ids[2]).toBe(ids[0]);
  expect(ids.slice(3)).toEqual(['x', 'x']);
});

it.each([
  ['query', 'query', 'kuery', 'process.name:a', 3],
  ['sequence', 'eql', 'eql', 'sequence [process where process.name == "a"] with runs=2', 2],
])('alerts of equal lines have ids of their own: %s', async (name, type, language, query, count) => {
  const rule = join(folder, `${name}.toml`);
  const events = join(folder, 'events.ndjson');
  writeFileSync(rule, ruleText({ type: `"${type}"`, language: `"${language}"`, query: `'${query}'` }, ''));
  const line = JSON.stringify({ '@timestamp': 1000, event: { category: 'process' }, process: { name: 'a' } });
  writeFileSync(events, `${line}\n`.repeat(3));
  const io = fakeIo();
  await runProgram(['replay', '--rules', rule, '--json', events], io);
  const alerts = io
    .stdout()
    .split('\n')
    .filter(Boolean)
    .map((text) => JSON.parse(text));
  expect(new Set(alerts.map(({ kibana }) => kibana.alert.uuid)).size).toBe(count);
});
