// The tables [outputs.NAME] of a configuration: where alerts are sent. In: parsed TOML; out: one typed object per output. Each
// type has its own keys; those that all have, and those of HTTP and TLS, stand once. Called by config.ts and by the hub's.

import { normalize } from 'node:path';
import { atLeastOne, autoOr, flag, type Key, list, oneOf, optional, path, size, span, text, whole } from './readers.ts';

/** What can be delivered: the journal's kinds of records. */
export type ShippedKind = 'alert' | 'amend' | 'gap' | 'heartbeat' | 'lifecycle' | 'clock';

const KINDS: readonly ShippedKind[] = ['alert', 'amend', 'gap', 'heartbeat', 'lifecycle', 'clock'];

/** A file with a secret or a certificate: a path, or credential:NAME of systemd's LoadCredential. */
const keyFile = optional(text('a path, or "credential:NAME"', /^[^\0]{1,4096}$/));

const COMMON = {
  /** Kinds of records that this output gets; the hub gets all unless told otherwise. */
  records: autoOr(list<ShippedKind>([], oneOf('alert', KINDS))),
  /** Alerts below are not sent; the cursor passes them. */
  severity: oneOf('low', ['low', 'medium', 'high', 'critical']),
  /** Whether alerts of forebear selftest are sent. */
  selftest: flag(true),
  /** A batch stands in memory several times over: with 64 MiB the heap ran out [tried]. */
  batch_bytes: size('2MiB', '16KiB', '16MiB'),
  batch_count: whole(500, 1, 10_000),
  /** Of one attempt. */
  timeout: span('30s', '100ms', '10m'),
  /** Longest pause between two attempts; while an operator must act, the pause itself. */
  max_backoff: span('60s', '100ms', '1h'),
  /** Older undelivered segments may go when the journal is full; 0s: hold for as long as there is room. */
  max_hold: span('0s', '0s', '3650d'),
};

const TLS = {
  /** PEM; when given, no other authority is trusted. */
  ca_file: keyFile,
  /** SHA-256 of the server's certificate, hexadecimal, colons allowed: nothing else is accepted then. */
  fingerprint: optional(text('a SHA-256 fingerprint', /^([0-9a-fA-F]{2}:?){32}$/)),
  cert_file: keyFile,
  key_file: keyFile,
  /** Name to verify instead of the URL's host. */
  server_name: optional(text('a host name', /^[A-Za-z0-9.-]{1,253}$/)),
};

