// `forebear ship` itself: what contradicts itself is refused before anything is sent; a run over a real journal, once.

import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { alert, appendTo, T0 } from '../ship/journal-fixture.ts';
import { fakeIo } from './fake-io.ts';

let base: string;
beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'forebear-ship-'));
  const text = '[outputs.a]\ntype = "file"\npath = "out"\n[ship]\ndirectory = "ship"\n[state]\ndirectory = "state"\n';
  writeFileSync(join(base, 'c.toml'), `${text}[log]\nlevel = "fatal"\n`);
  await appendTo(join(base, 'state'), [alert('one', T0), alert('two', T0)]);
});
afterEach(() => rmSync(base, { recursive: true }));

async function ship(...args: string[]) {
  const io = fakeIo();
  const status = await runProgram(['ship', ...args, '--config', join(base, 'c.toml')], io);
  return { status, out: io.stdout(), err: io.stderr() };
}

it.each([
  [['--once', '--dry-run']],
  [['--setup', '--dry-run']],
  [['--print', 'opensearch']],
  [['--print']],
  [['--once', '--json']],
  [['--output', 'b', '--once']],
  [['--setup', '--print', 'solr']],
  [['what']],
])('%j is refused, and nothing sent', async (args) => {
  const { status, err } = await ship(...args);
  expect([status, err]).toEqual([2, expect.not.stringContaining('c.toml')]);
  expect((await ship('--dry-run', '--json')).out.split('\n').length).toBe(4);
});

it('sends once, and has nothing left', async () => {
  expect((await ship('--dry-run')).status).toBe(0);
  const lines = (await ship('--dry-run', '--json')).out.trim().split('\n');
  expect(lines.map((line) => JSON.parse(line).id)).toEqual(['one', 'two', undefined]);
  expect((await ship('--once', '--output', 'a')).status).toBe(0);
  expect(readFileSync(join(base, 'out'), 'utf8').split('\n').length).toBe(3);
  expect((await ship('--dry-run')).status).toBe(1);
  expect((await ship('--setup')).status).toBe(0);
});

it('--dry-run warns of a key that would go in the clear', async () => {
  const hub = '[outputs.far]\ntype = "hub"\nurl = "http://hub.example.org"\ntoken_file = "none"\n';
  appendFileSync(join(base, 'c.toml'), hub);
  const { status, err } = await ship('--dry-run');
  expect([status, err]).toEqual([
    0,
    expect.stringMatching(/^forebear: output far: its token goes to hub\.example\.org in the clear/),
  ]);
});
