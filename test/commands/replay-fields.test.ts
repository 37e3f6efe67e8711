// What an alert takes from its event besides the fields that the rule's query names.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { ruleText } from '../detect/rule-text.ts';
import { fakeIo } from './fake-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'forebear-fields-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('overrides and reason read fields of a document that no query names', async () => {
  const mappings = [
    '[[rule.severity_mapping]]\nfield = "my.level"\noperator = "equals"\nvalue = "5"\nseverity = "critical"',
    '[[rule.risk_score_mapping]]\nfield = "event.risk_score"\noperator = "equals"\nvalue = ""',
  ];
  const rule = join(folder, 'override.toml');
  const query = { type: '"query"', query: "'process.name:a'", rule_name_override: '"my.title"' };
  writeFileSync(rule, ruleText(query, mappings.join('\n')));
  const document = join(folder, 'override.ndjson');
  const values = { 'event.risk_score': 77.5, 'my.level': 5, 'my.title': 'Mine', 'file.name': 'f' };
  writeFileSync(document, JSON.stringify({ 'process.name': 'a', ...values }));
  const io = fakeIo();
  expect(await runProgram(['replay', '--json', '--rules', rule, document], io)).toBe(0);
  expect(JSON.parse(io.stdout()).kibana.alert).toMatchObject({
    severity: 'critical',
    risk_score: 77.5,
    rule: { name: 'Mine' },
    reason: 'event with process a, file f, created critical alert Mine.',
  });
});

it.each([
  [undefined, ''],
  ['garbage', 'values left out because they do not fit their field: @timestamp (1)\n'],
])('an alert has a time also where its document has %j', async (timestamp, said) => {
  const rule = join(folder, 'plain.toml');
  writeFileSync(rule, ruleText({ type: '"query"', query: "'process.name:a'" }, ''));
  const document = join(folder, 'untimed.ndjson');
  writeFileSync(document, JSON.stringify({ '@timestamp': timestamp, 'process.name': 'a' }));
  const io = fakeIo();
  await runProgram(['replay', '--json', '--rules', rule, document], io);
  const alert = JSON.parse(io.stdout());
  expect(alert['@timestamp']).toBe(alert.kibana.alert.original_time);
  expect(alert).not.toHaveProperty('forebear');
  expect(io.stderr()).toBe(said);
});
