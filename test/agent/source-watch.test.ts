// Files of rules that change are told of once they are quiet, whatever the way they change; what is no rule file is not.

import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SourceWatch } from '../../src/agent/source-watch-io.ts';

let folder: string;
let watch: SourceWatch | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-watch-'));
  mkdirSync(join(folder, 'rules/sub'), { recursive: true });
  writeFileSync(join(folder, 'rules/a.toml'), 'a');
  writeFileSync(join(folder, 'one.ndjson'), '{}');
});
afterEach(() => {
  watch?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const at = (path: string) => join(folder, path);

/** Started, and ready to see. */
async function started(...paths: string[]) {
  const told = vi.fn();
  watch = new SourceWatch((paths.length > 0 ? paths : ['rules', 'one.ndjson']).map(at));
  watch.start({ log: { warn: told }, onChange: told, quietMs: 30 });
  await vi.waitFor(() => expect(watch!.folders).toBeGreaterThan(0));
  return told;
}

it.each<[string, () => void]>([
  ['a file is written anew', () => writeFileSync(at('rules/a.toml'), 'b')],
  ['a file grows', () => appendFileSync(at('rules/a.toml'), 'b')],
  ['a file is added', () => writeFileSync(at('rules/b.json'), '{}')],
  ['a file is removed', () => unlinkSync(at('rules/a.toml'))],
  [
    'a file is replaced, as editors do',
    () => {
      writeFileSync(at('rules/.a.swp'), 'c');
      renameSync(at('rules/.a.swp'), at('rules/a.toml'));
    },
  ],
  ['a file of a folder below', () => writeFileSync(at('rules/sub/c.toml'), 'c')],
  ['a file that is named itself', () => writeFileSync(at('one.ndjson'), '{"a":1}')],
  [
    'a file that is named itself is replaced',
    () => {
      writeFileSync(at('new'), '{"b":1}');
      renameSync(at('new'), at('one.ndjson'));
    },
  ],
  [
    'the folder is replaced',
    () => {
      mkdirSync(at('next'));
      writeFileSync(at('next/z.toml'), 'z');
      renameSync(at('rules'), at('old'));
      renameSync(at('next'), at('rules'));
    },
  ],
  ['the folder is gone', () => rmSync(at('rules'), { recursive: true })],
])('%s', async (_what, change) => {
  const told = await started();
  change();
  await vi.waitFor(() => expect(told).toHaveBeenCalledTimes(1), { timeout: 20_000 });
});

it('a folder that comes to be is watched, what is written into it later too', async () => {
  const told = await started('rules', 'later');
  mkdirSync(at('later'));
  await vi.waitFor(() => expect(told).toHaveBeenCalledTimes(1), { timeout: 20_000 });
  writeFileSync(at('later/a.toml'), 'a');
  await vi.waitFor(() => expect(told).toHaveBeenCalledTimes(2), { timeout: 20_000 });
});

it('many changes at once are one, and what is no rule file is none', async () => {
  const told = await started();
  writeFileSync(at('rules/notes.txt'), 'x');
  writeFileSync(at('beside'), 'x');
  for (let i = 0; i < 50; i++) writeFileSync(at(`rules/r${i}.toml`), 'x');
  await vi.waitFor(() => expect(told).toHaveBeenCalledTimes(1), { timeout: 20_000 });
  await watch!.settled();
  expect(told).toHaveBeenCalledTimes(1);
});

it('loops of links are looked into once', async () => {
  symlinkSync(at('rules'), at('rules/sub/loop'));
  const told = await started();
  writeFileSync(at('rules/sub/c.toml'), 'c');
  await vi.waitFor(() => expect(told).toHaveBeenCalled(), { timeout: 20_000 });
});

it('what changed between its making and its start is told', async () => {
  const told = vi.fn();
  watch = new SourceWatch([at('rules')]);
  await watch.settled();
  writeFileSync(at('rules/a.toml'), 'changed meanwhile');
  watch.start({ log: { warn: told }, onChange: told, quietMs: 30 });
  await vi.waitFor(() => expect(told).toHaveBeenCalledTimes(1), { timeout: 20_000 });
});
