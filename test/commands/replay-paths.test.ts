// What a replay is told to run, and is not there.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { QUERY_RULE, ruleText } from '../detect/rule-text.ts';
import { fakeIo } from './fake-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'forebear-paths-'));
const [rule, events] = [join(folder, 'a.toml'), join(folder, 'a.ndjson')];
beforeAll(() => {
  writeFileSync(rule, ruleText({ ...QUERY_RULE, query: "'process.name:a'" }, ''));
  writeFileSync(events, '{"process":{"name":"a"}}');
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ['--rules', 'FB_RULE_FILE'],
  ['--exceptions', 'FB_EXCEPTION_FILE'],
])('a path of %s that is not there ends it with 2, before anything is read', async (option, code) => {
  const io = fakeIo();
  const status = await runProgram(['replay', '--json', '--rules', rule, option, join(folder, 'none'), events], io);
  const last = io.stderr().trimEnd().split('\n').at(-1)!;
  expect([status, io.stdout(), JSON.parse(last).error.code]).toEqual([2, '', code]);
});
