import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadConfig } from '../../src/commands/load-config.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'forebear-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, 'f.toml');
  writeFileSync(path, text);
  return path;
}

it('in the source tree keeps state and rules beside it', () => {
  const config = loadConfig();
  expect(config.state.directory).toBe(join(ROOT, 'state'));
  expect(config.rules.paths).toEqual([join(ROOT, 'rules')]);
});

it('takes relative paths from the folder of the file, absolute ones as they are', () => {
  const config = loadConfig({ config: file('[state]\ndirectory = "s"\n[rules]\npaths = ["../r", "/x"]') });
  expect(config.state.directory).toBe(join(folder, 's'));
  expect(config.rules.paths).toEqual([resolve(folder, '../r'), '/x']);
});

it('lets --state win, from where the command runs', () => {
  const config = loadConfig({ config: file('[state]\ndirectory = "s"'), state: 'here' });
  expect(config.state.directory).toBe(resolve('here'));
});

it('says that the file cannot be read', () => {
  const missing = join(folder, 'none.toml');
  expect(() => loadConfig({ config: missing })).toThrow(expect.objectContaining({ code: 'FB_CONFIG_UNREADABLE' }));
});
