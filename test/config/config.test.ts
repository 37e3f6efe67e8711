import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultConfig, INSTALLED, keys, parseConfig } from '../../src/config.ts';
import type { ForebearError } from '../../src/errors.ts';

const FILE = readFileSync(resolve(import.meta.dirname, '../../config/forebear.toml'), 'utf8');
/** The default file with its settings switched on: `#key = value`; prose has a blank after the #. */
const SWITCHED_ON = FILE.replaceAll(/^#(?=[a-z])/gm, '');

function refusal(text: string): ForebearError {
  try {
    parseConfig(text, 'f.toml');
  } catch (error) {
    return error as ForebearError;
  }
  throw new Error(`accepted: ${text}`);
}

describe('the default file', () => {
  it('changes nothing as it is shipped', () => {
    expect(parseConfig(FILE, 'forebear.toml')).toEqual(defaultConfig());
  });

  it('shows every key, and with its default', () => {
    const shown = [...SWITCHED_ON.matchAll(/^\[(\w+)\]|^(\w+) = /gm)];
    let section = '';
    const names = shown.flatMap(([, table, key]) => {
      section = table ?? section;
      return key === undefined ? [] : [`${section}.${key}`];
    });
    expect(names).toEqual(Object.keys(keys(INSTALLED)));
    const [stateDirectory, shipDirectory] = ['/elsewhere', '/elsewhere'];
    const others = { stateDirectory, shipDirectory, rulesPaths: ['/elsewhere'], exceptionsPaths: ['/elsewhere'] };
    expect(parseConfig(SWITCHED_ON, 'forebear.toml', others)).toEqual(defaultConfig());
  });

  it('says something about every key', () => {
    const lines = FILE.split('\n');
    const bare = lines.filter((line, i) => /^#[a-z]/.test(line) && !/^#( |[a-z])/.test(lines[i - 1]!));
    expect(bare).toEqual([]);
  });
});

describe('values', () => {
  it.each([
    ['[journal]\nmax_bytes = "1.5GiB"', { journal: { maxBytes: 1_610_612_736 } }],
    ['[journal]\nmax_bytes = "4MiB"', { journal: { segmentBytes: 1_048_576, highSeverityBytes: 1_048_576 } }],
    ['[journal]\nmax_age = "7d"', { journal: { maxAgeMs: 604_800_000 } }],
    ['journal.max_age = "36h"', { journal: { maxAgeMs: 129_600_000 } }],
    ['[sensor]\nring_bytes = "1MiB"\nenvironment = []', { sensor: { ringBytes: 1_048_576, environment: [] } }],
    ['[sensor]\nevents = "auto"', { sensor: { events: 'auto' } }],
    ['[sensor]\nevents = []', { sensor: { events: [] } }],
    ['[sensor]\nevents = ["session", "credentials"]', { sensor: { events: ['session', 'credentials'] } }],
    ['[enrich]\nentry_leader = "elastic"', { enrich: { entryLeader: 'elastic' } }],
    ['[rules]\npaths = ["a", "/b"]', { rules: { paths: ['a', '/b'] } }],
    ['[exceptions]\npaths = []\ndisable = ["a-b"]', { exceptions: { paths: [], disable: ['a-b'] } }],
    ['[detect]\nlearn = "24h"', { detect: { learnMs: 86_400_000, learnRulesMs: new Map() } }],
    [
      '[enrich]\nhash = "all"\nhash_max_bytes = "0B"\n[detect]\nhash_wait = "250ms"',
      { enrich: { hash: 'all', hashMaxBytes: 0 }, detect: { hashWaitMs: 250 } },
    ],
    [
      '[detect.learn_rules]\na-b = "0s"\n"__proto__" = "1h"',
      {
        detect: {
          learnMs: 0,
          learnRulesMs: new Map([
            ['a-b', 0],
            ['__proto__', 3_600_000],
          ]),
        },
      },
    ],
    ['[log]\nlevel = "debug"', { log: { level: 'debug', format: 'auto' } }],
  ])('%j is read', (text, part) => {
    expect(parseConfig(text, 'f.toml')).toMatchObject(part);
  });

  it.each([
    ['[journal]\nmax_bytes = 5', 'FB_CONFIG_VALUE', 'journal.max_bytes', 2],
    ['[sensor]\nevents = "session"', 'FB_CONFIG_VALUE', 'sensor.events', 2],
    ['[sensor]\nevents = ["setsid"]', 'FB_CONFIG_VALUE', 'sensor.events', 2],
    ['[detect]\nlearn = 24', 'FB_CONFIG_VALUE', 'detect.learn', 2],
    ['[detect]\nlearn_rules = { a = "soon" }', 'FB_CONFIG_VALUE', 'detect.learn_rules', 2],
    ['[detect]\nlearn_rules = []', 'FB_CONFIG_VALUE', 'detect.learn_rules', 2],
    ['[journal]\nmax_bytes = "64MB"', 'FB_CONFIG_VALUE', 'journal.max_bytes', 2],
    ['[journal]\nmax_bytes = "1KiB"', 'FB_CONFIG_VALUE', 'journal.max_bytes', 2],
    ['[journal]\nmax_bytes = "999999TiB"', 'FB_CONFIG_VALUE', 'journal.max_bytes', 2],
    ['\n[journal]\n\nmax_age = "1y"', 'FB_CONFIG_VALUE', 'journal.max_age', 4],
    ['[journal]\nsegment_bytes = "512MiB"', 'FB_CONFIG_VALUE', 'journal.segment_bytes', 2],
    [
      '[journal]\nmax_bytes = "1MiB"\nhigh_severity_bytes = "1MiB"',
      'FB_CONFIG_VALUE',
      'journal.high_severity_bytes',
      3,
    ],
    ['[sensor]\nring_bytes = "3MiB"', 'FB_CONFIG_VALUE', 'sensor.ring_bytes', 2],
    ['[sensor]\nenvironment = ["A=B"]', 'FB_CONFIG_VALUE', 'sensor.environment', 2],
    ['[sensor]\nenvironment = "PATH"', 'FB_CONFIG_VALUE', 'sensor.environment', 2],
    [`[files]\npaths = ["/${'é'.repeat(30)}"]`, 'FB_CONFIG_VALUE', 'files.paths', 2],
    [`[files]\nexcept = ["${'/x'.repeat(31)}"]`, 'FB_CONFIG_VALUE', 'files.except', 2],
    [`[files]\nexcept_names = ["${'é'.repeat(8)}"]`, 'FB_CONFIG_VALUE', 'files.except_names', 2],
    ['[protection]\nknown_bpf = ["falco"]', 'FB_CONFIG_VALUE', 'protection.known_bpf', 2],
    ['[files]\npaths = ["etc/"]', 'FB_CONFIG_VALUE', 'files.paths', 2],
    ['[detect]\nmax_terms_per_rule = 1.5', 'FB_CONFIG_VALUE', 'detect.max_terms_per_rule', 2],
    ['log.level = "loud"', 'FB_CONFIG_VALUE', 'log.level', 1],
    ['journal = 5', 'FB_CONFIG_VALUE', 'journal', 1],
    ['[state]\ndirectory = ""', 'FB_CONFIG_VALUE', 'state.directory', 2],
    ['[state]\ndirectory = 1979-05-27', 'FB_CONFIG_VALUE', 'state.directory', 2],
  ])('%j is refused', (text, code, name, line) => {
    const error = refusal(text);
    expect(error.code).toBe(code);
    expect(error.message).toContain(`f.toml: ${name}: expected`);
    expect(error.line).toBe(line);
  });

  it.each([
    ['[journal]\nmax_byte = "1GiB"', 'did you mean journal.max_bytes?', 2],
    ['[jounral]\nmax_bytes = "1GiB"', 'did you mean journal?', 1],
    ['[journal]\nlevel = "info"', 'did you mean log.level?', 2],
    ['[log]\nlevle = "info"', 'did you mean log.level?', 2],
    ['[elasticsearch]\nurl = "x"', 'config/forebear.toml names every key (installed: below /usr/share/forebear)', 1],
    ['[log]\nconstructor = "x"', 'config/forebear.toml names every key (installed: below /usr/share/forebear)', 2],
  ])('%j: unknown, %s', (text, hint, line) => {
    const error = refusal(text);
    expect(error.code).toBe('FB_CONFIG_UNKNOWN_KEY');
    expect(error.hint).toBe(hint);
    expect(error.line).toBe(line);
  });

  it('says where TOML breaks', () => {
    expect(refusal('[log]\nlevel = loud\n')).toMatchObject({ code: 'FB_CONFIG_SYNTAX', line: 2, column: 9 });
  });

  it('refuses a key given twice', () => {
    expect(refusal('[log]\nlevel = "info"\nlevel = "warn"').code).toBe('FB_CONFIG_SYNTAX');
  });
});
