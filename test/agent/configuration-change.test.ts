import { expect, it } from 'vitest';
import { changeBetween, type RunSetup, settingsOf } from '../../src/agent/configuration-change.ts';
import { type Config, defaultConfig, INSTALLED, keys, parseConfig } from '../../src/config.ts';

const setup = (config: Config): RunSetup => ({ version: '1', ruleSetHash: 'a', settings: settingsOf(config) });
const parsed = (text: string) => setup(parseConfig(text, 'f.toml'));
const DEFAULT = setup(defaultConfig());

it('names each setting as the file does', () => {
  expect(settingsOf(defaultConfig()).map(([name]) => name)).toEqual(Object.keys(keys(INSTALLED)).sort());
});

it('keeps hashes, and nothing of the values', () => {
  const config = parseConfig('[state]\ndirectory = "/a-secret-place"', 'f.toml');
  const settings = settingsOf(config);
  for (const [, hash] of settings) expect(hash).toMatch(/^[0-9a-f]{16}$/);
  expect(JSON.stringify(settings)).not.toContain('secret');
});

it.each<[string, RunSetup, RunSetup, string]>([
  ['nothing', DEFAULT, parsed(''), ''],
  ['nothing, written otherwise', parsed('[journal]\nmax_bytes = "1GiB"'), parsed('journal.max_bytes = "1024MiB"'), ''],
  [
    'learn_rules in another order',
    parsed('[detect]\nlearn_rules = { a = "1h", b = "2h" }'),
    parsed('[detect]\nlearn_rules = { b = "2h", a = "1h" }'),
    '',
  ],
  ['one rule', parsed('[detect]\nlearn_rules = { a = "1h" }'), DEFAULT, 'detect.learn_rules'],
  ['version and rules', DEFAULT, { ...DEFAULT, version: '2', ruleSetHash: 'b' }, 'version 1 -> 2, rules a -> b'],
  [
    'two settings',
    DEFAULT,
    parsed('[journal]\nmax_age = "7d"\n[sensor]\ncanary = "0s"'),
    'journal.max_age, sensor.canary',
  ],
  [
    'a new output, and one that is gone',
    parsed('[outputs.old]\ntype = "file"\npath = "/a"\n[outputs.kept]\ntype = "file"\npath = "/c"'),
    parsed('[outputs.new]\ntype = "file"\npath = "/a"\n[outputs.kept]\ntype = "file"\npath = "/d"'),
    'outputs.kept, outputs.new (new), outputs.old (gone)',
  ],
  ['a record of an earlier version, without settings', { version: '1', ruleSetHash: '' }, DEFAULT, 'rules ? -> a'],
])('says what changed: %s', (_name, before, now, text) => expect(changeBetween(before, now)).toBe(text));

it('names forty changes, and counts the rest', () => {
  const settings = (value: string) => Array.from({ length: 50 }, (_, i) => [`s.${i + 10}`, value] as const);
  const text = changeBetween({ ...DEFAULT, settings: settings('a') }, { ...DEFAULT, settings: settings('b') });
  expect(text.split(', ')).toHaveLength(41);
  expect(text).toMatch(/, 10 more$/);
});
