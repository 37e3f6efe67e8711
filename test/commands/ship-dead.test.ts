// `forebear ship dead`: what is named is what is meant, and nothing else is removed.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { DeadLetterBox } from '../../src/ship/dead-letters-io.ts';
import { parcel } from '../ship/fixture.ts';
import { fakeIo } from './fake-io.ts';

let base: string;
const boxes: Record<string, DeadLetterBox> = {};
beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'forebear-dead-'));
  writeFileSync(join(base, 'c.toml'), '[outputs.a]\ntype = "file"\npath = "x"\n[ship]\ndirectory = "ship"\n');
  for (const name of ['a', 'gone']) boxes[name] = new DeadLetterBox(join(base, 'ship'), name);
  for (const seq of [1, 10, 100]) await boxes.a!.put(parcel(seq), 'no \x1b[2J');
});
afterEach(() => rmSync(base, { recursive: true }));

async function dead(...args: string[]) {
  const io = fakeIo();
  const status = await runProgram(['ship', 'dead', ...args, '--config', join(base, 'c.toml')], io);
  return { status, out: io.stdout(), err: io.stderr() };
}

const left = () => boxes.a!.names().map((name) => Number(name.slice(0, 16)));

it.each<[string[], number, number[]]>([
  [['remove', '10'], 0, [1, 100]],
  [['remove', '0000000000000010-id-10.json'], 0, [1, 100]],
  [['remove', '0000000000000100-i'], 0, [1, 10]],
  [['remove', '1', '100'], 0, [10]],
  [['remove', '--all'], 0, []],
  [['remove', '--all', '--output', 'a'], 0, []],
  [['remove', '1', '7'], 1, [10, 100]],
  [['remove', ''], 1, [1, 10, 100]],
  [['remove', '0'], 2, [1, 10, 100]],
  [['remove', '0000000000000001'], 0, [10, 100]],
  [['remove'], 2, [1, 10, 100]],
  [['remove', '--all', '--output', 'b'], 2, [1, 10, 100]],
  [['remove', '../../c.toml'], 1, [1, 10, 100]],
  [['resend', '1', '10'], 0, [100]],
])('%j', async (args, status, seqs) => {
  expect([(await dead(...args)).status, left()]).toEqual([status, seqs]);
});

it('lists, with nothing in it that a terminal would obey', async () => {
  const { status, out } = await dead('list');
  expect(status).toBe(0);
  expect(out.split('\n').length).toBe(4);
  expect(out).not.toContain('\x1b');
  const json = (await dead('list', '--json')).out.trim().split('\n');
  expect(json.map((line) => JSON.parse(line).seq)).toEqual([1, 10, 100]);
});

it('lists what an output left that is gone from the configuration, and removes it, but has nobody to send it', async () => {
  await boxes.gone!.put(parcel(5), 'mapping');
  expect((await dead('list')).out).toContain('gone (not configured)  alert 5');
  expect((await dead('resend', '5')).status).toBe(2);
  expect(boxes.gone!.names().length).toBe(1);
  expect((await dead('remove', '5')).status).toBe(0);
  expect([left().length, boxes.gone!.names().length]).toEqual([3, 0]);
});

it('says what is wrong with the folder', async () => {
  rmSync(join(base, 'ship/dead'), { recursive: true });
  expect((await dead('list')).status).toBe(1);
  mkdirSync(join(base, 'ship/dead'));
  writeFileSync(join(base, 'ship/dead/a'), '');
  const { status, err } = await dead('list', '--json');
  expect([status, JSON.parse(err).error.code]).toEqual([2, 'FB_SHIP_DEAD']);
});

it('takes the configuration from before its name too, and nothing else', async () => {
  const config = ['--config', join(base, 'c.toml')];
  expect(await runProgram(['ship', ...config, 'dead', 'remove', '1'], fakeIo())).toBe(0);
  expect(await runProgram(['ship', ...config, '--output', 'a', '--once', 'dead', 'remove', '--all'], fakeIo())).toBe(2);
  expect(left()).toEqual([10, 100]);
});
