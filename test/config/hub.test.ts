import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HUB_DIRECTORY, hubKeys, parseHubConfig } from '../../src/config/hub.ts';
import type { ForebearError } from '../../src/errors.ts';

const FILE = readFileSync(resolve(import.meta.dirname, '../../config/hub.toml'), 'utf8');
const SWITCHED_ON = FILE.replaceAll(/^#(?=[a-z])/gm, '');

describe('the default file', () => {
  it('changes nothing, and shows every key with its default and a word about it', () => {
    const defaults = parseHubConfig('', 'defaults');
    expect(parseHubConfig(FILE, 'hub.toml')).toEqual(defaults);
    expect(parseHubConfig(SWITCHED_ON, 'hub.toml', '/elsewhere')).toEqual(defaults);
    let section = '';
    const names = [...SWITCHED_ON.matchAll(/^\[(\w+)\]|^(\w+) = /gm)].flatMap(([, table, key]) => {
      section = table ?? section;
      return key === undefined ? [] : [`${section}.${key}`];
    });
    expect(names).toEqual(Object.keys(hubKeys(HUB_DIRECTORY)));
    const lines = FILE.split('\n');
    expect(lines.filter((line, i) => /^#[a-z]/.test(line) && !/^#( |[a-z])/.test(lines[i - 1]!))).toEqual([]);
  });
});

it.each([
  ['[hub]\nlisten = "[::1]:1"', { listen: { host: '::1', port: 1 } }],
  ['[hub]\nlisten = "hub.example.org:65535"', { listen: { host: 'hub.example.org', port: 65_535 } }],
  ['[tls]\nclient_ca_file = "ca"\n[auth]\nrequire = "both"', { require: 'both', tls: { clientCaFile: 'ca' } }],
  ['[ingest]\nmax_body = "1MiB"', { ingest: { maxBodyBytes: 1 << 20 } }],
  ['[hosts]\nsilent_after = "1h"', { silentAfterMs: 3_600_000 }],
  ['[outputs.o]\ntype = "file"\npath = "x"', { outputs: [{ name: 'o', type: 'file', path: 'x' }] }],
])('%j is read', (toml, part) => {
  expect(parseHubConfig(toml, 'hub.toml')).toMatchObject(part);
});

it.each([
  ['[hub]\nlisten = "0.0.0.0:65536"', 'FB_CONFIG_VALUE', 2],
  ['[hub]\nlisten = "::1:80"', 'FB_CONFIG_VALUE', 2],
  ['[hub]\nlisten = "host"', 'FB_CONFIG_VALUE', 2],
  ['[ingest]\nmax_body = "65MiB"', 'FB_CONFIG_VALUE', 2],
  ['[auth]\nrequire = "certificate"', 'FB_CONFIG_VALUE', 2],
  ['[auth]\nrequire = "none"', 'FB_CONFIG_VALUE', 2],
  ['[tls]\nkey = "x"', 'FB_CONFIG_UNKNOWN_KEY', 2],
  ['[journal]\nmax_bytes = "1GiB"', 'FB_CONFIG_UNKNOWN_KEY', 1],
  ['[outputs.up]\ntype = "hub"\nurl = "https://h"', 'FB_CONFIG_VALUE', 2],
  ['[outputs.up]\ntype = "file"', 'FB_CONFIG_VALUE', 1],
  ['[hub', 'FB_CONFIG_SYNTAX', 1],
])('%j is refused', (toml, code, line) => {
  let refusal: Partial<ForebearError> = {};
  try {
    parseHubConfig(toml, 'hub.toml');
  } catch (error) {
    refusal = error as ForebearError;
  }
  expect({ code: refusal.code, line: refusal.line }).toEqual({ code, line });
});