const url: Key<string> = {
  fallback: undefined,
  expected: 'an https:// or http:// address, without a password, a query or a fragment',
  read: (value) =>
    typeof value === 'string' && /^https?:\/\/[^\s@?#]{1,2000}$/.test(value) && URL.canParse(value) ? value : undefined,
};

const address: Key<string> = {
  fallback: undefined,
  expected: 'host:port',
  read: (value) => {
    const port = typeof value === 'string' ? /^[^\s,]{1,255}:(\d{1,5})$/.exec(value)?.[1] : undefined;
    return Number(port) > 0 && Number(port) < 65_536 ? (value as string) : undefined;
  },
};

/** Of a data stream or an index, in which {yyyy.MM.dd} or {yyyy.MM} may stand. */
const indexName = (fallback: string): Key<string> => ({
  fallback,
  expected: 'an index name in lower case, {yyyy.MM.dd} and {yyyy.MM} allowed',
  read: (value) =>
    typeof value === 'string' &&
    /^(?![-_+]|\.{1,2}$)[^\s"*\\<|,>?#:/{}A-Z]{1,200}$/.test(value.replaceAll(/\{yyyy\.MM(\.dd)?\}/g, '0'))
      ? value
      : undefined,
});

const HTTP = { ...TLS, url, gzip: flag(true) };

const TYPES = {
  elasticsearch: {
    ...HTTP,
    /** One file with "id:secret" base64-encoded as Kibana shows it. */
    api_key_file: keyFile,
    username: optional(text('a user name', /^[^\s:\0]{1,256}$/)),
    password_file: keyFile,
    /** Data stream or index; {yyyy.MM.dd} and {yyyy.MM} are the event's day or month. */
    index: indexName('logs-forebear.alerts-default'),
    /** "Already there" (409) is believed so long after the last attempt whose end is not known: what a sync may take there. */
    duplicate_wait: span('5s', '0s', '60s'),
    /** Where records go that are no alerts. */
    agent_index: indexName('logs-forebear.agent-default'),
  },
  otlp: { ...HTTP, token_file: keyFile },
  hub: { ...HTTP, token_file: keyFile },
  kafka: {
    ...TLS,
    brokers: atLeastOne(list<string>([], address), 'a list of at least one host:port, such as ["host:9093"]'),
    topic: text('a topic', /^[A-Za-z0-9._-]{1,249}$/, 'forebear-alerts'),
    tls: flag(true),
    username: optional(text('a user name', /^[^\s\0]{1,256}$/)),
    password_file: keyFile,
    mechanism: oneOf('scram-sha-512', ['plain', 'scram-sha-256', 'scram-sha-512']),
    /** Larger messages are dead-lettered: the broker's message.max.bytes. */
    max_message_bytes: size('1000000B', '1KiB', '64MiB'),
  },
  file: {
    path: path(''),
    /** The file is begun anew beyond it. */
    max_bytes: size('64MiB', '64KiB', '16GiB'),
    /** Earlier files kept, as PATH.1 ... */
    keep: whole(5, 1, 1000),
  },
  syslog: {
    ...TLS,
    address,
    tls: flag(true),
    facility: oneOf('local0', [
      ...(['kern', 'user', 'daemon', 'auth', 'syslog', 'authpriv', 'audit', 'local0', 'local1', 'local2'] as const),
      ...(['local3', 'local4', 'local5', 'local6', 'local7'] as const),
    ]),
    /** Longer messages are cut to their essentials and marked. */
    max_message_bytes: size('8192B', '480B', '1MiB'),
  },
} as const;

/** Every key of an output: of all, of those that speak TLS (TYPES has them too), of each type. For docs/configure.md. */
export const OUTPUT_KEYS = { COMMON, TLS, TYPES } as const;

type Types = typeof TYPES;
export type OutputType = keyof Types;
type Value<K> = K extends Key<infer T> ? T : never;
type Values<T> = { readonly [K in keyof T]: Value<T[K]> };

/** Settings as they are named in the file: of every output, and of one type. */
export type CommonSettings = Values<typeof COMMON> & { readonly name: string };
export type TlsSettings = Values<typeof TLS>;
export type HttpSettings = Values<typeof HTTP>;
export type OutputOf<T extends OutputType> = CommonSettings & Values<Types[T]> & { readonly type: T };
export type OutputConfig = { [T in OutputType]: OutputOf<T> }[OutputType];

/** What is wrong with an output; the caller knows file and line. key: dotted, from "outputs" on. */
export type OutputFault = { key: string } & (
  | { fault: 'unknown'; known: readonly string[] }
  | { fault: 'value'; expected: string; found: unknown }
);

const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;
/** In all: each is a lane with buffers of its own. */
export const MOST_OUTPUTS = 16;

/** in: the table [outputs]; out: its outputs in the order of the file. Calls refuse, which throws, for what is wrong. */
export function readOutputs(table: unknown, refuse: (fault: OutputFault) => never): OutputConfig[] {
  if (!isTable(table))
    return refuse({ key: 'outputs', fault: 'value', expected: 'tables: [outputs.NAME]', found: table });
  const entries = Object.entries(table);
  if (entries.length > MOST_OUTPUTS) {
    return refuse({
      key: 'outputs',
      fault: 'value',
      expected: `at most ${MOST_OUTPUTS} outputs`,
      found: entries.length,
    });
  }
  const outputs = entries.map(([name, settings]) => readOutput(name, settings, refuse));
  refuseShared(outputs, refuse);
  return outputs;
}

/** Each takes a file for its own: it mends, rotates and cuts it. Called anew where outputs of several files come together. */
export function refuseShared(outputs: readonly OutputConfig[], refuse: (fault: OutputFault) => never): void {
  const owners = new Map<string, string>();
  for (const output of outputs) {
    if (output.type !== 'file') continue;
    const path = normalize(output.path);
    const owner = owners.get(path);
    const expected = `another file than that of ${owner}`;
    if (owner !== undefined)
      refuse({ key: `outputs.${output.name}.path`, fault: 'value', expected, found: output.path });
    owners.set(path, output.name);
  }
}

function readOutput(name: string, settings: unknown, refuse: (fault: OutputFault) => never): OutputConfig {
  const at = `outputs.${name}`;
  const value = (key: string, expected: string, found: unknown) => refuse({ key, fault: 'value', expected, found });
  if (!NAME.test(name)) return value(at, 'a name of a-z, 0-9, - and _', name);
  if (!isTable(settings)) return value(at, `a table: [${at}]`, settings);
  const { type, ...given } = settings;
  const types = Object.keys(TYPES).map((known) => `"${known}"`);
  if (!isType(type)) return value(`${at}.type`, `one of ${types.join(', ')}`, type);
  const keys: Readonly<Record<string, Key<unknown>>> = { ...COMMON, ...TYPES[type] };
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(keys, key));
  if (unknown !== undefined) return refuse({ key: `${at}.${unknown}`, fault: 'unknown', known: names(at, keys) });
  const values: Record<string, unknown> = { name, type };
  for (const [key, reader] of Object.entries(keys)) {
    const read = reader.read(Object.hasOwn(given, key) ? given[key] : reader.fallback);
    if (read === undefined) return value(`${at}.${key}`, reader.expected, shown(given[key]));
    values[key] = read;
  }
  return values as unknown as OutputConfig;
}

/** The error goes into logs: a password of an address does not, nor a token of its query. */
function shown(found: unknown): unknown {
  return typeof found === 'string' ? found.replace(/\/\/[^/?#]*@/, '//...@').replace(/[?#].*/s, '?...') : found;
}

function names(at: string, keys: object): string[] {
  return ['type', ...Object.keys(keys)].map((key) => `${at}.${key}`);
}

function isType(type: unknown): type is OutputType {
  return typeof type === 'string' && Object.hasOwn(TYPES, type);
}

/** Of TOML. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
