// outputs.d beside the configuration: what it adds, and what is refused with the file's name.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadConfig } from '../../src/commands/load-config.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'forebear-outputs-'));
  mkdirSync(join(base, 'outputs.d'));
  writeFileSync(join(base, 'c.toml'), '[outputs.own]\ntype = "file"\npath = "own"\n');
});
afterEach(() => rmSync(base, { recursive: true }));

const put = (name: string, text: string) => writeFileSync(join(base, 'outputs.d', name), text);
const load = () => loadConfig({ config: join(base, 'c.toml') }).outputs;
const output = (name: string) => `[outputs.${name}]\ntype = "file"\npath = "to/${name}"\n`;

it('are added in the order of their files, their paths taken from the folder of the configuration', () => {
  put('b.toml', output('b'));
  put('a.toml', output('z') + output('y'));
  for (const leaving of ['.a.toml.swp', '.hidden.toml', 'c.toml~', 'd.toml.new', 'README'])
    put(leaving, 'no TOML at all');
  expect(load().map(({ name }) => name)).toEqual(['own', 'z', 'y', 'b']);
  expect(load()[1]).toMatchObject({ path: join(base, 'to/z') });
});

it('nothing is added where there is no folder', () => {
  rmSync(join(base, 'outputs.d'), { recursive: true });
  expect(load()).toHaveLength(1);
});

it.each([
  ['a setting that is no output', '[log]\nlevel = "info"\n', 'FB_CONFIG_VALUE'],
  ['a name twice', output('own'), 'FB_CONFIG_VALUE'],
  ['an unknown key', '[outputs.x]\ntype = "file"\npaht = "x"\n', 'FB_CONFIG_UNKNOWN_KEY'],
  ['no TOML', '[outputs', 'FB_CONFIG_SYNTAX'],
  ['a file that another output writes', '[outputs.x]\ntype = "file"\npath = "./own"\n', 'FB_CONFIG_VALUE'],
  ['too many', Array.from({ length: 16 }, (_, i) => output(`o${i}`)).join(''), 'FB_CONFIG_VALUE'],
])('%s is refused with the name of the file', (_what, text, code) => {
  put('x.toml', text);
  expect(load).toThrow(expect.objectContaining({ code, message: expect.stringContaining('x.toml') }));
});
