// docs/configure.md against the code that reads the configuration: every key is there with the default and the bounds of its reader.
// FOREBEAR_WRITE_DOCS=1 writes the tables. What a key of a file means stands in config/*.toml; what a key of an output means, in
// docs/configure.md itself, where it is kept.

import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HUB_DIRECTORY, hubKeys, parseHubConfig } from '../../src/config/hub.ts';
import { OUTPUT_KEYS } from '../../src/config/outputs.ts';
import type { Key } from '../../src/config/readers.ts';
import { INSTALLED, keys, parseConfig } from '../../src/config.ts';

const TOP = resolve(import.meta.dirname, '../..');
const FILE = resolve(TOP, 'docs/configure.md');
const HEAD = '| key | default | takes | what |\n|---|---|---|---|';
/** Of tables: <!-- keys of NAME --> to <!-- end -->. */
const MARK = /<!-- keys of (.+) -->\n([\s\S]*?)<!-- end -->/g;

type Keys = Readonly<Record<string, Key<unknown>>>;
type Meanings = ReadonlyMap<string, string>;

const FILES: ReadonlyMap<string, Keys> = new Map<string, Keys>([
  ['forebear.toml', keys(INSTALLED)],
  ['hub.toml', hubKeys(HUB_DIRECTORY)],
]);
const OUTPUTS: ReadonlyMap<string, Keys> = new Map([
  ['every output', OUTPUT_KEYS.COMMON],
  ['outputs over TLS', OUTPUT_KEYS.TLS],
  ...Object.entries(OUTPUT_KEYS.TYPES).map(([type, all]): [string, Keys] => [type, ownOf(all)]),
]);

function ownOf(all: Keys): Keys {
  return Object.fromEntries(Object.entries(all).filter(([name]) => !Object.hasOwn(OUTPUT_KEYS.TLS, name)));
}

/** section.key -> the comment before it in config/FILE; keys that stand together share one. */
function meaningsOf(file: string): Meanings {
  const found = new Map<string, string>();
  let section = '';
  let [comment, fresh]: [string, boolean] = ['', true];
  for (const line of readFileSync(resolve(TOP, 'config', file), 'utf8').split('\n')) {
    const [, table, key, text] = /^(?:\[(\w+)\]|#(\w+) = .*|# (.*))$/.exec(line) ?? [];
    if (table !== undefined) section = table;
    if (text !== undefined) comment = fresh ? text : `${comment} ${text}`;
    if (key !== undefined) found.set(`${section}.${key}`, comment);
    fresh = text === undefined;
  }
  return found;
}

function meaningsIn(rows: string): Meanings {
  const found = [...rows.matchAll(/^\| `([^`]+)` \|.*\| ([^|]*) \|$/gm)];
  return new Map(found.map(([, name, meaning]) => [name!, meaning!]));
}

function defaultOf({ fallback, read }: Key<unknown>): string {
  if (read(fallback) === undefined) return 'must be given';
  return fallback === null ? 'none' : `\`${JSON.stringify(fallback)}\``;
}

const inCell = (text: string) => text.replace(/[|*<]/g, '\\$&');

function table(all: Keys, meanings: Meanings, prefix = ''): string {
  const rows = Object.entries(all).map(([name, key]) => {
    const takes = inCell(key.expected.replace(/, such as "[^"]*"/, ''));
    return `| \`${name.slice(prefix.length)}\` | ${defaultOf(key)} | ${takes} | ${meanings.get(name) ?? ''} |`;
  });
  return `${HEAD}\n${rows.join('\n')}\n`;
}

function fileTables(file: string, all: Keys): string {
  const meanings = new Map([...meaningsOf(file)].map(([name, text]) => [name, inCell(text)]));
  const sections = [...new Set(Object.keys(all).map((name) => name.split('.')[0]!))];
  const parts = sections.map((section) => {
    const own = Object.entries(all).filter(([name]) => name.startsWith(`${section}.`));
    return `### \`[${section}]\` of ${file}\n\n${table(Object.fromEntries(own), meanings, `${section}.`)}`;
  });
  return parts.join('\n');
}

function block(name: string, now: string): string {
  const all = FILES.get(name);
  if (all !== undefined) return fileTables(name, all);
  return table(OUTPUTS.get(name) ?? {}, meaningsIn(now));
}

describe('docs/configure.md', () => {
  const before = readFileSync(FILE, 'utf8');
  const wanted = before.replace(
    MARK,
    (_all, name: string, now: string) => `<!-- keys of ${name} -->\n\n${block(name, now)}\n<!-- end -->`,
  );
  if (process.env.FOREBEAR_WRITE_DOCS === '1') writeFileSync(FILE, wanted);

  it('has a place for each file and each type of output, and for nothing else', () => {
    const names = [...before.matchAll(MARK)].map(([, name]) => name);
    expect(names.sort()).toEqual([...FILES.keys(), ...OUTPUTS.keys()].sort());
  });

  it('has every key with the default and the bounds of its reader', () => {
    expect(readFileSync(FILE, 'utf8')).toBe(wanted);
  });

  it('says what each key means', () => {
    expect(wanted.split('\n').filter((line) => /^\| .*\| +\|$/.test(line))).toEqual([]);
  });

  it('has examples that are read', () => {
    const examples = [...before.matchAll(/^```toml\n([\s\S]*?)^```$/gm)].map(([, text]) => text!);
    expect(examples.length).toBeGreaterThan(2);
    for (const text of examples) {
      if (text.startsWith('# hub.toml')) parseHubConfig(text, 'example');
      else parseConfig(text, 'example');
    }
  });
});
