// The configuration: TOML text in, a complete typed Config out, or FB_CONFIG_* with the key's path and what was expected.
// The keys, their meaning for people and their defaults as a file: config/forebear.toml (a test holds the two together).
// Read from disk by commands/load-config.ts; every stage gets its part as plain options.

import { join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { DEFAULT_EXCEPT, DEFAULT_EXCEPT_NAMES } from './config/file-places.ts';
import { ABSOLUTE, FOLDER_NAME, ITEM_ID, PATH_BEGIN, VARIABLE } from './config/forms.ts';
import { nearest } from './config/nearest.ts';
import { isTable, type OutputConfig, type OutputFault, readOutputs } from './config/outputs.ts';
import { autoOr, type Key, list, named, oneOf, path, powerOfTwo, size, span, text, whole } from './config/readers.ts';
import { WANTED_EVENTS, type WantedEvents } from './config/wanted-events.ts';
import { ForebearError } from './errors.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
export type LogFormat = 'auto' | 'json' | 'pretty';

export interface Config {
  /** Absolute. Holds the journal, new-terms history and the status snapshot. */
  state: { directory: string };
  /** Files or folders, absolute; what becomes of rules that say `enabled = false`; when changed files are loaded anew. */
  rules: { paths: readonly string[]; disabled: 'skip' | 'run'; reload: 'change' | 'signal' };
  /** Files or folders of exception lists, absolute; ids of items that are switched off. */
  exceptions: { paths: readonly string[]; disable: readonly string[] };
  journal: {
    maxBytes: number;
    maxAgeMs: number;
    segmentBytes: number;
    /** Of maxBytes, for alerts of high and critical severity alone. */
    highSeverityBytes: number;
    /** Of the disk, given back when it is full. */
    reserveBytes: number;
    /** Between two heartbeat records; 0: none. */
    heartbeatMs: number;
  };
  sensor: {
    /** A power of two. */
    ringBytes: number;
    /** Names of the environment variables that are kept. */
    environment: readonly string[];
    /** Kinds of records that cost something even where none comes; auto: those that a rule asks for. */
    events: 'auto' | readonly WantedEvents[];
    /** Between two programs that the agent runs to see whether it sees them; 0: none. */
    canaryMs: number;
  };
  /** Whose events are watched for, where files are (sensor/file-filter.ts). Beginnings of paths; auto: the usual and what rules name. */
  files: { paths: 'auto' | readonly string[]; except: readonly string[]; exceptNames: readonly string[] };
  enrich: {
    /** Whose definition of process.entry_leader: along the ancestors, or as Elastic Defend finds it. */
    entryLeader: 'lineage' | 'elastic';
    processTableBytes: number;
    /** Executables that are hashed: of alerts, or of every exec. */
    hash: 'alerts' | 'all';
    /** Larger files are not. */
    hashMaxBytes: number;
  };
  detect: {
    maxTermsPerRule: number;
    /** How long a new_terms rule learns before it alerts, and by rule_id where that differs; 0: not at all. */
    learnMs: number;
    learnRulesMs: ReadonlyMap<string, number>;
    /** How long a rule or an exception that names a hash waits for it. */
    hashWaitMs: number;
  };
  limits: {
    /** Bytes of alerts per minute, of one rule and of all. */
    ruleBytesPerMinute: number;
    allBytesPerMinute: number;
  };
  protection: {
    /** Between two looks at the agent's own files and at BPF of others; 0: none. */
    checkMs: number;
    /** How long a file may differ from what was read, before that is told. */
    graceMs: number;
    /** Executables whose BPF programs are nothing to tell. */
    knownBpf: readonly string[];
  };
  log: { level: LogLevel; format: LogFormat };
  /** Cursors, dead letters and status of forebear ship lie here; where its metrics are asked for (host:port), or "off". */
  ship: { directory: string; metricsListen: string };
  outputs: readonly OutputConfig[];
}

/** Defaults that depend on where the program lies. */
export interface Places {
  stateDirectory: string;
  rulesPaths: readonly string[];
  exceptionsPaths: readonly string[];
  shipDirectory: string;
}

export const INSTALLED: Places = {
  stateDirectory: '/var/lib/forebear',
  rulesPaths: ['/usr/share/forebear/rules'],
  exceptionsPaths: ['/usr/share/forebear/rules/exceptions'],
  shipDirectory: '/var/lib/forebear-ship',
};

/** Every key with its default (as it is written in the file) and its bounds; the only place that has either. */
export function keys(places: Places) {
  return {
    'state.directory': path(places.stateDirectory),
    'rules.paths': list(places.rulesPaths, path('')),
    'rules.disabled': oneOf<Config['rules']['disabled']>('skip', ['skip', 'run']),
    'rules.reload': oneOf<Config['rules']['reload']>('change', ['change', 'signal']),
    'exceptions.paths': list(places.exceptionsPaths, path('')),
    'exceptions.disable': list([], ITEM_ID),
    'journal.max_bytes': size('1GiB', '1MiB', '16TiB'),
    'journal.max_age': span('90d', '1m', '3650d'),
    'journal.segment_bytes': size('16MiB', '64KiB', '1GiB'),
    'journal.high_severity_bytes': size('256MiB', '0B', '16TiB'),
    'journal.reserve_bytes': size('8MiB', '0B', '1GiB'),
    'journal.heartbeat': span('60s', '0s', '24h'),
    'sensor.ring_bytes': powerOfTwo(size('16MiB', '256KiB', '1GiB')),
    'sensor.environment': list(['LD_PRELOAD', 'LD_LIBRARY_PATH'], VARIABLE),
    'sensor.events': autoOr(list([], oneOf<WantedEvents>('session', WANTED_EVENTS))),
    'sensor.canary': span('60s', '0s', '24h'),
    'files.paths': autoOr(list([], PATH_BEGIN)),
    'files.except': list(DEFAULT_EXCEPT, PATH_BEGIN),
    'files.except_names': list(DEFAULT_EXCEPT_NAMES, FOLDER_NAME),
    'enrich.entry_leader': oneOf('lineage', ['lineage', 'elastic']),
    'enrich.process_table_bytes': size('64MiB', '1MiB', '4GiB'),
    'enrich.hash': oneOf('alerts', ['alerts', 'all']),
    'enrich.hash_max_bytes': size('64MiB', '0B', '4GiB'),
    'detect.max_terms_per_rule': whole(10_000, 1, 1_000_000),
    'detect.learn': span('0s', '0s', '90d'),
    'detect.learn_rules': named('rule_id', span('24h', '0s', '90d')),
    'detect.hash_wait': span('1s', '10ms', '60s'),
    'limits.rule_bytes_per_minute': size('2MiB', '64KiB', '16TiB'),
    'limits.all_bytes_per_minute': size('8MiB', '64KiB', '16TiB'),
    'protection.check': span('60s', '0s', '24h'),
    'protection.grace': span('60s', '0s', '24h'),
    'protection.known_bpf': list([], ABSOLUTE),
    'ship.directory': path(places.shipDirectory),
    'ship.metrics_listen': text('host:port, or "off"', /^(off|[^\s]{1,255}:\d{1,5})$/, 'off'),
    'log.level': oneOf<LogLevel>('info', ['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
    'log.format': oneOf<LogFormat>('auto', ['auto', 'json', 'pretty']),
  };
}

type Keys = ReturnType<typeof keys>;
type KeyName = keyof Keys;
type Values = { [K in KeyName]: Keys[K] extends Key<infer T> ? T : never };

/** Where the journal lies in a state directory: told to its writer and its readers alike. */
export function journalDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'journal');
}

/** The configuration of an empty file. */
export function defaultConfig(places: Places = INSTALLED): Config {
  return parseConfig('', 'defaults', places);
}

/**
 * in: TOML text, its name for messages, the defaults that depend on the place; out: all settings.
 * Throws FB_CONFIG_SYNTAX (line, column), FB_CONFIG_UNKNOWN_KEY (hint: the nearest known), FB_CONFIG_VALUE.
 */
export function parseConfig(text: string, file: string, places: Places = INSTALLED): Config {
  const known = keys(places);
  const { outputs: tables = {}, ...rest } = parseToml(text, file);
  const given = flatten(rest, known, text, file);
  const values: Record<string, unknown> = {};
  for (const [name, key] of Object.entries(known) as [KeyName, Key<unknown>][]) {
    const value = key.read(given.has(name) ? given.get(name) : key.fallback);
    if (value === undefined) throw refused(name, key.expected, given.get(name), text, file);
    values[name] = value;
  }
  fitJournal(values as Values, given, text, file);
  const outputs = readOutputs(tables, (fault) => {
    throw outputRefused(fault, text, file);
  });
  return { ...arrange(values as Values), outputs };
}

export function outputRefused(fault: OutputFault, text: string, file: string): ForebearError {
  const { key } = fault;
  return fault.fault === 'unknown'
    ? unknown(key, fault.known, text, file)
    : refused(key, fault.expected, fault.found, text, file);
}

/** Parts of the journal's size: what is given must fit it, what is not given is made to fit. */
function fitJournal(values: Values, given: ReadonlyMap<string, unknown>, text: string, file: string): void {
  const most = Math.floor(values['journal.max_bytes'] / 4);
  for (const name of ['journal.segment_bytes', 'journal.high_severity_bytes'] as const) {
    if (values[name] <= most) continue;
    if (given.has(name)) throw refused(name, 'at most a quarter of journal.max_bytes', given.get(name), text, file);
    values[name] = most;
  }
}

export function parseToml(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text, { maxDepth: 8 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = error.message.replace('Invalid TOML document: ', '').trimEnd();
    const { line, column } = error;
    throw new ForebearError('FB_CONFIG_SYNTAX', `${file}: not TOML: ${message}`, { line, column });
  }
}

/** Nested tables -> dotted names, each one known. */
export function flatten(
  tables: Record<string, unknown>,
  known: object,
  text: string,
  file: string,
  example = 'config/forebear.toml',
): Map<string, unknown> {
  const sections = new Set(Object.keys(known).map((name) => name.slice(0, name.indexOf('.'))));
  const found = new Map<string, unknown>();
  for (const [section, table] of Object.entries(tables)) {
    if (!sections.has(section)) {
      throw unknown(section, [...sections, 'outputs', ...Object.keys(known)], text, file, example);
    }
    if (!isTable(table)) throw refused(section, `a table: [${section}]`, table, text, file);
    for (const [key, value] of Object.entries(table)) {
      const name = `${section}.${key}`;
      if (!Object.hasOwn(known, name)) throw unknown(name, Object.keys(known), text, file, example);
      found.set(name, value);
    }
  }
  return found;
}

function arrange(v: Values): Omit<Config, 'outputs'> {
  return {
    state: { directory: v['state.directory'] },
    rules: { paths: v['rules.paths'], disabled: v['rules.disabled'], reload: v['rules.reload'] },
    exceptions: { paths: v['exceptions.paths'], disable: v['exceptions.disable'] },
    journal: {
      maxBytes: v['journal.max_bytes'],
      maxAgeMs: v['journal.max_age'],
      segmentBytes: v['journal.segment_bytes'],
      highSeverityBytes: v['journal.high_severity_bytes'],
      reserveBytes: v['journal.reserve_bytes'],
      heartbeatMs: v['journal.heartbeat'],
    },
    sensor: {
      ringBytes: v['sensor.ring_bytes'],
      environment: v['sensor.environment'],
      events: v['sensor.events'],
      canaryMs: v['sensor.canary'],
    },
    files: { paths: v['files.paths'], except: v['files.except'], exceptNames: v['files.except_names'] },
    enrich: {
      entryLeader: v['enrich.entry_leader'],
      processTableBytes: v['enrich.process_table_bytes'],
      hash: v['enrich.hash'],
      hashMaxBytes: v['enrich.hash_max_bytes'],
    },
    detect: {
      maxTermsPerRule: v['detect.max_terms_per_rule'],
      learnMs: v['detect.learn'],
      learnRulesMs: v['detect.learn_rules'],
      hashWaitMs: v['detect.hash_wait'],
    },
    limits: {
      ruleBytesPerMinute: v['limits.rule_bytes_per_minute'],
      allBytesPerMinute: v['limits.all_bytes_per_minute'],
    },
    protection: {
      checkMs: v['protection.check'],
      graceMs: v['protection.grace'],
      knownBpf: v['protection.known_bpf'],
    },
    log: { level: v['log.level'], format: v['log.format'] },
    ship: { directory: v['ship.directory'], metricsListen: v['ship.metrics_listen'] },
  };
}

function unknown(
  name: string,
  known: readonly string[],
  text: string,
  file: string,
  example = 'config/forebear.toml',
): ForebearError {
  const near = nearest(name, known) ?? sameLastPart(name, known);
  const hint =
    near === undefined ? `${example} names every key (installed: below /usr/share/forebear)` : `did you mean ${near}?`;
  const line = lineOf(name, text);
  return new ForebearError('FB_CONFIG_UNKNOWN_KEY', `${file}: there is no setting ${name}`, { hint, ...line });
}

/** A right key under a wrong table: journal.level -> log.level. */
function sameLastPart(name: string, known: readonly string[]): string | undefined {
  return known.find((other) => other.slice(other.indexOf('.')) === name.slice(name.indexOf('.')) && name.includes('.'));
}

export function refused(name: string, expected: string, value: unknown, text: string, file: string): ForebearError {
  const found = value === undefined ? '' : `, not ${String(JSON.stringify(value, jsonSafe)).slice(0, 100)}`;
  return new ForebearError('FB_CONFIG_VALUE', `${file}: ${name}: expected ${expected}${found}`, lineOf(name, text));
}

function jsonSafe(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

/** The line of `[section]` + `key =`, as far as a file in the usual layout tells it. */
function lineOf(name: string, text: string): { line?: number } {
  const section = name.slice(0, Math.max(name.lastIndexOf('.'), 0));
  const key = name.slice(section.length).replace('.', '');
  let current = '';
  let header: { line?: number } = {};
  for (const [index, line] of text.split('\n').entries()) {
    const table = /^\s*\[\s*([\w.-]+)\s*\]/.exec(line)?.[1];
    current = table ?? current;
    const assigned = /^\s*([\w.-]+)\s*=/.exec(line)?.[1];
    if (assigned === name || (assigned === key && current === section)) return { line: index + 1 };
    const named = table === name || table?.startsWith(`${name}.`) || (table === section && section !== '');
    if (named && header.line === undefined) header = { line: index + 1 };
  }
  return header;
}
