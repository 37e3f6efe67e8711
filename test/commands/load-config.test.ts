import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/commands/load-config.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'forebear-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string | Uint8Array): string {
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

describe('a file that cannot be read is named, with the reason', () => {
  it.each<[string, string, () => string]>([
    ['absent', 'no such file or directory', () => join(folder, 'none.toml')],
    ['a folder', 'is not a file', () => folder],
    ['without end', 'more than', () => '/dev/zero'],
    ['too large', 'more than', () => file('#'.repeat(2 ** 20 + 1))],
    ['not UTF-8', 'is not UTF-8', () => file(Buffer.from([0x23, 0xff]))],
    ['a FIFO that nobody writes', 'is not a file', fifo],
  ])('%s', (_name, reason, make) => {
    const path = make();
    const message = expect.stringContaining(`${path}: `);
    expect(() => loadConfig({ config: path })).toThrow(
      expect.objectContaining({ code: 'FB_CONFIG_UNREADABLE', message }),
    );
    expect(() => loadConfig({ config: path })).toThrow(reason);
  });

  it('an empty one is the defaults, /dev/null too', () => {
    expect(loadConfig({ config: file('') }).rules).toEqual(loadConfig().rules);
    expect(loadConfig({ config: '/dev/null' }).rules).toEqual(loadConfig().rules);
  });
});

function fifo(): string {
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}
